//! Fixed broadcasts to a node, whose instructions a test counts: lines are made and checked outside of `broadcast`.

use gossip_core::Time;
use gossip_node::{Node, Output, Settings};

fn main() {
    let mut node = Node::new(Settings::default());
    take(&mut node, br#"{"src":"c0","dest":"n1","body":{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}}"#);
    // Ascending, as Maelstrom's clients have them, which takes most comparisons: each comes after all that are there.
    let lines = (0..20_000).zip(2..).map(|(integer, msg_id)| {
        let body = format!(r#"{{"type": "broadcast", "msg_id": {msg_id}, "message": {integer}}}"#);
        format!(r#"{{"src": "c1", "dest": "n1", "body": {body}}}"#)
    });
    let lines: Vec<String> = lines.collect();
    let replies = broadcast(&mut node, &lines);
    assert!(replies.iter().all(|reply| reply.contains(r#""type": "broadcast_ok""#)) && replies.len() == lines.len());
}

#[inline(never)]
fn broadcast(node: &mut Node, lines: &[String]) -> Vec<String> {
    lines.iter().flat_map(|line| take(node, line.as_bytes())).collect()
}

/// What a node says to a line.
fn take(node: &mut Node, line: &[u8]) -> Option<String> {
    node.receive_line(line).expect("it is sound");
    match node.poll(Time::ZERO) {
        Output::Line(line) => Some(line),
        Output::Wait(_) => None,
    }
}
