//! `Name`: what a sketch knows an element by.

use super::cell::Cell;

/// What a sketch knows an element by: an id of 64 bits, or a [`WideName`] of 96. Positions and checks follow from the
/// first 64, and the rest is carried along.
// Not nameable outside: nobody else may have names.
pub trait Name: Copy + Ord + Default {
    /// The 64 bits that positions and checks follow from.
    fn id(self) -> u64;

    /// The cell of this name and its check.
    fn cell(self, check: u8) -> Cell;

    /// The name that a cell of one has.
    fn of(cell: Cell) -> Self;
}

impl Name for u64 {
    #[inline]
    fn id(self) -> u64 {
        self
    }

    #[inline]
    fn cell(self, check: u8) -> Cell {
        Cell::new(self, check)
    }

    #[inline]
    fn of(cell: Cell) -> Self {
        cell.id()
    }
}

/// A name of 96 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WideName {
    /// Two names that share these 64 bits have all cells in common, so they are to be spread as an id is.
    pub(crate) id: u64,
    pub(crate) behind: u32,
}

impl Name for WideName {
    #[inline]
    fn id(self) -> u64 {
        self.id
    }

    #[inline]
    fn cell(self, check: u8) -> Cell {
        Cell::wide(self.id, self.behind, check)
    }

    #[inline]
    fn of(cell: Cell) -> Self {
        Self { id: cell.id(), behind: cell.behind() }
    }
}
