//! `Work`: what one side has written, and the other has missed, as a round begins.

use core::fmt;
use std::collections::BTreeMap;

use super::{MapSystem, Replicas};
use crate::sets::{Sample, SplitMix};

/// What the other side has missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Updates, since both last held the same.
    Updates,
    /// Removals, since then.
    Removals,
    /// Ten updates of each key and then its removal, since then.
    Return,
    /// The same, and then inserts of half of the keys.
    ReturnHalf,
    /// All there is. They have not met.
    MeetEmpty,
    /// Nothing. They have not met, and hold copies of one map.
    MeetEqual,
    /// Updates. They have not met, and held copies of one map before.
    MeetUpdates,
}

impl Work {
    /// All there are.
    pub const ALL: [Self; 7] = [
        Self::Updates,
        Self::Removals,
        Self::Return,
        Self::ReturnHalf,
        Self::MeetEmpty,
        Self::MeetEqual,
        Self::MeetUpdates,
    ];

    /// How many writes are missed of a map of `n` keys: these numbers, where that can be chosen.
    pub fn writes(self, n: usize, numbers: &[usize]) -> Vec<usize> {
        match self {
            Self::Updates | Self::Removals | Self::MeetUpdates => numbers.to_vec(),
            Self::Return => vec![11 * n],
            Self::ReturnHalf => vec![11 * n + n / 2],
            Self::MeetEmpty => vec![n],
            Self::MeetEqual => vec![0],
        }
    }

    /// The most bytes that a round of ours may take after `u` writes; `None` where all that is there is missed, or most.
    pub(super) fn most_bytes(self, u: usize) -> Option<usize> {
        match self {
            Self::Updates => Some((8 + 32 + 45) * u + 400),
            Self::Removals => Some(20 * u + 400),
            _ => None,
        }
    }

    /// Two replicas that have come to this.
    pub(super) fn done(self, system: MapSystem, n: usize, u: usize, seed: u64) -> Written {
        let mut written = Written::new(system, n, seed);
        written.fill();
        if self == Self::MeetEmpty {
            return written;
        }
        written.replicas.round(1);
        match self {
            Self::Updates => (0..u).for_each(|index| written.insert(index)),
            Self::Removals => (0..u).for_each(|index| written.remove(index)),
            Self::Return | Self::ReturnHalf => {
                (0..10 * n).for_each(|write| written.insert(write % n));
                (0..n).for_each(|index| written.remove(index));
                (11 * n..u).for_each(|write| written.insert(write % n));
            }
            Self::MeetEmpty | Self::MeetEqual => written.replicas.part(),
            Self::MeetUpdates => {
                written.replicas.part();
                (0..u).for_each(|index| written.insert(index));
            }
        }
        written
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Updates => "updates",
            Self::Removals => "removals",
            Self::Return => "return",
            Self::ReturnHalf => "return-half",
            Self::MeetEmpty => "meet-empty",
            Self::MeetEqual => "meet-equal",
            Self::MeetUpdates => "meet-updates",
        })
    }
}

/// Two replicas, and what was written to them.
pub(super) struct Written {
    pub(super) replicas: Box<dyn Replicas>,
    keys: Vec<u64>,
    held: BTreeMap<u64, [u8; 32]>,
    random: SplitMix,
}

impl Written {
    fn new(system: MapSystem, n: usize, seed: u64) -> Self {
        let mut random = SplitMix::new(seed);
        let keys = (0..n).map(|_| random.next()).collect();
        Self { replicas: (system.new)(seed), keys, held: BTreeMap::new(), random }
    }

    /// Inserts each key once, and in another order than keys are written in later on: ours tells fewer bytes of inserts
    /// that followed each other.
    fn fill(&mut self) {
        let mut order: Vec<usize> = (0..self.keys.len()).collect();
        order.sort_unstable_by_key(|&index| self.keys[index]);
        order.into_iter().for_each(|index| self.insert(index));
    }

    fn insert(&mut self, index: usize) {
        let (key, value) = (self.keys[index], Sample::random(&mut self.random));
        self.replicas.insert(key, value);
        self.held.insert(key, value);
    }

    fn remove(&mut self, index: usize) {
        let key = self.keys[index];
        self.replicas.remove(key);
        self.held.remove(&key);
    }

    /// Panics unless both sides hold what was written, and nothing else.
    pub(super) fn check(&self) {
        for side in [0, 1] {
            assert!(self.replicas.held(side) == self.held, "side {side} holds what was written, and nothing else");
        }
    }
}
