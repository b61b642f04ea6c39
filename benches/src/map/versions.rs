//! Versions in a plain set of ours: each write adds an element, and the latest of a key is what the map has.
//!
//! What it needs that a map of ours does not: memory for all that was ever written, as no version goes, and neither does
//! what says that a key was removed.

use std::collections::BTreeMap;

use gossip_core::{AntiEntropy, Config, Element, Set, TypeTag};

use super::Replicas;
use crate::pair::{Counts, Pair};

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    key: u64,
    /// One more than the greatest that the writer has seen.
    number: u32,
    /// None if the key was removed.
    value: Option<[u8; 32]>,
}

impl Element for Version {
    const TYPE: TypeTag = TypeTag::new("benches.version.1");

    fn encode(&self, out: &mut Vec<u8>) {
        (self.key, self.number, self.value.is_some()).encode(out);
        self.value.iter().for_each(|value| value.encode(out));
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        let (key, number, is_there) = Element::decode(input)?;
        let value = if is_there { Some(Element::decode(input)?) } else { None };
        Some(Self { key, number, value })
    }
}

pub(super) struct Versions {
    pair: Pair<Set<Version>>,
    /// The number of the last write.
    number: u32,
}

impl Versions {
    pub(super) fn new(seed: u64) -> Self {
        let machines = [0, 1].map(|side| AntiEntropy::new(Config::default(), 2 * seed + side));
        Self { pair: Pair::new(machines), number: 0 }
    }

    fn write(&mut self, key: u64, value: Option<[u8; 32]>) {
        self.number += 1;
        self.pair.extend(0, [Version { key, number: self.number, value }]);
    }
}

impl Replicas for Versions {
    fn insert(&mut self, key: u64, value: [u8; 32]) {
        self.write(key, Some(value));
    }

    fn remove(&mut self, key: u64) {
        self.write(key, None);
    }

    fn part(&mut self) {
        self.pair.part();
    }

    fn round(&mut self, asker: usize) -> Counts {
        self.pair.round(asker).counts
    }

    fn held(&self, side: usize) -> BTreeMap<u64, [u8; 32]> {
        let mut latest = BTreeMap::<u64, (u32, Option<[u8; 32]>)>::new();
        for version in self.pair.machines()[side].iter() {
            let held = latest.entry(version.key).or_default();
            *held = (*held).max((version.number, version.value));
        }
        latest.into_iter().filter_map(|(key, (_, value))| Some((key, value?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_elements() {
        let version = Version { key: 1, number: 2, value: Some([3; 32]) };
        let removal = Version { key: 1, number: 3, value: None };
        gossip_core::element_laws(&[version, removal]).expect("they keep the laws");
    }
}
