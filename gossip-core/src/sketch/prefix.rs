//! `Prefix`: the table of the first cells of a sequence, ready to peel.

use alloc::vec::Vec;

use super::cell::{Cell, add};
use super::layout::unfold;
use super::parameters::MAX_CELLS;
use super::peel::Decodings;
use super::sketch_key::SketchKey;

/// Table of any length, of the first cells of a sequence.
///
/// ```
/// use gossip_core::sketch::{Prefix, SketchKey, Table};
///
/// let key = SketchKey::new(1, 2);
/// let [ours, theirs] = [[3, 5, 8], [3, 5, 9]].map(|ids| Table::rebuild(key, 10, ids));
/// let mut prefix = Prefix::from_sequence(theirs.sequence(0..8).expect("the table is longer"));
/// prefix.extend(&theirs.sequence(8..12).expect("the table is longer"));
/// assert!(prefix.subtract(&ours.prefix(12).expect("the table is longer")));
/// assert_eq!(prefix.decodings(&key).next(), Some(vec![8, 9]));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Prefix {
    cells: Vec<Cell>,
}

impl Prefix {
    /// Table of the first cells of a sequence; cells beyond [`MAX_CELLS`] are ignored. One cell addition per cell.
    #[must_use]
    pub fn from_sequence(mut sequence: Vec<Cell>) -> Self {
        // Positions have 21 bits, so the sequence has no more cells.
        sequence.truncate(MAX_CELLS);
        unfold(&mut sequence);
        Self { cells: sequence }
    }

    pub(crate) fn from_table(cells: Vec<Cell>) -> Self {
        Self { cells }
    }

    /// Extends the table by the next cells of the sequence; cells beyond [`MAX_CELLS`] are ignored. One cell addition
    /// per cell.
    pub fn extend(&mut self, sequence: &[Cell]) {
        let room = MAX_CELLS.saturating_sub(self.cells.len());
        for &cell in sequence.iter().take(room) {
            let end = self.cells.len();
            // The new slot is split from this one, whose elements of the new cell it takes over.
            if let Some(half) = end.checked_ilog2() {
                self.cells[end - (1 << half)] ^= cell;
            }
            self.cells.push(cell);
        }
    }

    /// Subtracts another set's prefix, which leaves a sketch of the symmetric difference. Returns `false`, without a
    /// change, if lengths differ.
    pub fn subtract(&mut self, other: &Self) -> bool {
        // Slots depend on the length, so the first cells of a longer table are no table of as many.
        let alike = self.cells.len() == other.cells.len();
        if alike {
            add(&mut self.cells, &other.cells);
        }
        alike
    }

    /// The sets that this sketch may stand for; see [`Decodings`].
    #[must_use]
    pub fn decodings(&self, key: &SketchKey) -> Decodings<'_> {
        Decodings::new(&self.cells, *key)
    }

    /// The same, of any names.
    pub(crate) fn decodings_of<N>(&self, key: &SketchKey) -> Decodings<'_, N> {
        Decodings::new(&self.cells, *key)
    }

    /// The number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Returns whether the table has no cells at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The cells of the table; those of the sequence are others.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }
}
