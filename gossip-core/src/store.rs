//! The set itself: a flat table in the order of ids.

use alloc::vec::Vec;
use core::cmp::Ordering;

/// An element and its id.
#[derive(Clone, Debug)]
pub(crate) struct Entry<E> {
    pub(crate) id: u64,
    pub(crate) element: E,
}

/// Entries in order, by id and, where ids are equal, as the caller says; each at the first free slot from its home on.
///
/// Ids are uniform, so an entry's home, `id · homes / 2^64`, is near its rank: linear probing that keeps the order
/// (Amble and Knuth, "Ordered hash tables", 1974) gives lookups and inserts in expected O(1) and scans in order, which a
/// hash table does not give and a B-tree gives at five times the price. Entries that would run over the last home follow it.
#[derive(Clone, Debug)]
pub(crate) struct Store<E> {
    slots: Vec<Option<Entry<E>>>,
    homes: usize,
    len: usize,
}

/// Fuller than 4/5, the table grows by 2/5: probes and shifts stay near ten slots, and slots below 1.75 an entry.
const fn capacity(homes: usize) -> usize {
    homes - homes.div_ceil(5)
}

const FIRST_HOMES: usize = 10;

/// How many slots beyond the last home are allocated at once.
const TAIL: usize = 32;

impl<E> Store<E> {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), homes: 0, len: 0 }
    }

    /// Inserts unless an equal element is there. `compare` orders the new element against another of its id.
    /// Expected O(1), amortized.
    pub(crate) fn insert(&mut self, entry: Entry<E>, compare: impl Fn(&E, &E) -> Ordering) -> bool {
        if self.len >= capacity(self.homes) {
            self.grow();
        }
        let mut at = self.home(entry.id);
        while let Some(Some(other)) = self.slots.get(at) {
            match other.id.cmp(&entry.id).then_with(|| compare(&entry.element, &other.element).reverse()) {
                Ordering::Less => at += 1,
                Ordering::Equal => return false,
                Ordering::Greater => break,
            }
        }
        let free = self.slots[at..].iter().position(Option::is_none);
        let free = free.map_or(self.slots.len(), |distance| at + distance);
        if free == self.slots.len() {
            self.slots.reserve_exact(usize::from(free == self.slots.capacity()) * TAIL);
            self.slots.push(None);
        }
        self.slots[at..=free].rotate_right(1);
        self.slots[at] = Some(entry);
        self.len += 1;
        true
    }

    fn grow(&mut self) {
        self.homes = (self.homes + self.homes.div_ceil(5) * 2).max(FIRST_HOMES);
        let old = core::mem::take(&mut self.slots);
        // Entries are in order and so are their homes: one pass over both tables.
        self.slots.reserve_exact(self.homes + TAIL);
        for entry in old.into_iter().flatten() {
            while self.slots.len() < self.home(entry.id) {
                self.slots.push(None);
            }
            self.slots.push(Some(entry));
        }
        while self.slots.len() < self.homes {
            self.slots.push(None);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The entries in order, from the first whose id is at least `id`. Expected O(1) before the first.
    pub(crate) fn from(&self, id: u64) -> impl Iterator<Item = &Entry<E>> + Clone {
        let start = self.home(id).min(self.slots.len());
        self.slots[start..].iter().flatten().skip_while(move |entry| entry.id < id)
    }

    /// The entries with this id.
    pub(crate) fn of(&self, id: u64) -> impl Iterator<Item = &Entry<E>> + Clone {
        let home = self.home(id).min(self.slots.len());
        let run = self.slots[home..].iter().map_while(Option::as_ref);
        run.skip_while(move |entry| entry.id < id).take_while(move |entry| entry.id == id)
    }

    fn home(&self, id: u64) -> usize {
        ((u128::from(id) * self.homes as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn insert(store: &mut Store<u64>, id: u64, element: u64) -> bool {
        store.insert(Entry { id, element }, Ord::cmp)
    }

    fn ids() -> impl Strategy<Value = u64> {
        prop_oneof![
            any::<u64>(),
            0_u64..20,
            (0_u64..20).prop_map(|low| u64::MAX - low),
            (0_u64..8).prop_map(|i| i << 61)
        ]
    }

    proptest! {
        #[test]
        fn agrees_with_an_ordered_set(pairs in proptest::collection::vec((ids(), 0_u64..4), 0..400), probe in ids()) {
            let mut store = Store::new();
            let mut model = BTreeSet::new();
            for (id, element) in pairs {
                prop_assert_eq!(insert(&mut store, id, element), model.insert((id, element)));
                prop_assert_eq!(store.len(), model.len());
            }
            let pair = |entry: &Entry<u64>| (entry.id, entry.element);
            prop_assert!(store.from(0).map(pair).eq(model.iter().copied()));
            prop_assert!(store.from(probe).map(pair).eq(model.range((probe, 0)..).copied()));
            prop_assert!(store.of(probe).map(pair).eq(model.range((probe, 0)..=(probe, 4)).copied()));
        }
    }

    #[test]
    fn slots_stay_below_one_and_three_quarters_an_entry() {
        let mut store = Store::new();
        let mut rng = crate::rng::Rng::new(1);
        for len in 1..200_000 {
            insert(&mut store, rng.next_u64(), 0);
            assert!(len < 100 || store.slots.capacity() <= len * 7 / 4 + 2 * TAIL, "{len}");
        }
    }
}
