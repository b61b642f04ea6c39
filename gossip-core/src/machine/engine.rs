//! `Engine`: the machine over any kind of set.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::collections::btree_map::{BTreeMap, Entry};
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::ops::Bound;

use super::chance::Chance;
use crate::agenda::Agenda;
use crate::config::Config;
use crate::error::Reject;
use crate::event::{Event, Output};
use crate::kind::Kind;
use crate::message::{LogId, Message, MessageKind};
use crate::peer::{Peer, Task, Turn};
use crate::push::{Overlay, Pusher};
use crate::rng::Rng;
use crate::stats::{PeerStats, Stats};
use crate::time::Time;
use crate::wire::Place;

/// The machine over a set `S` of elements `E`, of whichever kind: one code for all.
#[derive(Clone)]
pub(crate) struct Engine<P, E, S> {
    pub(crate) config: Config,
    pub(crate) set: S,
    /// Boxed, since half of the slots of a map's nodes are empty and a peer takes 1 KiB: a thousand replicas that all
    /// know each other take 1.1 GB instead of 3.9.
    pub(super) peers: BTreeMap<P, Box<Peer>>,
    /// Which peers have something to send, and when their waits end.
    pub(super) agenda: Agenda<P>,
    /// When the next round by chance begins.
    pub(super) chance: Chance<P>,
    /// The second machine, which pushes along an overlay; `None` until an overlay is set.
    pub(super) pusher: Option<Box<Pusher<P>>>,
    pub(super) events: VecDeque<Event<P, E>>,
    pub(crate) rng: Rng,
    /// The latest time polled at.
    pub(super) now: Time,
    pub(crate) stats: Stats,
}

impl<P: Clone + Ord, S: Kind> Engine<P, S::Element, S> {
    /// The machine of a set, without peers.
    pub(crate) fn new(set: S, config: Config, seed: u64) -> Self {
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
            stats: Stats::default(),
        }
    }

    /// Adds a peer. Returns whether it is new.
    pub(crate) fn add_peer(&mut self, peer: P) -> bool {
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
    pub(crate) fn remove_peer<Q>(&mut self, peer: &Q) -> bool
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

    /// Begins a round with this peer at the next poll.
    pub(crate) fn sync_now<Q>(&mut self, peer: &Q)
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        if let Some(mut turn) = self.turn(peer) {
            turn.want_round();
        }
    }

    /// Notes whether the transport to this peer takes messages now.
    pub(crate) fn set_writable<Q>(&mut self, peer: &Q, writable: bool)
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        if let Some(mut turn) = self.turn(peer) {
            turn.set_writable(writable);
        }
    }

    /// Pushes fresh elements along this overlay from now on, if an interval is set.
    pub(crate) fn set_overlay(&mut self, overlay: Overlay<P>) {
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

    /// Takes in one message.
    pub(crate) fn receive(&mut self, from: &P, message: Message<S::Element>) -> Result<(), Reject> {
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

    /// Decodes one message and takes it in.
    pub(crate) fn receive_bytes(&mut self, from: &P, bytes: &[u8]) -> Result<(), Reject> {
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

    /// The next output at `now`.
    pub(crate) fn poll(&mut self, now: Time) -> Output<P, S::Element> {
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
    pub(crate) fn turn<Q>(&mut self, peer: &Q) -> Option<Turn<'_, P, S>>
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
            their_end: Place::START,
            gone: Vec::new(),
            marks: Vec::new(),
        })
    }

    /// Asks for one event once this peer is known to hold our log up to `place`. Returns whether it is a peer.
    pub(crate) fn watch(&mut self, peer: &P, place: Place) -> bool {
        let Some(mut turn) = self.turn(peer) else { return false };
        turn.peer.watch(place);
        turn.report_reached();
        true
    }

    /// The statistics about one peer.
    pub(crate) fn peer_stats<Q>(&self, peer: &Q) -> Option<PeerStats>
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.peers.get(peer).map(|peer| peer.stats(self.set.end()))
    }

    /// The peers, in their order.
    pub(crate) fn peers(&self) -> impl Iterator<Item = &P> {
        self.peers.keys()
    }
}
