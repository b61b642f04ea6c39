//! `Census`: the simulator's own books of elements and holders, to compare machines with.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Bound;

use crate::Element;
use crate::element::{Stored, StoredRef};
use crate::rng::Rng;

/// All elements of a run, numbered from 0.
#[derive(Debug)]
pub(super) struct Census<E> {
    entries: Vec<Entry<E>>,
    /// By cluster and canonical bytes.
    // Bytes, since elements have neither an order nor a hash; and by cluster, since none may cross to another.
    numbers: BTreeMap<(usize, Vec<u8>), usize>,
    marks: Rng,
}

/// An element, and its holders.
#[derive(Debug)]
pub(super) struct Entry<E> {
    /// Bytes alone if nobody but a hostile replica has ever told of it.
    pub(super) element: Stored<E>,
    pub(super) cluster: usize,
    /// Its addend in the sum of a set.
    mark: u128,
    /// Whether a replica has inserted it already.
    pub(super) inserted: bool,
    /// Whether a replica has removed or replaced it.
    pub(super) ended: bool,
    /// Number of replicas that hold it.
    pub(super) holders: usize,
}

impl<E: Element> Census<E> {
    pub(super) fn new(seed: u64) -> Self {
        Self { entries: Vec::new(), numbers: BTreeMap::new(), marks: Rng::new(seed) }
    }

    /// Number of an element; assigns one to a new element.
    pub(super) fn enter(&mut self, cluster: usize, element: Stored<E>) -> usize {
        let mut bytes = Vec::new();
        element.lend().encode(&mut bytes);
        *self.numbers.entry((cluster, bytes)).or_insert_with(|| {
            // Random, not a fingerprint: the judge must not share a fault of the machines that it judges.
            let mark = u128::from(self.marks.next_u64()) << 64 | u128::from(self.marks.next_u64());
            self.entries.push(Entry { element, cluster, mark, inserted: false, ended: false, holders: 0 });
            self.entries.len() - 1
        })
    }

    pub(super) fn find(&self, cluster: usize, element: StoredRef<'_, E>) -> Option<usize> {
        let mut bytes = Vec::new();
        element.encode(&mut bytes);
        self.numbers.get(&(cluster, bytes)).copied()
    }

    /// Numbers of all elements whose encodings begin with a key.
    pub(super) fn under(&self, cluster: usize, key: &[u8]) -> Vec<usize> {
        let from = Bound::Included((cluster, key.to_vec()));
        let numbers = self.numbers.range((from, Bound::Unbounded));
        numbers.take_while(|((of, bytes), _)| *of == cluster && bytes.starts_with(key)).map(|(_, &it)| it).collect()
    }

    pub(super) fn entry(&self, number: usize) -> &Entry<E> {
        &self.entries[number]
    }

    pub(super) fn entry_mut(&mut self, number: usize) -> &mut Entry<E> {
        &mut self.entries[number]
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// A random number; `None` if there are none.
    pub(super) fn any(&self, rng: &mut Rng) -> Option<usize> {
        // `below(0)` is 0, which is no number of an empty census.
        usize::try_from(rng.below(self.len() as u64)).ok().filter(|&number| number < self.len())
    }

    pub(super) fn add(&mut self, held: &mut Books, number: usize) -> bool {
        let new = held.numbers.add(number);
        if new {
            held.count += 1;
            held.sum = held.sum.wrapping_add(self.entries[number].mark);
        }
        new
    }

    pub(super) fn take(&mut self, held: &mut Books, number: usize) -> bool {
        let had = held.numbers.take(number);
        if had {
            held.count -= 1;
            held.sum = held.sum.wrapping_sub(self.entries[number].mark);
        }
        had
    }
}

/// Elements of a replica, by its own account.
#[derive(Clone, Debug, Default)]
pub(super) struct Books {
    pub(super) numbers: Bits,
    pub(super) count: usize,
    /// Sum of marks: equal for equal sets, and for a pair of others with a probability of 2^-128.
    pub(super) sum: u128,
}

/// Set of small numbers, a bit each.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn has(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Adds a number; returns whether it is new.
    pub(super) fn add(&mut self, number: usize) -> bool {
        if self.0.len() <= number / 64 {
            self.0.resize(number / 64 + 1, 0);
        }
        let word = &mut self.0[number / 64];
        let new = *word >> (number % 64) & 1 == 0;
        *word |= 1 << (number % 64);
        new
    }

    /// Takes a number out; returns whether it was in.
    pub(super) fn take(&mut self, number: usize) -> bool {
        let had = self.has(number);
        if had {
            self.0[number / 64] &= !(1 << (number % 64));
        }
        had
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        (0..self.0.len() * 64).filter(|&number| self.has(number))
    }
}
