//! `Rank`: where an element stands in the order of all.

use super::Fingerprint;

/// Where an element stands in the order of all: by fingerprint and, of one fingerprint, by tiebreak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Rank {
    pub(crate) fingerprint: Fingerprint,
    /// 48 bits of a second hash of the encoding. With 64, two bounds among elements of one fingerprint would not fit a
    /// message beside a largest element.
    pub(crate) tie: u64,
}

impl Rank {
    /// Bytes of a tiebreak.
    pub(crate) const TIE: usize = 6;

    /// The first rank of a fingerprint.
    pub(crate) const fn first(fingerprint: Fingerprint) -> Self {
        Self { fingerprint, tie: 0 }
    }

    /// The last rank of a fingerprint.
    pub(crate) const fn last(fingerprint: Fingerprint) -> Self {
        Self { fingerprint, tie: (1 << (8 * Self::TIE)) - 1 }
    }

    /// The first rank of an id.
    pub(crate) const fn first_of(id: u64) -> Self {
        Self::first(Fingerprint { id, rest: 0 })
    }

    /// The last rank of an id.
    pub(crate) const fn last_of(id: u64) -> Self {
        Self::last(Fingerprint { id, rest: u64::MAX })
    }
}
