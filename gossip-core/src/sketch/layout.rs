//! `Layout`: which cell of a table of any length a position falls in, and what leads from one table to another.

use super::cell::{Cell, add};
use super::parameters::MAX_CELLS;

/// The slots of a table of `cells` cells.
///
/// With `b = floor(log2(cells))`, the first `cells - 2^b` cells and those from `2^b` on are *split*: they share the
/// positions that one cell of a table of 2^b holds. The others are still whole, and twice as full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    cells: u32,
    half: u32,
    mask: u32,
}

impl Layout {
    /// The layout of a table of 1 to [`MAX_CELLS`] cells; other numbers count as the nearer of the two.
    pub(crate) fn new(cells: usize) -> Self {
        let cells = u32::try_from(cells.clamp(1, MAX_CELLS)).unwrap_or(1);
        let half = 1 << cells.ilog2();
        Self { cells, half, mask: 2 * half - 1 }
    }

    /// The slot of a position: below `cells`.
    #[inline]
    pub(crate) const fn slot(self, position: u32) -> u32 {
        let r = position & self.mask;
        if r >= self.cells { r - self.half } else { r }
    }
}

/// Adds an element to a run of the sequence that starts at cell `from`, where one of its positions falls: in cell 0,
/// and in one more for each bit of it that is set.
pub(crate) fn add_to_sequence(cells: &mut [Cell], from: usize, position: u32, element: Cell) {
    let mut add = |j: u32| {
        if let Some(cell) = (j as usize).checked_sub(from).and_then(|index| cells.get_mut(index)) {
            *cell ^= element;
        }
    };
    add(0);
    let mut bits = position;
    while bits > 0 {
        let lowest = bits & bits.wrapping_neg();
        add(position & (2 * lowest - 1));
        bits ^= lowest;
    }
}

/// Turns a table of 2^c cells into the first 2^c cells of the sequence, in place; one cell addition per cell.
pub(crate) fn fold(table: &mut [Cell]) {
    let mut width = table.len() / 2;
    while width > 0 {
        let (low, high) = table.split_at_mut(width);
        add(low, &high[..width]);
        width /= 2;
    }
}

/// Turns the first cells of the sequence, any number of them, into the table of that many, in place; one cell addition
/// per cell.
pub(crate) fn unfold(sequence: &mut [Cell]) {
    let mut width = 1;
    while width < sequence.len() {
        let (low, high) = sequence.split_at_mut(width);
        add(low, high);
        width *= 2;
    }
}

/// Turns a table of 2^c cells into the table of its first `cells`, for `cells` at most that many.
pub(crate) fn shorten(table: &[Cell], cells: usize) -> alloc::vec::Vec<Cell> {
    debug_assert!(table.len().is_power_of_two() && cells <= table.len());
    if cells == 0 {
        return alloc::vec::Vec::new();
    }
    let width = cells.next_power_of_two();
    let (first, rest) = table.split_at(width);
    let mut short = first.to_vec();
    for chunk in rest.chunks_exact(width) {
        add(&mut short, chunk);
    }
    if cells < width {
        let (kept, gone) = short.split_at_mut(cells);
        add(&mut kept[cells - width / 2..], gone);
        short.truncate(cells);
    }
    short
}
