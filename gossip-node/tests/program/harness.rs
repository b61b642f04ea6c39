//! The harness of real processes: what it tells of a short run, and what it does not let pass.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Parser;
use gossip_core::sim::{Fault, Latency};
use gossip_node::lab::trial::{Decimal, Plan, Took};
use serde_json::{Value, json};

use crate::router::trial::{Outcome, carry_out};
use crate::router::{Line, Links, Router, Setup};
use crate::trial_options::TrialOptions;

#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    trial: TrialOptions,
}

fn plan(options: &str) -> Plan {
    Options::parse_from(std::iter::once("harness").chain(options.split_whitespace())).trial.plan()
}

fn setup(workload: &str, data_dir: Option<&Path>) -> Setup {
    Setup {
        program: PathBuf::from(env!("CARGO_BIN_EXE_gossip-node")),
        workload: workload.into(),
        options: ["--batch", "50ms", "--round-every", "100ms"].map(String::from).into(),
        data_dir: data_dir.map(Path::to_owned),
        tells_learned: true,
    }
}

fn run(workload: &str, options: &str, repeats: u8, data_dir: Option<&Path>) -> Outcome {
    let plan = plan(options);
    let outcome =
        carry_out(&plan, repeats, setup(workload, data_dir), |_| {}).unwrap_or_else(|wrong| panic!("{wrong}"));
    println!("{workload}, {options}: {:?}\n{}", outcome.late, outcome.report);
    outcome
}

/// Runs that wait for most of their time, one beside the other.
fn at_once<T: Send, const N: usize>(cases: [T; N], run: impl Fn(T) + Sync) {
    let run = &run;
    std::thread::scope(|scope| cases.into_iter().for_each(|case| _ = scope.spawn(move || run(case))));
}

#[test]
fn a_short_run_loses_nothing_and_is_told_in_full() {
    let Outcome { report, .. } = run("broadcast", "--nodes 4 --rate 80 --seconds 1 --quiet 1 --latency 20", 0, None);
    let figures = &report.figures;
    assert_eq!([figures.ops, figures.lost, figures.never_read], [80, 0, 0].map(Decimal::whole));
    let messages: Value = serde_json::from_str(&figures.json()).unwrap();
    assert!(messages["server_messages"].as_u64().unwrap() > 80, "{report}");
    // No line takes less than 20 ms, and no round spreads an element in less than one of them.
    assert!(messages["true_latency_ms"]["0.5"].as_f64().unwrap() > 19.0, "{report}");
    assert!(
        report.account.sent.contains_key("push") && report.account.counter("rounds") > Decimal::whole(0),
        "{report}"
    );
    assert_eq!((report.healed, report.others_took), (None, None));
}

#[test]
fn a_request_waits_behind_the_message_that_is_under_way_to_its_node() {
    let latency = Latency::Constant(Duration::from_millis(300));
    let mut router = Router::start(setup("broadcast", None), 2, Links::new(latency, 0, 0)).unwrap();
    let mut waited = Duration::ZERO;
    for number in 0..10 {
        // It is pushed within 50 ms, and then under way for 300.
        router.request(0, json!({"type": "broadcast", "message": number}));
        router.run_until(Instant::now() + Duration::from_millis(70)).unwrap();
        (0..2).for_each(|node| _ = router.request(node, json!({"type": "digest"})));
        router.settle().unwrap();
        waited = router.replies().iter().map(|reply| reply.at - reply.to.at).max().max(Some(waited)).unwrap();
    }
    assert!(waited > Duration::from_millis(100), "{waited:?}");
}

#[test]
fn a_node_that_comes_back_hears_its_init_before_all_else() {
    let latency = Latency::Constant(Duration::from_millis(300));
    let mut router = Router::start(setup("broadcast", None), 2, Links::new(latency, 0, 0)).unwrap();
    router.kill(1);
    // Something is always under way to it.
    for number in 0..3 {
        router.request(0, json!({"type": "broadcast", "message": number}));
        let sent = router.traffic.sent;
        while router.traffic.sent == sent {
            router.run_until(Instant::now() + Duration::from_millis(10)).unwrap();
        }
    }
    router.restart(1).unwrap();
    router.settle().unwrap();
    assert_eq!(router.replies().iter().filter(|reply| reply.to.node == 1).count(), 2);
}

#[test]
fn nodes_are_killed_and_come_back_partitions_heal_and_requests_are_repeated() {
    let options = "--nodes 4 --rate 40 --seconds 2 --quiet 2 --latency 20 --latency-dist exponential --loss 2 \
                   --partition majorities --partition-every 1 --crash n3 --from 1 --for 1";
    at_once(["g-set", "g-counter", "pn-counter"], |workload| {
        let directory = tempfile::tempdir().unwrap();
        let Outcome { report, repeated, .. } = run(workload, options, 50, Some(directory.path()));
        let figures = &report.figures;
        // The node is not asked for its ten operations while it is down; what it had acknowledged it has again.
        assert_eq!([figures.ops, figures.lost, figures.never_read], [70, 0, 0].map(Decimal::whole));
        assert!(report.healed.is_some() && (5..35).contains(&repeated), "{repeated} repeated");
    });
}

#[test]
fn what_only_a_killed_node_held_is_told_apart_and_all_else_is_there() {
    let options = "--nodes 4 --rate 80 --seconds 3 --quiet 2 --latency 20 --partition one --partition-every 1 \
                   --crash n3 --from 2 --for 1";
    // For the second before it is killed, it is the one that is cut off.
    let cut_off = Fault::Cut(vec![3]);
    let seeds = (0..).map(|seed| format!("{options} --seed {seed}"));
    let options = seeds.filter(|options| plan(options).faults()[0].1 == cut_off).take(1).collect::<String>();
    at_once(
        [("broadcast", false), ("broadcast", true), ("pn-counter", false), ("pn-counter", true)],
        |(workload, disk)| {
            let directory = tempfile::tempdir().unwrap();
            let Outcome { report, .. } = run(workload, &options, 0, disk.then_some(directory.path()));
            assert_eq!(report.figures.lost, Decimal::whole(0));
            if disk {
                return assert_eq!((report.figures.never_read, report.gone), (Decimal::whole(0), None));
            }
            let gone = report.gone.unwrap();
            assert!(gone > Decimal::whole(2) && gone < Decimal::whole(20), "{report}");
            assert!(report.to_string().contains(&format!("\ngone with a node     {gone} that")), "{report}");
            assert_ne!(report.healed, Some(Took::Longer));
        },
    );
}

/// What ends the run of one node that is this shell script, of which each line read is `$line`, and of one operation.
#[cfg(unix)]
fn wrong(name: &str, workload: &str, options: &str, script: &str) -> String {
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    // Not written by this process: while a thread of it starts another one, that would hold it open, and it could not run.
    let write = r#"printf '#!/bin/sh\n%s\n' "$1" > "$0" && chmod +x "$0""#;
    let written = Command::new("sh").arg("-c").arg(write).arg(&program).arg(script).status();
    assert!(written.unwrap().success());
    let plan = plan(&format!("--nodes 1 --rate 1 --seconds 1 {options}"));
    let setup = Setup { program, workload: workload.into(), options: vec![], data_dir: None, tells_learned: true };
    carry_out(&plan, 0, setup, |_| {}).expect_err("it is wrong").to_string()
}

/// The command of such a script that writes a reply of n0.
#[cfg(unix)]
fn reply(id: u32, dest: &str, kind: &str) -> String {
    reply_with(id, dest, kind, "")
}

#[cfg(unix)]
fn reply_with(id: u32, dest: &str, kind: &str, payload: &str) -> String {
    let body = format!(r#"{{"type": "{kind}", "in_reply_to": {id}, {payload}"msg_id": {id}}}"#);
    format!(r#"echo '{{"src": "n0", "dest": "{dest}", "body": {body}}}'"#)
}

#[cfg(unix)]
#[test]
fn whatever_is_wrong_ends_the_run_and_is_told() {
    let init_ok = reply(0, "c0", "init_ok");
    let init = format!("read line; {init_ok}; ");
    for (name, script, expected) in [
        (
            "destination",
            format!("read line; {}; cat > /dev/null", reply(0, "c1", "init_ok")),
            "n0: there is no such destination: ",
        ),
        (
            "outstanding",
            format!("{init} {}; cat > /dev/null", reply(0, "c0", "init_ok")),
            "n0: it answers nothing outstanding: ",
        ),
        (
            "type",
            format!("{init} {}; cat > /dev/null", reply(1, "c0", "error")),
            "n0: its type is \"error\", not topology_ok: ",
        ),
        (
            "source",
            format!("read line; {}; cat > /dev/null", init_ok.replace("n0", "n1")),
            "n0: its `src` is another: ",
        ),
        ("words", "echo nonsense; cat > /dev/null".into(), "n0: expected"),
        ("log", format!("{init} echo 'a warning' >&2; cat > /dev/null"), "n0 has something to log: a warning"),
        ("end", init, "n0 ended"),
    ] {
        let wrong = wrong(name, "broadcast", "", &script);
        assert!(wrong.starts_with(expected), "{name}: {wrong}");
    }
}

#[cfg(unix)]
#[test]
fn a_node_that_leaves_a_request_unanswered_ends_the_run() {
    let script = format!(
        "read line; {}; read line; {}; cat > /dev/null",
        reply(0, "c0", "init_ok"),
        reply(1, "c0", "topology_ok")
    );
    assert_eq!(wrong("silence", "broadcast", "", &script), r#"n0 leaves this unanswered: {"type":"read"}"#);
}

#[cfg(unix)]
#[test]
fn a_counter_that_shows_a_sum_that_cannot_be_ends_the_run() {
    let told = |id, kind, payload| format!("read line; {}; ", reply_with(id, "c0", kind, payload));
    let begin = told(0, "init_ok", "") + &told(1, "topology_ok", "");
    let read = told(2, "read_ok", r#""value": 1, "#);
    let written_and_read = told(2, "add_ok", "") + &told(3, "read_ok", r#""value": 2, "#);
    // The operation of the first seed is a read, that of the second a write, by 1.
    for (seed, script, expected) in
        [(0, read, "n0 reads 1, not one from 0 to 0"), (1, written_and_read, "n0 reads 2, not one from 1 to 1")]
    {
        let script = format!("{begin}{script}cat > /dev/null");
        let options = format!("--quiet 0 --seed {seed}");
        assert_eq!(wrong(&format!("sum-{seed}"), "pn-counter", &options, &script), expected);
    }
}

/// What is wrong with a reply to a read of the workload broadcast.
fn check(line: &str) -> Result<(), String> {
    Line::read(line)?.check_reply("broadcast", &json!({"type": "read"}), 3)
}

#[test]
fn one_spelling_of_a_reply_passes_and_no_other() {
    let line = |body: &str| format!(r#"{{"src": "n1", "dest": "c1", "body": {body}}}"#);
    let good = r#"{"type": "read_ok", "in_reply_to": 7, "messages": [1, 2], "msg_id": 3}"#;
    assert_eq!(check(&line(good)), Ok(()));
    for (from, to) in [
        (r#""msg_id": 3"#, r#""msg_id": 4"#),
        (r#""msg_id": 3"#, r#""msg_id": "3""#),
        (r#", "msg_id": 3"#, ""),
        (r#""msg_id": 3"#, r#""msg_id": 3, "extra": null"#),
        (r#""msg_id": 3"#, r#""msg_id": 3, "msg_id": 3"#),
        (r#""messages""#, r#""value""#),
        ("[1, 2]", "[1,2]"),
        ("[1, 2]", "null"),
        ("[1, 2]", "{}"),
        ("7", "7.5"),
        ("7", "-7"),
        (r#": 7"#, r#":7"#),
        (r#""in_reply_to": 7, "messages": [1, 2]"#, r#""messages": [1, 2], "in_reply_to": 7"#),
        ("read_ok", "broadcast_ok"),
        ("read_ok", "error"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        assert!(check(&line(&bad)).is_err(), "{bad}");
    }
    for line in [
        line(good) + " ",
        line(good).replacen(": ", ":", 1),
        line(good).replacen('{', r#"{"id": 1, "#, 1),
        line(good).replacen(r#""src""#, r#""dest": "c1", "src""#, 1),
        line("[]"),
    ] {
        assert!(check(&line).is_err(), "{line}");
    }
}

#[test]
fn nodes_send_each_other_one_kind_of_line() {
    let gossip = |body: &str| Line::read(&format!(r#"{{"src": "n1", "dest": "n2", "body": {body}}}"#))?.check_gossip();
    assert_eq!(gossip(r#"{"type": "gossip", "message": "AQ=="}"#), Ok(()));
    for body in [
        r#"{"type": "gossip", "message": 1}"#,
        r#"{"type": "gossip"}"#,
        r#"{"type": "read_ok", "message": "AQ=="}"#,
        r#"{"type": "gossip", "message": "AQ==", "msg_id": 1}"#,
    ] {
        assert!(gossip(body).is_err(), "{body}");
    }
}
