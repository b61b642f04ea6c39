//! The set itself: small sorted buckets behind a flat directory of ids.

use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// An element and its id.
#[derive(Clone, Debug)]
pub(crate) struct Entry<E> {
    pub(crate) id: u64,
    pub(crate) element: E,
}

/// Entries in order, by id and, where ids are equal, as the caller says.
///
/// Extendible hashing (Fagin et al., "Extendible hashing", 1979) with the ids themselves for hashes, so that buckets are
/// in order: the first bits of an id are its slot in the directory, which names a bucket; a full bucket splits on its next
/// bit. Lookups and inserts are expected O(1) and scans in order, whatever order ids come in. One table probed linearly
/// from `id · slots / 2^64` takes as little time for ids at random, but pages bring ids in order: what fills its front
/// before its back displaces entries by whole fractions of the table, and a million of them by pages took minutes.
#[derive(Clone, Debug)]
pub(crate) struct Store<E> {
    /// 2^`bits` slots.
    directory: Vec<u32>,
    bits: u32,
    buckets: Vec<Bucket<E>>,
    len: usize,
}

/// The entries whose ids share their first `bits` bits.
#[derive(Clone, Debug)]
struct Bucket<E> {
    bits: u32,
    entries: Vec<Entry<E>>,
}

/// A bucket with this many entries splits. 16 and 64 take 4 % and 20 % longer an insert at 10^6.
const FULL: usize = 32;

/// By how many entries a bucket's allocation grows: half a bucket's worth of slack would cost 8 bytes an integer.
const GROWTH: usize = 4;

impl<E> Store<E> {
    pub(crate) fn new() -> Self {
        Self { directory: vec![0], bits: 0, buckets: vec![Bucket { bits: 0, entries: Vec::new() }], len: 0 }
    }

    /// Inserts unless an equal element is there. `compare` orders the new element against another of its id.
    /// Expected O(1), amortized.
    pub(crate) fn insert(&mut self, entry: Entry<E>, compare: impl Fn(&E, &E) -> Ordering) -> bool {
        let Some(mut at) = self.bucket(entry.id).vacancy(&entry, &compare) else { return false };
        while self.bucket(entry.id).entries.len() >= FULL && self.split(entry.id) {
            at = self.bucket(entry.id).vacancy(&entry, &compare).unwrap_or(at);
        }
        let index = self.index(self.slot(entry.id));
        let entries = &mut self.buckets[index].entries;
        if entries.len() == entries.capacity() {
            entries.reserve_exact(GROWTH.max(entries.len() / 4));
        }
        entries.insert(at, entry);
        self.len += 1;
        true
    }

    /// Splits the bucket of `id` on its next bit; `false` if the directory would have to grow beyond a slot an entry. Ids
    /// that are not uniform then make larger buckets instead.
    fn split(&mut self, id: u64) -> bool {
        let low = self.index(self.slot(id));
        let bits = self.buckets[low].bits;
        if bits == self.bits {
            if self.directory.len() >= self.len || bits == 32 {
                return false;
            }
            self.directory = self.directory.iter().flat_map(|&index| [index; 2]).collect();
            self.bits += 1;
        }
        let bucket = &mut self.buckets[low];
        let upper = bucket.entries.partition_point(|entry| entry.id >> (63 - bits) & 1 == 0);
        let entries = bucket.entries.split_off(upper);
        bucket.entries.shrink_to(upper + GROWTH);
        bucket.bits += 1;
        let high =
            u32::try_from(self.buckets.len()).expect("fewer buckets than directory slots, of which 2^32 is the most");
        self.buckets.push(Bucket { bits: bits + 1, entries });
        // The bucket's slots stand together; the upper half of them is the new bucket's.
        let slots = 1 << (self.bits - bits);
        let first = self.slot(id) & !(slots - 1);
        self.directory[first + slots / 2..first + slots].fill(high);
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The entries in order, from the first whose id is at least `id`. Expected O(1) before the first.
    pub(crate) fn from(&self, id: u64) -> impl Iterator<Item = &Entry<E>> + Clone {
        let first = self.bucket(id);
        let skipped = first.entries.partition_point(|entry| entry.id < id);
        let after = self.after(self.slot(id), first.bits);
        let later = core::iter::successors(self.later(after), |&(_, after)| self.later(after));
        first.entries[skipped..].iter().chain(later.flat_map(|(bucket, _)| &bucket.entries))
    }

    /// The entries with this id.
    pub(crate) fn of(&self, id: u64) -> impl Iterator<Item = &Entry<E>> + Clone {
        let entries = &self.bucket(id).entries;
        let first = entries.partition_point(|entry| entry.id < id);
        entries[first..].iter().take_while(move |entry| entry.id == id)
    }

    /// The bucket of a slot, if there is such a slot, and the slot after it.
    fn later(&self, slot: usize) -> Option<(&Bucket<E>, usize)> {
        let bucket = &self.buckets[*self.directory.get(slot)? as usize];
        Some((bucket, self.after(slot, bucket.bits)))
    }

    /// The first slot after those that share their first `bits` bits with this one.
    fn after(&self, slot: usize, bits: u32) -> usize {
        let slots = 1 << (self.bits - bits);
        (slot & !(slots - 1)) + slots
    }

    fn slot(&self, id: u64) -> usize {
        // Two shifts, since one by all 64 bits overflows.
        (id >> 1 >> (63 - self.bits)) as usize
    }

    fn index(&self, slot: usize) -> usize {
        self.directory[slot] as usize
    }

    fn bucket(&self, id: u64) -> &Bucket<E> {
        &self.buckets[self.index(self.slot(id))]
    }
}

impl<E> Bucket<E> {
    /// Where an entry belongs; `None` if an equal one is there.
    fn vacancy(&self, entry: &Entry<E>, compare: impl Fn(&E, &E) -> Ordering) -> Option<usize> {
        let mut at = self.entries.partition_point(|other| other.id < entry.id);
        for other in self.entries[at..].iter().take_while(|other| other.id == entry.id) {
            match compare(&entry.element, &other.element) {
                Ordering::Greater => at += 1,
                Ordering::Equal => return None,
                Ordering::Less => break,
            }
        }
        Some(at)
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

    /// Uniform ids, and such as crowd one end, the other, or a few places.
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
        fn agrees_with_an_ordered_set(
            pairs in prop::collection::vec((ids(), 0_u64..4), 0..600),
            ascending in any::<bool>(),
            probe in ids(),
        ) {
            let (mut store, mut model, mut pairs) = (Store::new(), BTreeSet::new(), pairs);
            if ascending {
                pairs.sort_unstable();
            }
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
    fn uniform_ids_make_small_buckets_in_any_order() {
        let mut rng = crate::rng::Rng::new(1);
        let mut ids: Vec<u64> = (0..100_000).map(|_| rng.next_u64()).collect();
        // In ascending order the first buckets outgrow a directory that has no more slots than entries: by the square root.
        for largest in [FULL, 400] {
            let mut store = Store::new();
            for &id in &ids {
                insert(&mut store, id, 0);
                assert!(store.directory.len() <= 2 * store.len);
            }
            assert!(store.buckets.iter().all(|bucket| bucket.entries.len() <= largest));
            let slots: usize = store.buckets.iter().map(|bucket| bucket.entries.capacity()).sum();
            assert!(slots < ids.len() * 5 / 4, "{slots}");
            ids.sort_unstable();
        }
    }
}
