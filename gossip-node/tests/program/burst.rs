//! One node, as many broadcasts as it can take: every one answered, few syncs, and no memory that is not for the values.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Instant;

use tempfile::tempdir;

use crate::INIT;

struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    replies: usize,
}

impl Process {
    fn start(directory: Option<&Path>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gossip-node"));
        if let Some(directory) = directory {
            command.arg("--data-dir").arg(directory);
        }
        let mut child = command
            .args(["--log", "debug"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take();
        writeln!(stdin.as_mut().expect("it is piped"), "{INIT}").unwrap();
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut process = Self { child, stdin, stdout, replies: 0 };
        process.expect("c0", "init_ok", 1);
        process
    }

    /// Broadcasts `count` numbers as fast as they are taken in; each is answered, in order.
    fn burst(&mut self, count: usize) {
        let mut stdin = self.stdin.take().expect("it is open");
        let body =
            |n| format!(r#"{{"src":"c1","dest":"n1","body":{{"type":"broadcast","msg_id":{n},"message":{n}}}}}"#);
        let lines: String = (0..count).map(|n| body(n) + "\n").collect();
        let writer = thread::spawn(move || stdin.write_all(lines.as_bytes()).map(|()| stdin));
        (0..count).for_each(|n| self.expect("c1", "broadcast_ok", n));
        self.stdin = Some(writer.join().unwrap().unwrap());
    }

    fn expect(&mut self, client: &str, kind: &str, in_reply_to: usize) {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        let body = format!(r#"{{"type": "{kind}", "in_reply_to": {in_reply_to}, "msg_id": {}}}"#, self.replies);
        assert_eq!(line.trim_end(), format!(r#"{{"src": "n1", "dest": "{client}", "body": {body}}}"#));
        self.replies += 1;
    }

    /// The memory it takes, in KiB.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Ends it; how often it stored something.
    fn stored(mut self) -> usize {
        self.stdin = None;
        let log = self.child.wait_with_output().unwrap();
        assert_eq!(log.status.code(), Some(0));
        String::from_utf8(log.stderr).unwrap().lines().filter(|line| line.contains("stored")).count()
    }
}

/// `BURST` sets how many.
#[test]
fn a_burst_is_answered_in_few_syncs_and_leaves_the_memory_flat() {
    let count: usize = std::env::var("BURST").map_or(10_000, |count| count.parse().unwrap());
    let directory = tempdir().unwrap();
    for directory in [None, Some(directory.path())] {
        let mut process = Process::start(directory);
        let start = Instant::now();
        process.burst(count);
        let time = start.elapsed();
        let after = process.memory();
        (0..4).for_each(|_| process.burst(count));
        let later = process.memory();
        let stored = process.stored();
        let where_ = if directory.is_some() { "a data directory" } else { "no data directory" };
        println!(
            "{where_}: {count} in {time:.1?}, {stored} syncs; {after} KiB, {later} KiB after four times as many again"
        );
        assert!(later < after + 1_024, "{after} KiB, then {later} KiB, though nothing is new");
        match directory {
            Some(_) => assert!(stored > 0 && stored * 50 <= count + 500, "{stored} syncs for {count}"),
            None => assert_eq!(stored, 0),
        }
    }
}
