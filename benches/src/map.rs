//! What a map that forgets costs, beside what a user could pick: bytes and trips of rounds, memory, and time.
//!
//! Rules for all systems:
//! - Keys are 64-bit integers, values 32 bytes. One side writes. The other has missed some of it when a round begins.
//! - A message is the bytes of what one side says at a time. Transport is not counted.
//! - After each round both sides hold what was written and neither removed nor replaced, and nothing else. That is checked
//!   before anything is reported.

mod costs;
mod forgetting;
#[cfg(feature = "peers")]
mod full;
#[cfg(feature = "memory")]
mod memory;
mod row;
#[cfg(feature = "peers")]
mod stamped;
mod times;
mod versions;
mod work;

use std::collections::BTreeMap;

use crate::pair::Counts;

pub use costs::round_cost;
#[cfg(feature = "memory")]
pub use memory::{memory_held, memory_pushed};
pub use row::{Figures, MapCase, MapRow};
pub use times::operation_times;
pub use work::Work;

/// Two replicas of a map, as one system has them. Side 0 writes.
trait Replicas {
    /// Inserts a value under a key, or replaces what is there.
    fn insert(&mut self, key: u64, value: [u8; 32]);

    /// Removes what is under a key.
    fn remove(&mut self, key: u64);

    /// Both forget that they have met, where they would know it.
    fn part(&mut self) {}

    /// One round that a side begins, until both hold the same.
    fn round(&mut self, asker: usize) -> Counts;

    /// What a side holds.
    fn held(&self, side: usize) -> BTreeMap<u64, [u8; 32]>;
}

/// A system that has maps.
#[derive(Clone, Copy, Debug)]
pub struct MapSystem {
    /// Its name in the report.
    pub name: &'static str,
    /// Whether its rounds are to keep the [limits](Work::most_bytes) of ours.
    is_ours: bool,
    /// Two empty replicas of a seed.
    new: fn(u64) -> Box<dyn Replicas>,
}

/// All systems there are.
pub fn map_systems() -> Vec<MapSystem> {
    let other = |name, new| MapSystem { name, is_ours: false, new };
    vec![
        MapSystem { name: "gossip", is_ours: true, new: |seed| Box::new(forgetting::Forgetting::new(seed)) },
        other("versions", |seed| Box::new(versions::Versions::new(seed))),
        #[cfg(feature = "peers")]
        other("rbsr-lww", |_| Box::new(stamped::Stamped::new())),
        #[cfg(feature = "peers")]
        other("full", |_| Box::new(full::Full::new())),
    ]
}

/// The value of a write.
fn value(of: u64) -> [u8; 32] {
    let mut value = [0; 32];
    value[..8].copy_from_slice(&of.to_le_bytes());
    value
}
