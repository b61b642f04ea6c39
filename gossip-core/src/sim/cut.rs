//! `Cut`: a partition in force.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::census::Bits;

/// A partition in force.
#[derive(Debug)]
pub(super) struct Cut {
    /// Its number among all partitions.
    // They may overlap, and the end of one must not end another of the same sides.
    pub(super) number: u64,
    stops: Stops,
}

#[derive(Debug)]
enum Stops {
    /// Messages from one side to the other.
    Sides(Bits),
    /// Messages from the first to the second of a pair.
    Links(BTreeSet<(usize, usize)>),
}

impl Cut {
    /// Cut between these replicas and the others.
    pub(super) fn sides(number: u64, side: Vec<usize>) -> Self {
        let mut bits = Bits::default();
        side.into_iter().for_each(|replica| _ = bits.add(replica));
        Self { number, stops: Stops::Sides(bits) }
    }

    pub(super) fn links(number: u64, links: Vec<(usize, usize)>) -> Self {
        Self { number, stops: Stops::Links(links.into_iter().collect()) }
    }

    pub(super) fn stops(&self, from: usize, to: usize) -> bool {
        match &self.stops {
            // Both ways, and not within a side.
            Stops::Sides(side) => side.has(from) != side.has(to),
            Stops::Links(links) => links.contains(&(from, to)),
        }
    }
}
