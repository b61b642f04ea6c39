//! `/metrics`: a replica's statistics for Prometheus, under the names that [`metrics`](crate::metrics) has for them too.

use std::fmt::{Display, Write};

use gossip_core::Ledger;

use crate::net::driven::Driven;
use crate::net::replica::{Handle, Stopped};
use crate::net::status::PeerStatus;

/// The text of a scrape.
struct Text(String);

impl Text {
    /// Begins a metric.
    fn metric(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One line of it. Names of replicas are visible ASCII: a quote and a backslash have to be escaped.
    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
        let _ = writeln!(self.0, "{name}{{{}}} {value}", labels.join(","));
    }
}

/// The metrics of a replica.
pub(super) async fn of<D: Driven>(replica: &Handle<D>) -> Result<String, Stopped> {
    let peers = replica.peers().await?;
    let (count, stats) = replica.read(|machine| (machine.count(), machine.engine().stats().clone()));
    let (mut text, me) = (Text(String::new()), replica.id().as_str());
    let own = [("replica", me)];
    text.metric("gossip_elements", "gauge", "Elements held, or keys.");
    text.line("gossip_elements", &own, count);
    text.metric("gossip_state_bytes", "gauge", "Encoded bytes of all elements held.");
    text.line("gossip_state_bytes", &own, stats.state_bytes);
    text.metric("gossip_from_strangers_total", "counter", "Messages refused because their sender is not a peer.");
    text.line("gossip_from_strangers_total", &own, stats.from_strangers);
    ledgers(&mut text, "gossip", &[(&own, &stats.total)]);
    gauges(&mut text, me, &peers);
    let labels: Vec<_> = peers.iter().map(|status| [("replica", me), ("peer", status.peer.as_str())]).collect();
    let of_peers: Vec<(&[(&str, &str)], &Ledger)> =
        labels.iter().zip(&peers).map(|(labels, status)| (&labels[..], &status.stats.ledger)).collect();
    ledgers(&mut text, "gossip_peer", &of_peers);
    Ok(text.0)
}

/// What is known of each peer beside its ledger.
fn gauges(text: &mut Text, me: &str, peers: &[PeerStatus]) {
    type Value = fn(&PeerStatus) -> Option<String>;
    let gauges: [(&str, &str, Value); 6] = [
        ("gossip_peer_connected", "Whether it is connected.", |peer| {
            Some(u8::from(peer.connected.is_some()).to_string())
        }),
        ("gossip_peer_reachable", "Whether it answers.", |peer| Some(u8::from(peer.stats.reachable).to_string())),
        ("gossip_peer_in_sync", "Whether it has proven to hold what this replica holds now.", |peer| {
            Some(u8::from(peer.in_sync).to_string())
        }),
        ("gossip_peer_proven_seconds", "Time since the last proof.", |peer| {
            peer.proven.map(|ago| ago.as_secs_f64().to_string())
        }),
        ("gossip_peer_round_trip_seconds", "The smoothed round-trip time.", |peer| {
            peer.stats.round_trip.map(|time| time.as_secs_f64().to_string())
        }),
        ("gossip_peer_waiting_bytes", "Bytes that wait for its connection.", |peer| Some(peer.waiting.to_string())),
    ];
    for (name, help, value) in gauges {
        text.metric(name, "gauge", help);
        for peer in peers {
            // No sample before there is one.
            if let Some(value) = value(peer) {
                text.line(name, &[("replica", me), ("peer", peer.peer.as_str())], value);
            }
        }
    }
}

/// All counters of ledgers, each under its labels.
fn ledgers(text: &mut Text, prefix: &str, ledgers: &[(&[(&str, &str)], &Ledger)]) {
    for (unit, help) in [("messages", "Messages."), ("bytes", "Encoded bytes of messages.")] {
        let name = format!("{prefix}_{unit}_total");
        text.metric(&name, "counter", help);
        for (labels, ledger) in ledgers {
            for (direction, traffic) in [("sent", &ledger.sent), ("received", &ledger.received)] {
                for (kind, traffic) in traffic.iter() {
                    let labels = [*labels, &[("direction", direction), ("kind", kind.name())]].concat();
                    text.line(&name, &labels, if unit == "bytes" { traffic.bytes } else { traffic.messages });
                }
            }
        }
    }
    for counter in Ledger::default().counters() {
        let name = format!("{prefix}_{}_total", counter.name);
        text.metric(&name, "counter", counter.help);
        for (labels, ledger) in ledgers {
            let value = ledger.counters().find(|other| other.name == counter.name).map_or(0, |counter| counter.value);
            text.line(&name, labels, value);
        }
    }
}
