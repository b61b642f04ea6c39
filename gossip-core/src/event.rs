//! `Output` and `Event`: all that comes out of the machine.

use alloc::boxed::Box;

use crate::digest::Digest;
use crate::element::{ReplicaId, Stored};
use crate::message::Message;
use crate::time::Time;
use crate::wire::Place;

/// The result of [`AntiEntropy::poll`](crate::AntiEntropy::poll). Exhaustive on purpose: an embedder handles all of it.
///
/// ```
/// use gossip_core::{AntiEntropy, Config, Output, Time};
///
/// let mut machine = AntiEntropy::<&str, u64>::new(Config::default(), 1);
/// machine.add_peer("n2");
/// let Output::Wait(Some(until)) = machine.poll(Time::ZERO) else { panic!("nothing is due yet") };
/// assert!(until > Time::ZERO);
/// assert!(matches!(machine.poll(until), Output::Send { to: "n2", .. }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an output that is not acted on is lost"]
#[expect(clippy::large_enum_variant, reason = "one output is made at a time, and handed over")]
pub enum Output<P, E, V = Event<P, E>> {
    /// Something the application may want to know.
    Event(V),
    /// A message to send. To drop it is always safe and costs time.
    Send {
        /// The peer to send it to.
        to: P,
        /// The message, of at most [`Config::max_message`](crate::Config::max_message) bytes or one largest element.
        message: Message<E>,
    },
    /// Nothing is due until new input or, if given, until this instant, which is later than the one polled at.
    Wait(Option<Time>),
}

/// Something the application may want to know. The queue holds at most one event for each element received, and a few
/// for each message.
///
/// ```
/// use gossip_core::{AntiEntropy, Config, Event, Output, Time};
///
/// let [mut n1, mut n2] = [1, 2].map(|seed| AntiEntropy::<&str, u64>::new(Config::default(), seed));
/// n1.add_peer("n2");
/// n2.add_peer("n1");
/// n1.insert(7).unwrap();
/// n1.sync_now(&"n2");
/// let Output::Send { message, .. } = n1.poll(Time::ZERO) else { panic!("nothing to send") };
/// n2.receive(&"n1", message).unwrap(); // a digest, which tells a single number
/// assert_eq!(n2.poll(Time::ZERO), Output::Event(Event::Learned { element: 7, from: "n1" }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
// New kinds may come: an application that does not know one loses nothing but the news.
#[non_exhaustive]
pub enum Event<P, E> {
    /// An element that came from a peer and was not held before.
    Learned {
        /// The element, which is held already.
        element: E,
        /// The peer whose message brought it.
        from: P,
    },
    /// An element that came from a peer, was not held before, and cannot be decoded here: perhaps a later version of the
    /// type has it. It is held as its bytes, counts in the digest, and is passed on to peers as it came.
    /// [`AntiEntropy::refresh`](crate::AntiEntropy::refresh) and [`restore`](crate::AntiEntropy::restore) decode it once
    /// that can be done.
    Undecoded {
        /// The encoding.
        encoded: Box<[u8]>,
        /// The peer whose message brought it.
        from: P,
    },
    /// An element that came [undecoded](Self::Undecoded) and that `refresh` has decoded.
    Decoded {
        /// The element.
        element: E,
    },
    /// A proof that both sets are equal. In a round of ours, both digests were this one at some instant since our
    /// probe. In a round of the peer's, its digest was this one when it sent its message, and ours was when we received
    /// it.
    InSync {
        /// The peer.
        peer: P,
        /// The digest both had.
        digest: Digest,
        /// Whether the last proof with this peer was of the same digest: then nothing has changed. Rounds go on while nothing
        /// changes, and each ends in a proof.
        again: bool,
    },
    /// This peer is known to hold our log up to a place that [`watch`](crate::AntiEntropy::watch) asked about, and so all
    /// elements that came before it.
    Reached {
        /// The peer.
        peer: P,
        /// The place.
        place: Place,
    },
    /// Two rounds in a row had no answer from this peer, or elements pushed to it twice no acknowledgement. Rounds with
    /// it begin less often from now on, up to ten intervals apart.
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

/// Something the application of a [`Map`](crate::Map) may want to know.
///
/// ```
/// use gossip_core::{Config, Map, MapEvent, MapOutput, ReplicaId, Time};
///
/// let ids = [*b"8 random", *b"8 others"].map(ReplicaId::from_random);
/// let [mut n1, mut n2] = ids.map(|id| Map::<&str, String, u64>::new(Config::default(), id, 1));
/// n1.add_peer("n2");
/// n2.add_peer("n1");
/// n2.insert("tea".into(), 250).unwrap();
/// n1.sync_now(&"n2");
/// let MapOutput::Send { message, .. } = n1.poll(Time::ZERO) else { panic!("nothing to ask") };
/// n2.receive(&"n1", message).unwrap();
/// let MapOutput::Send { message, .. } = n2.poll(Time::ZERO) else { panic!("nothing to answer") };
/// n1.receive(&"n2", message).unwrap();
/// assert_eq!(n1.poll(Time::ZERO), MapOutput::Event(MapEvent::Changed { key: "tea".into(), from: "n2" }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MapEvent<P, K> {
    /// What is held under a key has changed by a message: an entry came, or went.
    Changed {
        /// The key.
        key: K,
        /// The peer whose message changed it.
        from: P,
    },
    /// A proof that both maps are equal.
    InSync {
        /// The peer.
        peer: P,
        /// The digest both had.
        digest: Digest,
        /// Whether the last proof with this peer was of the same digest: then nothing has changed.
        again: bool,
    },
    /// This replica id was used twice.
    Forked {
        /// The id.
        replica: ReplicaId,
    },
    /// Two rounds in a row had no answer from this peer.
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

impl<P, E> Event<P, E> {
    /// The event of an element that a peer's message brought.
    pub(crate) fn of_arrival(element: Stored<E>, from: P) -> Self {
        match element {
            Stored::Value(element) => Self::Learned { element, from },
            Stored::Undecoded(encoded) => Self::Undecoded { encoded, from },
        }
    }
}
