//! The subcommand `simulate`, as a process.

use std::process::{Command, Output};

fn simulate(options: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gossip-node"));
    command.arg("simulate").args(options.split_whitespace()).output().unwrap()
}

fn text(output: &[u8]) -> &str {
    str::from_utf8(output).unwrap()
}

const SMALL: &str = "--nodes 5 --rate 20 --seconds 5 --quiet 8";

/// What a small run of this seed costs. It changes with whatever nodes do otherwise.
const GOLDEN: &str = concat!(
    r#"{"ops":100,"server_messages":108,"msgs_per_op":1.08,"#,
    r#""latency_ms":{"0.5":200,"0.95":450,"0.99":550,"1":550},"#,
    r#""true_latency_ms":{"0.5":390,"0.95":540,"0.99":560,"1":560},"#,
    r#""lost":0,"stale":48,"never_read":0}"#,
    "\n"
);

#[test]
fn equal_seeds_give_the_same_line() {
    let line = |seed| simulate(&format!("{SMALL} --json --seed {seed}"));
    let output = line(7);
    assert_eq!((text(&output.stdout), text(&output.stderr), output.status.code()), (GOLDEN, "", Some(0)));
    assert_eq!(line(7).stdout, output.stdout);
    assert_ne!(line(8).stdout, output.stdout);
}

#[test]
fn faults_show_in_the_report() {
    let heading = |options: &str| {
        let output = simulate(&format!("{SMALL} {options}"));
        assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)), "{options}");
        let lines = text(&output.stdout).lines();
        lines
            .filter(|line| !line.starts_with("  "))
            .map(|line| line.get(..20).unwrap_or(line).trim().to_owned())
            .collect::<Vec<_>>()
    };
    let always = ["operations", "messages of servers", "latency, as read", "latency, true", "elements"];
    let with = |plan: &[&'static str], more: &[&'static str]| {
        [&["cluster", "load"], plan, &always, more, &["ledger", "in short"]].concat()
    };
    assert_eq!(heading("--loss 10 --latency-dist exponential"), with(&[], &[]));
    let healed = ["whole after a heal", "while one was cut"];
    assert_eq!(heading("--partition majorities --partition-every 2"), with(&["partitions"], &healed[..1]));
    assert_eq!(heading("--isolate n0 --from 1 --for 3"), with(&["isolation"], &healed));
    assert_eq!(heading("--overlay tree:2 --batch 100ms"), with(&[], &[]));
    assert_eq!(heading("--overlay topology"), with(&[], &[]));
    assert_eq!(heading("--overlay none"), with(&[], &[]));
    assert_eq!(heading("--crash n4 --from 2 --for 1"), with(&["crash"], &healed[..1]));
    let several = ["isolation", "mean of 2 runs"];
    assert_eq!(heading("--isolate n0 --from 1 --for 3 --seeds 2"), with(&several, &healed));
}

#[test]
fn lost_elements_fail_the_run() {
    let output = simulate("--nodes 3 --seconds 1 --quiet 0");
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(1)));
    assert!(text(&output.stdout).ends_with(" elements did not come to all nodes\n"));
    let output = simulate("--nodes 3 --isolate n3");
    assert_eq!(text(&output.stderr), "error: there is no node n3: the last of 3 is n2\n");
    assert_eq!((output.status.code(), output.stdout), (Some(2), vec![]));
}
