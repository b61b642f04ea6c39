//! The ledger as Prometheus reads it.

use std::collections::BTreeMap;

use gossip_core::{Ledger, MessageKind};
use gossip_node::metrics::{describe, publish};

#[allow(dead_code, reason = "its `main` is this test")]
#[path = "../../examples/metrics.rs"]
mod example;

/// The samples of a scrape, by name and labels.
fn samples(response: &str) -> BTreeMap<&str, &str> {
    response.lines().filter(|line| line.starts_with("gossip_")).filter_map(|line| line.rsplit_once(' ')).collect()
}

#[test]
fn a_scrape_shows_the_ledger_to_the_byte() {
    let exporter = example::export("127.0.0.1:0").unwrap();
    describe();
    let [left, right] = example::reconciled().unwrap();
    // Twice, since counters are set and not added to.
    for _ in 0..2 {
        publish(&left, "left");
        publish(&right, "right");
    }
    let response = example::scrape(exporter).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK"), "{response}");
    assert!(response.contains("# HELP gossip_learned_total Elements received that were not held before."));
    assert!(response.contains("# TYPE gossip_peer_bytes_total counter"));

    let found = samples(&response);
    let mut expected = BTreeMap::new();
    for (machine, replica, peer) in [(&left, "left", "right"), (&right, "right", "left")] {
        let own = format!("replica=\"{replica}\"");
        expected.insert(format!("gossip_elements{{{own}}}"), "10005".to_owned());
        expected.insert(format!("gossip_state_bytes{{{own}}}"), machine.stats().state_bytes.to_string());
        expected.insert(format!("gossip_from_strangers_total{{{own}}}"), "0".into());
        expect("gossip_", &own, &machine.stats().total, &mut expected);
        let stats = machine.peer_stats(&peer).unwrap();
        let own = format!("{own},peer=\"{peer}\"");
        expected.insert(format!("gossip_peer_reachable{{{own}}}"), "1".into());
        if replica == "left" {
            assert_eq!(stats.round_trip, Some(std::time::Duration::ZERO));
            expected.insert(format!("gossip_peer_round_trip_seconds{{{own}}}"), "0".into());
        }
        expect("gossip_peer_", &own, &stats.ledger, &mut expected);
    }
    let expected: BTreeMap<_, _> = expected.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(found, expected);
    assert_eq!(found["gossip_learned_total{replica=\"left\"}"], "5");
    assert_eq!(found["gossip_proofs_total{replica=\"left\"}"], "1");
}

fn expect(prefix: &str, labels: &str, ledger: &Ledger, expected: &mut BTreeMap<String, String>) {
    for (name, value) in [
        ("learned", ledger.learned),
        ("redundant", ledger.redundant),
        ("undecoded", ledger.undecoded),
        ("dropped", ledger.dropped),
        ("rounds", ledger.rounds),
        ("proofs", ledger.proofs),
        ("sketches", ledger.sketches),
        ("top_ups", ledger.top_ups),
        ("walks", ledger.walks),
        ("bare_pushes", ledger.bare_pushes),
        ("resent", ledger.resent),
        ("rejected", ledger.rejected),
        ("ignored", ledger.ignored),
        ("deferred", ledger.deferred),
        ("work", ledger.work),
        ("round_bytes", ledger.round_bytes),
        ("full_state_bytes", ledger.full_state_bytes),
    ] {
        expected.insert(format!("{prefix}{name}_total{{{labels}}}"), value.to_string());
    }
    for (direction, traffic) in [("sent", &ledger.sent), ("received", &ledger.received)] {
        for kind in MessageKind::ALL {
            let labels = format!("{labels},direction=\"{direction}\",kind=\"{}\"", kind.name());
            expected.insert(format!("{prefix}messages_total{{{labels}}}"), traffic[kind].messages.to_string());
            expected.insert(format!("{prefix}bytes_total{{{labels}}}"), traffic[kind].bytes.to_string());
        }
    }
}
