//! `Prefix`: the table of the first cells of a sequence, as many as came, ready to peel.

use alloc::vec::Vec;

use super::cell::{Cell, add};
use super::layout::unfold;
use super::parameters::MAX_CELLS;
use super::peel::Decodings;
use super::sketch_key::SketchKey;

/// A table of any length: what the first cells of a sequence say, each element in every slot of its own once.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Prefix {
    cells: Vec<Cell>,
}

impl Prefix {
    /// The table of the first cells of a sequence, beyond [`MAX_CELLS`] ignored. One cell addition per cell.
    #[must_use]
    pub fn from_sequence(mut sequence: Vec<Cell>) -> Self {
        sequence.truncate(MAX_CELLS);
        unfold(&mut sequence);
        Self { cells: sequence }
    }

    pub(crate) fn from_table(cells: Vec<Cell>) -> Self {
        Self { cells }
    }

    /// Takes in the next cells of the sequence, beyond [`MAX_CELLS`] ignored.
    pub fn extend(&mut self, sequence: &[Cell]) {
        let room = MAX_CELLS.saturating_sub(self.cells.len());
        for &cell in sequence.iter().take(room) {
            let end = self.cells.len();
            if let Some(half) = end.checked_ilog2() {
                self.cells[end - (1 << half)] ^= cell;
            }
            self.cells.push(cell);
        }
    }

    /// Takes away another set's prefix, cell by cell; what is left is a sketch of the symmetric difference. Lengths
    /// need to agree: `false`, and nothing changes, if they do not.
    pub fn subtract(&mut self, other: &Self) -> bool {
        let alike = self.cells.len() == other.cells.len();
        if alike {
            add(&mut self.cells, &other.cells);
        }
        alike
    }

    /// What this sketch may stand for; see [`Decodings`].
    #[must_use]
    pub fn decodings(&self, key: &SketchKey) -> Decodings<'_> {
        Decodings::new(&self.cells, *key)
    }

    /// The number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether it has no cells at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The cells of the table, which are not those of the sequence.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }
}
