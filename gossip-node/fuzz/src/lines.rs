//! The body of the fuzz target `lines`: bytes as the lines that a node is given, with time passing between them and
//! another node to talk to.
//!
//! The first byte chooses the settings. A line that begins with `@` lets time pass, one with `#` gives the rest of it to
//! a node that is one of the peers and carries what the two have to say, one with `~` repeats what the other said last,
//! with the rest of the line in its middle.

use std::collections::{BTreeMap, VecDeque};
use std::io::BufReader;
use std::num::NonZeroUsize;
use std::time::Duration;

use gossip_core::{Key, Message, Time};
use gossip_node::{Json, Line, Lines, MaxLine, Node, Output, Settings, Shape, Workload};

use super::heard::{Heard, MsgId};
use super::said::Said;

/// Has a node take in `bytes`.
pub fn run(bytes: &[u8]) {
    let (&choice, bytes) = bytes.split_first().unwrap_or((&0, &[]));
    let mut settings = Settings::default();
    settings.workload = Workload::ALL[usize::from(choice & 1 | choice >> 6 & 2)];
    settings.max_line = [MaxLine::default(), MaxLine::MIN][usize::from(choice >> 1 & 1)];
    settings.key = [Key::open(), Key::secret(*b"a key of 16 byte")][usize::from(choice >> 2 & 1)].clone();
    let binary = Shape::Tree(NonZeroUsize::new(2).expect("it is two"));
    settings.overlay = [Shape::None, binary, Shape::Star, Shape::Topology][usize::from(choice >> 5 & 3)];
    let mut session = Session::new(settings, choice & 8 == 8);
    for line in split(bytes, if choice & 16 == 16 { 100 } else { MaxLine::MIN.bytes() }, 1 + usize::from(choice >> 5)) {
        match line.split_first() {
            Some((b'@', rest)) => session.wait(rest),
            Some((b'#', rest)) => session.carry(rest),
            Some((b'~', rest)) => session.forge(rest),
            _ => session.take_in(line),
        }
    }
    session.end();
}

/// The lines of at most `max` bytes, which [`Lines`] finds too.
fn split(bytes: &[u8], max: usize, buffer: usize) -> Vec<&[u8]> {
    let mut found = Lines::new(BufReader::with_capacity(buffer, bytes), max);
    let mut next = || found.next_line().expect("memory can be read");
    let mut whole = Vec::new();
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    for line in &mut lines {
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        if content.len() <= max {
            assert_eq!(next(), Line::Whole(content.into()));
            whole.push(content);
        } else {
            assert_eq!(next(), Line::TooLong { len: line.len() as u64 });
        }
    }
    assert_eq!(next(), Line::End);
    assert_eq!(next(), Line::End);
    whole
}

/// A node, and what must be true of it.
struct Session {
    settings: Settings,
    node: Node,
    /// Not given what the node skips, it says the same.
    twin: Node,
    /// Whether several lines come between two polls.
    batched: bool,
    now: Time,
    /// Its own id, and those of its peers.
    names: Option<(String, Vec<String>)>,
    due: VecDeque<Due>,
    replies: u64,
    digest: String,
    /// Whether the set may have changed since that digest.
    touched: bool,
    other: Option<Node>,
    /// How many values that one was given.
    given: u32,
    /// Lines to other nodes, the oldest first.
    sent: VecDeque<String>,
    /// What the other node said last.
    heard: Vec<u8>,
}

/// What is to come of a line that was not skipped.
enum Due {
    Reply(Heard, String),
    /// One, or none.
    Maybe,
    Nothing,
    /// The digest, which the session itself asks for.
    Digest,
}

impl Session {
    fn new(settings: Settings, batched: bool) -> Self {
        Self {
            node: Node::new(settings.clone()),
            twin: Node::new(settings.clone()),
            settings,
            batched,
            now: Time::ZERO,
            names: None,
            due: VecDeque::new(),
            replies: 0,
            digest: "0".repeat(48),
            touched: false,
            other: None,
            given: 0,
            sent: VecDeque::new(),
            heard: Vec::new(),
        }
    }

    fn take_in(&mut self, line: &[u8]) {
        let heard = Heard::read(line);
        if let Err(reason) = self.node.receive_line(line) {
            assert!(!reason.to_string().is_empty());
            assert!(!heard.is_some_and(|heard| self.owes_a_reply(&heard)), "{reason}: {}", line.escape_ascii());
        } else {
            assert_eq!(self.twin.receive_line(line), Ok(()), "{}", line.escape_ascii());
            self.expect(heard);
        }
        if let Some((id, _)) = &self.names {
            let question = format!(r#"{{"src":"auditor","dest":{},"body":{{"type":"digest","msg_id":-1}}}}"#, json(id));
            for node in [&mut self.node, &mut self.twin] {
                node.receive_line(question.as_bytes()).expect("it is sound");
            }
            self.due.push_back(Due::Digest);
        }
        if !self.batched || self.names.is_none() {
            self.poll();
        }
    }

    /// Whether there is nothing about this line for which it could be left unanswered.
    fn owes_a_reply(&self, heard: &Heard) -> bool {
        let for_us = self.names.as_ref().is_none_or(|(id, _)| *id == heard.dest);
        for_us && matches!(heard.msg_id, MsgId::Number(_)) && !heard.is_reply && !self.knows(&heard.src)
    }

    fn knows(&self, peer: &str) -> bool {
        self.names.as_ref().is_some_and(|(_, peers)| peers.iter().any(|name| name == peer))
    }

    fn expect(&mut self, heard: Option<Heard>) {
        let Some(mut heard) = heard else {
            self.due.push_back(Due::Maybe);
            return;
        };
        assert!(!heard.is_reply);
        let is_gossip = heard.kind.as_deref() == Some("gossip") && self.knows(&heard.src);
        match &mut heard.msg_id {
            MsgId::Number(text) if !is_gossip => {
                let msg_id = std::mem::take(text);
                self.due.push_back(Due::Reply(heard, msg_id));
            }
            MsgId::Other if !is_gossip => panic!("answers to what?"),
            _ => {
                if self.names.is_none() {
                    // It would have been refused, were it not sound.
                    assert_eq!(heard.kind.as_deref(), Some("init"));
                    self.initialised(&heard);
                }
                self.due.push_back(Due::Nothing);
            }
        }
    }

    fn initialised(&mut self, heard: &Heard) {
        let (id, peers) = heard.init.clone().expect("an `init` that is taken has both");
        assert_eq!(id, heard.dest);
        let peers = peers.into_iter().filter(|peer| *peer != id).collect();
        self.names.get_or_insert((id, peers));
    }

    /// Reads everything that the node has to say.
    fn poll(&mut self) {
        let mut replies = VecDeque::new();
        let mut gossips = 0;
        loop {
            let output = self.node.poll(self.now);
            let again = self.twin.poll(self.now);
            // What is skipped changes counters alone.
            assert!(
                output == again || counts(&output) && counts(&again),
                "{output:?}, and without what was skipped {again:?}"
            );
            match output {
                Output::Line(line) if Said::read(&line).kind == "gossip" => {
                    gossips += 1;
                    self.goes_to_a_peer(&line);
                    self.sent.push_back(line);
                }
                Output::Line(line) => {
                    assert_eq!(gossips, 0, "replies come first");
                    replies.push_back(line);
                }
                Output::Wait(until) => {
                    assert!(until.is_none_or(|until| until > self.now));
                    break;
                }
            }
        }
        let excess = self.sent.len().saturating_sub(MOST_SENT);
        self.sent.drain(..excess);
        self.check(replies);
    }

    fn check(&mut self, mut replies: VecDeque<String>) {
        let certain = self.due.iter().filter(|due| matches!(due, Due::Reply(..) | Due::Digest)).count();
        let mut more = replies.len().checked_sub(certain).expect("too few replies");
        for due in std::mem::take(&mut self.due) {
            match due {
                Due::Nothing => self.touched = true,
                Due::Maybe if more == 0 => self.touched = true,
                Due::Maybe => {
                    more -= 1;
                    let line = replies.pop_front().expect("there is one more");
                    let said = self.counted(&line);
                    self.touched |= said.kind != "error";
                }
                Due::Reply(heard, msg_id) => {
                    let line = replies.pop_front().expect("there are enough");
                    let said = self.counted(&line);
                    assert_eq!((&said.src, &said.dest), (&heard.dest, &heard.src));
                    assert_eq!(said.body.raw("in_reply_to"), Some(msg_id.as_str()));
                    self.answers(&heard, &said);
                }
                Due::Digest => {
                    let line = replies.pop_front().expect("there are enough");
                    let said = self.counted(&line);
                    let digest: String = said.body.get("digest").expect("a text");
                    assert!(self.touched || digest == self.digest, "refused, and yet it changed the set");
                    assert_eq!(digest.len(), 48);
                    assert_eq!(u64::from_str_radix(&digest[..16], 16).ok(), said.body.get("count"));
                    (self.digest, self.touched) = (digest, false);
                }
            }
        }
        assert_eq!(more, 0, "replies that nobody asked for: {replies:?}");
    }

    /// Takes a reply apart. They are numbered without a gap.
    fn counted<'a>(&mut self, line: &'a str) -> Said<'a> {
        let said = Said::read(line);
        assert_eq!(said.body.get("msg_id"), Some(self.replies));
        self.replies += 1;
        said
    }

    /// Whether a reply is one to this request.
    fn answers(&mut self, heard: &Heard, said: &Said<'_>) {
        let kind = heard.kind.as_deref().unwrap_or_default();
        match said.kind.as_str() {
            "error" => {
                let code: u32 = said.body.get("code").expect("a number");
                let text: String = said.body.get("text").expect("a text");
                let rival = code == 22 && kind == "add" && self.counts_increments();
                assert!((matches!(code, 10..=12) || rival) && !text.is_empty());
                let waits = self.names.is_none() && heard.kind.as_deref().is_some_and(|kind| kind != "init");
                assert_eq!(code == 11, waits);
            }
            "init_ok" => {
                assert_eq!(kind, "init");
                self.initialised(heard);
            }
            other => {
                assert!(self.names.is_some(), "{other} before `init`");
                assert_eq!(other.strip_suffix("_ok"), Some(kind));
                self.touched |= matches!(kind, "broadcast" | "add") || said.body.raw("match") == Some("false");
                match kind {
                    "echo" => assert_eq!(said.body.raw("echo"), heard.echo.as_deref()),
                    "read" if self.counts_increments() => {
                        let sum: i128 = said.body.get("value").expect("a whole number");
                        assert!(sum >= 0 || self.settings.workload == Workload::PnCounter);
                    }
                    "read" => _ = said.values(self.list()),
                    "digest_sync" if self.touched => {
                        let transferred: usize = said.body.get("transferred").expect("a number");
                        assert!(transferred <= said.values("local_messages").len());
                    }
                    _ => {}
                }
            }
        }
    }

    fn goes_to_a_peer(&self, line: &str) {
        let said = Said::read(line);
        assert!(self.knows(&said.dest), "{line}");
        assert_eq!(self.names.as_ref().map(|(id, _)| id), Some(&said.src));
        assert!(said.body.get::<Message<Json>>("message").is_some(), "{line}");
        assert!(line.len() <= self.settings.max_line.bytes());
    }

    /// Lets time pass.
    fn wait(&mut self, rest: &[u8]) {
        let power = rest.first().copied().unwrap_or(0) % 32;
        self.now = self.now + Duration::from_millis(1 << power);
        self.poll();
    }

    /// Gives a value to one of the peers and carries what it and the node say, until both fall silent.
    fn carry(&mut self, value: &[u8]) {
        let Some((id, peers)) = &self.names else { return };
        let (id, Some(peer)) = (id.clone(), peers.first().cloned()) else { return };
        let ids: Vec<_> = std::iter::once(&id).chain(peers).collect();
        self.given += 1;
        let head = match self.settings.workload {
            Workload::Broadcast => r#""type":"broadcast","message":"#.into(),
            Workload::GSet => r#""type":"add","element":"#.into(),
            _ => format!(r#""type":"add","msg_id":{},"delta":"#, self.given),
        };
        let mut other = self.other.take().unwrap_or_else(|| {
            let mut node = Node::new(self.settings.clone());
            let body = format!(r#"{{"type":"init","node_id":{},"node_ids":{}}}"#, json(&peer), json(&ids));
            let line = format!(r#"{{"src":"auditor","dest":{},"body":{body}}}"#, json(&peer));
            node.receive_line(line.as_bytes()).expect("the node itself has taken these names");
            node
        });
        let front = format!(r#"{{"src":"auditor","dest":{},"body":{{{head}"#, json(&peer));
        // Whatever it is, it is skipped at worst.
        let _ = other.receive_line(&[front.as_bytes(), value, b"}}"].concat());
        for _ in 0..MOST_EXCHANGES {
            self.poll();
            let (to_other, to_others): (Vec<_>, Vec<_>) =
                std::mem::take(&mut self.sent).into_iter().partition(|line| Said::read(line).dest == peer);
            self.sent.extend(to_others);
            for line in &to_other {
                other.receive_line(line.as_bytes()).expect("it is one of a node, for this one");
            }
            let mut silent = to_other.is_empty();
            while let Output::Line(line) = other.poll(self.now) {
                silent = false;
                if Said::read(&line).dest == id {
                    self.heard = line.into_bytes();
                    self.take_in(&self.heard.clone());
                }
            }
            if silent {
                break;
            }
        }
        self.other = Some(other);
    }

    /// What the other node said last, with other bytes in its middle.
    fn forge(&mut self, rest: &[u8]) {
        let Some((&at, rest)) = rest.split_first() else { return };
        let mut line = self.heard.clone();
        let at = line.len() * usize::from(at) / 256;
        line.iter_mut().skip(at).zip(rest).for_each(|(old, new)| *old = *new);
        self.take_in(&line);
    }

    /// A node that holds what this one holds has its digest.
    fn end(mut self) {
        self.poll();
        let Some((id, _)) = self.names.clone() else { return };
        let sync = |values: &str| format!(r#""type":"digest_sync","remote_digest":"","remote_messages":{values}"#);
        let values = ask(&mut self.node, &id, &sync("[]"));
        let values = Said::read(&values);
        let held = values.values("local_messages");
        let read = ask(&mut self.node, &id, r#""type":"read""#);
        let read = Said::read(&read);
        if self.counts_increments() {
            assert_eq!(read.body.get("value"), Some(sum(&held)));
        } else {
            assert_eq!(read.values(self.list()), held);
        }
        let digest = Said::read(&ask(&mut self.node, &id, r#""type":"digest""#)).body.get::<String>("digest");
        let mut again = Node::new(self.settings.clone());
        ask(&mut again, &id, &format!(r#""type":"init","node_id":{0},"node_ids":[{0}]"#, json(&id)));
        let merged = ask(&mut again, &id, &sync(values.body.raw("local_messages").expect("the values")));
        assert_eq!(Said::read(&merged).values("local_messages"), held);
        assert_eq!(Said::read(&ask(&mut again, &id, r#""type":"digest""#)).body.get("digest"), digest);
        assert_eq!(
            Said::read(&ask(&mut again, &id, r#""type":"read""#)).body.raw(self.list()),
            read.body.raw(self.list())
        );
    }

    fn counts_increments(&self) -> bool {
        matches!(self.settings.workload, Workload::GCounter | Workload::PnCounter)
    }

    /// Under which key the values are read.
    fn list(&self) -> &'static str {
        match self.settings.workload {
            Workload::Broadcast => "messages",
            _ => "value",
        }
    }
}

/// What increments come to: of those of one client and `msg_id`, the greatest counts.
fn sum(increments: &[Json]) -> i128 {
    let mut greatest = BTreeMap::new();
    for increment in increments {
        let (client, msg_id, delta): (String, i128, i64) =
            serde_json::from_str(increment.as_str()).expect("nothing else is held");
        let of_id = greatest.entry((client, msg_id)).or_insert(delta);
        *of_id = delta.max(*of_id);
    }
    greatest.into_values().map(i128::from).sum()
}

fn counts(output: &Output) -> bool {
    matches!(output, Output::Line(line) if Said::read(line).kind == "stats_ok")
}

/// The reply to a request whose body is this.
fn ask(node: &mut Node, id: &str, body: &str) -> String {
    let line = format!(r#"{{"src":"auditor","dest":{},"body":{{{body},"msg_id":1}}}}"#, json(id));
    node.receive_line(line.as_bytes()).expect("it is sound");
    match node.poll(Time::ZERO) {
        Output::Line(line) => line,
        Output::Wait(_) => panic!("no reply to {line}"),
    }
}

fn json(value: &(impl serde::Serialize + ?Sized)) -> String {
    serde_json::to_string(value).expect("it is text")
}

/// How many lines to other nodes are kept at the most.
const MOST_SENT: usize = 64;

/// How often two nodes answer each other at the most before others have their turn.
const MOST_EXCHANGES: u32 = 64;
