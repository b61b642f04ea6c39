//! `Table`: a power of two of cells that follows a set, and yields every shorter sketch of it.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::cell::Cell;
use super::deep::{DeepBits, DeepWidth, FIRST_LEVEL, LAST_LEVEL, LEVEL_BITS, LEVELS, LevelBits};
use super::layout::{fold, shorten};
use super::parameters::POSITION_BITS;
use super::prefix::Prefix;
use super::sketch_key::SketchKey;

/// A sketch of one's own set, kept up to date: 2^6 to 2^20 cells of 16 bytes.
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
    /// Check bits of the levels that `cells` is too short for, indexed by level.
    beyond: [u64; LEVELS],
}

impl Table {
    /// The fewest cells of a table, as a power of two.
    pub const MIN_LOG2: u32 = FIRST_LEVEL + 1;
    /// The most cells of a table, as a power of two.
    pub const MAX_LOG2: u32 = POSITION_BITS - 1;

    /// The table of the empty set, of 2^`log2` cells; `log2` is held between [`MIN_LOG2`](Self::MIN_LOG2) and
    /// [`MAX_LOG2`](Self::MAX_LOG2).
    #[must_use]
    pub fn new(key: SketchKey, log2: u32) -> Self {
        let log2 = log2.clamp(Self::MIN_LOG2, Self::MAX_LOG2);
        Self { key, cells: vec![Cell::EMPTY; 1 << log2], beyond: [0; LEVELS] }
    }

    /// The table of a set, of 2^`log2` cells. A table grows by being built anew: twice the cells need a bit more of
    /// every position, which only the elements know. 10 to 17 ns an element.
    #[must_use]
    pub fn rebuild(key: SketchKey, log2: u32, ids: impl IntoIterator<Item = u64>) -> Self {
        let mut table = Self::new(key, log2);
        ids.into_iter().for_each(|id| table.toggle(id));
        table
    }

    /// Inserts an element, or removes it if it is there. The table cannot tell which.
    #[inline]
    pub fn toggle(&mut self, id: u64) {
        let key = self.key;
        let mark = key.mark(id);
        let element = Cell::new(id, mark.check());
        key.each_position(mark, |position| self.add(position, element));
    }

    /// Adds an element where one of its positions falls.
    #[inline]
    pub(crate) fn add(&mut self, position: u32, element: Cell) {
        let slot = position as usize & (self.cells.len() - 1);
        self.cells[slot] ^= element;
        if slot < LEVEL_BITS as usize {
            self.add_beyond(position, element);
        }
    }

    /// The number of cells.
    #[must_use]
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "a table always has cells")]
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// The key it is kept under.
    #[must_use]
    pub const fn key(&self) -> SketchKey {
        self.key
    }

    /// The table of the first `count` cells; `None` if this one is shorter. One cell addition per cell of this one.
    #[must_use]
    pub fn prefix(&self, count: usize) -> Option<Prefix> {
        (count <= self.len()).then(|| Prefix::from_table(shorten(&self.cells, count)))
    }

    /// Cells `range` of the sequence, which is what travels; `None` if the table is shorter. One cell addition per
    /// cell.
    #[must_use]
    pub fn sequence(&self, range: Range<usize>) -> Option<Vec<Cell>> {
        if range.end > self.len() {
            return None;
        }
        let mut cells = shorten(&self.cells, range.end.next_power_of_two());
        fold(&mut cells);
        cells.truncate(range.end);
        cells.drain(..range.start.min(range.end));
        Some(cells)
    }

    /// What a peer's first cells leave once ours are taken away: a sketch of the symmetric difference. `None` if the
    /// table is shorter than `received`.
    #[must_use]
    pub fn difference(&self, received: &[Cell]) -> Option<Prefix> {
        let mut difference = self.prefix(received.len())?;
        difference.subtract(&Prefix::from_sequence(received.to_vec()));
        Some(difference)
    }

    /// The deep bits of all levels; one pass over the table.
    #[must_use]
    pub fn deep_bits(&self, width: DeepWidth) -> DeepBits {
        DeepBits::new(width, self.levels())
    }

    /// The table of 2^`log2` cells of the same set; no longer than this one. One pass over it.
    pub(crate) fn folded(&self, log2: u32) -> Self {
        let mut beyond = self.levels();
        beyond.iter_mut().zip(FIRST_LEVEL..).filter(|&(_, level)| level < log2).for_each(|(word, _)| *word = 0);
        Self { key: self.key, cells: shorten(&self.cells, 1 << log2), beyond }
    }

    /// The check bits of all levels.
    fn levels(&self) -> [u64; LEVELS] {
        let mut levels = self.beyond;
        for (index, block) in (0_usize..).zip(self.cells.chunks_exact(LEVEL_BITS as usize)) {
            let word = block.iter().rev().fold(0, |word, cell| word << 1 | low_bit(*cell));
            levels[0] ^= word >> 32;
            if index > 0 {
                levels[1 + index.trailing_zeros() as usize] ^= word;
            }
        }
        levels
    }

    /// The lowest check bits of cells 2^`level` + `range` of the sequence. `None` where the level has fewer, or where
    /// the table is not longer than 2^`level`. Costs a read for each cell of the table that the range takes part in.
    #[must_use]
    pub fn level_bits(&self, level: u32, range: Range<usize>) -> Option<LevelBits> {
        if !(FIRST_LEVEL..=LAST_LEVEL).contains(&level) || range.end > 1 << level || self.len() <= 1 << level {
            return None;
        }
        let (from, step) = (1 << level, 2 << level);
        let bits = range.map(|index| {
            self.cells[from + index..].iter().step_by(step).fold(0, |bit, cell| bit ^ low_bit(*cell)) == 1
        });
        Some(LevelBits::collect(level, bits))
    }

    /// One position in `len / 64` comes here.
    #[cold]
    fn add_beyond(&mut self, position: u32, element: Cell) {
        let block = position / LEVEL_BITS;
        if block > 0 {
            self.beyond[1 + block.trailing_zeros() as usize] ^= low_bit(element) << (position % LEVEL_BITS);
        }
    }
}

#[inline]
const fn low_bit(cell: Cell) -> u64 {
    cell.check() as u64 & 1
}
