//! What comes out of the machine.

use crate::digest::Digest;
use crate::message::{DecodeError, Message};
use crate::time::Time;

/// What [`AntiEntropy::poll`](crate::AntiEntropy::poll) gives. Exhaustive on purpose: an embedder handles all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an output that is not acted on is lost"]
pub enum Output<P, E> {
    /// Something the application may want to know.
    Event(Event<P, E>),
    /// Send this. Dropping it is always safe and costs time.
    Send {
        /// The peer to send it to.
        to: P,
        /// What to send.
        message: Message<E>,
    },
    /// There is nothing more to do until new input or, if given, this instant, which is later than the one polled at.
    Wait(Option<Time>),
}

/// Something the application may want to know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event<P, E> {
    /// An element that came from a peer and was not held before.
    Learned {
        /// The element, which is held already.
        element: E,
        /// The peer whose message brought it.
        from: P,
    },
    /// A proof of equality. If the round was ours, at some instant since our probe the peer's digest was this, and ours
    /// too; if it was the peer's, its digest was this when it sent its message, and ours when we took that in.
    InSync {
        /// The peer.
        peer: P,
        /// The digest both had.
        digest: Digest,
    },
    /// Two rounds in a row had no answer from this peer, or what was pushed to it no acknowledgement; it is asked less often
    /// from now on, at intervals of up to ten rounds.
    Unreachable {
        /// The peer.
        peer: P,
    },
    /// A peer that was unreachable has sent a valid message.
    Reachable {
        /// The peer.
        peer: P,
    },
}

/// Why a message was refused. A refused message changes nothing but counters.
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
