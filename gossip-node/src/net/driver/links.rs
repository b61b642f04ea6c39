//! `Links`: the peers of a driver, and the connection to each.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use gossip_core::{Digest, Overlay};
use tokio::time::Instant;

use super::Arrival;
use crate::net::driven::Driven;
use crate::net::link::Queue;
use crate::net::peer_id::PeerId;
use crate::net::status::PeerStatus;

/// The peers, and the connection to each that has one.
#[derive(Debug, Default)]
pub(super) struct Links {
    peers: BTreeMap<PeerId, Peer>,
    /// The number of the last connection.
    last: u64,
}

#[derive(Debug, Default)]
struct Peer {
    link: Option<Link>,
    proven: Option<(Instant, Digest)>,
}

/// A connection.
#[derive(Debug)]
struct Link {
    number: u64,
    life: u64,
    /// Whether it was dialled here.
    dialled: bool,
    since: Instant,
    queue: Queue,
}

/// How many peers each pushes to: up to 33 replicas are a star, and 1 057 a tree of two levels.
const FAN_OUT: NonZeroUsize = NonZeroUsize::new(32).expect("some");

impl Links {
    /// Admits a connection, unless another one to the same peer is kept. Returns whether the peer is new.
    pub(super) fn admit(&mut self, arrival: Arrival, me: &PeerId) -> Option<bool> {
        let is_new = !self.has(&arrival.peer);
        let peer = self.peers.entry(arrival.peer.clone()).or_default();
        if peer.link.as_ref().is_some_and(|link| !link.gives_way(&arrival, me)) {
            return None;
        }
        self.last += 1;
        arrival.admit.send(self.last).ok()?;
        let Arrival { life, dialled, queue, .. } = arrival;
        peer.link = Some(Link { number: self.last, life, dialled, since: Instant::now(), queue });
        Some(is_new)
    }

    /// Lets go of a peer's connection, which ends.
    pub(super) fn part(&mut self, peer: &PeerId) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.link = None;
        }
    }

    /// Forgets the peers that are not connected, but for those that stay. Returns them.
    pub(super) fn forget_unless(&mut self, stays: impl Fn(&PeerId) -> bool) -> Vec<PeerId> {
        let gone = |(id, peer): (&PeerId, &mut Peer)| (peer.link.is_none() && !stays(id)).then(|| id.clone());
        let gone: Vec<PeerId> = self.peers.iter_mut().filter_map(gone).collect();
        gone.iter().for_each(|peer| _ = self.peers.remove(peer));
        gone
    }

    /// Makes room for a message to a peer. Returns its connection, if there is one, and whether it is full by that.
    pub(super) fn reserve(&self, peer: &PeerId, len: usize) -> Option<(u64, bool)> {
        let link = self.link(peer)?;
        Some((link.number, link.queue.reserve(len)))
    }

    /// Queues a message that room was made for, if the connection is still there.
    pub(super) fn send(&self, peer: &PeerId, number: u64, message: Vec<u8>) {
        if let Some(link) = self.link(peer).filter(|link| link.number == number) {
            link.queue.push(message);
        }
    }

    /// Notes a proof.
    pub(super) fn prove(&mut self, peer: &PeerId, digest: Digest) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.proven = Some((Instant::now(), digest));
        }
    }

    fn link(&self, peer: &PeerId) -> Option<&Link> {
        self.peers.get(peer)?.link.as_ref()
    }

    /// Whether this is the connection to the peer that is kept.
    pub(super) fn is_current(&self, peer: &PeerId, number: u64) -> bool {
        self.link(peer).is_some_and(|link| link.number == number)
    }

    pub(super) fn is_connected(&self, peer: &PeerId) -> bool {
        self.link(peer).is_some()
    }

    /// Whether a peer that is connected may lack something of what is held here.
    pub(super) fn lag(&self, machine: &impl Driven) -> bool {
        machine.engine().lagging().any(|peer| self.is_connected(peer))
    }

    pub(super) fn has(&self, peer: &PeerId) -> bool {
        self.peers.contains_key(peer)
    }

    pub(super) fn peers(&self) -> impl Iterator<Item = &PeerId> + Clone {
        self.peers.keys()
    }

    /// The overlay of all peers.
    pub(super) fn overlay(&self, me: &PeerId) -> Overlay<PeerId> {
        Overlay::tree(me, self.peers.keys().cloned(), FAN_OUT)
    }

    pub(super) fn status(&self, machine: &impl Driven) -> Vec<PeerStatus> {
        let digest = machine.engine().digest();
        let status = |(id, peer): (&PeerId, &Peer)| {
            Some(PeerStatus {
                peer: id.clone(),
                connected: peer.link.as_ref().map(|link| link.since.elapsed()),
                proven: peer.proven.map(|(at, _)| at.elapsed()),
                in_sync: peer.proven.is_some_and(|(_, proven)| proven == digest),
                waiting: peer.link.as_ref().map_or(0, |link| link.queue.waiting()),
                stats: machine.engine().peer_stats(id)?,
            })
        };
        self.peers.iter().filter_map(status).collect()
    }
}

impl Link {
    /// Whether it gives way to another connection to the same peer. Both sides decide alike.
    fn gives_way(&self, to: &Arrival, me: &PeerId) -> bool {
        // A life that is over holds nothing; and who dials again has lost the connection that it dialled before.
        if self.life != to.life || self.dialled == to.dialled {
            return true;
        }
        // Both have dialled at once.
        to.dialled == (*me < to.peer)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::net::link::queue;

    fn id(name: &str) -> PeerId {
        PeerId::new(name).expect("a name")
    }

    /// Whether a connection is admitted.
    fn admits(links: &mut Links, me: &str, peer: &str, life: u64, dialled: bool) -> bool {
        let (admit, mut admitted) = oneshot::channel();
        links.admit(Arrival { peer: id(peer), life, dialled, queue: queue().0, admit }, &id(me));
        admitted.try_recv().is_ok()
    }

    #[test]
    fn of_two_connections_both_sides_keep_the_same() {
        // In both orders: `a` dials `b`, and `b` dials `a`, at once.
        for first in [true, false] {
            let (mut at_a, mut at_b) = (Links::default(), Links::default());
            for dialled_by_a in [first, !first] {
                admits(&mut at_a, "a", "b", 2, dialled_by_a);
                admits(&mut at_b, "b", "a", 1, !dialled_by_a);
            }
            assert!(at_a.link(&id("b")).expect("one").dialled, "the one that `a` has dialled");
            assert!(!at_b.link(&id("a")).expect("one").dialled);
        }
    }

    #[test]
    fn a_connection_gives_way_to_one_that_shows_it_is_dead() {
        let mut links = Links::default();
        assert!(admits(&mut links, "a", "b", 1, true));
        assert!(!admits(&mut links, "a", "b", 1, false), "the other side has the same, and knows it");
        assert!(admits(&mut links, "a", "b", 2, false), "it has started again");
        assert!(admits(&mut links, "a", "b", 2, false), "it dials again");
        assert_eq!(links.last, 3);
        assert!(links.is_current(&id("b"), 3) && !links.is_current(&id("b"), 1));
    }

    #[tokio::test]
    async fn who_is_neither_connected_nor_dialled_is_forgotten() {
        let mut links = Links::default();
        for peer in ["b", "c", "d"] {
            admits(&mut links, "a", peer, 1, true);
        }
        links.part(&id("b"));
        links.part(&id("c"));
        assert_eq!(links.forget_unless(|peer| *peer == id("c")), [id("b")]);
        assert!(links.peers().eq([&id("c"), &id("d")]));
    }
}
