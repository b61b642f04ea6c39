//! Peers: what a user could pick instead, each driven by its own protocol.
//!
//! Rules for all of them:
//! - A message is the bytes of what one side says at a time; transport is not counted.
//! - Sides take turns, so each message is a hop, and the last one ends the round.
//! - Both sides end up knowing what they lacked. Where a peer's protocol leaves one ignorant, its file says which message
//!   was added.
//! - The state that a side keeps between rounds is built before the clock starts. The clock runs while a side makes a
//!   message of the one before, bytes both, and until it has the elements that it lacked in a list. To add them to its
//!   state is not timed, though it is for ours, unless the protocol itself needs it.
//! - Elements are fixed arrays of bytes, integers being big-endian, so that order by bytes is order by value.
//! - Those of more than 32 bytes are reconciled by ids of 8, which are hashes of them, and handed over in the end: the side
//!   whose turn it is sends what the other lacks and the ids of what it lacks itself, and the other answers. It is taken to
//!   know both, which favours rbsr and merkle-search-tree. A side keeps its elements by their ids.

mod full;
mod line;
mod merkle;
#[cfg(minisketch)]
mod minisketch;
mod negentropy;
mod rbsr;
mod riblt;

use core::fmt;
use std::time::{Duration, Instant};

use line::Line;

use crate::bytes::Bytes;
use crate::pair::Cost;
use crate::sets::{Sample, Sets};
use crate::system::{Prepared, System};

/// All there are.
pub(crate) fn all<E: Sample>() -> Vec<Box<dyn System<E>>> {
    vec![
        Box::new(Peer(full::Full)),
        Box::new(Peer(full::DigestThenFull)),
        Box::new(Peer(negentropy::Negentropy)),
        Box::new(Peer(rbsr::Rbsr)),
        Box::new(Peer(merkle::Merkle)),
        Box::new(Peer(riblt::Riblt::Batches)),
        Box::new(Peer(riblt::Riblt::Doubling)),
        Box::new(Peer(riblt::Riblt::Ideal)),
        #[cfg(minisketch)]
        Box::new(Peer(minisketch::Minisketch)),
    ]
}

/// How a peer reconciles.
trait Protocol<E: Sample>: Copy + fmt::Debug + 'static {
    /// What a side keeps between rounds. Copies may share it.
    type State: Clone;

    fn name(self) -> &'static str;

    /// Why it can't reconcile these sets, where it can't.
    fn refuses(self, sets: &Sets<E>) -> Option<&'static str> {
        let _ = sets;
        None
    }

    /// What a side holds before the round.
    fn build(self, sets: &Sets<E>, side: usize) -> Self::State;

    /// One round that the first side begins; what either learns.
    fn round(self, sides: &mut [Self::State; 2], line: &mut Line<E>) -> [Vec<E::Bytes>; 2];

    /// Inserts these, so that a round could begin; `None` if it can't without building everything anew.
    fn insert(self, state: &mut Self::State, elements: &[E::Bytes]) -> Option<()> {
        let _ = (state, elements);
        None
    }
}

/// A peer as a system of the report.
#[derive(Clone, Copy, Debug)]
struct Peer<P>(P);

impl<E: Sample, P: Protocol<E>> System<E> for Peer<P> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn refuses(&self, sets: &Sets<E>) -> Option<&'static str> {
        self.0.refuses(sets)
    }

    fn prepare(&self, sets: &Sets<E>, _seed: u64) -> Box<dyn Prepared<E>> {
        let sides = [0, 1].map(|side| self.0.build(sets, side));
        Box::new(Both { protocol: self.0, sides, line: Line::new(sets), learned: [vec![], vec![]] })
    }

    #[expect(clippy::disallowed_methods, reason = "a bench reads a clock")]
    fn inserts(&self, sets: &Sets<E>) -> Option<Duration> {
        let mut state = self.0.build(sets, 0);
        let elements: Vec<_> = sets.own[1].iter().map(E::to_bytes).collect();
        let start = Instant::now();
        self.0.insert(&mut state, &elements)?;
        Some(start.elapsed())
    }
}

/// Both sides of a round.
struct Both<E: Sample, P: Protocol<E>> {
    protocol: P,
    sides: [P::State; 2],
    /// It has not been spoken on.
    line: Line<E>,
    learned: [Vec<E::Bytes>; 2],
}

impl<E: Sample, P: Protocol<E>> Prepared<E> for Both<E, P> {
    fn fresh(&self) -> Box<dyn Prepared<E>> {
        let (sides, line, learned) = (self.sides.clone(), self.line.clone(), self.learned.clone());
        Box::new(Self { protocol: self.protocol, sides, line, learned })
    }

    fn run(&mut self) -> Cost {
        let mut line = self.line.clone();
        self.learned = self.protocol.round(&mut self.sides, &mut line);
        line.cost()
    }

    fn check(&self, sets: &Sets<E>) {
        for (side, name) in ["initiator", "responder"].into_iter().enumerate() {
            let mut lacked: Vec<_> = sets.own[1 - side].iter().map(E::to_bytes).collect();
            let mut learned = self.learned[side].clone();
            lacked.sort_unstable();
            learned.sort_unstable();
            assert!(learned == lacked, "the {name} has learned what it lacked, and nothing else");
        }
    }
}

impl<E: Sample, P: Protocol<E>> fmt::Debug for Both<E, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Both").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

/// What a side holds, as bytes.
fn held<E: Sample>(sets: &Sets<E>, side: usize) -> impl Iterator<Item = E::Bytes> {
    sets.side(side).map(E::to_bytes)
}

/// Arrays one after the other.
fn concat<B: Bytes>(elements: &[B]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(elements.len() * B::LEN);
    elements.iter().for_each(|element| bytes.extend_from_slice(element.as_ref()));
    bytes
}

/// The arrays that were so concatenated.
fn split<B: Bytes>(bytes: &[u8]) -> impl Iterator<Item = B> {
    bytes.chunks_exact(B::LEN).filter_map(B::first_of)
}

/// Appends a number, seven bits a byte.
fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a number off the front.
fn take_varint(input: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = input.split_first().expect("a peer of ours wrote it");
        *input = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::Blob;
    use crate::sets::Side;
    use crate::system::measure;

    fn reconciles<E: Sample>() {
        for system in all::<E>() {
            for side in Side::ALL {
                for (n, d) in [(0, 0), (1, 1), (10, 10), (1_000, 0), (1_000, 1), (1_000, 10), (1_000, 333), (500, 500)]
                {
                    let sets = Sets::<E>::new(n, d, side, 1).expect("so many can differ");
                    if system.refuses(&sets).is_some() {
                        continue;
                    }
                    let counts = measure(&*system, &sets, 1).counts;
                    assert!(counts.messages >= 1 && counts.hops == counts.messages, "{system:?}: {counts:?}");
                    assert!(counts.bytes >= d * E::SIZE, "{system:?}: {counts:?}");
                }
            }
        }
    }

    #[test]
    fn every_peer_reconciles_integers() {
        reconciles::<u64>();
    }

    #[test]
    fn every_peer_reconciles_arrays() {
        reconciles::<[u8; 32]>();
    }

    #[test]
    fn every_peer_reconciles_what_is_fetched_by_id() {
        reconciles::<Blob<100>>();
    }

    #[test]
    fn what_is_fetched_by_id_takes_one_message_each_way() {
        // The ids of either set, 10 elements of 100 bytes, and then those that differ: 2 with 2 ids, and 2.
        let sets = Sets::<Blob<100>>::new(10, 4, Side::Half, 1).expect("so many can differ");
        let counts = measure(&Peer(full::Full), &sets, 1).counts;
        assert_eq!(counts.bytes, 10 * 8 + 10 * 8 + (1 + 2 * 100 + 2 * 8) + 2 * 100);
        assert_eq!((counts.messages, counts.hops), (4, 4));
        // Where one side alone has what differs, there is nothing to answer, or nothing to hand over.
        for (side, bytes) in
            [(Side::Left, 10 * 8 + 6 * 8 + (1 + 4 * 100)), (Side::Right, 6 * 8 + 10 * 8 + (1 + 4 * 8) + 4 * 100)]
        {
            let sets = Sets::<Blob<100>>::new(10, 4, side, 1).expect("so many can differ");
            assert_eq!(measure(&Peer(full::Full), &sets, 1).counts.bytes, bytes, "{side}");
        }
    }

    #[test]
    fn varints_are_read_as_written() {
        for value in [0, 1, 127, 128, 300, u64::MAX] {
            let mut bytes = vec![];
            put_varint(value, &mut bytes);
            assert_eq!(take_varint(&mut bytes.as_slice()), value);
        }
    }
}
