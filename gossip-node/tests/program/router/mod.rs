//! Real nodes, wired as Maelstrom wires them: each a process, its lines carried to the others by way of their
//! [queues](Queue), and to clients at once. Strict about every line: the first that is wrong in any way ends the run.
#![allow(clippy::disallowed_methods, reason = "real processes take real time")]
#![allow(dead_code, reason = "each user needs part of it")]

mod clients;
mod links;
mod process;
mod protocol;
mod queue;
pub(crate) mod trial;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use gossip_node::lab::trial::neighbours;
use serde_json::{Value, json};

pub(crate) use links::{Links, between};
pub(crate) use process::{Lateness, Setup};
pub(crate) use protocol::Line;

use process::{Heard, Process, Said};
use queue::Queue;

/// Nodes `n0`… of one workload, and all that is under way between them. Nothing moves but while one of the methods that
/// take time runs; what the nodes say meanwhile waits, with the time it was said at. Dropped, it kills the nodes.
pub(crate) struct Router {
    setup: Setup,
    nodes: Vec<Node>,
    /// What the threads of new processes write to.
    sender: Sender<Heard>,
    inbox: Receiver<Heard>,
    pub(crate) links: Links,
    /// By node and `msg_id`.
    outstanding: BTreeMap<(usize, u64), Asked>,
    next_msg_id: u64,
    replies: Vec<Reply>,
    learned: Vec<Learned>,
    pub(crate) traffic: Traffic,
    lateness: Lateness,
}

/// The first thing that was wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Wrong(String);

/// What a client asks for, of one node or, again, of another.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    client: usize,
    msg_id: u64,
    pub(crate) body: Value,
}

/// What a node was asked, and when.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) request: Request,
    pub(crate) node: usize,
    /// Which of the processes of this node, from 0.
    pub(crate) life: u64,
    pub(crate) at: Instant,
}

/// What it answered, and when.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) to: Asked,
    pub(crate) body: Value,
    pub(crate) at: Instant,
}

/// A node said that an element had come from another.
#[derive(Debug)]
pub(crate) struct Learned {
    pub(crate) node: usize,
    pub(crate) element: String,
    pub(crate) at: Instant,
}

/// Lines from node to node.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) sent: u64,
    /// Those that arrived.
    pub(crate) carried: u64,
    /// Those that did not: by chance, on a cut link, or since the node was down.
    pub(crate) lost: u64,
}

struct Node {
    /// `None` while it is down.
    process: Option<Process>,
    life: u64,
    /// How many it gave, which is the next one's `msg_id`.
    replies: u64,
    /// Lines that are under way to it.
    queue: Queue<Carried>,
}

struct Carried {
    /// The node it is of; `None` if a client's.
    from: Option<usize>,
    line: String,
}

impl Router {
    /// Starts `count` nodes and initialises them.
    pub(crate) fn start(setup: Setup, count: usize, links: Links) -> Result<Self, Wrong> {
        let (sender, inbox) = channel();
        let mut router = Self {
            setup,
            nodes: (0..count).map(|_| Node { process: None, life: 0, replies: 0, queue: Queue::new() }).collect(),
            sender,
            inbox,
            links,
            outstanding: BTreeMap::new(),
            next_msg_id: 0,
            replies: Vec::new(),
            learned: Vec::new(),
            traffic: Traffic::default(),
            lateness: Lateness::default(),
        };
        (0..count).try_for_each(|node| router.bring_up(node))?;
        (0..count).for_each(|node| router.initialise(node));
        router.settle()?;
        router.replies.clear();
        Ok(router)
    }

    /// A request of this node's client, which no cut stops, and which waits for nothing but what the queue's reader waits
    /// with. Its reply is one of [`replies`](Self::replies) later, unless the node is down, or killed first.
    pub(crate) fn request(&mut self, node: usize, body: Value) -> Request {
        let request = Request { client: node, msg_id: self.next_msg_id, body };
        self.next_msg_id += 1;
        self.repeat(node, &request);
        request
    }

    /// The same client's request again, of whatever node; whether it is up and has not still to answer it.
    pub(crate) fn repeat(&mut self, node: usize, request: &Request) -> bool {
        let Node { process: Some(_), life, .. } = self.nodes[node] else { return false };
        let key = (node, request.msg_id);
        if self.outstanding.contains_key(&key) {
            return false;
        }
        let mut body = request.body.clone();
        body["msg_id"] = json!(request.msg_id);
        let line = json!({"src": client_id(request.client), "dest": node_id(node), "body": body});
        let at = Instant::now();
        self.outstanding.insert(key, Asked { request: request.clone(), node, life, at });
        self.carry(node, at, Carried { from: None, line: line.to_string() });
        true
    }

    /// Carries lines until `end`.
    pub(crate) fn run_until(&mut self, end: Instant) -> Result<(), Wrong> {
        while self.step(end)? {}
        Ok(())
    }

    /// Carries lines until every request is answered.
    pub(crate) fn settle(&mut self) -> Result<(), Wrong> {
        while !self.outstanding.is_empty() {
            self.step(Instant::now() + Duration::from_secs(1))?;
        }
        Ok(())
    }

    /// Ends a node at once, as SIGKILL does. What is under way to it is lost; what it was asked it leaves unanswered, and
    /// that is given.
    pub(crate) fn kill(&mut self, node: usize) -> Vec<Request> {
        self.nodes[node].process = None;
        self.lose(node);
        let mut unanswered = Vec::new();
        self.outstanding.retain(|_, asked| {
            if asked.node == node {
                unanswered.push(asked.request.clone());
            }
            asked.node != node
        });
        unanswered
    }

    /// Starts a node that was killed, and initialises it again. What is under way to the one that is gone is lost: the
    /// queue's reader may wait with a line, and nothing comes to a node before its `init`.
    pub(crate) fn restart(&mut self, node: usize) -> Result<(), Wrong> {
        self.lose(node);
        let Node { life, replies, .. } = &mut self.nodes[node];
        (*life, *replies) = (*life + 1, 0);
        self.bring_up(node)?;
        self.initialise(node);
        Ok(())
    }

    /// The replies since the last call.
    pub(crate) fn replies(&mut self) -> Vec<Reply> {
        std::mem::take(&mut self.replies)
    }

    /// What nodes learned since the last call, if they tell.
    pub(crate) fn learned(&mut self) -> Vec<Learned> {
        std::mem::take(&mut self.learned)
    }

    /// By how much lines between nodes came later to their nodes than they should have.
    pub(crate) fn lateness(&self) -> Lateness {
        self.lateness.clone()
    }

    /// Loses what is under way to a node.
    fn lose(&mut self, node: usize) {
        let lines = self.nodes[node].queue.clear().filter(|carried| carried.from.is_some());
        self.traffic.lost += lines.count() as u64;
    }

    fn bring_up(&mut self, node: usize) -> Result<(), Wrong> {
        let process = Process::start(&self.setup, (node, self.nodes[node].life), &self.sender, &self.lateness);
        self.nodes[node].process = Some(process.map_err(|error| Wrong(format!("n{node} does not start: {error}")))?);
        Ok(())
    }

    fn initialise(&mut self, node: usize) {
        let ids: Vec<_> = (0..self.nodes.len()).map(node_id).collect();
        self.request(node, json!({"type": "init", "node_id": ids[node], "node_ids": ids}));
        let beside = |node| neighbours(ids.len(), node).map(node_id).collect::<Vec<_>>();
        let topology: BTreeMap<_, _> = (0..ids.len()).map(|node| (node_id(node), beside(node))).collect();
        self.request(node, json!({"type": "topology", "topology": topology}));
    }

    /// Delivers what is due, then waits for one more line; whether `end` is still to come.
    fn step(&mut self, end: Instant) -> Result<bool, Wrong> {
        (0..self.nodes.len()).for_each(|node| self.deliver(node));
        let limits = self.outstanding.values().map(|asked| asked.at + limit(&asked.request));
        let dues = self.nodes.iter().filter_map(|node| node.queue.deadline());
        let until = dues.chain(limits).min().map_or(end, |at| at.min(end));
        match self.inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(heard) => self.hear(heard).map(|()| true),
            Err(RecvTimeoutError::Timeout) => {
                let late = self.outstanding.values().find(|asked| asked.at.elapsed() > limit(&asked.request));
                match late {
                    Some(Asked { node, request, .. }) => {
                        Err(Wrong(format!("n{node} leaves this unanswered: {}", request.body)))
                    }
                    None => Ok(Instant::now() < end),
                }
            }
            Err(RecvTimeoutError::Disconnected) => Err(Wrong("all nodes ended".into())),
        }
    }

    fn carry(&mut self, to: usize, due: Instant, carried: Carried) {
        self.nodes[to].queue.put(due, carried);
        // At once: what comes next may be due earlier, and finds the reader waiting with this.
        self.deliver(to);
    }

    /// Writes what the reader of a node's queue lets go.
    fn deliver(&mut self, to: usize) {
        let Self { nodes, links, traffic, .. } = self;
        let Node { process, queue, .. } = &mut nodes[to];
        let now = Instant::now();
        let mut cut = 0;
        let mut stops = |carried: &Carried| {
            let is_cut = carried.from.is_some_and(|from| links.are_cut(from, to));
            cut += u64::from(is_cut);
            is_cut
        };
        while let Some((due, Carried { from, line })) = queue.next(now, &mut stops) {
            match process {
                Some(process) => {
                    traffic.carried += u64::from(from.is_some());
                    process.write(&line, from.map(|_| due));
                }
                None => traffic.lost += u64::from(from.is_some()),
            }
        }
        traffic.lost += cut;
    }

    fn hear(&mut self, Heard { from, life, at, said }: Heard) -> Result<(), Wrong> {
        let node = &self.nodes[from];
        if node.process.is_none() || node.life != life {
            // The last words of one that was killed.
            return Ok(());
        }
        match said {
            Said::Line(text) => {
                let taken = Line::read(&text).and_then(|line| self.take_in(from, at, &line, &text));
                return taken.map_err(|wrong| Wrong(format!("n{from}: {wrong}: {text}")));
            }
            Said::Learned(element) => self.learned.push(Learned { node: from, element, at }),
            Said::Warning(line) => return Err(Wrong(format!("n{from} has something to log: {line}"))),
            Said::Ended => return Err(Wrong(format!("n{from} ended"))),
        }
        Ok(())
    }

    fn take_in(&mut self, from: usize, at: Instant, line: &Line, text: &str) -> Result<(), String> {
        if line.src != node_id(from) {
            return Err("its `src` is another".into());
        }
        if let Some(to) = (0..self.nodes.len()).find(|node| line.dest == node_id(*node)) {
            line.check_gossip()?;
            if to == from {
                return Err("it is for itself".into());
            }
            self.traffic.sent += 1;
            match self.links.next_latency() {
                Some(latency) => {
                    self.carry(to, at + latency, Carried { from: Some(from), line: text.into() });
                }
                None => self.traffic.lost += 1,
            }
            return Ok(());
        }
        if !(0..self.nodes.len()).any(|node| line.dest == client_id(node)) {
            return Err("there is no such destination".into());
        }
        let asked = line.body["in_reply_to"].as_u64().and_then(|msg_id| self.outstanding.remove(&(from, msg_id)));
        let asked = asked.ok_or("it answers nothing outstanding")?;
        let node = &mut self.nodes[from];
        line.check_reply(&self.setup.workload, &asked.request.body, node.replies)?;
        if line.dest != client_id(asked.request.client) {
            return Err("it answers another client".into());
        }
        if at - asked.at > limit(&asked.request) {
            return Err("it is late".into());
        }
        node.replies += 1;
        self.replies.push(Reply { to: asked, body: line.body.clone(), at });
        Ok(())
    }
}

fn node_id(node: usize) -> String {
    format!("n{node}")
}

fn client_id(node: usize) -> String {
    format!("c{node}")
}

/// How long a client waits.
fn limit(request: &Request) -> Duration {
    Duration::from_secs(if request.body["type"] == "init" { 10 } else { 5 })
}
