//! `Fingerprint`: what an element is known by.

/// 128-bit identity of an element. The id is compared first, so that elements of one id are neighbours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Fingerprint {
    /// The low half.
    pub(crate) id: u64,
    /// The high half.
    pub(crate) rest: u64,
}

impl Fingerprint {
    pub(crate) fn from_value(value: u128) -> Self {
        Self { id: value as u64, rest: (value >> 64) as u64 }
    }

    /// The fingerprint as the addend of digests.
    pub(crate) fn value(self) -> u128 {
        u128::from(self.rest) << 64 | u128::from(self.id)
    }

    /// The sort key: a number that sorts as fingerprints do: the id above the other half.
    pub(crate) fn sort_key(self) -> u128 {
        u128::from(self.id) << 64 | u128::from(self.rest)
    }

    pub(crate) fn from_sort_key(key: u128) -> Self {
        Self { id: (key >> 64) as u64, rest: key as u64 }
    }
}
