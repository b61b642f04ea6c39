//! `AntiEntropy`: a replicated set that only grows.

mod undecoded;

use core::fmt;

use crate::config::Config;
use crate::element::{Element, StoredRef};
use crate::error::TooLarge;
use crate::machine::Engine;
use crate::set::Set;
use crate::wire::Place;

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
pub type AntiEntropy<P, E> = Engine<P, Set<E>>;

impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
    /// An empty replica without peers. Give every replica another `seed`: it sets nonces, jitter and the choice of
    /// peers.
    pub fn new(config: Config, seed: u64) -> Self {
        Self::over(Set::new(&config), config, seed)
    }

    /// Inserts an element of our own. Returns whether it is new. Expected O(1), amortized.
    ///
    /// No event reports it. Who treats what is written here and what came from peers in one place asks the log, which has
    /// both: [`since`](Self::since).
    ///
    /// The element stands before [`end`](Self::end) then, so a peer that [has reached](Self::watch) that place holds it.
    ///
    /// # Errors
    ///
    /// An element over the cluster's limit is refused, and the set is unchanged.
    pub fn insert(&mut self, element: E) -> Result<bool, TooLarge> {
        self.write(|set| set.insert(element))
    }

    /// Whether an element is within the cluster's limit, so that [`insert`](Self::insert) takes it: for whoever answers a client
    /// before the element gets here. O(its length).
    ///
    /// # Errors
    ///
    /// As of [`insert`](Self::insert).
    ///
    /// ```
    /// use gossip_core::{AntiEntropy, Config, TooLarge};
    ///
    /// let machine = AntiEntropy::<&str, String>::new(Config::default(), 1);
    /// assert_eq!(machine.fits(&"short".into()), Ok(()));
    /// assert_eq!(machine.fits(&"x".repeat(2_000)), Err(TooLarge { len: 2_002, limit: 1_024 }));
    /// ```
    pub fn fits(&self, element: &E) -> Result<(), TooLarge> {
        self.set.check(element)
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

    /// Whether this element is held, decoded or not.
    pub fn contains(&self, element: &E) -> bool {
        self.set.contains(element)
    }

    /// How many elements are held, [undecoded](Self::undecoded) ones included.
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether no element is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements held, in the order of their ids: the same on all replicas that hold the same and decode it. Undecoded
    /// ones are passed over.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.set.iter()
    }

    /// The place at which the log ends now; the next element stands behind it.
    pub fn end(&self) -> Place {
        self.set.end()
    }

    /// The elements behind a place of the log, in the order in which they came: both those inserted here and those
    /// learned from peers, whether or not an event has reported them. Undecoded ones are passed over. O(1) before the first
    /// element and O(1) for each.
    ///
    /// A service saves these, and it saves them before it sends: an element is on its way to peers once
    /// [`poll`](Self::poll) gives a message. It shows them to its users likewise, whoever has written them.
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
        self.set.since(place).filter_map(StoredRef::value)
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
        let Some(mut turn) = self.turn(peer) else { return false };
        turn.peer.watch(place);
        turn.report_reached();
        true
    }
}

impl<P: fmt::Debug, E> fmt::Debug for AntiEntropy<P, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.summarize("AntiEntropy", self.set.digest(), f)
    }
}
