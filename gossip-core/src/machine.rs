//! The machine: messages in, messages out.

mod chance;
mod choose;
mod engine;
#[cfg(feature = "model")]
mod model;
#[cfg(test)]
pub(crate) mod tests;
mod undecoded;

use core::borrow::Borrow;
use core::fmt;

use crate::config::Config;
use crate::digest::Digest;
use crate::element::{ClusterTag, Element, StoredRef};
use crate::error::{Foreign, Reject, TooLarge};
use crate::event::Output;
use crate::message::Message;
use crate::push::Overlay;
use crate::set::Set;
use crate::stats::{PeerStats, Stats};
use crate::time::Time;
use crate::wire::Place;

pub(crate) use engine::Engine;
#[cfg(feature = "model")]
pub use model::ModelState;

/// A replica of a grow-only set that repairs itself with its peers: a state machine without IO, threads, clock or
/// global randomness.
///
/// Inputs are [`insert`](Self::insert), [`receive`](Self::receive) and the time that [`poll`](Self::poll) is told; all
/// output comes from `poll`. Equal seeds and inputs give equal outputs. `P` is whatever the embedder knows peers by.
///
/// ```
/// use gossip_core::{AntiEntropy, Config, Event, Output, Time};
///
/// let mut left = AntiEntropy::<&str, u64>::new(Config::default(), 1);
/// let mut right = AntiEntropy::<&str, u64>::new(Config::default(), 2);
/// left.extend([1, 2, 3]).unwrap();
/// right.extend([3, 4]).unwrap();
/// left.add_peer("right");
/// right.add_peer("left");
/// left.sync_now(&"right");
///
/// // A transport would carry the messages; here each goes straight into the other machine.
/// let mut proofs = 0;
/// for _ in 0..10 {
///     carry(&mut left, &mut right, "left", &mut proofs);
///     carry(&mut right, &mut left, "right", &mut proofs);
/// }
/// assert_eq!((left.digest(), left.len(), proofs), (right.digest(), 4, 2));
///
/// type Machine = AntiEntropy<&'static str, u64>;
/// fn carry(machine: &mut Machine, other: &mut Machine, name: &'static str, proofs: &mut u32) {
///     loop {
///         match machine.poll(Time::ZERO) {
///             Output::Send { message, .. } => other.receive(&name, message).unwrap(),
///             Output::Event(Event::InSync { .. }) => *proofs += 1,
///             Output::Event(_) => {}
///             Output::Wait(_) => break,
///         }
///     }
/// }
/// ```
#[derive(Clone)]
pub struct AntiEntropy<P, E> {
    engine: Engine<P, E, Set<E>>,
}

impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
    /// An empty replica without peers. Give every replica another `seed`: it sets nonces, jitter and the choice of
    /// peers.
    pub fn new(config: Config, seed: u64) -> Self {
        Self { engine: Engine::new(Set::new(&config), config, seed) }
    }

    /// Inserts an element of our own. Returns whether it is new. No event reports it. Expected O(1), amortized.
    ///
    /// The element stands before [`end`](Self::end) then, so a peer that [has reached](Self::watch) that place holds it.
    ///
    /// # Errors
    ///
    /// An element over the cluster's limit is refused, and the set is unchanged.
    pub fn insert(&mut self, element: E) -> Result<bool, TooLarge> {
        let inserted = self.engine.set.insert(element);
        // `stats` lends its counters, so this one is kept as the set grows and not summed when it is read.
        self.engine.stats.state_bytes = self.engine.set.state().bytes;
        inserted
    }

    /// Inserts elements of our own, say after a restart. Returns how many of them are new.
    ///
    /// # Errors
    ///
    /// Stops at the first element over the cluster's limit. Those before it are inserted; it and those after it are
    /// not.
    pub fn extend(&mut self, elements: impl IntoIterator<Item = E>) -> Result<usize, TooLarge> {
        elements.into_iter().try_fold(0, |new, element| Ok(new + usize::from(self.insert(element)?)))
    }

    /// Adds a peer. Returns whether it is new. Messages are accepted from peers only.
    pub fn add_peer(&mut self, peer: P) -> bool {
        self.engine.add_peer(peer)
    }

    /// Forgets a peer and drops what was under way with it. Returns whether there was such a peer.
    pub fn remove_peer<Q>(&mut self, peer: &Q) -> bool
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.engine.remove_peer(peer)
    }

    /// Begins a round with this peer at the next poll, however long it has been silent; after the one under way, if
    /// there is one, and once its [budget](Config::work_per_second) allows. Nothing happens if it is no peer.
    pub fn sync_now<Q>(&mut self, peer: &Q)
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.engine.sync_now(peer);
    }

    /// Notes whether the transport to this peer takes messages now. A runtime says `false` when its queue for the peer is
    /// full and `true` when there is room again. Nothing happens if it is no peer.
    ///
    /// Until then [`poll`](Self::poll) gives no message for the peer, and its timers stand still. What is owed to it is
    /// kept as a cursor and built from what is held by then, so that nothing is made to wait in a queue or to be dropped.
    /// Of a transport that drops what it cannot send this need not be said: losses are made up for.
    ///
    /// A connection that is lost is not full. Say that it is writable and drop what comes: so a peer that is gone is
    /// found [unreachable](crate::Event::Unreachable), and others take its part in an overlay.
    ///
    /// ```
    /// use gossip_core::{AntiEntropy, Config, Output, Time};
    ///
    /// let mut machine = AntiEntropy::<&str, u64>::new(Config::default(), 1);
    /// machine.add_peer("peer");
    /// machine.set_writable(&"peer", false);
    /// machine.sync_now(&"peer");
    /// assert!(matches!(machine.poll(Time::ZERO), Output::Wait(_)));
    /// machine.set_writable(&"peer", true);
    /// assert!(matches!(machine.poll(Time::ZERO), Output::Send { to: "peer", .. }));
    /// ```
    pub fn set_writable<Q>(&mut self, peer: &Q, writable: bool)
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.engine.set_writable(peer, writable);
    }

    /// Pushes fresh elements along this overlay from now on, if [`Config::batch_every`](crate::Config::batch_every) is
    /// set; else nothing happens. The overlay may name peers that are added later; names that are no peers are skipped.
    /// Call it again when the cluster's members change: what is known about the links stays.
    pub fn set_overlay(&mut self, overlay: Overlay<P>) {
        self.engine.set_overlay(overlay);
    }

    /// Takes in one message. Its elements are merged at once; answers come from [`poll`](Self::poll), built from what
    /// is held by then. Expected O(elements in the message).
    ///
    /// It takes no time: whatever depends on the time of arrival, the next `poll` computes from the time it is given.
    /// So time has one entrance, and an embedder's clocks for messages and for polls cannot disagree.
    ///
    /// # Errors
    ///
    /// A message from a stranger, from another cluster, or with an invalid element. It leaves all but the counters
    /// unchanged.
    pub fn receive(&mut self, from: &P, message: Message<E>) -> Result<(), Reject> {
        self.engine.receive(from, message)
    }

    /// Decodes one message and takes it in. O(its length).
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive), and bytes that are no message.
    pub fn receive_bytes(&mut self, from: &P, bytes: &[u8]) -> Result<(), Reject> {
        self.engine.receive_bytes(from, bytes)
    }

    /// The next output at `now`. Call it after input, and at the time that the last [`Output::Wait`] gave, until it
    /// gives `Wait`; extra calls are harmless. A clock that runs backwards counts as standing still. O(log peers)
    /// beside the message it builds; O(peers) when a round of chance begins.
    pub fn poll(&mut self, now: Time) -> Output<P, E> {
        self.engine.poll(now)
    }

    /// Whether this element is held, decoded or not.
    pub fn contains(&self, element: &E) -> bool {
        self.engine.set.contains(element)
    }

    /// How many elements are held, [undecoded](Self::undecoded) ones included.
    pub fn len(&self) -> usize {
        self.engine.set.len()
    }

    /// Whether no element is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements held, in the order of their ids: the same on all replicas that hold the same and decode it. Undecoded
    /// ones are passed over.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.engine.set.iter()
    }

    /// The place at which the log ends now; the next element stands behind it.
    pub fn end(&self) -> Place {
        self.engine.set.end()
    }

    /// The elements behind a place of the log, in the order in which they came: both those inserted here and those
    /// learned from peers, whether or not an event has reported them. Undecoded ones are passed over. O(1) before the first
    /// element and O(1) for each.
    ///
    /// A service saves these, and it saves them before it sends: an element is on its way to peers once
    /// [`poll`](Self::poll) gives a message.
    ///
    /// ```
    /// use gossip_core::{AntiEntropy, Config, Place};
    ///
    /// let mut machine = AntiEntropy::<&str, u64>::new(Config::default(), 1);
    /// let mut file: Vec<u64> = vec![]; // and sync it after each write
    /// machine.extend([3, 1]).unwrap();
    /// file.extend(machine.since(Place::START));
    /// let saved = machine.end();
    /// machine.insert(2).unwrap();
    /// file.extend(machine.since(saved));
    /// assert_eq!(file, [3, 1, 2]);
    /// assert!(machine.since(Place::START).eq(&[3, 1, 2]));
    /// ```
    pub fn since(&self, place: Place) -> impl Iterator<Item = &E> {
        self.engine.set.since(place).filter_map(StoredRef::value)
    }

    /// The digest of what is held. O(1).
    pub fn digest(&self) -> Digest {
        self.engine.set.digest()
    }

    /// What replicas of one cluster share, in four bytes: the key, the type and the limit of elements. Requests have it.
    pub fn cluster_tag(&self) -> [u8; 4] {
        self.engine.set.tag().bytes()
    }

    /// What sets a cluster with this [tag](Self::cluster_tag) apart from ours; `None` if nothing does, as far as four bytes
    /// can tell. For a runtime that wants to say so before it lets a connection in.
    pub fn difference(&self, cluster_tag: [u8; 4]) -> Option<Foreign> {
        self.engine.set.tag().difference(ClusterTag::from_bytes(cluster_tag))
    }

    /// The configuration given to [`new`](Self::new).
    pub fn config(&self) -> &Config {
        &self.engine.config
    }

    /// The peers, in their order.
    pub fn peers(&self) -> impl Iterator<Item = &P> {
        self.engine.peers()
    }

    /// Asks for one [`Event::Reached`](crate::Event::Reached) once this peer is known to hold our log up to `place`, be that
    /// already so or never. Returns whether it is a peer. Removing the peer takes the question back. O(log n) in the places asked about.
    ///
    /// ```
    /// use gossip_core::{AntiEntropy, Config, Event, Output, Time};
    ///
    /// let mut machines = [1, 2].map(|seed| AntiEntropy::<usize, u64>::new(Config::default(), seed));
    /// machines.iter_mut().zip([1, 0]).for_each(|(machine, peer)| _ = machine.add_peer(peer));
    /// machines[0].insert(7).unwrap();
    /// let place = machines[0].end();
    /// assert!(machines[0].watch(&1, place)); // is the 7 at two replicas?
    /// assert_eq!(machines[0].peer_stats(&1).unwrap().lag, 1);
    /// machines[0].sync_now(&1);
    /// let mut reached = vec![];
    /// for at in [0, 1].repeat(4) {
    ///     loop {
    ///         match machines[at].poll(Time::ZERO) {
    ///             Output::Send { to, message } => _ = machines[to].receive(&at, message).unwrap(),
    ///             Output::Event(Event::Reached { peer, place }) => reached.push((peer, place)),
    ///             Output::Event(_) => {}
    ///             Output::Wait(_) => break,
    ///         }
    ///     }
    /// }
    /// assert_eq!(reached, [(1, place)]);
    /// assert_eq!(machines[0].peer_stats(&1).unwrap().lag, 0);
    /// ```
    pub fn watch(&mut self, peer: &P, place: Place) -> bool {
        self.engine.watch(peer, place)
    }

    /// The statistics.
    pub fn stats(&self) -> &Stats {
        &self.engine.stats
    }

    /// The statistics about one peer.
    pub fn peer_stats<Q>(&self, peer: &Q) -> Option<PeerStats>
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.engine.peer_stats(peer)
    }
}

impl<P: fmt::Debug, E> fmt::Debug for AntiEntropy<P, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A summary: a set may hold millions of elements, and `E` need not be `Debug`.
        f.debug_struct("AntiEntropy")
            .field("digest", &self.engine.set.digest())
            .field("peers", &self.engine.peers.keys())
            .field("now", &self.engine.now)
            .finish_non_exhaustive()
    }
}
