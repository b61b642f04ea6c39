//! Rounds by chance: when the next begins, and with whom.

use core::time::Duration;

use super::AntiEntropy;
use crate::element::Element;
use crate::peer::Peer;
use crate::time::{Time, micros};

/// When chance begins the next round; never before the first poll with a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Chance {
    pub(super) at: Option<Time>,
}

impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
    /// A peer to begin a round with if it is time to; sets the time of the next. O(peers) while it is time, whether there is
    /// one or not.
    pub(super) fn choose(&mut self) -> Option<P> {
        if self.peers.is_empty() {
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
            // It stays due: whoever is idle first has the round.
            return None;
        }
        self.chance.at = Some(now + self.rng.about(interval));
        let chosen = usize::try_from(self.rng.below(count as u64)).unwrap_or(0);
        self.choices().filter(|(_, peer)| is_free(peer)).nth(chosen).map(|(id, _)| id.clone())
    }

    /// When chance can begin a round: when the next is due or, if it is overdue because everybody is busy or left
    /// alone, when the first has been left alone for long enough. To wake before would be for nothing.
    pub(super) fn next_choice(&self) -> Option<Time> {
        let at = self.chance.at.filter(|_| self.leaves_to_chance())?;
        if !at.is_due(self.now) {
            return Some(at);
        }
        self.choices().map(|(_, peer)| peer.next_round_at()).min()
    }

    /// Whether there may be rounds by chance: all of them where nothing is pushed, and where pushes do not reach everybody.
    fn leaves_to_chance(&self) -> bool {
        self.pusher.as_ref().is_none_or(|pusher| pusher.leaves_to_rounds())
    }

    /// Whom chance may choose, now or later: who is idle; where there is a parent, only those that pushes do not reach.
    fn choices(&self) -> impl Iterator<Item = (&P, &Peer)> {
        let reached = self.pusher.as_ref().filter(|pusher| !pusher.is_orphan());
        let peers = self.peers.iter().map(|(id, peer)| (id, &**peer));
        peers.filter(move |(id, peer)| peer.is_idle() && reached.is_none_or(|pusher| pusher.lost().contains(*id)))
    }
}
