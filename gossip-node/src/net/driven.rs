//! `Driven`: what a replica can drive.

use gossip_core::{AntiEntropy, Config, Digest, Element, Event, Foreign, NotKept, Output, Overlay, PeerStats, Place};
use gossip_core::{Reject, Stats, Time, TooLarge};

use super::change::Change;
use super::peer_id::PeerId;

/// A machine that a [`Replica`](super::Replica) can drive. [`AntiEntropy`] is one.
///
/// All methods are those of [`AntiEntropy`] of the same name, where there is one.
pub trait Driven: Send + Sync + 'static {
    /// What is written here.
    type Write: Send + 'static;
    /// What subscribers are told.
    type Change: Clone + Send + 'static;

    /// An empty machine.
    fn new(config: Config, seed: u64) -> Self;
    /// Takes in a write of our own. Returns what it changes.
    ///
    /// # Errors
    ///
    /// It is over the cluster's limit, and nothing is changed.
    fn insert(&mut self, write: Self::Write) -> Result<Option<Self::Change>, TooLarge>;
    /// Takes in what was kept before a restart.
    ///
    /// # Errors
    ///
    /// It is no element of this machine, and nothing is changed.
    fn restore(&mut self, encoded: &[u8]) -> Result<bool, NotKept>;
    /// Where the log ends.
    fn end(&self) -> Place;
    /// What is to be kept of all that came since, but for what [`Step::Keep`] tells.
    fn since(&self, place: Place) -> Vec<Vec<u8>>;
    /// Adds a peer.
    fn add_peer(&mut self, peer: PeerId);
    /// Forgets a peer.
    fn remove_peer(&mut self, peer: &PeerId);
    /// Begins a round soon.
    fn sync_now(&mut self, peer: &PeerId);
    /// Notes whether the transport takes messages.
    fn set_writable(&mut self, peer: &PeerId, writable: bool);
    /// Pushes along this overlay.
    fn set_overlay(&mut self, overlay: Overlay<PeerId>);
    /// Takes in a message.
    ///
    /// # Errors
    ///
    /// The message is refused, and nothing but counters is changed.
    fn receive(&mut self, from: &PeerId, message: &[u8]) -> Result<(), Reject>;
    /// The next output.
    fn poll(&mut self, now: Time) -> Step<Self::Change>;
    /// The digest of what is held.
    fn digest(&self) -> Digest;
    /// What replicas of a cluster share.
    fn cluster_tag(&self) -> [u8; 4];
    /// What sets another cluster apart.
    fn difference(&self, cluster_tag: [u8; 4]) -> Option<Foreign>;
    /// The statistics.
    fn stats(&self) -> &Stats;
    /// The statistics about a peer.
    fn peer_stats(&self, peer: &PeerId) -> Option<PeerStats>;
}

/// An output of a [`Driven`] machine.
#[derive(Clone, Debug)]
#[must_use = "an output that is not acted on is lost"]
pub enum Step<C> {
    /// A message to send.
    Send {
        /// The peer to send it to.
        to: PeerId,
        /// The message.
        message: Vec<u8>,
    },
    /// Something that came from a peer.
    Change(C),
    /// An encoding to keep that [`Driven::since`] does not tell.
    Keep(Vec<u8>),
    /// A proof that this peer holds what we do.
    InSync {
        /// The peer.
        peer: PeerId,
        /// The digest of both.
        digest: Digest,
    },
    /// The peer does not answer.
    Unreachable(PeerId),
    /// It answers again.
    Reachable(PeerId),
    /// Nothing is due before.
    Wait(Option<Time>),
}

impl<E: Element + Send + Sync + 'static> Driven for AntiEntropy<PeerId, E> {
    type Write = E;
    type Change = Change<E>;

    fn new(config: Config, seed: u64) -> Self {
        Self::new(config, seed)
    }

    fn insert(&mut self, element: E) -> Result<Option<Change<E>>, TooLarge> {
        let change = Change { element: element.clone(), from: None };
        Ok(self.insert(element)?.then_some(change))
    }

    fn restore(&mut self, encoded: &[u8]) -> Result<bool, NotKept> {
        self.restore(encoded)
    }

    fn end(&self) -> Place {
        self.end()
    }

    fn since(&self, place: Place) -> Vec<Vec<u8>> {
        let encode = |element: &E| {
            let mut encoded = Vec::new();
            element.encode(&mut encoded);
            encoded
        };
        self.since(place).map(encode).collect()
    }

    fn add_peer(&mut self, peer: PeerId) {
        self.add_peer(peer);
    }

    fn remove_peer(&mut self, peer: &PeerId) {
        self.remove_peer(peer);
    }

    fn sync_now(&mut self, peer: &PeerId) {
        self.sync_now(peer);
    }

    fn set_writable(&mut self, peer: &PeerId, writable: bool) {
        self.set_writable(peer, writable);
    }

    fn set_overlay(&mut self, overlay: Overlay<PeerId>) {
        self.set_overlay(overlay);
    }

    fn receive(&mut self, from: &PeerId, message: &[u8]) -> Result<(), Reject> {
        self.receive_bytes(from, message)
    }

    fn poll(&mut self, now: Time) -> Step<Change<E>> {
        loop {
            return match self.poll(now) {
                Output::Send { to, message } => Step::Send { to, message: message.encode() },
                Output::Wait(until) => Step::Wait(until),
                Output::Event(Event::Learned { element, from }) => Step::Change(Change { element, from: Some(from) }),
                Output::Event(Event::Undecoded { encoded, .. }) => Step::Keep(encoded.into()),
                Output::Event(Event::InSync { peer, digest }) => Step::InSync { peer, digest },
                Output::Event(Event::Unreachable { peer }) => Step::Unreachable(peer),
                Output::Event(Event::Reachable { peer }) => Step::Reachable(peer),
                // Nothing is watched here, and nothing decoded anew.
                Output::Event(_) => continue,
            };
        }
    }

    fn digest(&self) -> Digest {
        self.digest()
    }

    fn cluster_tag(&self) -> [u8; 4] {
        self.cluster_tag()
    }

    fn difference(&self, cluster_tag: [u8; 4]) -> Option<Foreign> {
        self.difference(cluster_tag)
    }

    fn stats(&self) -> &Stats {
        self.stats()
    }

    fn peer_stats(&self, peer: &PeerId) -> Option<PeerStats> {
        self.peer_stats(peer)
    }
}
