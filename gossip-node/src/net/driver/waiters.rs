//! `Waiters`: who waits for proofs that peers hold what we do.

use std::collections::BTreeSet;

use tokio::sync::oneshot;

use crate::net::peer_id::PeerId;
use crate::net::replica::Quorum;

/// Who waits for proofs.
#[derive(Debug, Default)]
pub(super) struct Waiters(Vec<Waiter>);

#[derive(Debug)]
struct Waiter {
    quorum: Quorum,
    /// How many elements were held as it began to wait. Sets only grow, so a proof of as many is a proof of those.
    count: u64,
    proven: BTreeSet<PeerId>,
    done: oneshot::Sender<()>,
}

impl Waiters {
    pub(super) fn add(&mut self, quorum: Quorum, count: u64, done: oneshot::Sender<()>) {
        self.0.push(Waiter { quorum, count, proven: BTreeSet::new(), done });
    }

    /// Notes a proof of so many elements.
    pub(super) fn prove(&mut self, peer: &PeerId, count: u64) {
        for waiter in self.0.iter_mut().filter(|waiter| waiter.count <= count) {
            waiter.proven.insert(peer.clone());
        }
    }

    /// Whether somebody waits for a proof of this peer.
    pub(super) fn lack(&self, peer: &PeerId) -> bool {
        self.0.iter().any(|waiter| !waiter.proven.contains(peer))
    }

    /// Whether nobody waits.
    pub(super) const fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells those whose proofs are complete. `are_found` if it is known who all the peers are.
    pub(super) fn check<'a>(&mut self, peers: impl Iterator<Item = &'a PeerId> + Clone, are_found: bool) {
        let is_complete = |waiter: &mut Waiter| match waiter.quorum {
            Quorum::All => are_found && peers.clone().all(|peer| waiter.proven.contains(peer)),
            Quorum::AtLeast(count) => waiter.proven.len() >= count,
        };
        for waiter in self.0.extract_if(.., is_complete) {
            let _ = waiter.done.send(());
        }
        // Nobody waits any more.
        self.0.retain(|waiter| !waiter.done.is_closed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_once_enough_have_proven_enough() {
        let peers = ["b", "c"].map(|name| PeerId::new(name).expect("a name"));
        let mut waiters = Waiters::default();
        let (sender, mut one) = oneshot::channel();
        waiters.add(Quorum::AtLeast(1), 5, sender);
        let (sender, mut all) = oneshot::channel();
        waiters.add(Quorum::All, 5, sender);
        waiters.prove(&peers[0], 4);
        waiters.check(peers.iter(), true);
        assert!(one.try_recv().is_err(), "of what it held before");
        waiters.prove(&peers[0], 5);
        waiters.check(peers.iter(), true);
        assert!(one.try_recv().is_ok() && all.try_recv().is_err());
        waiters.prove(&peers[1], 9);
        waiters.check(peers.iter(), false);
        assert!(all.try_recv().is_err(), "there may be others");
        waiters.check(peers.iter(), true);
        assert!(all.try_recv().is_ok() && waiters.0.is_empty());
    }
}
