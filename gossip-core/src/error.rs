//! `Reject` and `TooLarge`: why messages and elements are refused.

use crate::message::DecodeError;

/// Why a message was refused. A refused message leaves all but counters unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reject {
    /// The sender is not a peer: [`add_peer`](crate::AntiEntropy::add_peer) it first, if it is welcome.
    #[error("the sender is not a peer")]
    UnknownPeer,
    /// The sender's protocol, key, element limit or element type is not ours.
    #[error("the message is of another cluster: its protocol, key, element limit or element type differs")]
    Foreign,
    /// The bytes are not a message.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// An element of the message is larger than the cluster's limit.
    #[error("an element of the message is too large: {0}")]
    TooLarge(#[from] TooLarge),
}

/// An element larger than the cluster's limit. The set is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{len} encoded bytes are over the cluster's limit of {limit} an element")]
pub struct TooLarge {
    /// The element's encoded bytes.
    pub len: usize,
    /// The cluster's limit, in encoded bytes.
    pub limit: usize,
}
