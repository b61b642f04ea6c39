//! `Table`: 2^6 to 2^20 cells that follow a set, and yield every shorter sketch of it.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::cell::Cell;
use super::deep::{DeepBits, DeepWidth, FIRST_LEVEL, LEVEL_BITS, LEVELS};
use super::layout::{fold, shorten};
use super::name::Name;
use super::parameters::POSITION_BITS;
use super::prefix::Prefix;
use super::sketch_key::SketchKey;

/// Sketch of one's own set, kept up to date: 2^6 to 2^20 cells of 16 bytes.
///
/// ```
/// use gossip_core::sketch::{SketchKey, Table};
///
/// let key = SketchKey::new(1, 2);
/// let mut ours = Table::new(key, 10);
/// let mut theirs = Table::new(key, 12);
/// (0..5_000).for_each(|id| ours.toggle(id * 77));
/// (3..5_002).for_each(|id| theirs.toggle(id * 77));
///
/// // The peer sends the first 20 cells of its sequence; any table of at least 20 cells can be compared with them.
/// let received = theirs.sequence(0..20).expect("the table is longer");
/// let difference = ours.difference(&received).expect("so is this one");
/// let claim = difference.decodings(&key).next().expect("five differences decode from 20 cells");
/// assert_eq!(claim, [0, 77, 154, 385_000, 385_077]);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    key: SketchKey,
    cells: Vec<Cell>,
    /// Check bits of the levels beyond the cells, from [`FIRST_LEVEL`] on.
    beyond: [u64; LEVELS],
}

impl Table {
    /// Fewest cells of a table, as a power of two.
    pub const MIN_LOG2: u32 = FIRST_LEVEL + 1;
    /// Most cells of a table, as a power of two.
    pub const MAX_LOG2: u32 = POSITION_BITS - 1;

    /// Table of the empty set, of 2^`log2` cells; `log2` is clamped between [`MIN_LOG2`](Self::MIN_LOG2) and
    /// [`MAX_LOG2`](Self::MAX_LOG2).
    #[must_use]
    pub fn new(key: SketchKey, log2: u32) -> Self {
        let log2 = log2.clamp(Self::MIN_LOG2, Self::MAX_LOG2);
        Self { key, cells: vec![Cell::EMPTY; 1 << log2], beyond: [0; LEVELS] }
    }

    /// The same of these cells, as many as a table has, of which none has an element.
    pub(super) fn of_empty(key: SketchKey, cells: Vec<Cell>) -> Self {
        debug_assert!(cells.len().is_power_of_two() && cells.iter().all(|cell| cell.is_empty()));
        Self { key, cells, beyond: [0; LEVELS] }
    }

    /// Table of a set, of 2^`log2` cells. A table grows by being built anew: twice the cells need a bit more of every
    /// position, which only the elements tell. 10 to 17 ns an element.
    #[must_use]
    pub fn rebuild(key: SketchKey, log2: u32, ids: impl IntoIterator<Item = u64>) -> Self {
        Self::rebuild_of(key, log2, ids)
    }

    /// The same, of any names.
    pub(super) fn rebuild_of<N: Name>(key: SketchKey, log2: u32, names: impl IntoIterator<Item = N>) -> Self {
        let mut table = Self::new(key, log2);
        names.into_iter().for_each(|name| table.toggle_name(name));
        table
    }

    /// Inserts an element, or removes it if it is there. The table cannot tell which.
    #[inline]
    pub fn toggle(&mut self, id: u64) {
        self.toggle_name(id);
    }

    /// The same, of any name.
    #[inline]
    pub(super) fn toggle_name<N: Name>(&mut self, name: N) {
        // Taken apart, so that the key is lent: a copy of it took 6 % of the instructions.
        let Self { key, cells, beyond } = self;
        let cells = &mut cells[..];
        let mark = key.mark(name.id());
        let element = name.cell(mark.check());
        key.each_position(mark, |position| {
            let slot = position as usize & (cells.len() - 1);
            cells[slot] ^= element;
            // Positions of the first 64 cells of a level beyond the table fall in its first 64 slots, so no other needs a
            // second look.
            if slot < LEVEL_BITS as usize {
                add_beyond(beyond, position, element);
            }
        });
    }

    /// Number of cells.
    #[must_use]
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "a table always has cells")]
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Key of the table.
    #[must_use]
    pub const fn key(&self) -> SketchKey {
        self.key
    }

    /// Table of the first `count` cells; `None` if this one is shorter. One cell addition per cell of this one.
    #[must_use]
    pub fn prefix(&self, count: usize) -> Option<Prefix> {
        (count <= self.len()).then(|| Prefix::from_table(shorten(&self.cells, count)))
    }

    /// Cells `range` of the sequence, the form that travels; `None` if the table is shorter. One cell addition per
    /// cell.
    #[must_use]
    pub fn sequence(&self, range: Range<usize>) -> Option<Vec<Cell>> {
        if range.end > self.len() {
            return None;
        }
        // Shortened first, so that what is copied and folded is as long as the range, not as the table.
        let mut cells = shorten(&self.cells, range.end.next_power_of_two());
        fold(&mut cells);
        cells.truncate(range.end);
        cells.drain(..range.start.min(range.end));
        Some(cells)
    }

    /// Subtracts this set from a peer's first cells, which leaves a sketch of the symmetric difference. `None` if the
    /// table is shorter than `received`.
    #[must_use]
    pub fn difference(&self, received: &[Cell]) -> Option<Prefix> {
        let mut difference = self.prefix(received.len())?;
        difference.subtract(&Prefix::from_sequence(received.to_vec()));
        Some(difference)
    }

    /// Deep bits of all levels; one pass over the table.
    #[must_use]
    pub fn deep_bits(&self, width: DeepWidth) -> DeepBits {
        DeepBits::new(width, self.levels())
    }

    /// Table of 2^`log2` cells of the same set, no longer than this one. One pass over it.
    pub(crate) fn folded(&self, log2: u32) -> Self {
        let mut beyond = self.levels();
        // Levels within the shorter table are read off its cells: a word beside them would cancel what they say.
        beyond.iter_mut().zip(FIRST_LEVEL..).filter(|&(_, level)| level < log2).for_each(|(word, _)| *word = 0);
        Self { key: self.key, cells: shorten(&self.cells, 1 << log2), beyond }
    }

    /// Check bits of all levels.
    fn levels(&self) -> [u64; LEVELS] {
        let mut levels = self.beyond;
        for (index, block) in (0_usize..).zip(self.cells.chunks_exact(LEVEL_BITS as usize)) {
            let word = block.iter().rev().fold(0, |word, cell| word << 1 | low_bit(*cell));
            // Level 5 is the upper half of every 64 cells. Any other level k has cell i of a block if bit k − 6 is the
            // lowest that is set in the number of the block.
            levels[0] ^= word >> 32;
            if index > 0 {
                levels[1 + index.trailing_zeros() as usize] ^= word;
            }
        }
        levels
    }
}

/// Adds a position to the levels beyond a table; one in `len / 64` comes here.
#[cold]
fn add_beyond(beyond: &mut [u64; LEVELS], position: u32, element: Cell) {
    let block = position / LEVEL_BITS;
    // Block 0 is in the cells of every table, which has 64 at least.
    if block > 0 {
        beyond[1 + block.trailing_zeros() as usize] ^= low_bit(element) << (position % LEVEL_BITS);
    }
}

#[inline]
const fn low_bit(cell: Cell) -> u64 {
    cell.check() as u64 & 1
}
