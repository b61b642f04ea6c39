//! How many instructions fixed builds, rounds and broadcasts take. Unlike time, they are the same on a busy machine, so
//! that a change of a few percent shows.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use core::fmt::Write;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/instructions.txt");

/// A program and what it is told to do, and a function of it. Callgrind counts what is done in that, and nothing else.
const COUNTED: [(&str, &str, &str); 10] = [
    ("fixed_round insert", "insert", "insert of 20 000 u64"),
    ("fixed_round insert-without-sketches", "insert", "insert of 20 000 u64, without sketches"),
    ("fixed_round round 20000 100 1", "round", "round, 20 000 u64, d = 100"),
    ("fixed_round round 20000 1000 1", "round", "round, 20 000 u64, d = 1 000"),
    // How many elements there are beside those that differ makes no more of it.
    ("fixed_round round 10000 10 1", "round", "round, 10 000 u64, d = 10"),
    ("fixed_round round 1000000 10 1", "round", "round, 1 000 000 u64, d = 10"),
    ("fixed_round round 10000 1000 1", "round", "round, 10 000 u64, d = 1 000"),
    ("fixed_round round 1000000 1000 1", "round", "round, 1 000 000 u64, d = 1 000"),
    ("fixed_round push 25 1000", "push", "push of 1 000 u64 to all of a star of 25"),
    ("fixed_broadcast", "broadcast", "broadcast of 20 000 integers to a node"),
];

/// How far a count may be from the one recorded, for another libc or processor.
const TOLERANCE_PERCENT: u64 = 5;

#[test]
#[ignore = "builds a release, and wants valgrind"]
fn instructions_are_as_recorded() {
    // First, since the build takes a minute.
    valgrind().arg("--version").run();
    let programs = build();
    let compiler = Command::new("rustc").arg("--version").run().stdout;
    let compiler = String::from_utf8(compiler).expect("a version is text");
    // All at once, since each is a program of its own.
    let counts = thread::scope(|scope| {
        let counts = COUNTED.map(|(what, function, name)| (name, scope.spawn(|| count(&programs, what, function))));
        counts.map(|(name, count)| (name, count.join().expect("it was counted")))
    });
    if std::env::var_os("UPDATE_SNAPSHOT").is_some() {
        fs::write(SNAPSHOT, snapshot(&compiler, &counts)).expect("the snapshot can be written");
    }
    let recorded = fs::read_to_string(SNAPSHOT).unwrap_or_default();
    let mut difference = String::new();
    for (name, count) in counts {
        let line = recorded.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let was = line.and_then(|count| count.parse::<u64>().ok()).unwrap_or_default();
        if count.abs_diff(was) * 100 > was * TOLERANCE_PERCENT {
            writeln!(difference, "- {name}: {was}\n+ {name}: {count}").expect("a string");
        }
    }
    assert!(
        difference.is_empty(),
        "instructions changed by more than {TOLERANCE_PERCENT} %, under {compiler}\
         if that is meant, set UPDATE_SNAPSHOT=1 and commit:\n{difference}"
    );
}

fn snapshot(compiler: &str, counts: &[(&str, u64)]) -> String {
    let mut text = format!(
        "# Instructions counted by callgrind, on x86-64, of code by {compiler}\
         # The test allows {TOLERANCE_PERCENT} % either way; UPDATE_SNAPSHOT=1 rewrites this file.\n"
    );
    for (name, count) in counts {
        writeln!(text, "{name}: {count}").expect("a string");
    }
    text
}

/// Builds the programs as a release, which examples would not be without all that the benches need; where they are.
fn build() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a folder of the target folder");
    Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--locked", "-p", "benches", "--no-default-features"])
        .args(["--features", "node", "--bin", "fixed_round", "--bin", "fixed_broadcast", "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("RUSTFLAGS")
        // Callgrind needs names only, and lines take a seventh of the time to compile.
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .run();
    target.join("release")
}

/// The instructions that a program takes within one function to do this.
fn count(programs: &Path, what: &str, function: &str) -> u64 {
    let (program, arguments) = what.split_once(' ').unwrap_or((what, ""));
    let profile = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.callgrind", what.replace(' ', "-")));
    valgrind()
        .args(["--tool=callgrind", &format!("--toggle-collect={program}::{function}")])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(programs.join(program))
        .args(arguments.split_whitespace())
        .run();
    let profile = fs::read_to_string(profile).expect("callgrind wrote its profile");
    let total = profile.lines().find_map(|line| line.strip_prefix("summary: ")).and_then(|total| total.parse().ok());
    total.filter(|&total| total > 0).unwrap_or_else(|| panic!("callgrind saw no call of {function}"))
}

fn valgrind() -> Command {
    Command::new("valgrind")
}

trait Run {
    /// Runs it to its end.
    fn run(&mut self) -> Output;
}

impl Run for Command {
    fn run(&mut self) -> Output {
        match self.output() {
            Ok(output) => {
                assert!(output.status.success(), "{self:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
                output
            }
            Err(error) if error.kind() == ErrorKind::NotFound && self.get_program() == "valgrind" => {
                panic!("valgrind counts the instructions and is not installed: apt-get install valgrind")
            }
            Err(error) => panic!("{self:?}: {error}"),
        }
    }
}
