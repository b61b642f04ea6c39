//! A machine's ledger as metrics, for whatever recorder the service has installed (feature `metrics`).
//!
//! Call [`describe`] once, and [`publish`] as often as is scraped, or every few seconds. Counters are set to what the
//! ledger says, so nothing is counted twice or lost between two calls. With `metrics-exporter-prometheus`, the example
//! `metrics` shows it as far as a scrape.
//!
//! Every metric has the label `replica`; those that begin with `gossip_peer_` have `peer` too. Messages and bytes have
//! `direction`, `sent` or `received`, and `kind`, the name of a [`MessageKind`](gossip_core::MessageKind); bytes are
//! encoded bytes, without what a transport adds.

use std::fmt::Display;

use ::metrics::{Label, counter, describe_counter, describe_gauge, gauge};
use gossip_core::{AntiEntropy, ByKind, Counter, Element, Ledger};

/// The names of messages and bytes, with all peers and with one.
const TRAFFIC: [[&str; 2]; 2] =
    [["gossip_messages_total", "gossip_bytes_total"], ["gossip_peer_messages_total", "gossip_peer_bytes_total"]];

/// Tells the recorder what the metrics are.
pub fn describe() {
    describe_gauge!("gossip_elements", "Elements held.");
    describe_gauge!("gossip_state_bytes", "Encoded bytes of all elements held.");
    describe_counter!("gossip_from_strangers_total", "Messages refused because their sender is not a peer.");
    describe_gauge!("gossip_peer_reachable", "Whether the peer answers.");
    describe_gauge!("gossip_peer_round_trip_seconds", "The smoothed round-trip time.");
    for ([messages, bytes], prefix) in TRAFFIC.into_iter().zip(["gossip", "gossip_peer"]) {
        describe_counter!(messages, "Messages.");
        describe_counter!(bytes, "Encoded bytes of messages.");
        for counter in Ledger::default().counters() {
            describe_counter!(name(prefix, &counter), counter.help);
        }
    }
}

/// Sets all metrics of `machine`, under the label `replica`. O(peers).
pub fn publish<P: Clone + Ord + Display, E: Element>(machine: &AntiEntropy<P, E>, replica: &str) {
    let labels = vec![Label::new("replica", replica.to_owned())];
    let stats = machine.stats();
    // Exact up to 2^53, which no memory holds.
    gauge!("gossip_elements", labels.clone()).set(machine.len() as f64);
    gauge!("gossip_state_bytes", labels.clone()).set(stats.state_bytes as f64);
    counter!("gossip_from_strangers_total", labels.clone()).absolute(stats.from_strangers);
    publish_ledger("gossip", TRAFFIC[0], &labels, &stats.total);
    for peer in machine.peers() {
        let Some(stats) = machine.peer_stats(peer) else { continue };
        let labels = with(&labels, [("peer", peer.to_string())]);
        gauge!("gossip_peer_reachable", labels.clone()).set(f64::from(u8::from(stats.reachable)));
        // No sample before there is one: a 0 would read as the best of all links.
        if let Some(round_trip) = stats.round_trip {
            gauge!("gossip_peer_round_trip_seconds", labels.clone()).set(round_trip.as_secs_f64());
        }
        publish_ledger("gossip_peer", TRAFFIC[1], &labels, &stats.ledger);
    }
}

fn publish_ledger(prefix: &str, [messages, bytes]: [&'static str; 2], labels: &[Label], ledger: &Ledger) {
    for counter in ledger.counters() {
        // Set and not added to: both count from the start, and a scrape that is missed loses nothing.
        counter!(name(prefix, &counter), labels.to_vec()).absolute(counter.value);
    }
    let directions: [(&str, &ByKind); 2] = [("sent", &ledger.sent), ("received", &ledger.received)];
    for (direction, traffic) in directions {
        // All kinds, those that did not occur too: a series that begins late has no rate at its beginning.
        for (kind, traffic) in traffic.iter() {
            let labels = with(labels, [("direction", direction.to_owned()), ("kind", kind.name().to_owned())]);
            counter!(messages, labels.clone()).absolute(traffic.messages);
            counter!(bytes, labels).absolute(traffic.bytes);
        }
    }
}

/// The name of a counter's metric. Prometheus wants `_total` at the end of what only grows.
fn name(prefix: &str, counter: &Counter) -> String {
    format!("{prefix}_{}_total", counter.name)
}

fn with<const N: usize>(labels: &[Label], more: [(&'static str, String); N]) -> Vec<Label> {
    labels.iter().cloned().chain(more.into_iter().map(|(key, value)| Label::new(key, value))).collect()
}
