//! `Waiters`: who waits for proofs that peers hold what we do.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use gossip_core::Digest;
use tokio::sync::oneshot;

use crate::net::driven::Driven;
use crate::net::peer_id::PeerId;
use crate::net::replica::Quorum;

/// Who waits for proofs.
#[derive(Debug)]
pub(super) struct Waiters<D> {
    waiting: Vec<Waiter>,
    /// The digests that the replica has had since the first of them began to wait, each with when that was last: how many
    /// inputs had been taken in.
    digests: BTreeMap<Digest, u64>,
    taken_in: u64,
    machine: PhantomData<fn() -> D>,
}

#[derive(Debug)]
struct Waiter {
    quorum: Quorum,
    /// The replica's digest as it began to wait, and when that was.
    held: Digest,
    since: u64,
    proven: BTreeSet<PeerId>,
    done: oneshot::Sender<()>,
}

/// The most digests that are remembered, 3 MiB of them. Of a proof of an earlier state the next one does.
const MOST: u64 = 1 << 16;

impl<D> Default for Waiters<D> {
    fn default() -> Self {
        Self { waiting: Vec::new(), digests: BTreeMap::new(), taken_in: 0, machine: PhantomData }
    }
}

impl<D: Driven> Waiters<D> {
    pub(super) fn add(&mut self, quorum: Quorum, held: Digest, done: oneshot::Sender<()>) {
        self.waiting.push(Waiter { quorum, held, since: self.taken_in, proven: BTreeSet::new(), done });
        self.digests.insert(held, self.taken_in);
    }

    /// Notes the digest that the replica has now that another input is taken in.
    pub(super) fn note(&mut self, digest: Digest) {
        if self.are_none() {
            return;
        }
        self.taken_in += 1;
        self.digests.insert(digest, self.taken_in);
        if self.digests.len() as u64 > MOST {
            let first = self.taken_in - MOST / 2;
            self.digests.retain(|_, at| *at >= first);
        }
    }

    /// Notes a proof that a peer had this digest, and the replica too.
    pub(super) fn prove(&mut self, peer: &PeerId, digest: Digest) {
        let at = self.digests.get(&digest);
        let proves =
            |waiter: &&mut Waiter| D::holds_more(waiter.held, digest) || at.is_some_and(|at| *at >= waiter.since);
        for waiter in self.waiting.iter_mut().filter(proves) {
            waiter.proven.insert(peer.clone());
        }
    }

    /// Whether somebody waits for a proof of this peer.
    pub(super) fn lack(&self, peer: &PeerId) -> bool {
        self.waiting.iter().any(|waiter| !waiter.proven.contains(peer))
    }

    /// Whether nobody waits.
    pub(super) const fn are_none(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Tells those whose proofs are complete. `are_found` if it is known who all the peers are.
    pub(super) fn check<'a>(&mut self, peers: impl Iterator<Item = &'a PeerId> + Clone, are_found: bool) {
        let is_complete = |waiter: &mut Waiter| match waiter.quorum {
            Quorum::All => are_found && peers.clone().all(|peer| waiter.proven.contains(peer)),
            Quorum::AtLeast(count) => waiter.proven.len() >= count,
        };
        for waiter in self.waiting.extract_if(.., is_complete) {
            let _ = waiter.done.send(());
        }
        // Nobody waits any more.
        self.waiting.retain(|waiter| !waiter.done.is_closed());
        if self.are_none() {
            self.digests.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use gossip_core::{AntiEntropy, Config, Map, ReplicaId};

    use super::*;

    fn waits<D: Driven>(held: Digest, quorum: Quorum) -> (Waiters<D>, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        let mut waiters = Waiters::default();
        waiters.add(quorum, held, sender);
        (waiters, receiver)
    }

    #[test]
    fn a_wait_ends_once_enough_have_proven_enough() {
        let peers = ["b", "c"].map(|name| PeerId::new(name).expect("a name"));
        let mut set = AntiEntropy::<PeerId, u64>::new(Config::default(), 1);
        let [four, five, nine] = [4, 5, 9].map(|count| {
            set.extend(0..count).expect("they are small");
            set.digest()
        });
        type Set = AntiEntropy<PeerId, u64>;
        let (mut waiters, mut one) = waits::<Set>(five, Quorum::AtLeast(1));
        let (sender, mut all) = oneshot::channel();
        waiters.add(Quorum::All, five, sender);
        waiters.prove(&peers[0], four);
        waiters.check(peers.iter(), true);
        assert!(one.try_recv().is_err(), "of what it held before");
        waiters.prove(&peers[0], five);
        waiters.check(peers.iter(), true);
        assert!(one.try_recv().is_ok() && all.try_recv().is_err());
        waiters.prove(&peers[1], nine);
        waiters.check(peers.iter(), false);
        assert!(all.try_recv().is_err(), "there may be others");
        waiters.check(peers.iter(), true);
        assert!(all.try_recv().is_ok() && waiters.are_none());
    }

    #[test]
    fn of_a_map_only_states_since_then_are_proofs() {
        type Names = Map<PeerId, u64, u64>;
        let peer = PeerId::new("b").expect("a name");
        let mut map = Names::new(Config::default(), ReplicaId::from_random([7; 8]), 1);
        let mut states = (0..4).map(|key| {
            map.insert(key, key).expect("it is short");
            map.digest()
        });
        let [before, held, other, later] = [(); 4].map(|()| states.next().expect("there are four"));
        let (mut waiters, mut done) = waits::<Names>(held, Quorum::AtLeast(1));
        for (digest, proves) in [(before, false), (later, false), (held, true)] {
            waiters.prove(&peer, digest);
            assert_eq!(waiters.lack(&peer), !proves);
        }
        waiters.check([&peer].into_iter(), true);
        assert!(done.try_recv().is_ok());
        let (mut waiters, _done) = waits::<Names>(held, Quorum::AtLeast(1));
        waiters.note(later);
        waiters.prove(&peer, other);
        assert!(waiters.lack(&peer));
        waiters.prove(&peer, later);
        assert!(!waiters.lack(&peer), "it has had this one since");
    }
}
