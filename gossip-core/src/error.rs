//! `Reject`, `TooLarge` and `NotKept`: why messages and elements are refused.

use crate::element::Foreign;
use crate::message::DecodeError;

/// Why a message was refused. A refused message leaves all but counters unchanged.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{len} encoded bytes are over the cluster's limit of {limit} an element")]
pub struct TooLarge {
    /// The element's encoded bytes.
    pub len: usize,
    /// The cluster's limit, in encoded bytes.
    pub limit: usize,
}

/// Why an element is not [restored](crate::AntiEntropy::restore). The set is unchanged.
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
