//! The program as a service: processes that serve over TCP and HTTP, and are killed.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "real processes take real time")]

mod certificates;
mod cluster;
#[cfg(target_os = "linux")]
mod namespaces;
mod process;
mod throughput;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cluster::Cluster;
use process::Process;

/// Asks again until the answer is this one, for ten seconds.
#[track_caller]
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(10), "never {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn three_processes_with_certificates_hold_the_same() {
    let began = Instant::now();
    let mut cluster = Cluster::new(3, true);
    cluster.start_all();
    for node in 0..3 {
        wait_for("ready", || cluster.get(node, "/readyz?peers=2").0 == 200);
    }
    assert_eq!(cluster.post(0, r#"{"tea": 2.70}"#).0, 201);
    assert_eq!(cluster.post(0, r#"{"tea": 2.7}"#).0, 200, "it is the same");
    wait_for("at another", || cluster.get(2, "/v1/elements").1 == "[{\"tea\": 2.7}]\n");
    println!("{:?} from nothing to a value at another", began.elapsed());
    assert_eq!(cluster.get(1, "/healthz"), (200, "healthy\n".into()));
    assert_eq!(cluster.get(1, "/nothing").0, 404);
    assert_eq!(cluster.get(1, "/readyz?peers=3").0, 503);
    assert_eq!(cluster.get(1, "/readyz?peers=many").0, 400);
    assert!(cluster.get(1, "/synced").1.starts_with("proven after "));
    assert_eq!(cluster.get(1, "/synced?peers=3&within=0").0, 504);
    assert_eq!(cluster.request(1, "DELETE", "/v1/elements", "").0, 405);
    assert_eq!(cluster.post(1, "{").0, 400);
    assert_eq!(cluster.post(1, &format!("\"{}\"", "x".repeat(2_000))).0, 413);
    let (_, stats) = cluster.get(1, "/stats");
    let stats: serde_json::Value = serde_json::from_str(&stats).expect("JSON");
    assert_eq!(
        (&stats["id"], &stats["elements"], stats["peers"].as_array().map(Vec::len)),
        (&"n2".into(), &1.into(), Some(2))
    );
    let (_, metrics) = cluster.get(1, "/metrics");
    for line in ["gossip_elements{replica=\"n2\"} 1\n", "gossip_peer_connected{replica=\"n2\",peer=\"n3\"} 1\n"] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    assert!(cluster.get(1, "/").1.starts_with("<!doctype html>"));
    cluster.stop_all();
}

#[test]
fn a_client_can_watch() {
    let mut cluster = Cluster::new(2, false);
    cluster.start_all();
    let mut events = cluster.watch(1);
    assert_eq!(cluster.post(0, "[1, 2]").0, 201);
    assert_eq!(events.next_line(), "event: insert");
    assert_eq!(events.next_line(), "data: [1, 2]");
}

/// So many times a process is killed under load; `KILLS=200` for more.
#[test]
fn what_was_acknowledged_outlives_kills() {
    let kills = std::env::var("KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(6);
    let mut cluster = Cluster::new(3, false);
    cluster.start_all();
    let mut acknowledged = BTreeSet::new();
    for kill in 0..kills {
        let victim = kill % 3;
        // Writes go on at all three while it dies.
        let written = cluster.write_until_killed(victim, kill);
        acknowledged.extend(written);
        cluster.start(victim);
    }
    for node in 0..3 {
        wait_for("all of them", || {
            let held = cluster.elements(node);
            acknowledged.iter().all(|element| held.contains(element))
        });
    }
    println!("{} writes acknowledged, {kills} kills", acknowledged.len());
    assert!(acknowledged.len() > kills * 10, "{} writes", acknowledged.len());
    cluster.stop_all();
}

#[test]
fn what_is_wrong_with_options_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().to_str().expect("a name");
    for (options, words) in [
        (&["--name", "n1"][..], "--ca"),
        (&["--name", "n1", "--ca", "a"], "--cert"),
        (&["--name", "n1", "--insecure", "--ca", "a", "--cert", "b", "--key", "c"], "cannot be used with"),
        (&["--name", "n1", "--ca", "/no/a", "--cert", "/no/b", "--key", "/no/c"], "/no/a: "),
        (&["--name", "a name", "--insecure"], "1 to 253 visible"),
        (&["--name", "n1", "--insecure", "--listen", "nowhere"], "cannot listen at nowhere"),
        (&["--name", "n1", "--insecure", "--http", "nowhere"], "cannot listen at nowhere"),
    ] {
        let said = Process::fails(options);
        assert!(said.contains(words), "{options:?}: {said}");
    }
    let mut cluster = Cluster::new(1, false);
    cluster.start_all();
    let said = Process::fails(&["--name", "n1", "--insecure", "--data-dir", &cluster.data_dir(0)]);
    assert!(said.contains("the store is in use") && said.contains(&cluster.data_dir(0)), "{said}");
    std::fs::write(directory.path().join("replica.redb"), "no store").expect("it can");
    let said = Process::fails(&["--name", "n1", "--insecure", "--data-dir", path]);
    assert!(said.contains("damaged") && said.contains(path), "{said}");
}
