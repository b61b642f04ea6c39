//! The ledger, as `stats_ok` shows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use gossip_core::{AntiEntropy, ByKind, Ledger, PeerStats, Traffic};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::json::Json;

/// What a node holds and what it exchanged with the others: counts, and encoded bytes before base64.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    elements: usize,
    state_bytes: u64,
    total: Account,
    peers: BTreeMap<&'a str, Peer>,
}

impl<'a> Report<'a> {
    pub(crate) fn of(machine: &'a AntiEntropy<Arc<str>, Json>) -> Self {
        let stats = machine.stats();
        // The peers of now: what was exchanged with those removed is in `total` alone.
        let peer = |id: &'a Arc<str>| machine.peer_stats(id).map(|stats| (&**id, Peer::of(stats)));
        Self {
            elements: machine.len(),
            state_bytes: stats.state_bytes,
            total: Account(stats.total),
            peers: machine.peers().filter_map(peer).collect(),
        }
    }
}

/// The exchange with one peer.
#[derive(Debug, Serialize)]
struct Peer {
    reachable: bool,
    round_trip_micros: Option<u64>,
    #[serde(flatten)]
    account: Account,
}

impl Peer {
    fn of(stats: PeerStats) -> Self {
        Self {
            reachable: stats.reachable,
            round_trip_micros: stats.round_trip.map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
            account: Account(stats.ledger),
        }
    }
}

/// One ledger: traffic, then every counter in the order of [`Ledger::counters`], then what it saved.
#[derive(Debug)]
pub(crate) struct Account(pub(crate) Ledger);

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(ledger) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("sent", &Side::of(&ledger.sent))?;
        map.serialize_entry("received", &Side::of(&ledger.received))?;
        for counter in ledger.counters() {
            map.serialize_entry(counter.name, &counter.value)?;
        }
        // Nobody counts it: it follows from two counters, and may be negative.
        map.serialize_entry("saved", &ledger.saved())?;
        map.end()
    }
}

/// One direction: the total, then each kind of message that occurred.
#[derive(Debug, Serialize)]
struct Side {
    messages: u64,
    bytes: u64,
    by_kind: BTreeMap<&'static str, Volume>,
}

impl Side {
    fn of(traffic: &ByKind) -> Self {
        let Volume { messages, bytes } = Volume::of(traffic.total());
        // Kinds that did not occur are left out, or most of a large cluster's ledger would be zeros: eight kinds, both
        // ways, for each peer.
        let kinds = traffic.iter().filter(|(_, traffic)| traffic.messages > 0);
        Self { messages, bytes, by_kind: kinds.map(|(kind, traffic)| (kind.name(), Volume::of(traffic))).collect() }
    }
}

#[derive(Debug, Serialize)]
struct Volume {
    messages: u64,
    bytes: u64,
}

impl Volume {
    const fn of(traffic: Traffic) -> Self {
        Self { messages: traffic.messages, bytes: traffic.bytes }
    }
}
