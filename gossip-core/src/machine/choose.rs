//! Rounds by chance: when the next one begins, and with which peer.

use alloc::collections::BTreeSet;
use core::time::Duration;

use super::Engine;
use super::chance::Chance;
use crate::kind::Kind;
use crate::peer::Peer;
use crate::push::Pusher;
use crate::time::{Time, micros};

impl<P: Clone + Ord, S: Kind> Engine<P, S> {
    /// Returns a random free peer if a round by chance is due, and sets the time of the next round. O(peers) if one is
    /// free.
    pub(super) fn choose(&mut self) -> Option<P> {
        if self.peers.is_empty() {
            // The first peer added later waits up to an interval again, as after a start.
            self.chance = Chance::default();
            return None;
        }
        let unreached = if self.leaves_to_chance() { self.choose_unreached() } else { None };
        unreached.or_else(|| self.choose_stranger())
    }

    fn choose_unreached(&mut self) -> Option<P> {
        let (now, interval) = (self.now, micros(self.config.round_interval()));
        let Some(at) = self.chance.at else {
            // The first rounds of replicas that start together spread over an interval.
            self.chance.at = Some(now + Duration::from_micros(1 + self.rng.below(interval)));
            return None;
        };
        if !at.is_due(now) || self.unreached().is_some() {
            self.agenda.first_free = None;
        }
        if !at.is_due(now) || self.agenda.first_free.as_ref().is_some_and(|(at, _)| !at.is_due(now)) {
            return None;
        }
        let count = self.free_choices().count();
        if count == 0 {
            // It stays due, and the first peer to become free gets the round. Were it put off by an interval, one dead
            // peer would wake the machine up to 64 times in a row for nothing.
            if self.unreached().is_none() {
                let first = self.next_free().map(|(at, peer)| (at, Some(peer.clone())));
                self.agenda.first_free = Some(first.unwrap_or((Time::MAX, None)));
            }
            return None;
        }
        // A quarter more or less, or replicas that started in step would probe each other in step.
        self.chance.at = Some(now + self.rng.about(interval));
        let chosen = usize::try_from(self.rng.below(count as u64)).unwrap_or(0);
        self.free_choices().nth(chosen).cloned()
    }

    /// A stranger, if it is time to audit one and we have no parent. Where replicas have different views of who is there,
    /// each island has such a replica: parents come first in the order of names, so they form no circle. It audits one
    /// stranger after the other. In a star or tree of one view the root alone has no parent, so that all this costs is its
    /// round an interval, or nothing where it is joined with all.
    fn choose_stranger(&mut self) -> Option<P> {
        // An orphan's rounds reach everybody.
        let is_root = |pusher: &&Pusher<P>| !pusher.has_parent() && !pusher.is_orphan();
        if self.pusher.as_deref().filter(is_root).is_none_or(|pusher| pusher.joined() == self.peers.len()) {
            self.chance.audit_at = None;
            return None;
        }
        if self.chance.audit_at.is_some_and(|at| !at.is_due(self.now)) {
            return None;
        }
        let interval = self.config.audit_interval();
        if self.chance.audit_at.is_none() {
            // Roots that start together must not all begin with the same one.
            let chosen = usize::try_from(self.rng.below(self.peers.len() as u64)).unwrap_or(0);
            self.chance.audited = self.peers.keys().nth(chosen).cloned();
            self.chance.audit_at = Some(self.now + self.rng.about(micros(interval)));
            return None;
        }
        let last = self.chance.audited.as_ref();
        let free = || self.strangers().filter(|(_, peer)| peer.next_round_at() <= self.now).map(|(id, _)| id);
        let Some(next) = free().find(|id| last < Some(*id)).or_else(|| free().next()).cloned() else {
            // The first backoff that ends gets the audit. Put off by an interval each time, it would wake the machine for
            // nothing as long as no stranger answers (law 7).
            let first = self.strangers().map(|(_, peer)| peer.next_round_at()).min();
            self.chance.audit_at = Some(first.unwrap_or(self.now + interval));
            return None;
        };
        self.chance.audited = Some(next.clone());
        self.chance.audit_at = Some(self.now + self.rng.about(micros(interval)));
        Some(next)
    }

    /// Looks at all peers anew: some that backed off may be free now.
    pub(super) fn reconsider(&mut self) {
        self.agenda.first_free = None;
        let latest = self.now + self.config.audit_interval();
        self.chance.audit_at = self.chance.audit_at.map(|at| at.min(latest));
    }

    /// The time at which chance can begin a round.
    pub(super) fn next_choice(&self) -> Option<Time> {
        self.next_unreached().into_iter().chain(self.chance.audit_at).min()
    }

    /// When the next round with any or an unreached peer is due or, if it is overdue because all peers are busy or back
    /// off, when the first backoff ends. Waking up earlier would be for nothing.
    fn next_unreached(&self) -> Option<Time> {
        let at = self.chance.at.filter(|_| self.leaves_to_chance())?;
        if !at.is_due(self.now) {
            return Some(at);
        }
        match &self.agenda.first_free {
            Some((at, first)) => first.as_ref().map(|_| *at),
            None => self.next_free().map(|(at, _)| at),
        }
    }

    /// The first of those that chance may choose to be free, and when.
    fn next_free(&self) -> Option<(Time, &P)> {
        self.choices().map(|(id, peer)| (peer.next_round_at(), id)).min()
    }

    /// Whether rounds begin by chance at any time: always without pushes, and while pushes do not reach all peers.
    fn leaves_to_chance(&self) -> bool {
        self.pusher.as_ref().is_none_or(|pusher| pusher.leaves_to_rounds())
    }

    /// The peers that chance may choose, now or later: the idle ones; while there is a parent, only lost ones.
    fn choices(&self) -> impl Iterator<Item = (&P, &Peer)> {
        let some = self.unreached().map(|lost| lost.iter().filter_map(|id| self.peers.get_key_value(id)));
        let all = some.is_none().then(|| self.peers.iter());
        let peers = some.into_iter().flatten().chain(all.into_iter().flatten());
        peers.map(|(id, peer)| (id, &**peer)).filter(|(_, peer)| peer.is_idle())
    }

    /// The peers that pushes do not reach: those that are lost; `None` for all, without pushes or without a parent.
    fn unreached(&self) -> Option<&BTreeSet<P>> {
        // An orphan gets nothing from a parent, so rounds with any peer have to bring what is new.
        self.pusher.as_ref().filter(|pusher| !pusher.is_orphan()).map(|pusher| pusher.lost())
    }

    /// Those of them that may be chosen now.
    fn free_choices(&self) -> impl Iterator<Item = &P> {
        self.choices().filter(|(_, peer)| peer.next_round_at() <= self.now).map(|(id, _)| id)
    }

    /// The idle peers that no link joins with us.
    fn strangers(&self) -> impl Iterator<Item = (&P, &Peer)> {
        let joined = self.pusher.as_ref().map(|pusher| pusher.neighbourhood());
        let is_joined =
            move |id: &P| joined.is_some_and(|(parent, children)| parent == Some(id) || children.contains(id));
        let idle = self.peers.iter().map(|(id, peer)| (id, &**peer)).filter(|(_, peer)| peer.is_idle());
        idle.filter(move |(id, _)| !is_joined(id))
    }
}
