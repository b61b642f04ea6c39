//! Ours: two machines that are maps.

use std::collections::BTreeMap;

use gossip_core::{Config, Map, ReplicaId};

use super::Replicas;
use crate::pair::{Counts, Pair};
use crate::sets::SplitMix;

/// A kind of set in which a map of these is.
type Kind = gossip_core::Forgetting<u64, [u8; 32]>;

pub(super) struct Forgetting(Pair<Kind>);

impl Forgetting {
    pub(super) fn new(seed: u64) -> Self {
        Self(Pair::new([0, 1].map(|side| replica(Config::default(), 2 * seed + side))))
    }
}

/// An empty replica under an id that is as good as random.
pub(super) fn replica(config: Config, seed: u64) -> Map<usize, u64, [u8; 32]> {
    let id = ReplicaId::from_random(SplitMix::new(!seed).next().to_le_bytes());
    Map::new(config, id, seed)
}

impl Replicas for Forgetting {
    fn insert(&mut self, key: u64, value: [u8; 32]) {
        self.0.machine(0).insert(key, value).expect("it is short");
    }

    fn remove(&mut self, key: u64) {
        assert_eq!(self.0.machine(0).remove(&key), 1, "it was there");
    }

    fn part(&mut self) {
        self.0.part();
    }

    fn round(&mut self, asker: usize) -> Counts {
        self.0.round(asker).counts
    }

    fn held(&self, side: usize) -> BTreeMap<u64, [u8; 32]> {
        self.0.machines()[side].iter().map(|(&key, &value)| (key, value)).collect()
    }
}
