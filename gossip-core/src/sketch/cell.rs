//! `Cell`: the exclusive or of the elements with one slot.

use core::ops::{BitXor, BitXorAssign};

use super::parameters::CHECK_MASK;

/// Exclusive or of ids, and of their checks.
///
/// Cells are added by `^`, and each is its own inverse: a sketch of one set `^` a sketch of another is a sketch of
/// their symmetric difference.
///
/// ```
/// use gossip_core::sketch::Cell;
///
/// let [one, other] = [Cell::new(7, 1), Cell::new(9, 3)];
/// let both = one ^ other;
/// assert_eq!((both.id(), both.check()), (14, 2));
/// assert!((both ^ one ^ other).is_empty());
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct Cell {
    id: u64,
    // A whole word, so that runs of cells are combined with vector instructions. Of a name of 96 bits its upper half has
    // the last 32.
    check: u64,
}

impl Cell {
    /// The cell without elements.
    pub const EMPTY: Self = Self { id: 0, check: 0 };

    /// Cell of an id and a check. Bits of `check` above [`CHECK_BITS`](super::CHECK_BITS) are dropped.
    #[must_use]
    #[inline]
    pub const fn new(id: u64, check: u8) -> Self {
        Self { id, check: (check & CHECK_MASK) as u64 }
    }

    /// Cell of a name of 96 bits: an id and 32 bits behind it.
    #[inline]
    pub(super) const fn wide(id: u64, behind: u32, check: u8) -> Self {
        Self { id, check: (behind as u64) << 32 | (check & CHECK_MASK) as u64 }
    }

    /// Exclusive or of the bits behind ids.
    #[inline]
    pub(super) const fn behind(self) -> u32 {
        (self.check >> 32) as u32
    }

    /// Exclusive or of the ids.
    #[must_use]
    #[inline]
    pub const fn id(self) -> u64 {
        self.id
    }

    /// Exclusive or of the checks, below 2^[`CHECK_BITS`](super::CHECK_BITS).
    #[must_use]
    #[inline]
    pub const fn check(self) -> u8 {
        self.check.to_le_bytes()[0]
    }

    /// Returns whether both parts are zero, which means "no element" unless several cancel by chance.
    #[must_use]
    #[inline]
    pub const fn is_empty(self) -> bool {
        // One test for two words: peeling asks this of 3 or 17 slots for each id.
        self.id | self.check == 0
    }
}

impl BitXor for Cell {
    type Output = Self;

    #[inline]
    fn bitxor(self, other: Self) -> Self {
        Self { id: self.id ^ other.id, check: self.check ^ other.check }
    }
}

impl BitXorAssign for Cell {
    #[inline]
    fn bitxor_assign(&mut self, other: Self) {
        *self = *self ^ other;
    }
}

/// Adds `from` to `into`, cell by cell, up to the end of the shorter one.
#[inline]
pub(crate) fn add(into: &mut [Cell], from: &[Cell]) {
    for (cell, other) in into.iter_mut().zip(from) {
        *cell ^= *other;
    }
}
