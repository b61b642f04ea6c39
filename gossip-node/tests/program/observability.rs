//! What a node shows of itself: the ledger on stderr, rounds and peers in the log.

use std::io::{self, BufRead, BufReader, Write};
use std::process::Child;
#[cfg(unix)]
use std::process::Command;
use std::sync::{Arc, Mutex};

use gossip_core::Time;
use gossip_node::{Node, Output, Settings, Shape};
use serde_json::{Value, json};

use crate::{INIT, spawn};

const STATS: &str = r#"{"src":"c0","dest":"n1","body":{"type":"stats","msg_id":2}}"#;

fn start(options: &[&str]) -> Child {
    let mut child = spawn(options);
    writeln!(child.stdin.as_mut().expect("it is piped"), "{INIT}\n{STATS}").unwrap();
    child
}

/// The payload of the `stats_ok` that it answers after its `init_ok`.
fn stats(child: &mut Child) -> Value {
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let reply = lines.nth(1).expect("two replies").unwrap();
    let mut reply: Value = serde_json::from_str(&reply).unwrap();
    let body = reply["body"].as_object_mut().unwrap();
    for key in ["type", "in_reply_to", "msg_id"] {
        body.remove(key).unwrap();
    }
    reply["body"].take()
}

/// The first two lines on stderr.
fn two_lines(child: &mut Child) -> [Value; 2] {
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    [(); 2].map(|()| serde_json::from_str(&lines.next().expect("a line").unwrap()).unwrap())
}

fn end(mut child: Child) {
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_ledger_is_shown_every_so_often() {
    let mut child = start(&["--stats-every", "20ms", "--log", "off"]);
    let stats = stats(&mut child);
    assert_eq!(two_lines(&mut child), [stats.clone(), stats]);
    end(child);
}

#[cfg(unix)]
#[test]
fn the_ledger_is_shown_on_sigusr1() {
    let mut child = start(&["--log", "off"]);
    let stats = stats(&mut child);
    let pid = child.id().to_string();
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    for _ in 0..2 {
        assert!(Command::new("kill").args(["-USR1", &pid]).status().unwrap().success());
        let line: Value = serde_json::from_str(&lines.next().expect("a line").unwrap()).unwrap();
        assert_eq!(line, stats);
    }
    end(child);
}

/// A log that is kept.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn rounds_are_spans_of_their_node_and_peer_and_end_with_what_they_cost() {
    // While there is one subscriber alone, `tracing` asks the thread that first comes to a callsite whether it is wanted, and
    // keeps the answer for all: the test beside this one, which has none, would silence it. So there is another one.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let log = Log::default();
    let kept = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || kept.clone())
        .with_ansi(false)
        .without_time()
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let ids = ["n1", "n2"];
        let mut settings = Settings::default();
        settings.overlay = Shape::None;
        let mut nodes = ids.map(|_| Node::new(settings.clone()));
        let line = |id, body: Value| json!({"src": "c0", "dest": id, "body": body}).to_string();
        for (node, id) in nodes.iter_mut().zip(ids) {
            node.receive_line(line(id, json!({"type": "init", "node_id": id, "node_ids": ids})).as_bytes()).unwrap();
        }
        nodes[1].receive_line(line("n2", json!({"type": "broadcast", "message": 7})).as_bytes()).unwrap();
        for now in (0..10_000).map(Time::from_millis) {
            for sender in [0, 1] {
                while let Output::Line(line) = nodes[sender].poll(now) {
                    nodes[1 - sender].receive_line(line.as_bytes()).unwrap();
                }
            }
        }
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = log.lines().map(|line| line.trim_start().replace("gossip_node::", "")).collect();
    let first = |beginning: &str| {
        let found = lines.iter().find(|line| line.starts_with(beginning));
        found.unwrap_or_else(|| panic!("no {beginning:?} in\n{}", lines.join("\n"))).as_str()
    };
    first("TRACE node{id=\"n1\"}:peer{id=\"n2\"}:round{number=1}: rounds: sent kind=\"probe\" bytes=26");
    first("TRACE node{id=\"n2\"}:peer{id=\"n1\"}: member: received kind=\"probe\" bytes=26");
    let over = first("DEBUG node{id=\"n1\"}:peer{id=\"n2\"}:round{number=2}: rounds: round over");
    assert!(over.ends_with("proof=true bytes=39 learned=0 sketches=0 walks=0 resent=0"), "{over}");
    let learned = lines.iter().filter(|line| line.contains("learned element=7 from=n2")).count();
    let begun = lines.iter().filter(|line| line.contains("sent kind=\"probe\"")).count();
    let ended = lines.iter().filter(|line| line.contains(": round over")).count();
    assert_eq!(learned, 1);
    assert_eq!(begun, ended, "nothing is sent again here, and none is under way at the end");
}
