//! `PeerStatus`: what an operator wants to know of a peer.

use std::time::Duration;

use gossip_core::PeerStats;

use super::peer_id::PeerId;

/// What an operator wants to know of a peer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PeerStatus {
    /// The peer.
    pub peer: PeerId,
    /// For how long it has been connected; `None` if it is not.
    pub connected: Option<Duration>,
    /// How long ago it was last proven to hold what this replica held then; `None` if it never was.
    pub proven: Option<Duration>,
    /// Whether it was proven to hold what this replica holds now.
    pub in_sync: bool,
    /// How many bytes wait for its connection.
    pub waiting: usize,
    /// The machine's own statistics about it.
    pub stats: PeerStats,
}
