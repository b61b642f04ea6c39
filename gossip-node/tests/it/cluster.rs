//! Several nodes, wired in memory: lines are lost, doubled and reordered, and all of them end with one set.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gossip_core::{Key, Time};
use gossip_node::{MaxLine, Node, Output, Settings, Shape, Skipped, Workload};
use serde_json::{Value, json};

/// Nodes `n0`… on virtual time, and what is under way between them, by arrival.
struct Cluster {
    nodes: BTreeMap<String, Node>,
    deadlines: BTreeMap<String, Option<Time>>,
    under_way: BTreeMap<(Time, u64), (String, String)>,
    now: Time,
    random: u64,
    loss_percent: u64,
    max_line: usize,
    replies: Vec<Value>,
    skipped: Vec<Skipped>,
    lost: u64,
    doubled: u64,
    trace: String,
}

impl Cluster {
    fn new(count: usize, settings: &Settings, seed: u64) -> Self {
        let ids: Vec<_> = (0..count).map(|i| format!("n{i}")).collect();
        let mut cluster = Self {
            nodes: ids.iter().map(|id| (id.clone(), Node::new(settings.clone()))).collect(),
            deadlines: BTreeMap::new(),
            under_way: BTreeMap::new(),
            now: Time::ZERO,
            random: seed,
            loss_percent: 0,
            max_line: settings.max_line.bytes(),
            replies: Vec::new(),
            skipped: Vec::new(),
            lost: 0,
            doubled: 0,
            trace: String::new(),
        };
        for id in &ids {
            let reply = cluster.ask(id, json!({"type": "init", "node_id": id, "node_ids": ids}));
            assert_eq!(reply["type"], "init_ok");
        }
        cluster
    }

    /// A client's request, with a `msg_id` of 1 unless it has another, and its reply.
    fn ask(&mut self, node: &str, mut body: Value) -> Value {
        if body["msg_id"].is_null() {
            body["msg_id"] = json!(1);
        }
        self.deliver(node, &json!({"src": "c0", "dest": node, "body": body}).to_string());
        self.replies.pop().expect("a request is answered at once")["body"].take()
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let arrival = self.under_way.keys().next().map(|(at, _)| *at);
            let deadline = self.deadlines.values().flatten().min().copied();
            let Some(next) = arrival.into_iter().chain(deadline).min().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            if arrival == Some(next) {
                let (_, (dest, line)) = self.under_way.pop_first().expect("it arrives now");
                self.deliver(&dest, &line);
            }
            let due = self.deadlines.iter().filter(|(_, until)| until.is_some_and(|until| until <= self.now));
            for id in due.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
                self.poll(&id);
            }
        }
        self.now = end;
    }

    fn deliver(&mut self, dest: &str, line: &str) {
        assert!(line.len() <= self.max_line, "{} bytes", line.len());
        let node = self.nodes.get_mut(dest).expect("no line goes to an unknown node");
        self.skipped.extend(node.receive_line(line.as_bytes()).err());
        self.poll(dest);
    }

    fn poll(&mut self, id: &str) {
        loop {
            match self.nodes.get_mut(id).expect("it exists").poll(self.now) {
                Output::Line(line) => self.send(id, line),
                Output::Wait(until) => {
                    assert!(until.is_none_or(|until| until > self.now), "a deadline lies ahead");
                    self.deadlines.insert(id.into(), until);
                    return;
                }
            }
        }
    }

    fn send(&mut self, src: &str, line: String) {
        self.trace += &format!("{} {line}\n", self.now.as_micros());
        let message: Value = serde_json::from_str(&line).unwrap();
        let dest = message["dest"].as_str().unwrap().to_string();
        assert_eq!((message["src"].as_str(), dest != src), (Some(src), true));
        if dest == "c0" {
            return self.replies.push(message);
        }
        let keys: Vec<_> = message["body"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!((&keys[..], &message["body"]["type"]), (&["message", "type"][..], &json!("gossip")));
        for copy in 0..2 {
            if copy == 1 && !self.chance(10) {
                break;
            }
            self.doubled += copy;
            if self.chance(self.loss_percent) {
                self.lost += 1;
                continue;
            }
            let at = self.now + Duration::from_micros(1_000 + self.random() % 300_000);
            let order = self.random();
            self.under_way.insert((at, order), (dest.clone(), line.clone()));
        }
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.random() % 100 < percent
    }

    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.random >> 33
    }
}

#[test]
fn nodes_converge_whatever_is_lost_doubled_or_reordered() {
    for seed in 0..8 {
        let count = 2 + usize::try_from(seed % 4).unwrap();
        let mut settings = Settings::default();
        settings.overlay = if seed < 4 { Shape::Star } else { Shape::None };
        let mut cluster = Cluster::new(count, &settings, seed);
        cluster.loss_percent = 30;
        let mut expected = BTreeSet::new();
        for i in 0..200_u64 {
            let node = format!("n{}", cluster.random() % count as u64);
            let value = if i % 3 == 0 { json!({"k": [i, format!("é{i}")]}) } else { json!(i) };
            assert_eq!(cluster.ask(&node, json!({"type": "broadcast", "message": value}))["type"], "broadcast_ok");
            expected.insert(value.to_string());
            cluster.run_for(Duration::from_millis(50));
        }
        cluster.run_for(Duration::from_secs(120));
        let (mut digests, mut proofs) = (BTreeSet::new(), 0);
        for node in 0..count {
            let node = format!("n{node}");
            let read = cluster.ask(&node, json!({"type": "read"}));
            let messages = read["messages"].as_array().unwrap();
            assert_eq!(messages.iter().map(Value::to_string).collect::<BTreeSet<_>>(), expected, "{node}, {seed}");
            assert_eq!(messages.len(), expected.len());
            digests.insert(cluster.ask(&node, json!({"type": "digest"}))["digest"].to_string());
            let stats = cluster.ask(&node, json!({"type": "stats"}));
            proofs += stats["total"]["proofs"].as_u64().unwrap();
        }
        assert!(proofs >= count as u64 - 1, "{proofs} among {count}");
        assert_eq!(digests.len(), 1);
        assert_eq!(cluster.skipped, [], "whatever arrives, arrives whole");
        assert!(cluster.lost > 10 && cluster.doubled > 5, "{} lost, {} doubled", cluster.lost, cluster.doubled);
    }
}

#[test]
fn equal_seeds_and_lines_give_equal_lines() {
    let run = |seed| {
        let mut settings = Settings::default();
        settings.seed = seed;
        let mut cluster = Cluster::new(3, &settings, 7);
        for i in 0..30 {
            cluster.ask(&format!("n{}", i % 3), json!({"type": "broadcast", "message": i}));
            cluster.run_for(Duration::from_millis(200));
        }
        cluster.trace
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn the_largest_values_fit_the_lines_between_nodes() {
    let mut settings = Settings::default();
    settings.max_line = MaxLine::MIN;
    let mut cluster = Cluster::new(2, &settings, 3);
    let len = MaxLine::MIN.element_bytes() - 2;
    for i in 0..8 {
        let text = format!("{i}{}", "é".repeat((len - 1) / 2));
        cluster.ask(&format!("n{}", i % 2), json!({"type": "broadcast", "message": text}));
    }
    cluster.run_for(Duration::from_secs(20));
    for node in ["n0", "n1"] {
        assert_eq!(cluster.ask(node, json!({"type": "digest"}))["count"], 8);
    }
    let over = cluster.ask("n0", json!({"type": "broadcast", "message": "x".repeat(len + 1)}));
    assert_eq!(over["code"], 12);
}

#[test]
fn nodes_with_unequal_lines_refuse_each_other() {
    let mut cluster = Cluster::new(2, &Settings::default(), 5);
    let mut other = Settings::default();
    other.max_line = MaxLine::MIN;
    cluster.nodes.insert("n1".into(), Node::new(other));
    cluster.ask("n1", json!({"type": "init", "node_id": "n1", "node_ids": ["n0", "n1"]}));
    cluster.ask("n0", json!({"type": "broadcast", "message": 1}));
    cluster.run_for(Duration::from_secs(20));
    assert_eq!(cluster.ask("n1", json!({"type": "digest"}))["count"], 0);
    assert!(cluster.skipped.iter().all(|reason| matches!(reason, Skipped::Rejected(_))));
    assert!(!cluster.skipped.is_empty());
}

#[test]
fn nodes_with_one_key_converge_and_refuse_those_with_another() {
    let mut settings = Settings::default();
    settings.key = Key::secret([1; 16]);
    let mut cluster = Cluster::new(3, &settings, 5);
    let mut other = Settings::default();
    other.key = Key::secret([2; 16]);
    cluster.nodes.insert("n2".into(), Node::new(other));
    cluster.ask("n2", json!({"type": "init", "node_id": "n2", "node_ids": ["n0", "n1", "n2"]}));
    for (node, message) in [("n0", 1), ("n1", 2)] {
        cluster.ask(node, json!({"type": "broadcast", "message": message}));
    }
    cluster.run_for(Duration::from_secs(20));
    let digest = cluster.ask("n0", json!({"type": "digest"}));
    assert_eq!(digest, cluster.ask("n1", json!({"type": "digest"})));
    assert_eq!([&digest["count"], &cluster.ask("n2", json!({"type": "digest"}))["count"]], [2, 0]);
    assert!(cluster.skipped.iter().all(|reason| matches!(reason, Skipped::Rejected(_))));
    assert!(!cluster.skipped.is_empty());
}

#[test]
fn a_read_shows_what_came_in_before_it_though_nobody_polled_between() {
    let mut cluster = Cluster::new(2, &Settings::default(), 9);
    cluster.ask("n0", json!({"type": "broadcast", "message": "new"}));
    let read = json!({"src": "c0", "dest": "n1", "body": {"type": "read", "msg_id": 1}}).to_string();
    let end = Time::from_millis(20_000);
    while cluster.now < end {
        cluster.run_for(Duration::from_millis(1));
        let (arriving, others) =
            std::mem::take(&mut cluster.under_way).into_iter().partition(|(_, (to, _))| to == "n1");
        cluster.under_way = others;
        let arriving: BTreeMap<_, (String, String)> = arriving;
        let node = cluster.nodes.get_mut("n1").expect("it exists");
        for (_, line) in arriving.values() {
            node.receive_line(line.as_bytes()).unwrap();
        }
        node.receive_line(read.as_bytes()).unwrap();
        cluster.poll("n1");
        let reply = cluster.replies.pop().expect("a reply");
        let count = cluster.ask("n1", json!({"type": "digest"}))["count"].as_u64().unwrap();
        let shown = reply["body"]["messages"].as_array().unwrap().len() as u64;
        assert_eq!(shown, count);
        if count == 1 {
            return;
        }
    }
    panic!("nothing came in");
}

/// Counts through a lossy network, with requests repeated at other nodes, before they could know.
#[test]
fn a_request_repeated_at_any_node_counts_once_at_all() {
    for (workload, least) in [(Workload::GCounter, 0), (Workload::PnCounter, -50)] {
        let mut settings = Settings::default();
        settings.workload = workload;
        let mut cluster = Cluster::new(4, &settings, 11);
        cluster.loss_percent = 20;
        let mut expected = 0;
        for msg_id in 0..200 {
            let delta = least + i64::try_from(cluster.random() % 100).unwrap();
            expected += delta;
            for _ in 0..1 + cluster.random() % 3 {
                let node = format!("n{}", cluster.random() % 4);
                let add = json!({"type": "add", "msg_id": msg_id, "delta": delta});
                assert_eq!(cluster.ask(&node, add)["type"], "add_ok");
            }
            cluster.run_for(Duration::from_millis(20));
        }
        cluster.run_for(Duration::from_secs(60));
        for node in 0..4 {
            let node = format!("n{node}");
            assert_eq!(cluster.ask(&node, json!({"type": "read"}))["value"], expected);
            assert_eq!(cluster.ask(&node, json!({"type": "digest"}))["count"], 200);
        }
        assert_eq!(cluster.skipped, []);
    }
}

#[test]
fn two_deltas_with_one_msg_id_come_to_one_sum_at_all_nodes() {
    for (first, second) in [(5, 9), (9, 5), (-5, 3), (3, -5)] {
        let mut settings = Settings::default();
        settings.workload = Workload::PnCounter;
        let mut cluster = Cluster::new(2, &settings, 13);
        let add = |delta: i64| json!({"type": "add", "msg_id": 7, "delta": delta});
        assert_eq!(cluster.ask("n0", add(first))["type"], "add_ok");
        assert_eq!(cluster.ask("n1", add(second))["type"], "add_ok");
        cluster.run_for(Duration::from_secs(20));
        for node in ["n0", "n1"] {
            assert_eq!(cluster.ask(node, json!({"type": "read"}))["value"], first.max(second));
            assert_eq!(cluster.ask(node, add(first))["type"], "add_ok", "a repetition, of what was acknowledged");
            assert_eq!(cluster.ask(node, add(100))["code"], 22, "neither");
        }
    }
}
