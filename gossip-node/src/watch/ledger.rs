//! The ledger, as `stats_ok` shows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use gossip_core::{AntiEntropy, ByKind, Ledger, PeerStats, Traffic};
use serde::Serialize;

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
        let peer = |id: &'a Arc<str>| machine.peer_stats(id).map(|stats| (&**id, Peer::of(stats)));
        Self {
            elements: machine.len(),
            state_bytes: stats.state_bytes,
            total: Account::of(&stats.total),
            peers: machine.peers().filter_map(peer).collect(),
        }
    }
}

/// One peer's part.
#[derive(Debug, Serialize)]
struct Peer {
    reachable: bool,
    round_trip_micros: Option<u64>,
    #[serde(flatten)]
    account: Account,
}

impl Peer {
    fn of(stats: &PeerStats) -> Self {
        Self {
            reachable: stats.reachable,
            round_trip_micros: stats.round_trip.map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
            account: Account::of(&stats.ledger),
        }
    }
}

/// One ledger.
#[derive(Debug, Serialize)]
struct Account {
    sent: Side,
    received: Side,
    learned: u64,
    redundant: u64,
    rounds: u64,
    proofs: u64,
    sketches: u64,
    top_ups: u64,
    walks: u64,
    bare_pushes: u64,
    resent: u64,
    rejected: u64,
    ignored: u64,
    work: u64,
    deferred: u64,
    round_bytes: u64,
    full_state_bytes: u64,
    saved: i128,
}

impl Account {
    fn of(ledger: &Ledger) -> Self {
        Self {
            sent: Side::of(&ledger.sent),
            received: Side::of(&ledger.received),
            learned: ledger.learned,
            redundant: ledger.redundant,
            rounds: ledger.rounds,
            proofs: ledger.proofs,
            sketches: ledger.sketches,
            top_ups: ledger.top_ups,
            walks: ledger.walks,
            bare_pushes: ledger.bare_pushes,
            resent: ledger.resent,
            rejected: ledger.rejected,
            ignored: ledger.ignored,
            work: ledger.work,
            deferred: ledger.deferred,
            round_bytes: ledger.round_bytes,
            full_state_bytes: ledger.full_state_bytes,
            saved: ledger.saved(),
        }
    }
}

/// One direction: everything, then each kind of message that occurred.
#[derive(Debug, Serialize)]
struct Side {
    messages: u64,
    bytes: u64,
    by_kind: BTreeMap<&'static str, Volume>,
}

impl Side {
    fn of(traffic: &ByKind) -> Self {
        let Volume { messages, bytes } = Volume::of(traffic.total());
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
