//! The machine: messages in, messages out.

mod chance;
#[cfg(feature = "model")]
mod model;
mod peers;
#[cfg(test)]
pub(crate) mod tests;
mod undecoded;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use core::fmt;

use crate::agenda::Agenda;
use crate::config::Config;
use crate::digest::Digest;
use crate::element::{ClusterTag, Element, StoredRef};
use crate::error::{Foreign, Reject, TooLarge};
use crate::event::{Event, Output};
use crate::message::{Message, MessageKind};
use crate::peer::{Peer, Task, Turn};
use crate::push::Pusher;
use crate::rng::Rng;
use crate::set::Set;
use crate::stats::Stats;
use crate::time::Time;
use crate::wire::Place;

use chance::Chance;
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
    config: Config,
    set: Set<E>,
    /// Boxed, since half of the slots of a map's nodes are empty and a peer takes 1 KiB: a thousand replicas that all
    /// know each other take 1.1 GB instead of 3.9.
    peers: BTreeMap<P, Box<Peer>>,
    /// Which peers have something to send, and when their waits end.
    agenda: Agenda<P>,
    /// When the next round by chance begins.
    chance: Chance<P>,
    /// The second machine, which pushes along an overlay; `None` until an overlay is set.
    pusher: Option<Box<Pusher<P>>>,
    events: VecDeque<Event<P, E>>,
    rng: Rng,
    /// The latest time polled at.
    now: Time,
    stats: Stats,
}

impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
    /// An empty replica without peers. Give every replica another `seed`: it sets nonces, jitter and the choice of
    /// peers.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            set: Set::new(&config),
            config,
            peers: BTreeMap::new(),
            agenda: Agenda::new(),
            chance: Chance::default(),
            pusher: None,
            events: VecDeque::new(),
            rng: Rng::new(seed),
            now: Time::ZERO,
            stats: Stats::default(),
        }
    }

    /// Inserts an element of our own. Returns whether it is new. No event reports it. Expected O(1), amortized.
    ///
    /// The element stands before [`end`](Self::end) then, so a peer that [has reached](Self::watch) that place holds it.
    ///
    /// # Errors
    ///
    /// An element over the cluster's limit is refused, and the set is unchanged.
    pub fn insert(&mut self, element: E) -> Result<bool, TooLarge> {
        let inserted = self.set.insert(element);
        // `stats` lends its counters, so this one is kept as the set grows and not summed when it is read.
        self.stats.state_bytes = self.set.state().bytes;
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
        // All rounds share room for cells, and a turn sees one peer. The others are summed up here, O(peers), only where
        // cells can make a round ask for more.
        let counts = message.kind() == MessageKind::Cells && self.turn(from).is_some_and(|turn| turn.peer.has_round());
        let peers = counts.then(|| self.peers.values()).into_iter().flatten();
        let under_way: usize = peers.map(|peer| peer.cells_under_way()).sum();
        let Some(mut turn) = self.turn(from) else { return Err(self.refuse_stranger()) };
        turn.cells_elsewhere = under_way.saturating_sub(turn.peer.cells_under_way());
        if turn.receive(message)? {
            // The end of a cut frees several peers at once, and each may be backing off for up to ten rounds: chance
            // may choose any of them now.
            self.peers.values_mut().for_each(|peer| peer.try_again(self.now));
            self.reconsider();
        }
        Ok(())
    }

    /// Decodes one message and takes it in. O(its length).
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive), and bytes that are no message.
    pub fn receive_bytes(&mut self, from: &P, bytes: &[u8]) -> Result<(), Reject> {
        match Message::decode(bytes) {
            Ok(message) => self.receive(from, message),
            Err(flaw) => match self.turn(from) {
                Some(mut turn) => Err(turn.refuse(flaw.into())),
                None => Err(self.refuse_stranger()),
            },
        }
    }

    const fn refuse_stranger(&mut self) -> Reject {
        self.stats.from_strangers += 1;
        Reject::UnknownPeer
    }

    /// The next output at `now`. Call it after input, and at the time that the last [`Output::Wait`] gave, until it
    /// gives `Wait`; extra calls are harmless. A clock that runs backwards counts as standing still. O(log peers)
    /// beside the message it builds; O(peers) when a round of chance begins.
    pub fn poll(&mut self, now: Time) -> Output<P, E> {
        self.now = self.now.max(now);
        loop {
            // Events first, and whole before the next message: an element is reported before it is passed on.
            if let Some(event) = self.events.pop_front() {
                return Output::Event(event);
            }
            let Some((peer, task)) = self.next_task() else { break };
            // Most tasks send nothing (a timeout that ends a round, a peer that rests), so the next one is looked for.
            if let Some(message) = self.turn(&peer).and_then(|mut turn| turn.perform(task)) {
                return Output::Send { to: peer, message };
            }
        }
        self.pusher.iter_mut().for_each(|pusher| pusher.on_wait());
        // At the last instant there is, nothing is due any more and no deadline can be later.
        Output::Wait(self.deadline().filter(|&deadline| deadline > self.now))
    }

    /// The next task and its peer: what a deadline has brought comes before what waits in a queue.
    fn next_task(&mut self) -> Option<(P, Task)> {
        let now = self.now;
        // Timeouts first, since they decide what there is to send: a request goes out again, or its round is over.
        if let Some(peer) = self.agenda.answers.due(now) {
            return Some((peer.clone(), Task::TimeOut));
        }
        if let Some(peer) = self.agenda.rests.due(now) {
            return Some((peer.clone(), Task::Rested));
        }
        if self.agenda.long_sketch.take_if(|until| *until <= now).is_some() {
            self.set.shorten();
        }
        if let Some(pusher) = &mut self.pusher {
            // Before any turn is taken: what was inserted since the last poll is born now, and may be due at once.
            pusher.stamp(self.set.end(), now);
        }
        // Arrivals get their time before links act: they move the parent's phase and the links' deadlines.
        if let Some(peer) = self.agenda.untimed.pop() {
            return Some((peer, Task::Time));
        }
        if let Some((peer, task)) = self.pusher.as_mut().and_then(|pusher| pusher.next_task(now)) {
            return Some((peer, Task::Push(task)));
        }
        if let Some(peer) = self.choose() {
            return Some((peer, Task::Begin));
        }
        self.agenda.ready.pop().map(|peer| (peer, Task::Send))
    }

    /// The first deadline of the agenda, of chance and of the pusher.
    fn deadline(&self) -> Option<Time> {
        let push = self.pusher.as_ref().and_then(|pusher| pusher.deadline());
        [self.agenda.deadline(), self.next_choice(), push].into_iter().flatten().min()
    }

    /// Looks up a peer, once, and lends it with all that may be touched on its behalf.
    pub(crate) fn turn<'a>(&'a mut self, id: &'a P) -> Option<Turn<'a, P, E>> {
        Some(Turn {
            id,
            peer: self.peers.get_mut(id)?,
            hand: self.pusher.as_mut().and_then(|pusher| pusher.hand(id)),
            set: &mut self.set,
            config: &self.config,
            rng: &mut self.rng,
            now: self.now,
            agenda: self.agenda.touch(id),
            events: &mut self.events,
            stats: &mut self.stats,
            // Only cells that arrive lead to requests for more, and `receive` counts then.
            cells_elsewhere: 0,
        })
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
        self.set.since(place).filter_map(StoredRef::value)
    }

    /// The digest of what is held. O(1).
    pub fn digest(&self) -> Digest {
        self.set.digest()
    }

    /// What replicas of one cluster share, in four bytes: the key, the type and the limit of elements. Requests have it.
    pub fn cluster_tag(&self) -> [u8; 4] {
        self.set.tag().bytes()
    }

    /// What sets a cluster with this [tag](Self::cluster_tag) apart from ours; `None` if nothing does, as far as four bytes
    /// can tell. For a runtime that wants to say so before it lets a connection in.
    pub fn difference(&self, cluster_tag: [u8; 4]) -> Option<Foreign> {
        self.set.tag().difference(ClusterTag::from_bytes(cluster_tag))
    }

    /// The configuration given to [`new`](Self::new).
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The statistics.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }
}

impl<P: fmt::Debug, E> fmt::Debug for AntiEntropy<P, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A summary: a set may hold millions of elements, and `E` need not be `Debug`.
        f.debug_struct("AntiEntropy")
            .field("digest", &self.set.digest())
            .field("peers", &self.peers.keys())
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}
