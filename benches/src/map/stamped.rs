//! rbsr with stamps: range-based reconciliation over the tree of `rsos`, as the crate `reconcile` has maps.
//!
//! - `rsos` has maps, whose fingerprints are of key and value, and `rbsr` finds the ranges of keys that differ. What a value
//!   is, is ours here: the entry of `reconcile`, field by field. That is a stamp of time, counter and node, and a value or a
//!   tombstone. Of two entries the later one is kept.
//! - On the wire: as the peer `rbsr` of sets, with the entries in place of the elements. Ranges are answered before the
//!   entries beside them are merged, as `reconcile` does it. What `reconcile` sends to acknowledge tombstones is left out.
//! - A clock that counts milliseconds, a write each, stands in for the time of day.
//!
//! What it needs that a map of ours does not: clocks that agree, as the later stamp wins, whatever its writer had seen; and
//! a tombstone for each removed key, kept until all members have acknowledged it, for which it needs to know them all.

use std::collections::BTreeMap;

use bincode::{DefaultOptions, Options};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rbsr::{RangeAggregate, initial_ranges, protocol_round};
use rsos::{FingerprintTreeMap, Rsos};
use serde::{Deserialize, Serialize};

use super::Replicas;
use crate::pair::Counts;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    stamp: Stamp,
    state: State,
}

/// When, the how-manieth then, and by which node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Stamp(u64, u32, u64);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum State {
    Present([u8; 32]),
    Tombstone,
}

/// What one side says: the ranges that it asks about, and its entries of those that it was to list.
type Said = (Vec<RangeAggregate<[u8; 8]>>, Vec<([u8; 8], Entry)>);

pub(super) struct Stamped {
    sides: [FingerprintTreeMap<[u8; 8], Entry>; 2],
    millis: u64,
}

/// When the first entry is written: ms since 1970.
const EPOCH: u64 = 1_700_000_000_000;

/// The node that writes.
const NODE: u64 = 0xfeed_face_dead_beef;

const WRITTEN: &str = "a side reads what the other wrote";

impl Stamped {
    pub(super) fn new() -> Self {
        Self { sides: [FingerprintTreeMap::new(), FingerprintTreeMap::new()], millis: EPOCH }
    }

    fn write(&mut self, key: u64, state: State) {
        self.millis += 1;
        self.sides[0].insert(key.to_be_bytes(), Entry { stamp: Stamp(self.millis, 0, NODE), state });
    }
}

impl Replicas for Stamped {
    fn insert(&mut self, key: u64, value: [u8; 32]) {
        self.write(key, State::Present(value));
    }

    fn remove(&mut self, key: u64) {
        self.write(key, State::Tombstone);
    }

    fn round(&mut self, asker: usize) -> Counts {
        let codec = DefaultOptions::new();
        let mut random = StdRng::seed_from_u64(1);
        let mut counts = Counts::default();
        let mut said: Said = (initial_ranges(&self.sides[asker]), vec![]);
        let mut side = asker;
        while !(said.0.is_empty() && said.1.is_empty()) {
            let message = codec.serialize(&said).expect(WRITTEN);
            counts =
                Counts { messages: counts.messages + 1, bytes: counts.bytes + message.len(), hops: counts.hops + 1 };
            side = 1 - side;
            let own = &mut self.sides[side];
            let (asked, entries): Said = codec.deserialize(&message).expect(WRITTEN);
            let (mut ranges, mut lists) = (vec![], vec![]);
            protocol_round(own, asked, &mut ranges, &mut lists, &mut random);
            let listed =
                lists.into_iter().flat_map(|list| own.enumerate(list)).map(|(&key, entry)| (key, entry.clone()));
            said = (ranges, listed.collect());
            for (key, entry) in entries {
                if own.get(&key).is_none_or(|held| held.stamp < entry.stamp) {
                    own.insert(key, entry);
                }
            }
        }
        let [one, other] = self.sides.each_ref().map(|side| side.aggregate(..));
        assert_eq!(one, other, "both hold the same");
        counts
    }

    fn held(&self, side: usize) -> BTreeMap<u64, [u8; 32]> {
        let value = |(key, entry): (&[u8; 8], &Entry)| match entry.state {
            State::Present(value) => Some((u64::from_be_bytes(*key), value)),
            State::Tombstone => None,
        };
        self.sides[side].enumerate(..).filter_map(value).collect()
    }
}
