//! `Reject`, `TooLarge` and `NotKept`: why messages and elements are refused.

use crate::element::Foreign;
use crate::message::DecodeError;

/// Why a message was refused. A refused message leaves all but counters unchanged.
///
/// ```
/// use gossip_core::{AntiEntropy, Config, Reject};
///
/// let mut machine = AntiEntropy::<&str, u64>::new(Config::default(), 1);
/// let refused = machine.receive_bytes(&"n2", &[]).unwrap_err();
/// assert_eq!(refused, Reject::UnknownPeer);
/// assert_eq!(refused.to_string(), "the sender is not a peer");
/// machine.add_peer("n2");
/// assert!(matches!(machine.receive_bytes(&"n2", &[]), Err(Reject::Malformed(_))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reject {
    /// The sender is not a peer: [`add_peer`](crate::AntiEntropy::add_peer) it first, if it is welcome.
    #[error("the sender is not a peer")]
    UnknownPeer,
    /// The sender is of another cluster. Of another version of the protocol it is
    /// [malformed](DecodeError::Version).
    #[error("the message is of another cluster: {0}")]
    Foreign(Foreign),
    /// The bytes are not a message.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// An element of the message is larger than the cluster's limit.
    #[error("an element of the message is too large: {0}")]
    TooLarge(#[from] TooLarge),
}

/// An element larger than the cluster's limit. The set is unchanged.
///
/// ```
/// use gossip_core::{AntiEntropy, Config, TooLarge};
///
/// let mut machine = AntiEntropy::<&str, String>::new(Config::default(), 1);
/// let refused = machine.insert("x".repeat(2_000)).unwrap_err();
/// assert_eq!(refused, TooLarge { len: 2_002, limit: 1_024 });
/// assert_eq!(refused.to_string(), "2002 encoded bytes are over the cluster's limit of 1024 an element");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{len} encoded bytes are over the cluster's limit of {limit} an element")]
pub struct TooLarge {
    /// The element's encoded bytes.
    pub len: usize,
    /// The cluster's limit, in encoded bytes.
    pub limit: usize,
}

/// Why an element is not [restored](crate::AntiEntropy::restore). The set is unchanged.
///
/// ```
/// use gossip_core::{AntiEntropy, Config, NotKept};
///
/// let mut config = Config::default();
/// config.max_undecoded_bytes = 0;
/// let mut machine = AntiEntropy::<&str, String>::new(config, 1);
/// let refused = machine.restore(&[1, 0xff]).unwrap_err(); // no text in UTF-8
/// assert_eq!(refused, NotKept::Undecoded);
/// assert_eq!(refused.to_string(), "the element cannot be decoded, and not be kept as it is either");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotKept {
    /// It is over the cluster's limit.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// It cannot be decoded; and it would be a number, or
    /// [`Config::max_undecoded_bytes`](crate::Config::max_undecoded_bytes) is used up.
    #[error("the element cannot be decoded, and not be kept as it is either")]
    Undecoded,
}

/// Bytes that no map was saved as, or one of another cluster. No map is made of them.
///
/// ```
/// use gossip_core::{Config, Map, ReplicaId, RestoreError};
///
/// let id = ReplicaId::from_random(*b"8 random");
/// let refused = Map::<&str, String, u64>::restore(Config::default(), id, 1, b"no map").unwrap_err();
/// assert_eq!(refused, RestoreError::Malformed);
/// assert_eq!(refused.to_string(), "the bytes are no saved map");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// They are cut short, damaged, or of another form.
    #[error("the bytes are no saved map")]
    Malformed,
    /// They are of a map of another cluster.
    #[error("the map was saved in another cluster: {0}")]
    Foreign(Foreign),
}
