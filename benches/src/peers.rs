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

mod full;
mod merkle;
#[cfg(minisketch)]
mod minisketch;
mod negentropy;
mod rbsr;
mod riblt;

use core::fmt;
use std::time::{Duration, Instant};

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
    fn round(self, sides: &mut [Self::State; 2], line: &mut Line) -> [Vec<E::Bytes>; 2];

    /// Inserts these, so that a round could begin; `None` if it can't without building everything anew.
    fn insert(self, state: &mut Self::State, elements: &[E::Bytes]) -> Option<()> {
        let _ = (state, elements);
        None
    }
}

/// The line between two sides: counts what is said, and times what is done.
#[derive(Debug, Default)]
struct Line {
    cost: Cost,
}

impl Line {
    /// Times what a side does.
    #[expect(clippy::disallowed_methods, reason = "a bench reads a clock")]
    fn work<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = work();
        self.cost.cpu += start.elapsed();
        done
    }

    /// Times how a side makes a message, and sends that.
    fn say(&mut self, message: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
        let message = self.work(message);
        self.cost.counts.messages += 1;
        self.cost.counts.hops += 1;
        self.cost.counts.bytes += message.len();
        message
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
        Box::new(Both { protocol: self.0, sides, learned: [vec![], vec![]] })
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
    learned: [Vec<E::Bytes>; 2],
}

impl<E: Sample, P: Protocol<E>> Prepared<E> for Both<E, P> {
    fn fresh(&self) -> Box<dyn Prepared<E>> {
        Box::new(Self { protocol: self.protocol, sides: self.sides.clone(), learned: self.learned.clone() })
    }

    fn run(&mut self) -> Cost {
        let mut line = Line::default();
        self.learned = self.protocol.round(&mut self.sides, &mut line);
        line.cost
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
                    assert!(counts.bytes >= d * E::Bytes::LEN, "{system:?}: {counts:?}");
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
    fn varints_are_read_as_written() {
        for value in [0, 1, 127, 128, 300, u64::MAX] {
            let mut bytes = vec![];
            put_varint(value, &mut bytes);
            assert_eq!(take_varint(&mut bytes.as_slice()), value);
        }
    }
}
