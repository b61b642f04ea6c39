//! Real nodes, wired as Maelstrom wires them: each a process, its lines carried to the others after a latency unless
//! the link is cut by then, and to clients at once. Strict about every line: the first that is wrong in any way is a
//! panic.
#![allow(clippy::disallowed_methods, reason = "real processes take real time")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Nodes `n0`… of one workload, and all that is under way between them. Nothing moves but while one of the methods that
/// take time runs; what the nodes say meanwhile waits, with the time it was said at. Dropped, it kills the nodes.
pub(crate) struct Router {
    workload: &'static str,
    nodes: Vec<Process>,
    inbox: Receiver<Heard>,
    latency: Duration,
    cut: BTreeSet<(usize, usize)>,
    /// By when it is due, then by when it was said.
    under_way: BTreeMap<(Instant, u64), Carried>,
    outstanding: BTreeMap<u64, Request>,
    next_msg_id: u64,
    replies: Vec<Reply>,
    carried: u64,
    lost: u64,
}

/// What a client asked.
pub(crate) struct Request {
    pub(crate) node: usize,
    pub(crate) body: Value,
    client: String,
    sent: Instant,
}

/// What it was answered, and when.
pub(crate) struct Reply {
    pub request: Request,
    pub(crate) body: Value,
    pub(crate) at: Instant,
}

struct Carried {
    from: usize,
    to: usize,
    line: String,
}

impl Router {
    /// Starts `count` nodes and initialises them.
    pub(crate) fn start(count: usize, workload: &'static str, latency: Duration) -> Self {
        let (sender, inbox) = channel();
        let mut router = Self {
            workload,
            nodes: (0..count).map(|node| Process::start(node, workload, &sender)).collect(),
            inbox,
            latency,
            cut: BTreeSet::new(),
            under_way: BTreeMap::new(),
            outstanding: BTreeMap::new(),
            next_msg_id: 0,
            replies: Vec::new(),
            carried: 0,
            lost: 0,
        };
        let ids: Vec<_> = (0..count).map(node_id).collect();
        for (node, id) in ids.iter().enumerate() {
            router.request(node, json!({"type": "init", "node_id": id, "node_ids": ids}));
        }
        router.settle();
        let topology: BTreeMap<_, _> = ids.iter().map(|id| (id, [&ids[0]])).collect();
        (0..count).for_each(|node| router.request(node, json!({"type": "topology", "topology": topology})));
        router.settle();
        router.replies.clear();
        router
    }

    /// A request of this node's client, which reaches it at once, whatever is cut. Its reply is one of
    /// [`replies`](Self::replies) later.
    pub(crate) fn request(&mut self, node: usize, body: Value) {
        let msg_id = self.next_msg_id;
        self.next_msg_id += 1;
        let request = Request { node, body, client: format!("c{node}"), sent: Instant::now() };
        let mut body = request.body.clone();
        body["msg_id"] = json!(msg_id);
        let line = json!({"src": request.client, "dest": node_id(node), "body": body});
        self.nodes[node].write(&line.to_string());
        self.outstanding.insert(msg_id, request);
    }

    /// Carries lines until `end`.
    pub(crate) fn run_until(&mut self, end: Instant) {
        while self.step(end) {}
    }

    /// Carries lines until every request is answered.
    pub(crate) fn settle(&mut self) {
        while !self.outstanding.is_empty() {
            self.step(Instant::now() + Duration::from_secs(1));
        }
    }

    /// The replies since the last call.
    pub(crate) fn replies(&mut self) -> Vec<Reply> {
        std::mem::take(&mut self.replies)
    }

    /// Cuts every link between two of the groups; what is under way on one is lost.
    pub(crate) fn cut(&mut self, groups: &[&[usize]]) {
        for (i, group) in groups.iter().enumerate() {
            let others = || groups[..i].iter().chain(&groups[i + 1..]).copied().flatten();
            self.cut.extend(group.iter().flat_map(|&from| others().map(move |&to| (from, to))));
        }
    }

    /// Joins all that is cut.
    pub(crate) fn heal(&mut self) {
        self.cut.clear();
    }

    pub(crate) fn is_cut(&self, from: usize, to: usize) -> bool {
        self.cut.contains(&(from, to))
    }

    /// How many lines between nodes arrived.
    pub(crate) fn carried(&self) -> u64 {
        self.carried
    }

    /// How many were lost on cut links.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// Delivers what is due, then waits for one more line; whether `end` is still to come.
    fn step(&mut self, end: Instant) -> bool {
        let now = Instant::now();
        while let Some(entry) = self.under_way.first_entry().filter(|entry| entry.key().0 <= now) {
            let Carried { from, to, line } = entry.remove();
            if self.is_cut(from, to) {
                self.lost += 1;
            } else {
                self.carried += 1;
                self.nodes[to].write(&line);
            }
        }
        let due = self.under_way.keys().next().map_or(end, |(at, _)| end.min(*at));
        match self.inbox.recv_timeout(due.saturating_duration_since(now)) {
            Ok(Heard { from, at, said }) => match said {
                Said::Line(line) => self.receive(from, at, &line),
                Said::Log(line) => panic!("n{from} has something to log: {line}"),
                Said::Ended => panic!("n{from} ended"),
            },
            Err(RecvTimeoutError::Timeout) => {
                for Request { node, body, sent, .. } in self.outstanding.values() {
                    assert!(sent.elapsed() <= limit(body), "n{node} leaves this unanswered: {body}");
                }
                return Instant::now() < end;
            }
            Err(RecvTimeoutError::Disconnected) => panic!("all nodes ended"),
        }
        true
    }

    fn receive(&mut self, from: usize, at: Instant, line: &str) {
        let message: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("n{from}: {error}: {line}"));
        let body = &message["body"];
        if let Some(to) = (0..self.nodes.len()).find(|node| message["dest"] == node_id(*node)) {
            assert_eq!(line, spelled(from, &node_id(to), body, &["type", "message"]));
            assert!(from != to && body["type"] == "gossip" && body["message"].is_string(), "{line}");
            let order = self.carried + self.lost + self.under_way.len() as u64;
            self.under_way.insert((at + self.latency, order), Carried { from, to, line: line.into() });
            return;
        }
        let request = body["in_reply_to"].as_u64().and_then(|msg_id| self.outstanding.remove(&msg_id));
        let request = request.unwrap_or_else(|| panic!("n{from} answers nothing outstanding: {line}"));
        let (kind, payload) = reply_to(self.workload, &request.body);
        let keys = [&["type", "in_reply_to"], payload, &["msg_id"]].concat();
        assert_eq!(line, spelled(from, &request.client, body, &keys));
        assert_eq!((&body["type"], from), (&json!(kind), request.node), "{line}");
        assert_eq!(body["msg_id"], self.nodes[from].replies, "{line}");
        assert!(at - request.sent <= limit(&request.body), "n{from} is late: {line}");
        self.nodes[from].replies += 1;
        self.replies.push(Reply { request, body: body.clone(), at });
    }
}

fn node_id(node: usize) -> String {
    format!("n{node}")
}

/// The type of the reply to a request, and its payload's keys.
fn reply_to(workload: &str, request: &Value) -> (&'static str, &'static [&'static str]) {
    match (workload, request["type"].as_str().expect("requests have types")) {
        (_, "init") => ("init_ok", &[]),
        (_, "topology") => ("topology_ok", &[]),
        (_, "digest") => ("digest_ok", &["digest", "count"]),
        ("broadcast", "broadcast") => ("broadcast_ok", &[]),
        ("broadcast", "read") => ("read_ok", &["messages"]),
        ("g-set", "add") => ("add_ok", &[]),
        ("g-set", "read") => ("read_ok", &["value"]),
        (_, other) => panic!("{workload} has no request {other}"),
    }
}

/// How long a client waits.
fn limit(request: &Value) -> Duration {
    Duration::from_secs(if request["type"] == "init" { 10 } else { 5 })
}

/// The one line that has these keys in this order: a key too many, a missing one or another spacing makes it differ.
fn spelled(src: usize, dest: &str, body: &Value, keys: &[&str]) -> String {
    let body: Vec<_> = keys.iter().map(|key| format!(r#""{key}": {}"#, spaced(&body[key]))).collect();
    format!(r#"{{"src": "n{src}", "dest": "{dest}", "body": {{{}}}}}"#, body.join(", "))
}

fn spaced(value: &Value) -> String {
    match value {
        Value::Array(values) => format!("[{}]", values.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// A running node, and the threads that write to and read from it.
struct Process {
    child: Child,
    stdin: Sender<String>,
    /// How many it gave, which is the next one's `msg_id`.
    replies: u64,
}

struct Heard {
    from: usize,
    at: Instant,
    said: Said,
}

enum Said {
    Line(String),
    /// A warning: it skipped a line, and nobody sent it a bad one.
    Log(String),
    Ended,
}

impl Process {
    fn start(node: usize, workload: &str, inbox: &Sender<Heard>) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gossip-node"))
            .args(["--workload", workload, "--log", "warn"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        listen(node, child.stdout.take().expect("it is piped"), Said::Line, inbox.clone());
        listen(node, child.stderr.take().expect("it is piped"), Said::Log, inbox.clone());
        let mut pipe = child.stdin.take().expect("it is piped");
        let (stdin, lines) = channel::<String>();
        thread::spawn(move || lines.iter().all(|line| pipe.write_all(line.as_bytes()).is_ok()));
        Self { child, stdin, replies: 0 }
    }

    /// Never waits, even for a node that does not read. One that has ended is heard of otherwise.
    fn write(&self, line: &str) {
        let _ = self.stdin.send(format!("{line}\n"));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(from: usize, pipe: impl Read + Send + 'static, said: fn(String) -> Said, inbox: Sender<Heard>) {
    thread::spawn(move || {
        let lines = BufReader::new(pipe).split(b'\n').map_while(Result::ok);
        let lines = lines.map(|line| said(String::from_utf8_lossy(&line).into_owned()));
        for said in lines.chain([Said::Ended]) {
            if inbox.send(Heard { from, at: Instant::now(), said }).is_err() {
                return;
            }
        }
    });
}
