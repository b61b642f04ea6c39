//! The peers of a machine: who they are, what is asked of them and what is known of them.

use alloc::boxed::Box;
use alloc::collections::btree_map::Entry;
use alloc::vec::Vec;
use core::borrow::Borrow;

use super::AntiEntropy;
use crate::element::Element;
use crate::message::LogId;
use crate::peer::Peer;
use crate::push::{Overlay, Pusher};
use crate::stats::PeerStats;
use crate::wire::Place;

impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
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
        if let Some(id) = self.id(peer)
            && let Some(mut turn) = self.turn(&id)
        {
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
    /// assert_eq!(machine.poll(Time::ZERO), Output::Wait(None));
    /// machine.set_writable(&"peer", true);
    /// assert!(matches!(machine.poll(Time::ZERO), Output::Send { to: "peer", .. }));
    /// ```
    pub fn set_writable<Q>(&mut self, peer: &Q, writable: bool)
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        if let Some(id) = self.id(peer)
            && let Some(mut turn) = self.turn(&id)
        {
            turn.set_writable(writable);
        }
    }

    /// The machine's own copy of a peer's id: a turn borrows the peers, so it cannot borrow its key from them too.
    fn id<Q>(&self, peer: &Q) -> Option<P>
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.peers.get_key_value(peer).map(|(id, _)| id.clone())
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

    /// The peers, in their order.
    pub fn peers(&self) -> impl Iterator<Item = &P> {
        self.peers.keys()
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

    /// The statistics about one peer.
    pub fn peer_stats<Q>(&self, peer: &Q) -> Option<PeerStats>
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.peers.get(peer).map(|peer| peer.stats(self.set.end()))
    }
}
