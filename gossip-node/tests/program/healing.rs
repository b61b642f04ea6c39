//! Five real processes: links are cut and healed while clients write, and soon every node reads all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use gossip_core::sim::Latency;
use serde_json::{Value, json};

use crate::router::{Links, Reply, Router, Setup, between};

const NODES: usize = 5;
const LATENCY: Duration = Duration::from_millis(100);
const OP_EVERY: Duration = Duration::from_millis(20);
/// How often each node is read after the last heal: how exact the times are.
const POLL_EVERY: Duration = Duration::from_millis(50);
const HEALS_WITHIN: Duration = Duration::from_secs(10);

/// How long which groups are cut off from each other; none is all in one.
const PHASES: [(u32, &[&[usize]]); 4] =
    [(500, &[]), (2_000, &[&[0, 1], &[2, 3, 4]]), (500, &[]), (3_000, &[&[3], &[0, 1, 2, 4]])];

/// The clients: what they wrote and what they were shown.
struct Clients {
    write: &'static str,
    element: &'static str,
    elements: &'static str,
    /// The node of each element, which is its index, and the phase.
    written: Vec<(usize, usize)>,
    acknowledged: BTreeSet<u64>,
    /// What each node was last seen to hold.
    shown: BTreeMap<usize, BTreeSet<u64>>,
    reads: usize,
    /// How many elements from beyond a cut reads did not show, as they should not.
    missed: usize,
}

impl Clients {
    fn new(write: &'static str, element: &'static str, elements: &'static str) -> Self {
        let (written, acknowledged, shown) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
        Self { write, element, elements, written, acknowledged, shown, reads: 0, missed: 0 }
    }

    /// Every fourth is a read.
    fn operation(&mut self, count: usize, phase: usize) -> (usize, Value) {
        let node = count % NODES;
        if count % 4 == 3 {
            return (node, json!({"type": "read"}));
        }
        let mut body = json!({"type": self.write});
        body[self.element] = json!(self.written.len());
        self.written.push((node, phase));
        (node, body)
    }

    fn take_in_all(&mut self, router: &mut Router, phase: usize) {
        router.replies().iter().for_each(|reply| self.take_in(reply, router, phase));
    }

    /// A node shows at least what it showed and what it acknowledged before, and nothing that nobody wrote or that was
    /// written beyond a cut.
    fn take_in(&mut self, reply: &Reply, router: &Router, phase: usize) {
        let node = reply.to.node;
        let shown = self.shown.entry(node).or_default();
        if reply.to.request.body["type"] == self.write {
            let element = reply.to.request.body[self.element].as_u64().unwrap();
            self.acknowledged.insert(element);
            shown.insert(element);
            return;
        }
        self.reads += 1;
        let values = reply.body[self.elements].as_array().unwrap();
        let values: Vec<_> = values.iter().map(|value| value.as_u64().unwrap()).collect();
        assert!(values.is_sorted_by(|a, b| a < b), "n{node}: {values:?}");
        let values: BTreeSet<_> = values.into_iter().collect();
        assert!(values.is_superset(shown), "n{node} forgot {:?}", shown.difference(&values));
        *shown = values;
        assert!(shown.last().is_none_or(|last| *last < self.written.len() as u64), "n{node} invented {shown:?}");
        for (element, (writer, written_in)) in (0..).zip(&self.written) {
            if *written_in == phase && router.links.are_cut(*writer, node) {
                assert!(!shown.contains(&element), "{element} went from n{writer} to n{node} over a cut");
                self.missed += 1;
            }
        }
    }
}

/// Runs all phases and gives the time each node took to show everything after the last heal.
fn heal(workload: &'static str, mut clients: Clients) -> [Duration; NODES] {
    let setup = Setup {
        program: PathBuf::from(env!("CARGO_BIN_EXE_gossip-node")),
        workload: workload.into(),
        options: Vec::new(),
        data_dir: None,
        tells_learned: false,
    };
    let mut router = Router::start(setup, NODES, Links::new(Latency::Constant(LATENCY), 0, 0)).unwrap();
    let mut next = Instant::now();
    let mut count = 0;
    for (phase, (millis, groups)) in PHASES.into_iter().enumerate() {
        let partition = router.links.part(between(groups));
        let (missed, lost) = (clients.missed, router.traffic.lost);
        let end = next + Duration::from_millis(millis.into());
        while next < end {
            let (node, body) = clients.operation(count, phase);
            router.request(node, body);
            count += 1;
            next += OP_EVERY;
            router.run_until(next).unwrap();
            clients.take_in_all(&mut router, phase);
        }
        router.settle().unwrap();
        clients.take_in_all(&mut router, phase);
        let parted = !groups.is_empty();
        assert_eq!((clients.missed > missed, router.traffic.lost > lost), (parted, parted), "phase {phase}");
        router.links.join(partition);
    }
    let healed = Instant::now();
    assert_eq!(clients.acknowledged.len(), clients.written.len());
    assert!(clients.reads > 50 && clients.acknowledged.len() > 200);

    let mut took = [None; NODES];
    while took.contains(&None) {
        assert!(healed.elapsed() < HEALS_WITHIN + Duration::from_secs(1), "{workload}: {took:?}");
        for node in (0..NODES).filter(|node| took[*node].is_none()) {
            router.request(node, json!({"type": "read"}));
        }
        router.run_until(Instant::now() + POLL_EVERY).unwrap();
        for reply in router.replies() {
            clients.take_in(&reply, &router, PHASES.len());
            let node = reply.to.node;
            if clients.shown[&node] == clients.acknowledged {
                took[node].get_or_insert(reply.at - healed);
            }
        }
    }
    router.settle().unwrap();
    router.replies();
    (0..NODES).for_each(|node| _ = router.request(node, json!({"type": "digest"})));
    router.settle().unwrap();
    let digests = router.replies();
    assert!(digests.iter().all(|reply| reply.body["digest"] == digests[0].body["digest"]));
    assert!(digests.iter().all(|reply| reply.body["count"] == clients.acknowledged.len()));

    let took = took.map(|time| time.expect("all have shown everything"));
    let (elements, carried, lost) = (clients.acknowledged.len(), router.traffic.carried, router.traffic.lost);
    println!("{workload}: {elements} elements, {carried} lines between nodes, {lost} lost, healed in {took:.2?}");
    took
}

#[test]
fn nodes_read_every_element_soon_after_a_heal() {
    // Both workloads at once: all that they do is to wait.
    let took = std::thread::scope(|scope| {
        let broadcast = scope.spawn(|| heal("broadcast", Clients::new("broadcast", "message", "messages")));
        let added = heal("g-set", Clients::new("add", "element", "value"));
        [broadcast.join().expect("it is told"), added]
    });
    assert!(took.iter().flatten().all(|time| *time <= HEALS_WITHIN), "{took:?}");
}
