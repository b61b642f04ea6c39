//! The program itself: processes that are fed, killed, cut off from each other and asked for what they hold.
#![allow(clippy::disallowed_methods, reason = "real processes take real time")]

use std::process::{Child, Command, Stdio};

#[cfg(target_os = "linux")]
mod burst;
mod chaos;
mod durability;
mod harness;
mod healing;
mod key_file;
mod observability;
mod page;
mod process;
mod router;
mod simulate;

/// The options that the program itself reads.
#[path = "../../src/cli/choice.rs"]
mod choice;
#[path = "../../src/cli/trial_options.rs"]
mod trial_options;

/// The first line that a node of its own gets.
const INIT: &str = r#"{"src":"c0","dest":"n1","body":{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}}"#;

/// A node whose input, output and log are pipes.
fn spawn(options: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_gossip-node"))
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}
