//! `Store`: a log of elements, and small buckets of ids behind a flat directory.

use alloc::collections::BTreeSet;
use alloc::collections::btree_set::Range;
use alloc::vec;
use alloc::vec::Vec;

use super::bucket::{Bucket, FULL};
use super::log::Log;
use crate::element::{Element, Entry, Fingerprint, Rank, Stored, StoredRef};

/// Elements by id and by order of insertion.
///
/// Elements are in a log, in order of insertion. Their ids are in buckets, by extendible hashing (Fagin et al.,
/// "Extendible hashing", 1979) with the ids themselves for hashes: the first bits of an id are its slot in the
/// directory, which has the number of a bucket; a full bucket splits on its next bit. So buckets are in order, and the
/// ids of a bucket are sorted when they are read. Inserts are expected O(1) and scans in order, whatever the order of
/// inserts.
///
/// A table with linear probing from `id · slots / 2^64` would do for random ids. But pages bring ids in order, and a
/// table that fills from the front shifts entries by fractions of its length: a million elements against another
/// million by pages took 190 s, and take 3.
#[derive(Clone, Debug)]
pub(crate) struct Store<E> {
    log: Log<E>,
    /// 2^`bits` slots.
    directory: Vec<u32>,
    bits: u32,
    /// The first slots of the directory, each twice: that of the next bit, as far as it is made.
    doubled: Vec<u32>,
    /// In chunks of `CHUNK`.
    buckets: Vec<Vec<Bucket>>,
    /// Whether two elements have one id: never, as a rule, unless somebody chooses them.
    shares_ids: bool,
    /// Whether two elements have one fingerprint: only under a weak key.
    shares_fingerprints: bool,
    /// Ranks and places of the elements whose bucket was full and could not split. Empty, as a rule, unless somebody
    /// chooses ids.
    crowd: BTreeSet<(Rank, usize)>,
}

/// Buckets that are allocated at once, 48 KiB. They never move, so no insert is slow.
const CHUNK: usize = 256;

/// Most slots of the directory an element. Uniform ids need a fifth of one; where they come in order, 8 let buckets
/// split as soon as a 128th of all has come.
const SLOTS: usize = 8;

/// From so many elements for two slots on, the directory of the next bit is made ahead: the first bucket that needs it is
/// full at six to eight, with uniform ids.
const FIRST: usize = 5;

/// Slots of it that are made at each split. All at once took 4 ms at 3 million elements; one at a time it would not be
/// there when it is needed.
const COPIED: usize = 64;

impl<E> Store<E> {
    pub(crate) fn new() -> Self {
        Self {
            log: Log::new(),
            directory: vec![0],
            bits: 0,
            doubled: Vec::new(),
            buckets: vec![vec![Bucket::new(0)]],
            shares_ids: false,
            shares_fingerprints: false,
            crowd: BTreeSet::new(),
        }
    }

    /// Inserts an element unless an equal one is there; `rank` orders elements that share an id. Expected O(1),
    /// amortized; O(log n) where many ids share their first bits, or are one.
    #[inline]
    pub(crate) fn insert(&mut self, id: u64, element: Stored<E>, rank: impl Fn(Entry<'_, E>) -> Rank) -> bool
    where
        E: Element,
    {
        let index = self.index(id);
        let bucket = &mut self.buckets[index / CHUNK][index % CHUNK];
        // Most inserts, in few instructions: the fewer, the more of them wait for memory at once.
        if bucket.len() < FULL
            && !bucket.may_hold(id)
            && self.crowd.is_empty()
            // A bucket has 32 bits for a place; beyond 2^32 elements the crowd takes them.
            && let Ok(place) = u32::try_from(self.log.len())
        {
            bucket.push(id, place);
            self.log.push(element);
            return true;
        }
        self.insert_with_care(id, element, rank)
    }

    #[cold]
    fn insert_with_care(&mut self, id: u64, element: Stored<E>, rank: impl Fn(Entry<'_, E>) -> Rank) -> bool
    where
        E: Element,
    {
        // A low half in common is chance for 15 in 2^32 new ids: nearly always it is a repeat.
        let suspected = self.bucket(self.index(id)).may_hold(id) || !self.crowd.is_empty();
        let lent = element.lend();
        if suspected && self.holds(id, || rank(Entry { id, element: lent }), |other| other == lent) {
            return false;
        }
        self.shares_ids |= suspected && self.named(id, 0).next().is_some();
        if suspected && self.shares_ids && !self.shares_fingerprints {
            let Rank { fingerprint, .. } = rank(Entry { id, element: lent });
            let next = self.from(Rank::first(fingerprint), &rank).next();
            self.shares_fingerprints = next.is_some_and(|other| rank(other).fingerprint == fingerprint);
        }
        let place = self.log.len();
        self.log.push(element);
        // Of 15 uniform ids all go to one side once in 2^14 splits, and then it takes another.
        while self.bucket(self.index(id)).len() == FULL && self.split(id) {}
        let index = self.index(id);
        match u32::try_from(place) {
            Ok(place) if self.bucket(index).len() < FULL => self.bucket_mut(index).push(id, place),
            // More than 15 ids that begin alike: somebody chose them. Ranks are kept with them, since a list in order of
            // elements took 110 µs an insert once 32 000 had one fingerprint.
            _ => _ = self.crowd.insert((rank(Entry { id, element: self.log.get(place) }), place)),
        }
        true
    }

    /// Splits the bucket of `id` on its next bit; `false` if the directory would outgrow the elements, or ids their
    /// high half.
    fn split(&mut self, id: u64) -> bool {
        let index = self.index(id);
        let bits = u32::from(self.bucket(index).bits);
        if bits == self.bits {
            // Without a bound 16 chosen ids with 31 bits in common would ask for 2^32 slots, 16 GiB.
            if self.directory.len() / SLOTS >= self.log.len() || bits == 32 {
                return false;
            }
            // 4 bytes a slot: no bucket and no element moves.
            self.double(self.directory.len());
            self.directory = core::mem::take(&mut self.doubled);
            self.bits += 1;
        }
        let upper = self.bucket_mut(index).split();
        if self.buckets.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.buckets.push(Vec::with_capacity(CHUNK));
        }
        let last = self.buckets.len() - 1;
        // There are no more buckets than slots, and of these at most 2^32.
        let name = (last * CHUNK + self.buckets[last].len()) as u32;
        self.buckets[last].push(upper);
        // A bucket of fewer bits than the directory has several slots, and the upper half of them changes hands.
        let slots = self.slots(self.slot(id), bits);
        let upper = slots.start + slots.len() / 2..slots.end;
        let doubled = (upper.start * 2).min(self.doubled.len())..(upper.end * 2).min(self.doubled.len());
        self.directory[upper].fill(name);
        self.doubled[doubled].fill(name);
        if self.log.len() >= self.directory.len() / 2 * FIRST {
            self.double(COPIED);
        }
        true
    }

    /// Makes so many more slots of the directory of the next bit, as far as there are any.
    fn double(&mut self, slots: usize) {
        let (from, len) = (self.doubled.len() / 2, self.directory.len());
        if from == 0 {
            self.doubled.reserve_exact(2 * len);
        }
        let more = &self.directory[from..(from + slots).min(len)];
        self.doubled.extend(more.iter().flat_map(|&index| [index; 2]));
    }

    pub(crate) fn len(&self) -> usize {
        self.log.len()
    }

    /// Returns whether there is an element of this id that `is` the one looked for. Expected O(1); O(log n) where many
    /// share the id: then its rank tells where it would be.
    pub(crate) fn holds(
        &self,
        id: u64,
        rank: impl FnOnce() -> Rank,
        mut is: impl FnMut(StoredRef<'_, E>) -> bool,
    ) -> bool {
        if self.bucket(self.index(id)).named(id, 0).any(|(_, place)| is(self.log.get(place as usize))) {
            return true;
        }
        // Asked at every repeat, where the crowd is empty as a rule: a rank takes two hashes.
        if self.crowd(Rank::first_of(id), Rank::last_of(id)).next().is_none() {
            return false;
        }
        let rank = rank();
        self.crowd(rank, rank).any(|(_, place)| is(self.log.get(place)))
    }

    /// Returns whether two elements have one id.
    pub(crate) const fn shares_ids(&self) -> bool {
        self.shares_ids
    }

    /// Returns whether two elements have one fingerprint.
    pub(crate) const fn shares_fingerprints(&self) -> bool {
        self.shares_fingerprints
    }

    /// The crowd from one rank to another, with them.
    fn crowd(&self, first: Rank, last: Rank) -> impl Iterator<Item = (u64, usize)> + Clone {
        let crowd = if self.crowd.is_empty() { None } else { Some(self.crowd.range((first, 0)..=(last, usize::MAX))) };
        crowd.into_iter().flatten().map(|&(rank, place)| (rank.fingerprint.id, place))
    }

    /// Returns for each name whether there may be entries whose ids are that name but for their last `width` bits,
    /// fewer than 32; surely there are none if not. Reads all slots of the directory first and all buckets then,
    /// without a branch that depends on them. So many wait for memory at once, and the lines to be read or written next
    /// are in the caches.
    #[inline]
    pub(crate) fn may_name(&self, names: impl Iterator<Item = u64> + Clone, width: u32) -> Vec<bool> {
        let indices: Vec<u32> = names.clone().map(|name| self.directory[self.slot(name << width)]).collect();
        let crowded = !self.crowd.is_empty();
        let looked_at = names.zip(indices);
        looked_at.map(|(name, index)| self.bucket(index as usize).may_name(name, width) | crowded).collect()
    }

    /// The entries whose ids are `name` but for their last `width` bits, at most 32 of them: in no order but where
    /// `width` is 0. Expected O(1).
    pub(crate) fn named(&self, name: u64, width: u32) -> impl Iterator<Item = Entry<'_, E>> + Clone {
        let first = name << width;
        let bucket = self.bucket(self.index(first)).named(name, width);
        let crowd = self.crowd(Rank::first_of(first), Rank::last_of(first | ((1 << width) - 1)));
        let places = bucket.map(|(id, place)| (id, place as usize)).chain(crowd);
        places.map(|(id, place)| Entry { id, element: self.log.get(place) })
    }

    /// Elements in order of insertion.
    pub(crate) const fn log(&self) -> &Log<E> {
        &self.log
    }

    /// The same, to try again to decode what is not. Ids follow from encodings, and stay.
    pub(super) const fn log_mut(&mut self) -> &mut Log<E> {
        &mut self.log
    }

    /// All ids, in no order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u64> {
        let bucketed = self.buckets.iter().flatten().flat_map(|bucket| bucket.entries().map(|(id, _)| id));
        bucketed.chain(self.crowd.iter().map(|(rank, _)| rank.fingerprint.id))
    }

    /// The entries from the first whose rank is at least `first`, in order; `rank` orders elements that share an id.
    /// Expected O(1) before the first, and each; O(log n) where many ids share their first bits.
    pub(crate) fn from<R: Fn(Entry<'_, E>) -> Rank>(&self, first: Rank, rank: R) -> InOrder<'_, E, R> {
        let Fingerprint { id, .. } = first.fingerprint;
        let mut entries = InOrder {
            store: self,
            rank,
            slot: self.slot(id),
            bucket: [(0, 0); FULL],
            at: 0,
            len: 0,
            crowd: self.crowd.range((first, 0)..),
            crowded: None,
        };
        entries.next_bucket();
        // A bucket begins at its first slot, before `id` as a rule.
        entries.at = entries.bucket[..entries.len].partition_point(|&(other, place)| {
            other < id || (other == id && entries.rank_of(other, place as usize) < first)
        });
        entries.crowded = entries.crowd.next().copied();
        entries
    }

    fn slot(&self, id: u64) -> usize {
        // Two shifts: a directory of one slot would ask for one by 64 bits, which overflows.
        (id >> 1 >> (63 - self.bits)) as usize
    }

    /// The slots that share their first `bits` bits with this one.
    fn slots(&self, slot: usize, bits: u32) -> core::ops::Range<usize> {
        let count = 1 << (self.bits - bits);
        let first = slot & !(count - 1);
        first..first + count
    }

    fn bucket(&self, index: usize) -> &Bucket {
        &self.buckets[index / CHUNK][index % CHUNK]
    }

    fn bucket_mut(&mut self, index: usize) -> &mut Bucket {
        &mut self.buckets[index / CHUNK][index % CHUNK]
    }

    fn index(&self, id: u64) -> usize {
        self.directory[self.slot(id)] as usize
    }
}

/// Iterator over entries in order: those of buckets merged with the crowd.
#[derive(Clone, Debug)]
pub(crate) struct InOrder<'a, E, R> {
    store: &'a Store<E>,
    rank: R,
    /// The slot after the bucket's.
    slot: usize,
    /// A bucket's entries in order, of which `at` to `len` are to come.
    bucket: [(u64, u32); FULL],
    at: usize,
    len: usize,
    crowd: Range<'a, (Rank, usize)>,
    /// The next of the crowd.
    crowded: Option<(Rank, usize)>,
}

impl<E, R: Fn(Entry<'_, E>) -> Rank> InOrder<'_, E, R> {
    fn next_bucket(&mut self) {
        let bucket = self.store.bucket(self.store.directory[self.slot] as usize);
        self.slot = self.store.slots(self.slot, u32::from(bucket.bits)).end;
        (self.at, self.len) = (0, bucket.len());
        self.bucket.iter_mut().zip(bucket.entries()).for_each(|(slot, entry)| *slot = entry);
        // Sorted here and not at inserts: these append, and write two cache lines.
        let entries = &mut self.bucket[..self.len];
        entries.sort_unstable_by_key(|&(id, _)| id);
        let (log, rank) = (&self.store.log, &self.rank);
        for alike in entries.chunk_by_mut(|(id, _), (next, _)| id == next).filter(|alike| alike.len() > 1) {
            // A rank takes two hashes: one for each entry, not for each comparison.
            let mut ranked = [(Rank::default(), 0); FULL];
            for (ranked, &mut (id, place)) in ranked.iter_mut().zip(&mut *alike) {
                *ranked = (rank(Entry { id, element: log.get(place as usize) }), place);
            }
            ranked[..alike.len()].sort_unstable();
            alike.iter_mut().zip(ranked).for_each(|(entry, (_, place))| entry.1 = place);
        }
    }

    fn rank_of(&self, id: u64, place: usize) -> Rank {
        (self.rank)(Entry { id, element: self.store.log.get(place) })
    }
}

impl<'a, E, R: Fn(Entry<'_, E>) -> Rank> Iterator for InOrder<'a, E, R> {
    type Item = Entry<'a, E>;

    fn next(&mut self) -> Option<Entry<'a, E>> {
        // A loop, since a split of ids that begin alike leaves an empty bucket.
        while self.at == self.len && self.slot < self.store.directory.len() {
            self.next_bucket();
        }
        let of_bucket = self.bucket[self.at..self.len].first().copied();
        // Ids of the crowd fall between those of buckets, or are the same.
        if let Some((rank, place)) = self.crowded
            && of_bucket.is_none_or(|(id, other)| {
                let crowded = rank.fingerprint.id;
                crowded < id || (crowded == id && rank < self.rank_of(id, other as usize))
            })
        {
            self.crowded = self.crowd.next().copied();
            return Some(Entry { id: rank.fingerprint.id, element: self.store.log.get(place) });
        }
        self.at += usize::from(of_bucket.is_some());
        of_bucket.map(|(id, place)| Entry { id, element: self.store.log.get(place as usize) })
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use proptest::prelude::*;

    use super::*;
    use crate::element::TypeTag;

    fn insert(store: &mut Store<u64>, id: u64, element: u64) -> bool {
        store.insert(id, Stored::Value(element), rank)
    }

    fn number(entry: Entry<'_, u64>) -> u64 {
        *entry.element.value().expect("none came undecoded")
    }

    /// By id, by element: of 20 elements of an id, four have one fingerprint.
    fn rank(entry: Entry<'_, u64>) -> Rank {
        Rank { fingerprint: Fingerprint { id: entry.id, rest: number(entry) / 4 }, tie: number(entry) % 4 }
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
            pairs in prop::collection::vec((ids(), 0_u64..20), 0..800),
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
            let pair = |entry: Entry<'_, u64>| (entry.id, number(entry));
            prop_assert!(store.from(Rank::default(), rank).map(pair).eq(model.iter().copied()));
            for element in 0..20 {
                let entry = Entry { id: probe, element: StoredRef::Value(&element) };
                let first = rank(entry);
                prop_assert!(store.from(first, rank).map(pair).eq(model.range((probe, element)..).copied()));
                let holds = store.holds(probe, || first, |other| other == entry.element);
                prop_assert_eq!(holds, model.contains(&(probe, element)));
            }
            let ids: BTreeSet<u64> = model.iter().map(|&(id, _)| id).collect();
            prop_assert_eq!(store.shares_ids(), ids.len() < model.len());
            let fingerprints: BTreeSet<(u64, u64)> = model.iter().map(|&(id, element)| (id, element / 4)).collect();
            prop_assert_eq!(store.shares_fingerprints(), fingerprints.len() < model.len());
            let mut ids: Vec<u64> = store.ids().collect();
            ids.sort_unstable();
            prop_assert!(ids.into_iter().eq(model.iter().map(|&(id, _)| id)));
            for width in [0, 16, 32] {
                let mut named: Vec<_> = store.named(probe >> width, width).map(pair).collect();
                named.sort_unstable();
                let (first, last) = (probe >> width << width, probe | ((1 << width) - 1));
                prop_assert!(width == 32 || store.may_name(core::iter::once(probe >> width), width)[0] || named.is_empty());
                prop_assert!(named.into_iter().eq(model.range((first, 0)..=(last, u64::MAX)).copied()));
            }
        }
    }

    #[test]
    fn what_is_not_there_is_seldom_suspected() {
        let mut rng = crate::rng::Rng::new(1);
        let mut store = Store::new();
        (0..1_000).for_each(|i| _ = insert(&mut store, rng.next_u64(), i));
        for width in [0, 16] {
            let names: Vec<u64> = (0..1_000).map(|_| rng.next_u64() >> width).collect();
            let suspected =
                store.may_name(names.iter().copied(), width).into_iter().filter(|&suspected| suspected).count();
            assert_eq!(suspected, 0, "{width}");
        }
    }

    #[test]
    fn uniform_ids_need_no_crowd_and_ids_in_order_a_small_one() {
        let mut rng = crate::rng::Rng::new(1);
        let mut ids: Vec<u64> = (0..20_000).map(|_| rng.next_u64()).collect();
        for crowded in [0, 200] {
            let mut store = Store::new();
            for &id in &ids {
                insert(&mut store, id, 0);
                assert!(store.directory.len() < 2 * SLOTS * (store.len() + 1));
            }
            assert!(store.crowd.len() <= crowded, "{}", store.crowd.len());
            let buckets: usize = store.buckets.iter().map(Vec::len).sum();
            assert!(buckets * 9 < ids.len(), "{buckets} buckets");
            assert_eq!(store.buckets.len(), buckets.div_ceil(CHUNK));
            ids.sort_unstable();
        }
    }

    #[test]
    fn ids_that_share_their_first_bits_crowd_and_size_no_directory() {
        let mut store = Store::new();
        for id in 0..10_000 {
            insert(&mut store, id, id);
        }
        assert!(store.directory.len() <= 16 * 10_000);
        assert!(store.from(Rank::first_of(5_000), rank).map(|entry| entry.id).eq(5_000..10_000));
    }

    #[test]
    fn an_insert_compares_and_ranks_few_however_many_share_its_fingerprint() {
        /// Counts the comparisons of all elements that share the counter.
        #[derive(Clone)]
        struct Counted<'a>(u64, &'a Cell<usize>);

        impl PartialEq for Counted<'_> {
            fn eq(&self, other: &Self) -> bool {
                self.1.set(self.1.get() + 1);
                self.0 == other.0
            }
        }
        impl Eq for Counted<'_> {}

        impl Element for Counted<'_> {
            const TYPE: TypeTag = TypeTag::new("counted");

            fn encode(&self, out: &mut Vec<u8>) {
                self.0.encode(out);
            }

            fn decode(_: &mut &[u8]) -> Option<Self> {
                None
            }
        }

        let (compared, ranked) = (Cell::new(0), Cell::new(0));
        let rank = |entry: Entry<'_, Counted<'_>>| {
            ranked.set(ranked.get() + 1);
            Rank { tie: entry.element.value().map_or(0, |counted| counted.0), ..Rank::default() }
        };
        let mut store = Store::new();
        for number in (0..2_000_u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16) {
            for is_new in [true, false] {
                assert_eq!(store.insert(0, Stored::Value(Counted(number, &compared)), rank), is_new);
                // The second is compared with those of its fingerprint; from then on there are such.
                assert!(compared.take() <= FULL + 1 && ranked.take() <= if store.len() > 2 { 2 } else { 4 });
            }
        }
    }
}
