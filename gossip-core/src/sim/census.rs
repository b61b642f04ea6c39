//! Who holds what: the simulator's own books, against which machines are held.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::Element;
use crate::rng::Rng;

/// All elements that a run knows, each with a number.
#[derive(Debug)]
pub(super) struct Census<E> {
    entries: Vec<Entry<E>>,
    /// By cluster and canonical bytes.
    numbers: BTreeMap<(usize, Vec<u8>), usize>,
    marks: Rng,
}

#[derive(Debug)]
pub(super) struct Entry<E> {
    pub(super) element: E,
    pub(super) cluster: usize,
    /// What it adds to the sum of a set.
    mark: u128,
    /// Whether a replica has inserted it yet.
    pub(super) inserted: bool,
    /// How many replicas hold it.
    pub(super) holders: usize,
}

impl<E: Element> Census<E> {
    pub(super) fn new(seed: u64) -> Self {
        Self { entries: Vec::new(), numbers: BTreeMap::new(), marks: Rng::new(seed) }
    }

    /// The number of an element, which it gets here if it has none.
    pub(super) fn enter(&mut self, cluster: usize, element: E) -> usize {
        let mut bytes = Vec::new();
        element.encode(&mut bytes);
        *self.numbers.entry((cluster, bytes)).or_insert_with(|| {
            let mark = u128::from(self.marks.next_u64()) << 64 | u128::from(self.marks.next_u64());
            self.entries.push(Entry { element, cluster, mark, inserted: false, holders: 0 });
            self.entries.len() - 1
        })
    }

    pub(super) fn find(&self, cluster: usize, element: &E) -> Option<usize> {
        let mut bytes = Vec::new();
        element.encode(&mut bytes);
        self.numbers.get(&(cluster, bytes)).copied()
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

    /// A random number, `None` if there are none.
    pub(super) fn any(&self, rng: &mut Rng) -> Option<usize> {
        usize::try_from(rng.below(self.len() as u64)).ok().filter(|&number| number < self.len())
    }

    pub(super) fn add(&mut self, held: &mut Held, number: usize) -> bool {
        let new = held.numbers.add(number);
        if new {
            held.count += 1;
            held.sum = held.sum.wrapping_add(self.entries[number].mark);
        }
        new
    }
}

/// What a replica has told that it holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    pub(super) numbers: Bits,
    pub(super) count: usize,
    /// Equal for equal sets, and for others but with a probability of 2^-128 a pair.
    pub(super) sum: u128,
}

/// A set of small numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn has(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Whether it is new.
    pub(super) fn add(&mut self, number: usize) -> bool {
        if self.0.len() <= number / 64 {
            self.0.resize(number / 64 + 1, 0);
        }
        let word = &mut self.0[number / 64];
        let new = *word >> (number % 64) & 1 == 0;
        *word |= 1 << (number % 64);
        new
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        (0..self.0.len() * 64).filter(|&number| self.has(number))
    }
}
