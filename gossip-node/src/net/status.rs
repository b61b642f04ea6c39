//! `PeerStatus`: what an operator wants to know of a peer.

use std::time::Duration;

use gossip_core::PeerStats;

use super::peer_id::PeerId;

/// What an operator wants to know of a peer.
///
/// ```
/// use gossip_core::AntiEntropy;
/// use gossip_node::net::{PeerId, PeerStatus, Peers, Quorum, Replica};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// type Words = AntiEntropy<PeerId, String>;
/// let one = Replica::<Words>::builder("n1").listen("127.0.0.1:0").insecure().spawn().await?;
/// let address = one.address().expect("it listens").to_string();
/// let two = Replica::<Words>::builder("n2").peers(Peers::fixed([address])).insecure().spawn().await?;
/// two.synced(Quorum::AtLeast(1)).await?;
/// let status: Vec<PeerStatus> = two.peers().await?;
/// assert_eq!((status.len(), status[0].peer.as_str(), status[0].in_sync), (1, "n1", true));
/// assert!(status[0].proven <= status[0].connected);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
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
