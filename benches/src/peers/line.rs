//! The line between two sides: counts what is said, times what is done, and brings over what is reconciled by ids.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use super::{concat, put_varint, split, take_varint};
use crate::bytes::Bytes;
use crate::pair::Cost;
use crate::sets::{Sample, Sets};

/// The elements of a side by their ids; none where elements are reconciled as they are.
type Store<E> = BTreeMap<<E as Sample>::Bytes, E>;

#[derive(Clone)]
pub(super) struct Line<E: Sample> {
    cost: Cost,
    stores: Rc<[Store<E>; 2]>,
}

impl<E: Sample> Line<E> {
    /// Whether elements are reconciled by ids.
    const BY_ID: bool = E::SIZE > E::Bytes::LEN;

    /// A line on which nothing was said yet.
    pub(super) fn new(sets: &Sets<E>) -> Self {
        let store = |side| sets.side(side).filter(|_| Self::BY_ID).map(|e| (e.to_bytes(), e.clone())).collect();
        Self { cost: Cost::default(), stores: Rc::new([0, 1].map(store)) }
    }

    /// Times what a side does.
    #[expect(clippy::disallowed_methods, reason = "a bench reads a clock")]
    pub(super) fn work<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = work();
        self.cost.cpu += start.elapsed();
        done
    }

    /// Times how a side makes a message, and sends that.
    pub(super) fn say(&mut self, message: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
        let message = self.work(message);
        self.cost.counts.messages += 1;
        self.cost.counts.hops += 1;
        self.cost.counts.bytes += message.len();
        message
    }

    /// The end of a round in which one side alone knows what either lacks: behind what else it has to say it hands over
    /// what the other lacks. What either learns.
    pub(super) fn hand_over(
        &mut self,
        side: usize,
        mut said: Vec<u8>,
        mut lacks: [Vec<E::Bytes>; 2],
    ) -> [Vec<E::Bytes>; 2] {
        if Self::BY_ID {
            return self.exchange(side, said, lacks);
        }
        let head = said.len();
        let lacked = &mut lacks[1 - side];
        let last = self.say(|| {
            said.extend(concat(lacked));
            said
        });
        *lacked = self.work(|| split(&last[head..]).collect());
        lacks
    }

    /// The end of a round in which both have learned what they lack, or the ids of it; whose turn it is begins to fetch.
    pub(super) fn fetch(&mut self, side: usize, lacks: [Vec<E::Bytes>; 2]) -> [Vec<E::Bytes>; 2] {
        if Self::BY_ID && lacks.iter().any(|lacked| !lacked.is_empty()) {
            self.exchange(side, vec![], lacks)
        } else {
            lacks
        }
    }

    /// A side hands over what the other lacks, and asks for what it lacks itself, which comes back.
    fn exchange(&mut self, side: usize, mut said: Vec<u8>, lacks: [Vec<E::Bytes>; 2]) -> [Vec<E::Bytes>; 2] {
        let (stores, head, other) = (Rc::clone(&self.stores), said.len(), 1 - side);
        let message = self.say(|| {
            put_varint(lacks[other].len() as u64, &mut said);
            give(&stores[side], &lacks[other], &mut said);
            said.extend(concat(&lacks[side]));
            said
        });
        let (given, wanted) = self.work(|| {
            let mut rest = &message[head..];
            let count = take_varint(&mut rest);
            let given: Vec<E> = (0..count).map_while(|_| E::decode(&mut rest)).collect();
            (given, split(rest).collect::<Vec<E::Bytes>>())
        });
        let mut learned = [vec![], vec![]];
        learned[other] = ids(&given);
        if !wanted.is_empty() {
            let answer = self.say(|| {
                let mut out = vec![];
                give(&stores[other], &wanted, &mut out);
                out
            });
            let mut rest = answer.as_slice();
            let given: Vec<E> = self.work(|| (0..lacks[side].len()).map_while(|_| E::decode(&mut rest)).collect());
            learned[side] = ids(&given);
        }
        learned
    }

    /// What all that cost.
    pub(super) fn cost(&self) -> Cost {
        self.cost
    }
}

/// Appends elements that a side has.
fn give<E: Sample>(store: &Store<E>, ids: &[E::Bytes], out: &mut Vec<u8>) {
    out.reserve(ids.len() * E::SIZE);
    ids.iter().for_each(|id| store[id].encode(out));
}

fn ids<E: Sample>(elements: &[E]) -> Vec<E::Bytes> {
    elements.iter().map(E::to_bytes).collect()
}
