//! The machine: messages in, messages out.

mod answer;
#[cfg(feature = "model")]
mod model;
mod overlay;
mod push;
mod receive;
mod request;
mod sketch;
mod spread;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::borrow::Borrow;
use core::fmt;
use core::time::Duration;

use crate::config::Config;
use crate::digest::Digest;
use crate::element::Element;
use crate::error::TooLarge;
use crate::event::{Event, Output};
use crate::peer::{FAILURES, Peer, Step, TRIES};
use crate::push::Dissemination;
use crate::rng::Rng;
use crate::set::Replica;
use crate::stats::{Ledger, PeerStats, Stats};
use crate::time::{Time, micros};

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
    replica: Replica<E>,
    /// Boxed, since half of the places in a map are empty, and a peer takes 1 KiB.
    peers: BTreeMap<P, Box<Peer>>,
    /// Peers with something to send, in turn. May name some twice, or some that are gone.
    ready: VecDeque<P>,
    /// The deadlines of rounds that await an answer.
    deadlines: BTreeSet<(Time, P)>,
    /// Until when peers whose budget is overdrawn wait for their turn.
    resting: BTreeSet<(Time, P)>,
    /// When chance begins the next round; `None` until the first poll with a peer.
    next_round: Option<Time>,
    /// What is pushed along an overlay, if anything.
    dissemination: Option<Box<Dissemination<P>>>,
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
            replica: Replica::new(&config),
            config,
            peers: BTreeMap::new(),
            ready: VecDeque::new(),
            deadlines: BTreeSet::new(),
            resting: BTreeSet::new(),
            next_round: None,
            dissemination: None,
            events: VecDeque::new(),
            rng: Rng::new(seed),
            now: Time::ZERO,
            stats: Stats::default(),
        }
    }

    /// Inserts an element of our own; whether it is new. No event tells of it. Expected O(1), amortized.
    ///
    /// # Errors
    ///
    /// An element over the cluster's limit is refused, and the set is unchanged.
    pub fn insert(&mut self, element: E) -> Result<bool, TooLarge> {
        let inserted = self.replica.insert(element);
        self.stats.state_bytes = self.replica.state().bytes;
        inserted
    }

    /// Inserts elements of our own, say after a restart; how many of them are new.
    ///
    /// # Errors
    ///
    /// Stops at the first element over the cluster's limit. Those before it are inserted; it and those after it are
    /// not.
    pub fn extend(&mut self, elements: impl IntoIterator<Item = E>) -> Result<usize, TooLarge> {
        elements.into_iter().try_fold(0, |new, element| Ok(new + usize::from(self.insert(element)?)))
    }

    /// Takes a peer in; whether it is new. Messages are taken from peers only.
    pub fn add_peer(&mut self, peer: P) -> bool {
        if self.peers.contains_key(&peer) {
            return false;
        }
        self.peers.insert(peer.clone(), Box::new(Peer::new()));
        self.place(&peer);
        true
    }

    /// Forgets a peer and drops what was under way with it; whether there was such a peer.
    pub fn remove_peer<Q>(&mut self, peer: &Q) -> bool
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let Some((name, gone)) = self.peers.remove_entry(peer) else { return false };
        self.ready.retain(|other| *other != name);
        if let (Some(dissemination), Some(link)) = (&mut self.dissemination, &gone.link) {
            dissemination.forget(&name, link);
        }
        if let Some(until) = gone.rests {
            self.resting.remove(&(until, name.clone()));
        }
        if let Some(deadline) = gone.round.and_then(|round| round.deadline) {
            self.deadlines.remove(&(deadline, name));
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
        let Some((name, _)) = self.peers.get_key_value(peer) else { return };
        let name = name.clone();
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.wanted = true;
            enqueue(&mut self.ready, &name, peer);
        }
    }

    /// The next output at `now`. Call it after input, and at the time that the last [`Output::Wait`] gave, until it
    /// gives `Wait`; extra calls are harmless. A clock that runs backwards counts as standing still. O(log peers)
    /// beside the message it builds; O(peers) while a round of chance is due.
    pub fn poll(&mut self, now: Time) -> Output<P, E> {
        self.now = self.now.max(now);
        loop {
            if let Some(event) = self.events.pop_front() {
                return Output::Event(event);
            }
            if self.expire() {
                continue;
            }
            self.wake();
            self.spread_in_time();
            self.begin_round_in_time();
            if !self.events.is_empty() {
                continue;
            }
            let Some(name) = self.ready.pop_front() else { break };
            if let Some(message) = self.next_message(&name) {
                return Output::Send { to: name, message };
            }
        }
        let deadline = self.deadlines.first().map(|&(deadline, _)| deadline);
        let rested = self.resting.first().map(|&(until, _)| until);
        let deadline = deadline.into_iter().chain(rested).chain(self.next_turn()).chain(self.spread_at()).min();
        Output::Wait(deadline.filter(|&deadline| deadline > self.now))
    }

    /// Ends the wait for one answer that is overdue; whether there was one.
    fn expire(&mut self) -> bool {
        let Some((_, name)) = self.deadlines.first().filter(|(deadline, _)| self.is_due(*deadline)).cloned() else {
            return false;
        };
        self.deadlines.pop_first();
        let Some(peer) = self.peers.get_mut(&name) else { return true };
        let Some(round) = &mut peer.round else { return true };
        round.deadline = None;
        round.retries += 1;
        if round.retries < TRIES {
            round.again();
            for ledger in [&mut peer.stats.ledger, &mut self.stats.total] {
                ledger.resent += 1;
            }
            enqueue(&mut self.ready, &name, peer);
            return true;
        }
        if let Step::Walk(walk) = &round.step {
            peer.resume = walk.cursor();
        }
        peer.pacing.failures = peer.pacing.failures.saturating_add(1);
        // Not exactly so long, or both sides of a cut would leave each other alone in step.
        let backoff = micros(peer.pacing.backoff(self.config.round_interval()));
        peer.pacing.next_round = self.now + self.rng.about(backoff);
        if peer.pacing.failures == FAILURES && peer.stats.reachable {
            peer.stats.reachable = false;
            self.events.push_back(Event::Unreachable { peer: name.clone() });
        }
        self.end_round(&name, false);
        self.lose(&name);
        true
    }

    /// Gives peers their turn whose budget is overdrawn no longer.
    fn wake(&mut self) {
        while let Some((_, name)) = self.resting.first().filter(|(until, _)| self.is_due(*until)).cloned() {
            self.resting.pop_first();
            let Some(peer) = self.peers.get_mut(&name) else { continue };
            peer.rests = None;
            enqueue(&mut self.ready, &name, peer);
        }
    }

    /// Lets a peer wait whom there is something to send to, if its budget is overdrawn; whether it is.
    fn rests(&mut self, name: &P) -> bool {
        let Some(peer) = self.peers.get_mut(name) else { return false };
        let until = peer.budget.overdrawn_until(self.now).filter(|_| peer.has_to_send());
        if until != peer.rests {
            if let Some(before) = peer.rests {
                self.resting.remove(&(before, name.clone()));
            }
            if let Some(until) = until {
                self.resting.insert((until, name.clone()));
            }
            let begins = u64::from(peer.rests.is_none());
            peer.rests = until;
            for ledger in [&mut peer.stats.ledger, &mut self.stats.total] {
                ledger.deferred += begins;
            }
        }
        until.is_some()
    }

    /// Charges a peer with work that was done for it.
    fn spend(&mut self, name: &P, work: u64) {
        let (per_second, now) = (self.config.work_rate(), self.now);
        let Some(peer) = self.peers.get_mut(name) else { return };
        peer.budget.spend(work, per_second, now);
        for ledger in [&mut peer.stats.ledger, &mut self.stats.total] {
            ledger.work += work;
        }
    }

    /// Ends our round with a peer and enters it in the books. A round that was wanted meanwhile has its turn.
    fn end_round(&mut self, name: &P, proven: bool) {
        let Some(peer) = self.peers.get_mut(name) else { return };
        let Some(round) = peer.round.take() else { return };
        peer.in_vain = if round.retries >= TRIES { peer.in_vain.saturating_add(1) } else { 0 };
        if let Some(deadline) = round.deadline {
            self.deadlines.remove(&(deadline, name.clone()));
        }
        if proven {
            peer.walked();
        } else if let Some(link) = &mut peer.link {
            // It leaves something undone.
            link.idle_at = link.idle_at.map(|at| at.min(self.now + self.config.round_interval()));
        }
        for ledger in [&mut peer.stats.ledger, &mut self.stats.total] {
            ledger.rounds += 1;
            ledger.round_bytes += round.cost;
            if proven {
                ledger.proofs += 1;
                ledger.full_state_bytes = ledger.full_state_bytes.saturating_add(round.full_state);
            }
        }
        if peer.wanted {
            enqueue(&mut self.ready, name, peer);
        }
        self.listen_again(name);
        self.reschedule(name);
    }

    /// Begins a round with a random peer if it is time to, and sets the time of the next.
    fn begin_round_in_time(&mut self) {
        if self.peers.is_empty() {
            self.next_round = None;
            return;
        }
        if self.dissemination.as_ref().is_some_and(|dissemination| !dissemination.leaves_to_repair()) {
            return;
        }
        let interval = micros(self.config.round_interval());
        let Some(due) = self.next_round else {
            // The first rounds of replicas that start together spread over an interval.
            let wait = 1 + self.rng.below(interval);
            self.next_round = Some(self.now + Duration::from_micros(wait));
            return;
        };
        if !self.is_due(due) {
            return;
        }
        let now = self.now;
        let orphan = self.dissemination.as_ref().is_none_or(|dissemination| dissemination.is_orphan());
        let idle = |peer: &Peer| peer.is_idle() && (orphan || peer.is_lost()) && peer.pacing.next_round <= now;
        let count = self.peers.values().filter(|peer| idle(peer)).count();
        if count == 0 {
            // It stays due: whoever is idle first has the round.
            return;
        }
        self.next_round = Some(self.now + self.rng.about(interval));
        let chosen = usize::try_from(self.rng.below(count as u64)).unwrap_or(0);
        let Some(name) = self.peers.iter().filter(|(_, peer)| idle(peer)).map(|(name, _)| name).nth(chosen) else {
            return;
        };
        let name = name.clone();
        self.sync_now(&name);
    }

    /// When chance can begin a round: when the next is due or, if it is overdue because everybody is busy or left
    /// alone, when the first has been left alone for long enough. To wake before would be for nothing.
    fn next_turn(&self) -> Option<Time> {
        if self.dissemination.as_ref().is_some_and(|dissemination| !dissemination.leaves_to_repair()) {
            return None;
        }
        let due = self.next_round?;
        if !self.is_due(due) {
            return Some(due);
        }
        let orphan = self.dissemination.as_ref().is_none_or(|dissemination| dissemination.is_orphan());
        self.peers
            .values()
            .filter(|peer| peer.is_idle() && (orphan || peer.is_lost()))
            .map(|peer| peer.pacing.next_round)
            .min()
    }

    /// The books about a peer: its own, and those about all.
    fn ledgers<'a>(&'a mut self, name: &P) -> impl Iterator<Item = &'a mut Ledger> {
        let own = self.peers.get_mut(name).map(|peer| &mut peer.stats.ledger);
        own.into_iter().chain([&mut self.stats.total])
    }

    /// Whether this time has come. The last there is never does, so that a deadline can always be later than now.
    fn is_due(&self, time: Time) -> bool {
        time <= self.now && time < Time::MAX
    }

    /// Whether this element is held.
    pub fn contains(&self, element: &E) -> bool {
        self.replica.contains(element)
    }

    /// How many elements are held.
    pub fn len(&self) -> usize {
        self.replica.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements held, in the order of their ids: the same on all replicas that hold the same.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.replica.iter()
    }

    /// The digest of what is held. O(1).
    pub fn digest(&self) -> Digest {
        self.replica.digest()
    }

    /// The configuration given to [`new`](Self::new).
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The peers, in their order.
    pub fn peers(&self) -> impl Iterator<Item = &P> {
        self.peers.keys()
    }

    /// The statistics.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The statistics about one peer.
    pub fn peer_stats<Q>(&self, peer: &Q) -> Option<&PeerStats>
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.peers.get(peer).map(|peer| &peer.stats)
    }
}

/// Gives a peer a turn to send, unless it waits for one.
fn enqueue<P: Clone>(ready: &mut VecDeque<P>, name: &P, peer: &mut Peer) {
    if !peer.queued {
        peer.queued = true;
        ready.push_back(name.clone());
    }
}

impl<P: fmt::Debug, E> fmt::Debug for AntiEntropy<P, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AntiEntropy")
            .field("digest", &self.replica.digest())
            .field("peers", &self.peers.keys())
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}
