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
        let written = cluster.write_until_killed(victim, kill, |client, name, number| {
            let element = format!("{name}-{number}");
            let answer = client.request("POST", "/v1/elements", &format!("\"{element}\""))?;
            assert_eq!(answer.0, 201, "{answer:?}");
            Some(element)
        });
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
fn keys_are_put_replaced_and_removed_everywhere() {
    let mut cluster = Cluster::of_maps(3, true);
    cluster.start_all();
    for node in 0..3 {
        wait_for("ready", || cluster.get(node, "/readyz?peers=2").0 == 200);
    }
    let mut events = cluster.watch(2);
    assert_eq!(
        (cluster.put(0, "tea", "2.50"), cluster.put(0, "tea", "2.7"), cluster.put(0, "a%20%C3%A9", "[1]")),
        (201, 200, 201)
    );
    wait_for("at another", || cluster.get(2, "/v1/keys").1 == "{\"a é\": [1],\n\"tea\": 2.7}\n");
    let (_, stats) = cluster.get(2, "/stats");
    assert!(stats.contains("\"elements\":2,"), "keys are counted, and nothing else: {stats}");
    assert_eq!(cluster.get(2, "/v1/keys/tea"), (200, "2.7\n".into()));
    assert_eq!(cluster.get(2, "/v1/keys/tea?all"), (200, "[2.7]\n".into()));
    assert_eq!(cluster.get(2, "/v1/keys/a%20%C3%A9").1, "[1]\n");
    assert_eq!(cluster.get(1, "/v1/keys?prefix=t").1, "{\"tea\": 2.7}\n");
    assert_eq!(cluster.request(2, "DELETE", "/v1/keys/tea", "").0, 200);
    assert_eq!(cluster.request(2, "DELETE", "/v1/keys/tea", "").0, 404);
    wait_for("gone at another", || cluster.get(0, "/v1/keys/tea").0 == 404);
    let told: Vec<String> = (0..2).map(|_| events.next_line()).collect();
    assert_eq!(told[0], "event: put", "{told:?}");
    for (method, path, body, status) in [
        ("POST", "/v1/keys/tea", "1", 405),
        ("POST", "/v1/keys", "1", 405),
        ("PUT", "/v1/keys/tea", "{", 400),
        ("PUT", "/v1/keys/%FF", "1", 400),
        ("PUT", "/v1/keys/tea", &format!("\"{}\"", "x".repeat(2_000)), 413),
        ("GET", "/v1/elements", "", 404),
    ] {
        assert_eq!(cluster.request(1, method, path, body).0, status, "{method} {path}");
    }
    cluster.stop_all();
    // A set is not to be found where a map was kept.
    let said = Process::fails(&["--name", "n1", "--insecure", "--set", "--data-dir", &cluster.data_dir(0)]);
    assert!(said.contains("another key, element type"), "{said}");
}

/// As above, of a map: `KILLS=200` for more. Every third write removes the key before.
#[test]
fn what_was_put_and_removed_outlives_kills() {
    let kills = std::env::var("KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(6);
    let mut cluster = Cluster::of_maps(3, false);
    cluster.start_all();
    let (mut put, mut removed) = (BTreeSet::new(), BTreeSet::new());
    for kill in 0..kills {
        let victim = kill % 3;
        let told = cluster.write_until_killed(victim, kill, |client, name, number| {
            let removes = number % 3 == 2;
            let key = format!("{name}-{}", number - u64::from(removes));
            let (method, body, status) = if removes { ("DELETE", "", 200) } else { ("PUT", "1", 201) };
            // What has no answer may have been done or not: a key that is to be removed counts as neither.
            let answer = client.request(method, &format!("/v1/keys/{key}"), body);
            assert!(answer.as_ref().is_none_or(|answer| answer.0 == status), "{answer:?}");
            Some((key, removes, answer.is_some())).filter(|(_, removes, is_answered)| *removes || *is_answered)
        });
        for (key, removes, is_answered) in told {
            if removes {
                put.remove(&key);
            }
            match (removes, is_answered) {
                (true, true) => _ = removed.insert(key),
                (false, _) => _ = put.insert(key),
                (true, false) => {}
            }
        }
        cluster.start(victim);
    }
    for node in 0..3 {
        wait_for("all of them, and none of those removed", || {
            let held = cluster.keys(node);
            put.iter().all(|key| held.contains_key(key)) && !removed.iter().any(|key| held.contains_key(key))
        });
    }
    println!("{} put and {} removed, {kills} kills", put.len(), removed.len());
    assert!(put.len() > kills * 10 && removed.len() > kills * 5, "{} put, {} removed", put.len(), removed.len());
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
    let said = Process::fails(&["--name", "n1", "--insecure", "--set", "--data-dir", &cluster.data_dir(0)]);
    assert!(said.contains("the store is in use") && said.contains(&cluster.data_dir(0)), "{said}");
    std::fs::write(directory.path().join("replica.redb"), "no store").expect("it can");
    let said = Process::fails(&["--name", "n1", "--insecure", "--data-dir", path]);
    assert!(said.contains("damaged") && said.contains(path), "{said}");
}
