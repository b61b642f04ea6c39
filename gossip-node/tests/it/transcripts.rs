//! Golden transcripts: what a node answers to what, line for line.
//!
//! `transcripts/*.txt`, one file a topic. `> ` begins a line in; what follows it is what comes out, `! ` being the
//! reason why a line was skipped, which goes to the log. `# ` is a comment. `@ ` sets something: `@ workload NAME`,
//! `@ max-line BYTES` and `@ overlay SHAPE` before the first line, `@ wait MS` lets time pass. What stands there is what
//! users' programs rely on; a change is not a refactoring. With `UPDATE_TRANSCRIPTS` set, the files are written anew.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use gossip_core::Time;
use gossip_node::{MaxLine, Node, Output, Settings};

#[test]
fn every_transcript_is_what_happens() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 15, "only {} transcripts", paths.len());
    let mut failures = String::new();
    for path in paths {
        let expected = fs::read_to_string(&path).unwrap();
        let actual = Session::default().replay(&expected);
        if actual == expected {
            continue;
        }
        if std::env::var_os("UPDATE_TRANSCRIPTS").is_some() {
            fs::write(&path, actual).unwrap();
        } else {
            failures += &format!("{}:\n{}\n", path.display(), difference(&expected, &actual));
        }
    }
    assert!(failures.is_empty(), "\n{failures}`-` was expected, `+` is what happened");
}

/// A transcript while it is replayed.
#[derive(Default)]
struct Session {
    settings: Settings,
    node: Option<Node>,
    now: Time,
    written: String,
}

impl Session {
    /// The transcript as it should be, made from the inputs, settings and comments of this one.
    fn replay(mut self, transcript: &str) -> String {
        for line in transcript.lines() {
            match line.split_at_checked(2) {
                Some(("# ", _)) => self.write(line),
                Some(("@ ", setting)) => {
                    self.write(line);
                    self.set(setting);
                }
                Some(("> ", input)) => {
                    self.write(line);
                    self.take_in(input);
                }
                _ if line.is_empty() => self.write(line),
                _ => {}
            }
        }
        self.written
    }

    fn set(&mut self, setting: &str) {
        match setting.split_once(' ') {
            Some(("workload", name)) => self.settings.workload = name.parse().unwrap(),
            Some(("overlay", name)) => self.settings.overlay = name.parse().unwrap(),
            Some(("max-line", bytes)) => self.settings.max_line = MaxLine::new(bytes.parse().unwrap()).unwrap(),
            Some(("wait", millis)) => {
                self.now = self.now + Duration::from_millis(millis.parse().unwrap());
                self.write_outputs();
            }
            _ => panic!("no such setting: {setting}"),
        }
    }

    fn take_in(&mut self, line: &str) {
        let settings = self.settings.clone();
        let skipped = self.node.get_or_insert_with(|| Node::new(settings)).receive_line(line.as_bytes()).err();
        if let Some(reason) = skipped {
            self.write(&format!("! {reason}"));
        }
        self.write_outputs();
    }

    fn write_outputs(&mut self) {
        while let Output::Line(line) = self.node.as_mut().expect("a line came before").poll(self.now) {
            self.write(&line);
        }
    }

    fn write(&mut self, line: &str) {
        self.written += line;
        self.written.push('\n');
    }
}

/// The lines between the first and the last that differ, with the input before them.
fn difference(expected: &str, actual: &str) -> String {
    let (expected, actual): (Vec<_>, Vec<_>) = (expected.lines().collect(), actual.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let front = expected.iter().zip(&actual).take_while(same).count();
    let back = expected[front..].iter().rev().zip(actual[front..].iter().rev()).take_while(same).count();
    let context = expected[..front].iter().rposition(|line| line.starts_with("> ")).unwrap_or(front);
    let mut shown = format!("  line {}\n", front + 1);
    for line in &expected[context..front] {
        shown += &format!("  {line}\n");
    }
    for line in &expected[front..expected.len() - back] {
        shown += &format!("- {line}\n");
    }
    for line in &actual[front..actual.len() - back] {
        shown += &format!("+ {line}\n");
    }
    shown
}
