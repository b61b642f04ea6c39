//! The machine: messages in, messages out.

mod chance;
#[cfg(feature = "model")]
mod model;
#[cfg(test)]
pub(crate) mod tests;
mod undecoded;
mod view;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::collections::btree_map::{BTreeMap, Entry};
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::ops::Bound;

use crate::agenda::Agenda;
use crate::config::Config;
use crate::element::Element;
use crate::error::{Reject, TooLarge};
use crate::event::{Event, Output};
use crate::message::{LogId, Message, MessageKind};
use crate::peer::{Peer, Task, Turn};
use crate::push::{Overlay, Pusher};
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

    /// Adds a peer. Returns whether it is new. Messages are accepted from peers only.
    pub fn add_peer(&mut self, peer: P) -> bool {
        let Entry::Vacant(vacant) = self.peers.entry(peer.clone()) else { return false };
        vacant.insert(Box::new(Peer::new()));
        self.reconsider();
        if let Some(pusher) = &mut self.pusher {
            pusher.add(peer.clone());
        }
        // The overlay may have named this peer before it was added: only now can it get its standing.
        self.settle([peer]);
        true
    }

    /// Forgets a peer and drops what was under way with it. Returns whether there was such a peer.
    pub fn remove_peer<Q>(&mut self, peer: &Q) -> bool
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let Some((id, mut gone)) = self.peers.remove_entry(peer) else { return false };
        // A key left in the agenda or the pusher would wake the machine for a peer that is not there (law 7).
        self.agenda.remove(&id, gone.deadlines());
        if let Some(pusher) = &mut self.pusher {
            pusher.remove(&id, self.set.end());
        }
        true
    }

    /// Begins a round with this peer at the next poll, however long it has been silent; after the one under way, if
    /// there is one, and once its [budget](Config::work_per_second) allows. Nothing happens if it is no peer.
    pub fn sync_now<Q>(&mut self, peer: &Q)
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        if let Some(mut turn) = self.turn(peer) {
            turn.want_round();
        }
    }

    /// Pushes fresh elements along this overlay from now on, if [`Config::batch_every`](crate::Config::batch_every) is
    /// set; else nothing happens. The overlay may name peers that are added later; names that are no peers are skipped.
    /// Call it again when the cluster's members change: what is known about the links stays.
    pub fn set_overlay(&mut self, overlay: Overlay<P>) {
        let Some(every) = self.config.batch_interval() else { return };
        let peers: Vec<P> = self.peers.keys().cloned().collect();
        match &mut self.pusher {
            // What is set already changes nothing: no link is to be settled, and no silence counts anew.
            Some(pusher) if pusher.has_overlay(&overlay) => return,
            Some(pusher) => pusher.set_overlay(overlay),
            None => {
                // A log id lives as long as this machine does: after a restart peers must not take what they were
                // acknowledged before for acknowledged now.
                let mut pusher = Pusher::new(every, overlay, LogId::by_chance(self.rng.next_u32()));
                peers.iter().for_each(|peer| pusher.add(peer.clone()));
                self.pusher = Some(Box::new(pusher));
            }
        }
        self.settle(peers);
    }

    /// Gives peers their standing in the overlay, if there is one.
    fn settle(&mut self, peers: impl IntoIterator<Item = P>) {
        for peer in peers {
            if let Some(mut turn) = self.turn(&peer) {
                turn.settle();
            }
        }
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
    pub(crate) fn turn<Q>(&mut self, peer: &Q) -> Option<Turn<'_, P, E>>
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        // A range of one, since that lends the key too.
        let (id, peer) = self.peers.range_mut((Bound::Included(peer), Bound::Included(peer))).next()?;
        Some(Turn {
            id,
            peer,
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

    /// Asks for one [`Event::Reached`] once this peer is known to hold our log up to `place`, be that already so or never.
    /// Returns whether it is a peer. Removing the peer takes the question back. O(log n) in the places asked about.
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
