//! A plan carried out with real nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use gossip_core::sim::{Fault, Rng};
use gossip_core::{Ledger, Time};
use gossip_node::lab::trial::{Account, Decimal, History, Operation, Plan, Report};
use serde_json::{Value, json};

use super::clients::{Clients, Shown};
use super::{Links, Reply, Router, Setup, Wrong, between};

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) report: Report,
    /// By how much lines between nodes came later than they should have: how exact the run is.
    pub(crate) late: Late,
    /// How often clients asked again.
    pub(crate) repeated: usize,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Late {
    /// 99 of 100 lines came no later than that.
    pub(crate) p99: Duration,
    pub(crate) most: Duration,
}

enum Event {
    Operation(Operation),
    /// The request to write this again, of another node.
    Repeat {
        write: usize,
        node: usize,
    },
    Begin(usize, Fault),
    End(usize, Fault),
    Second(u64),
}

/// Carries out a plan, and repeats so many of a hundred writes; `tell` is given the time, in seconds, once a second.
pub(crate) fn carry_out(plan: &Plan, repeats: u8, setup: Setup, mut tell: impl FnMut(u64)) -> Result<Outcome, Wrong> {
    let clients = Clients::of(&setup.workload)?;
    let on_disk = setup.data_dir.is_some();
    let links = Links::new(plan.network().latency, plan.loss, plan.seed);
    let nodes = usize::from(plan.nodes);
    let mut router = Router::start(setup, nodes, links)?;
    let sent_before = router.traffic.sent;
    let start = Instant::now();
    let real = |at: Time| start + at.saturating_since(Time::ZERO);

    let mut partitions = BTreeMap::new();
    let mut kills = Vec::new();
    let mut writes = Vec::new();
    let mut repeated = 0;
    for (at, event) in events(plan, repeats) {
        router.run_until(real(at))?;
        match event {
            Event::Operation(Operation { node, write: None, .. }) => _ = router.request(node, json!({"type": "read"})),
            Event::Operation(Operation { node, write: Some(number), .. }) => {
                writes.push(router.request(node, clients.write(number)));
            }
            Event::Repeat { write, node } => repeated += usize::from(router.repeat(node, &writes[write])),
            Event::Begin(_, Fault::Crash(node, _)) => {
                kills.push((node, Instant::now()));
                // Whoever gets no answer asks the next node.
                for request in router.kill(node).iter().filter(|request| clients.written(&request.body).is_some()) {
                    repeated += usize::from(router.repeat((node + 1) % nodes, request));
                }
            }
            Event::End(_, Fault::Crash(node, _)) => router.restart(node)?,
            Event::Begin(number, fault) => _ = partitions.insert(number, router.links.part(severed(&fault, nodes))),
            Event::End(number, _) => router.links.join(partitions[&number]),
            Event::Second(second) => tell(second),
        }
    }
    router.run_until(real(plan.ends()))?;
    let sent = router.traffic.sent - sent_before;
    router.settle()?;
    let replies = router.replies();
    let sums = Sums { clients, on_disk, replies: &replies, writes: writes.len() };
    let forgetful = if on_disk { &[][..] } else { &kills };
    let mut history = history(nodes, &sums, forgetful, &mut router, start)?;
    let gone = history.gone();
    for reply in ask_all(&mut router, nodes, "read")? {
        match clients.shown(&reply.body, writes.len())? {
            Shown::Writes(shown) => history.read_finally(|number| shown.contains(&number)),
            Shown::Sum(sum) => {
                sums.check_final(reply.to.node, sum, &gone)?;
                history.read_finally(|_| true);
            }
        }
    }
    let late = Late::of(&router.lateness().sorted());
    let mut account = Account::default();
    for reply in ask_all(&mut router, nodes, "stats")? {
        account.add(&ledger(&reply.body["total"])?);
    }
    Ok(Outcome { report: Report::of(plan, &history, sent, account), late, repeated })
}

/// What happened before the final reads. Where an element is written it is held from its acknowledgement on; elsewhere
/// from when the node says that it learned it. A sum is judged, and shows what is held. `kills` are those that took a node's
/// memory.
fn history(
    nodes: usize,
    sums: &Sums<'_>,
    kills: &[(usize, Instant)],
    router: &mut Router,
    start: Instant,
) -> Result<History, Wrong> {
    let Sums { clients, replies, writes, .. } = *sums;
    let virtually = |at: Instant| Time::ZERO + at.saturating_duration_since(start);
    let mut history = History::new(nodes);
    for learned in router.learned() {
        history.hold(clients.learned(&learned.element)?, learned.node, virtually(learned.at));
    }
    for Reply { to, at, .. } in replies {
        if let Some(number) = clients.written(&to.request.body) {
            history.acknowledge(number, virtually(*at));
            history.hold(number, to.node, virtually(*at));
        }
    }
    kills.iter().for_each(|(node, at)| history.forget(*node, virtually(*at)));
    let mut of_sums = BTreeMap::new();
    for reply in replies.iter().filter(|reply| reply.to.request.body["type"] == "read") {
        let (node, asked) = (reply.to.node, virtually(reply.to.at));
        match clients.shown(&reply.body, writes)? {
            Shown::Writes(shown) => history.read(asked, |number| shown.contains(&number)),
            Shown::Sum(sum) => {
                sums.check(reply, sum)?;
                of_sums.entry(node).or_insert_with(Vec::new).push(asked);
            }
        }
    }
    for (node, asked) in &of_sums {
        history.read_instantly(*node, asked);
    }
    Ok(history)
}

/// The judge of what counters show.
struct Sums<'a> {
    clients: Clients,
    /// Whether nodes still hold after a crash what they acknowledged.
    on_disk: bool,
    replies: &'a [Reply],
    /// How many writes were asked for.
    writes: usize,
}

impl Sums<'_> {
    /// What the node acknowledged before counts in a sum, and nothing that was asked for later.
    fn check(&self, read: &Reply, sum: i128) -> Result<(), Wrong> {
        let of_node = |reply: &&Reply| {
            reply.to.node == read.to.node && (self.on_disk || reply.to.life == read.to.life) && reply.at <= read.to.at
        };
        let certain = self.written(self.replies.iter().filter(of_node));
        let possible = self.written(self.replies.iter().filter(|reply| reply.to.at <= read.at));
        self.compare(read.to.node, sum, &certain, &possible)
    }

    /// All that was acknowledged counts, but what is gone, and nothing else may but what nobody acknowledged.
    fn check_final(&self, node: usize, sum: i128, gone: &BTreeSet<usize>) -> Result<(), Wrong> {
        let certain = &self.written(self.replies.iter()) - gone;
        self.compare(node, sum, &certain, &(0..self.writes).collect())
    }

    fn compare(
        &self,
        node: usize,
        sum: i128,
        certain: &BTreeSet<usize>,
        possible: &BTreeSet<usize>,
    ) -> Result<(), Wrong> {
        let sums = self.clients.sums(certain, possible);
        if sums.contains(&sum) {
            return Ok(());
        }
        Err(Wrong(format!("n{node} reads {sum}, not one from {} to {}", sums.start(), sums.end())))
    }

    fn written<'a>(&self, replies: impl Iterator<Item = &'a Reply>) -> BTreeSet<usize> {
        replies.filter_map(|reply| self.clients.written(&reply.to.request.body)).collect()
    }
}

impl Late {
    /// Of the times by which lines came late, the least first.
    fn of(sorted: &[Duration]) -> Self {
        let at = |place: usize| sorted.get(place).copied().unwrap_or_default();
        Self { p99: at(sorted.len() * 99 / 100), most: at(sorted.len().saturating_sub(1)) }
    }
}

/// All of a plan in the order of time; at one time, what ends comes first, then what begins. What is repeated is so within
/// a second.
fn events(plan: &Plan, repeats: u8) -> Vec<(Time, Event)> {
    let mut rng = Rng::new(plan.seed ^ u64::from_le_bytes(*b"repeats "));
    let others = u64::from(plan.nodes) - 1;
    let mut events = Vec::new();
    for Operation { at, node, write } in plan.operations() {
        let (repeated, after, step) = (rng.below(100) < repeats.into(), rng.below(1_000_000), rng.below(others.max(1)));
        if let Some(write) = write.filter(|_| repeated && others > 0) {
            let node = (node as u64 + 1 + step) % (others + 1);
            events.push((at + Duration::from_micros(after), 3, Event::Repeat { write, node: node as usize }));
        }
    }
    for (number, (from, fault, until)) in plan.faults().into_iter().enumerate() {
        events.push((from, 1, Event::Begin(number, fault.clone())));
        events.push((until, 0, Event::End(number, fault)));
    }
    events.extend(plan.operations().map(|operation| (operation.at, 2, Event::Operation(operation))));
    let seconds = 1..plan.ends().as_millis() / 1_000;
    events.extend(seconds.map(|second| (Time::from_millis(1_000 * second), 4, Event::Second(second))));
    events.retain(|(at, ..)| *at < plan.ends());
    events.sort_by_key(|(at, order, _)| (*at, *order));
    events.into_iter().map(|(at, _, event)| (at, event)).collect()
}

/// The links that a partition cuts.
fn severed(fault: &Fault, nodes: usize) -> BTreeSet<(usize, usize)> {
    match fault {
        Fault::Cut(side) => {
            let (side, others): (Vec<_>, Vec<_>) = (0..nodes).partition(|&node| side.contains(&node));
            between(&[&side, &others])
        }
        Fault::Sever(links) => links.iter().copied().collect(),
        _ => BTreeSet::new(),
    }
}

/// The replies of all nodes to one request.
fn ask_all(router: &mut Router, nodes: usize, request: &str) -> Result<Vec<Reply>, Wrong> {
    (0..nodes).for_each(|node| _ = router.request(node, json!({"type": request})));
    router.settle()?;
    let replies = router.replies();
    if replies.len() == nodes { Ok(replies) } else { Err(Wrong(format!("not all nodes answer {request}"))) }
}

/// One node's ledger, as it tells it.
fn ledger(total: &Value) -> Result<Account, Wrong> {
    let whole = |value: &Value| number(value).map(|number| Decimal::whole(number as u64));
    let kinds = total["sent"]["by_kind"].as_object().into_iter().flatten();
    let sent = kinds.map(|(kind, sums)| Ok((kind.clone(), [whole(&sums["messages"])?, whole(&sums["bytes"])?])));
    let counters = Ledger::default().counters().map(|counter| Ok((counter.name.into(), whole(&total[counter.name])?)));
    Ok(Account { sent: sent.collect::<Result<_, Wrong>>()?, counters: counters.collect::<Result<_, Wrong>>()? })
}

fn number(value: &Value) -> Result<usize, Wrong> {
    let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
    number.ok_or_else(|| Wrong(format!("a number is expected, not {value}")))
}
