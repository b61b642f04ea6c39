//! `Layout`: the slots of tables of any length, and the steps between tables and the sequence.

use super::cell::{Cell, add};
use super::parameters::MAX_CELLS;

/// The slots of a table of `cells` cells.
///
/// With `b = floor(log2(cells))`, the first `cells - 2^b` cells and those from `2^b` on are *split*: two of them share
/// the positions of one cell of a table of 2^b. The others are still whole, and twice as full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    cells: u32,
    half: u32,
    mask: u32,
}

impl Layout {
    /// Layout of a table of 1 to [`MAX_CELLS`] cells; other numbers mean the nearer of the two.
    pub(crate) fn new(cells: usize) -> Self {
        let cells = u32::try_from(cells.clamp(1, MAX_CELLS)).unwrap_or(1);
        let half = 1 << cells.ilog2();
        Self { cells, half, mask: 2 * half - 1 }
    }

    /// The slot of a position: below `cells`.
    #[inline]
    pub(crate) const fn slot(self, position: u32) -> u32 {
        // A mask and a comparison, and no division: this is asked 3 or 17 times an id that is peeled.
        let r = position & self.mask;
        if r >= self.cells { r - self.half } else { r }
    }
}

/// Adds an element with one of its positions to a run of the sequence from cell `from` on: to cell 0, and to one more
/// for each bit of the position that is set.
pub(crate) fn add_to_sequence(cells: &mut [Cell], from: usize, position: u32, element: Cell) {
    let mut add = |j: u32| {
        if let Some(cell) = (j as usize).checked_sub(from).and_then(|index| cells.get_mut(index)) {
            *cell ^= element;
        }
    };
    add(0);
    let mut bits = position;
    // 10 or 11 of 21 bits are set on average: with 4.68 positions an element is in some 50 cells of the whole sequence.
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
        // What is above `width` is cells of the sequence already; below is the table of half as many.
        let (low, high) = table.split_at_mut(width);
        add(low, &high[..width]);
        width /= 2;
    }
}

/// Turns the first cells of the sequence, any number of them, into their table, in place; one cell addition per cell.
pub(crate) fn unfold(sequence: &mut [Cell]) {
    let mut width = 1;
    while width < sequence.len() {
        // In the last step `high` may be the shorter one: as many slots as it has are split.
        let (low, high) = sequence.split_at_mut(width);
        add(low, high);
        width *= 2;
    }
}

/// The table of the first `cells` cells, from one of 2^c, for `cells` up to that; one cell addition per cell of the
/// longer.
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
        // Slots beyond the end go back by half of the width, as in `slot`: `r − 2^b`.
        add(&mut kept[cells - width / 2..], gone);
        short.truncate(cells);
    }
    short
}
