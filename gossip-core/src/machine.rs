//! `Engine`: messages in, messages out, over any kind of set.

mod chance;
mod choose;
mod drive;
mod flush;
#[cfg(feature = "model")]
mod model;
#[cfg(test)]
pub(crate) mod tests;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::collections::btree_map::{BTreeMap, Entry};
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;
use core::ops::Bound;

use crate::agenda::Agenda;
use crate::config::Config;
use crate::digest::Digest;
use crate::element::{ClusterTag, Foreign};
use crate::error::Reject;
use crate::event::{Event, Output};
use crate::kind::{Content, Kind};
use crate::message::{LogId, Message, MessageKind};
use crate::peer::{Peer, Task, Turn};
use crate::push::{Overlay, Pusher};
use crate::rng::Rng;
use crate::stats::{PeerStats, Stats};
use crate::time::Time;

use chance::Chance;
#[cfg(feature = "model")]
pub use model::ModelState;

/// The machine of a replica, over whichever kind of set: what [`AntiEntropy`](crate::AntiEntropy) and
/// [`Map`](crate::Map), its two names, have in common.
///
/// A service says `AntiEntropy` or `Map`. What serves both, say a transport, is written over `Engine<P, S>` for any
/// [`Kind`]:
///
/// ```
/// use core::time::Duration;
/// use gossip_core::{AntiEntropy, Config, Engine, Kind};
///
/// /// A turn of a transport: takes in what came, and sends what is due. Returns for how long nothing will be.
/// fn turn<P: Clone + Ord, S: Kind>(
///     engine: &mut Engine<P, S>,
///     elapsed: Duration,
///     came: impl IntoIterator<Item = (P, Vec<u8>)>,
///     mut send: impl FnMut(P, Vec<u8>),
/// ) -> Duration {
///     for (from, bytes) in came {
///         let _ = engine.receive_bytes(&from, &bytes); // what is refused changes nothing
///     }
///     engine.drive(elapsed, |_, to, message| send(to, message.encode()), |_, _| {})
/// }
///
/// let mut machine = AntiEntropy::<&str, u64>::new(Config::default(), 1);
/// machine.add_peer("peer");
/// machine.sync_now(&"peer");
/// let mut sent = vec![];
/// turn(&mut machine, Duration::ZERO, [], |to, bytes| sent.push((to, bytes.len())));
/// assert_eq!(sent, [("peer", 26)]);
/// ```
#[derive(Clone)]
pub struct Engine<P, S: Content> {
    pub(crate) config: Config,
    pub(crate) set: S,
    /// Boxed, since half of the slots of a map's nodes are empty and a peer takes 1 KiB: a thousand replicas that all
    /// know each other take 1.1 GB instead of 3.9.
    peers: BTreeMap<P, Box<Peer>>,
    /// Which peers have something to send, and when their waits end.
    agenda: Agenda<P>,
    /// When the next round by chance begins.
    chance: Chance<P>,
    /// The second machine, which pushes along an overlay; `None` until an overlay is set.
    pusher: Option<Box<Pusher<P>>>,
    pub(crate) events: VecDeque<Event<P, S::Element>>,
    rng: Rng,
    /// The latest time polled at.
    now: Time,
    stats: Stats,
}

impl<P: Clone + Ord, S: Kind> Engine<P, S> {
    /// The machine of a set, without peers.
    pub(crate) fn over(set: S, config: Config, seed: u64) -> Self {
        let stats = Stats { state_bytes: set.state().bytes, ..Stats::default() };
        Self {
            set,
            config,
            peers: BTreeMap::new(),
            agenda: Agenda::new(),
            chance: Chance::default(),
            pusher: None,
            events: VecDeque::new(),
            rng: Rng::new(seed),
            now: Time::ZERO,
            stats,
        }
    }

    /// Changes the set by a write of our own.
    pub(crate) fn write<R>(&mut self, change: impl FnOnce(&mut S) -> R) -> R {
        let result = change(&mut self.set);
        // `stats` lends its counters, so this one is kept as the set changes and not summed when it is read.
        self.stats.state_bytes = self.set.state().bytes;
        result
    }

    /// Adds a peer. Returns whether it is new. Messages are accepted from peers only.
    pub fn add_peer(&mut self, peer: P) -> bool {
        let Entry::Vacant(vacant) = self.peers.entry(peer.clone()) else { return false };
        vacant.insert(Box::new(Peer::new(self.config.window)));
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
        let (deadlines, pass) = gone.entries();
        self.agenda.remove(&id, deadlines, pass);
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
        if let Some(mut turn) = self.turn(peer) {
            turn.set_writable(writable);
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
    pub fn receive(&mut self, from: &P, message: Message<S::Element>) -> Result<(), Reject> {
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

    /// The next output at `now`; [`drive`](Self::drive) takes all there are. Call it after input, and at the time that the last
    /// [`Output::Wait`] gave, until it gives `Wait`; extra calls are harmless. A clock that runs backwards counts as standing
    /// still. O(log peers) beside the message it builds; O(peers) when a round of chance begins.
    pub fn poll(&mut self, now: Time) -> Output<P, S::Element, S::Event<P>> {
        self.now = self.now.max(now);
        if let Some(news) = self.set.news() {
            return Output::Event(news);
        }
        // Events first, and whole before the next message: an element is reported before it is passed on.
        match self.next_event() {
            Some(event) => Output::Event(event),
            None => self.act(),
        }
    }

    fn next_event(&mut self) -> Option<S::Event<P>> {
        while let Some(event) = self.events.pop_front() {
            if let Some(event) = S::report(event) {
                return Some(event);
            }
        }
        None
    }

    /// Carries out tasks until there is something to say.
    // Apart, since most polls report an element and do no more.
    #[inline(never)]
    fn act(&mut self) -> Output<P, S::Element, S::Event<P>> {
        while let Some((peer, task)) = self.next_task() {
            // Most tasks send nothing (a timeout that ends a round, a peer that rests), so the next one is looked for.
            if let Some(message) = self.turn(&peer).and_then(|mut turn| turn.perform(task)) {
                return Output::Send { to: peer, message };
            }
            if let Some(event) = self.next_event() {
                return Output::Event(event);
            }
        }
        self.pusher.iter_mut().for_each(|pusher| pusher.on_wait());
        // At the last instant there is, nothing is due any more and no deadline can be later.
        Output::Wait(self.deadline().filter(|&deadline| deadline > self.now))
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

    /// The peers, in their order.
    pub fn peers(&self) -> impl Iterator<Item = &P> {
        self.peers.keys()
    }

    /// The statistics.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The statistics about one peer.
    pub fn peer_stats<Q>(&self, peer: &Q) -> Option<PeerStats>
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.peers.get(peer).map(|peer| peer.stats(self.set.end()))
    }

    /// Gives peers their standing in the overlay, if there is one.
    fn settle(&mut self, peers: impl IntoIterator<Item = P>) {
        for peer in peers {
            if let Some(mut turn) = self.turn(&peer) {
                turn.settle();
            }
        }
    }

    const fn refuse_stranger(&mut self) -> Reject {
        self.stats.from_strangers += 1;
        Reject::UnknownPeer
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
        if let Some(peer) = self.agenda.walks.next() {
            return Some((peer.clone(), Task::Walk));
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
    pub(crate) fn turn<Q>(&mut self, peer: &Q) -> Option<Turn<'_, P, S>>
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        // The first of a range, since that lends the key too. A range of one searches the tree twice.
        let from = (Bound::Included(peer), Bound::Unbounded);
        let (id, peer) = self.peers.range_mut(from).next().filter(|(id, _)| (*id).borrow() == peer)?;
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
            gone: Vec::new(),
            marks: Vec::new(),
        })
    }
}

impl<P: fmt::Debug, S: Content> Engine<P, S> {
    /// A summary for `Debug`: a set may hold millions of elements, and they need not be `Debug`.
    pub(crate) fn summarize(&self, name: &str, digest: Digest, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut summary = f.debug_struct(name);
        summary.field("digest", &digest).field("peers", &self.peers.keys()).field("now", &self.now);
        summary.finish_non_exhaustive()
    }
}
