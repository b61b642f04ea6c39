//! What comes out of the machine.

use crate::digest::Digest;
use crate::message::Message;
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
