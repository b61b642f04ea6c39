//! Rounds by chance: when the next one begins, and with which peer.

use core::time::Duration;

use super::AntiEntropy;
use crate::element::Element;
use crate::peer::Peer;
use crate::time::{Time, micros};

/// The time of the next round by chance; `None` before the first poll with a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Chance {
    pub(super) at: Option<Time>,
}

impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
    /// Returns a random free peer if a round by chance is due, and sets the time of the next round. O(peers) while a
    /// round is due, whether a peer is free or not.
    pub(super) fn choose(&mut self) -> Option<P> {
        if self.peers.is_empty() {
            // The first peer added later waits up to an interval again, as after a start.
            self.chance.at = None;
        }
        if self.peers.is_empty() || !self.leaves_to_chance() {
            return None;
        }
        let (now, interval) = (self.now, micros(self.config.round_interval()));
        let Some(at) = self.chance.at else {
            // The first rounds of replicas that start together spread over an interval.
            self.chance.at = Some(now + Duration::from_micros(1 + self.rng.below(interval)));
            return None;
        };
        if !at.is_due(now) {
            return None;
        }
        let is_free = |peer: &&Peer| peer.next_round_at() <= now;
        let count = self.choices().filter(|(_, peer)| is_free(peer)).count();
        if count == 0 {
            // It stays due, and the first peer to become free gets the round. Were it put off by an interval, one dead
            // peer would wake the machine up to 64 times in a row for nothing.
            return None;
        }
        // A quarter more or less, or replicas that started in step would probe each other in step.
        self.chance.at = Some(now + self.rng.about(interval));
        let chosen = usize::try_from(self.rng.below(count as u64)).unwrap_or(0);
        self.choices().filter(|(_, peer)| is_free(peer)).nth(chosen).map(|(id, _)| id.clone())
    }

    /// The time at which chance can begin a round: when the next one is due or, if it is overdue because all peers are
    /// busy or back off, when the first backoff ends. Waking up earlier would be for nothing.
    pub(super) fn next_choice(&self) -> Option<Time> {
        let at = self.chance.at.filter(|_| self.leaves_to_chance())?;
        if !at.is_due(self.now) {
            return Some(at);
        }
        self.choices().map(|(_, peer)| peer.next_round_at()).min()
    }

    /// Whether rounds begin by chance: always without pushes, and while pushes do not reach all peers.
    fn leaves_to_chance(&self) -> bool {
        self.pusher.as_ref().is_none_or(|pusher| pusher.leaves_to_rounds())
    }

    /// The peers that chance may choose, now or later: the idle ones; while there is a parent, only lost ones.
    fn choices(&self) -> impl Iterator<Item = (&P, &Peer)> {
        // An orphan gets nothing from a parent, so rounds with any peer have to bring what is new.
        let reached = self.pusher.as_ref().filter(|pusher| !pusher.is_orphan());
        let peers = self.peers.iter().map(|(id, peer)| (id, &**peer));
        peers.filter(move |(id, peer)| peer.is_idle() && reached.is_none_or(|pusher| pusher.lost().contains(*id)))
    }
}
