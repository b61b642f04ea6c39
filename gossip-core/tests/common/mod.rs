//! A network in a test's hand: messages wait until the test delivers, drops or repeats them.
#![allow(dead_code, reason = "each test uses part of it")]

use std::collections::BTreeSet;

use gossip_core::sketch::SketchKey;
use gossip_core::{AntiEntropy, Config, Digest, Element, Event, Ledger, Message, MessageKind, Output, Time};

/// Machines that know each other by index, and the bytes between them.
pub(crate) struct Network<E> {
    pub(crate) machines: Vec<AntiEntropy<usize, E>>,
    pub(crate) wire: Vec<Datagram>,
    pub(crate) now: Time,
    /// `(replica, peer, digest)` for each proof.
    pub(crate) proofs: Vec<(usize, usize, Digest)>,
    /// Everything sent.
    pub(crate) sent: Vec<Sent>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) from: usize,
    pub(crate) kind: MessageKind,
    pub(crate) bytes: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) bytes: Vec<u8>,
}

impl<E: Element> Network<E> {
    /// Two machines of one configuration with these elements.
    pub(crate) fn pair(config: &Config, sets: [impl IntoIterator<Item = E>; 2]) -> Self {
        let mut net = Self::new([config.clone(), config.clone()], 1);
        for (machine, set) in net.machines.iter_mut().zip(sets) {
            machine.extend(apart(set)).expect("no element is too large");
        }
        net
    }

    /// A clique, with one configuration each and seeds from `seed` on.
    pub(crate) fn new(configs: impl IntoIterator<Item = Config>, seed: u64) -> Self {
        let mut machines: Vec<_> =
            configs.into_iter().zip(seed..).map(|(config, seed)| AntiEntropy::new(config, seed)).collect();
        let count = machines.len();
        for (i, machine) in machines.iter_mut().enumerate() {
            for peer in (0..count).filter(|&peer| peer != i) {
                assert!(machine.add_peer(peer));
            }
        }
        Self { machines, wire: vec![], now: Time::ZERO, proofs: vec![], sent: vec![] }
    }

    /// Polls a machine until it waits; what it sends goes on the wire. Gives the deadline.
    pub(crate) fn drain(&mut self, from: usize) -> Option<Time> {
        loop {
            match self.machines[from].poll(self.now) {
                Output::Send { to, message } => {
                    let bytes = message.encode();
                    assert_eq!(bytes.len(), message.encoded_len());
                    self.sent.push(Sent { from, kind: message.kind(), bytes: bytes.len() });
                    self.wire.push(Datagram { from, to, bytes });
                }
                Output::Event(Event::InSync { peer, digest, .. }) => self.proofs.push((from, peer, digest)),
                Output::Event(_) => {}
                Output::Wait(until) => {
                    assert!(until.is_none_or(|until| until > self.now));
                    return until;
                }
            }
        }
    }

    /// Drains all machines and gives the earliest deadline.
    pub(crate) fn drain_all(&mut self) -> Option<Time> {
        (0..self.machines.len()).filter_map(|machine| self.drain(machine)).min()
    }

    pub(crate) fn deliver(&mut self, datagram: &Datagram) {
        let message = Message::<E>::decode(&datagram.bytes).expect("what was sent decodes");
        self.machines[datagram.to].receive(&datagram.from, message).expect("peers of one cluster agree");
    }

    /// Delivers what is under way by now, in order, and drains: one hop. Whether there was anything.
    pub(crate) fn hop(&mut self) -> bool {
        self.drain_all();
        let under_way = std::mem::take(&mut self.wire);
        under_way.iter().for_each(|datagram| self.deliver(datagram));
        self.drain_all();
        !under_way.is_empty()
    }

    /// Delivers everything, in order, until nothing moves without the clock.
    pub(crate) fn settle(&mut self) {
        loop {
            self.drain_all();
            if self.wire.is_empty() {
                return;
            }
            for datagram in std::mem::take(&mut self.wire) {
                self.deliver(&datagram);
            }
        }
    }

    /// Settles and steps from deadline to deadline until all machines agree; gives how many steps that took.
    pub(crate) fn converge(&mut self, limit: usize) -> usize {
        for step in 0..limit {
            self.settle();
            if self.machines.iter().all(|machine| machine.digest() == self.machines[0].digest()) {
                return step;
            }
            self.now = self.drain_all().expect("machines with peers have deadlines");
        }
        panic!("no convergence in {limit} steps");
    }

    /// The first two machines hold `union` and nothing else, and each has a proof of it.
    pub(crate) fn assert_in_sync(&self, union: impl IntoIterator<Item = E>)
    where
        E: Ord + std::fmt::Debug,
    {
        let union: BTreeSet<E> = union.into_iter().collect();
        for (machine, peer) in self.machines.iter().zip([1, 0]) {
            let held: BTreeSet<E> = machine.iter().cloned().collect();
            assert_eq!(held.difference(&union).next(), None, "invented");
            assert_eq!(union.difference(&held).next(), None, "lacking");
            let proof = machine.peer_stats(&peer).and_then(|stats| stats.last_proof);
            assert_eq!(proof, Some(machine.digest()), "the last proof");
        }
    }

    /// Who sent messages of which kind, in order.
    pub(crate) fn kinds(&self) -> Vec<(usize, MessageKind)> {
        self.sent.iter().map(|sent| (sent.from, sent.kind)).collect()
    }

    /// The ledgers of the first two machines.
    pub(crate) fn ledgers(&self) -> [Ledger; 2] {
        [0, 1].map(|machine| self.machines[machine].stats().total)
    }

    /// How many messages of a kind were sent.
    pub(crate) fn count(&self, kind: MessageKind) -> usize {
        self.sent.iter().filter(|sent| sent.kind == kind).count()
    }

    /// The bytes of everything sent.
    pub(crate) fn bytes(&self) -> u64 {
        self.sent.iter().map(|sent| sent.bytes as u64).sum()
    }
}

/// An element that is no number.
pub(crate) fn wide(number: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// What places elements in sketches where there is no secret.
pub(crate) fn open_key() -> SketchKey {
    let derived = xxhash_rust::xxh3::xxh3_128(b"gossip sketch");
    SketchKey::new(derived as u64, (derived >> 64) as u64)
}

/// SplitMix64.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// The elements of a set, the last ones first: as tests tell sets, these are what one side has alone. So no state that it
/// had before is the other's, which a digest would tell.
pub(crate) fn apart<E>(set: impl IntoIterator<Item = E>) -> Vec<E> {
    let mut set: Vec<E> = set.into_iter().collect();
    set.reverse();
    set
}
