//! `/stats`: all there is to know of a replica and its peers, as JSON.

use std::time::Duration;

use serde::Serialize;

use crate::net::driven::Driven;
use crate::net::replica::{Handle, Stopped};
use crate::net::status::PeerStatus;
use crate::watch::Account;

#[derive(Serialize)]
struct Stats {
    id: String,
    elements: usize,
    digest: String,
    state_bytes: u64,
    peers: Vec<Peer>,
    total: Account,
}

#[derive(Serialize)]
struct Peer {
    id: String,
    connected_ms: Option<u64>,
    in_sync: bool,
    proven_ms: Option<u64>,
    reachable: bool,
    round_trip_micros: Option<u64>,
    lag: usize,
    waiting_bytes: usize,
    #[serde(flatten)]
    account: Account,
}

/// The statistics, as JSON.
pub(super) async fn of<D: Driven>(replica: &Handle<D>) -> Result<String, Stopped> {
    let peers = replica.peers().await?.iter().map(Peer::of).collect();
    let stats = replica.read(|machine| {
        let (digest, stats) = (machine.engine().digest(), machine.engine().stats());
        Stats {
            id: replica.id().to_string(),
            elements: machine.count(),
            digest: digest.to_string(),
            state_bytes: stats.state_bytes,
            peers,
            total: Account(stats.total),
        }
    });
    Ok(serde_json::to_string(&stats).expect("maps with texts for keys"))
}

impl Peer {
    fn of(status: &PeerStatus) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let PeerStatus { peer, connected, proven, in_sync, waiting, stats } = status;
        Self {
            id: peer.to_string(),
            connected_ms: connected.map(millis),
            in_sync: *in_sync,
            proven_ms: proven.map(millis),
            reachable: stats.reachable,
            round_trip_micros: stats.round_trip.map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
            lag: stats.lag,
            waiting_bytes: *waiting,
            account: Account(stats.ledger),
        }
    }
}
