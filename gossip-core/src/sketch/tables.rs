//! `Tables`: a long table for large differences, and short ones for all else.

use alloc::vec::Vec;

use super::cell::Cell;
use super::name::Name;
use super::sketch_key::SketchKey;
use super::table::Table;

/// Tables of one set: a main one that grows with the set, and, as far as they are shorter, coarse ones of 2^7 and 2^12
/// cells. Most requests are for a few cells and the deep bits, and should not cost a pass over megabytes (100 µs; 2^12
/// cells take 5).
///
/// 16 bytes a cell, and a cell for one element to eight: 2 to 16 bytes an element, until the main table stops growing.
/// A difference that takes more cells than that has a longer one [built](Self::lengthen) for as long as it is needed.
///
/// ```
/// use gossip_core::sketch::{SketchKey, Table, Tables};
///
/// let key = SketchKey::new(1, 2);
/// let mut tables = Tables::build(key, 3, [3, 5, 8]);
/// tables.toggle(13);
/// tables.refresh();
/// assert_eq!(tables.covering(20).sequence(0..20), Table::rebuild(key, 10, [3, 5, 8, 13]).sequence(0..20));
/// assert_eq!([4, 1_000].map(|count| tables.are_outgrown(count)), [false, true]);
/// ```
#[derive(Clone, Debug)]
pub struct Tables<N = u64> {
    main: Table,
    /// Shortest first.
    coarse: Vec<Table>,
    /// Ids that the coarse tables lack; `None` if these are so many that tables are better folded anew.
    behind: Option<Vec<N>>,
    /// The table that takes the place of the main one once it has all elements.
    next: Option<Next<N>>,
}

/// A table that is being built.
#[derive(Clone, Debug)]
enum Next<N> {
    /// Its first cells, of 2^`log2`. None has an element.
    Empty { cells: Vec<Cell>, log2: u32 },
    /// It has the elements of ids below this one, and no others.
    Filling { table: Table, below: N },
}

/// Returns whether a fold of `cells` cells is quicker than inserts of `behind` elements in a shorter table: 16 cells
/// take as long as an element.
const fn is_sooner_folded(cells: usize, behind: usize) -> bool {
    behind > cells / 16
}

impl Tables {
    /// Cells of the coarse tables, as powers of two.
    // 2^12 cells are a head and its deep bits in 2 µs. 2^7 beside them take a round of 1 difference between sets of
    // 10^5 integers from 7.7 to 3.5 µs, one of 10 from 13 to 8.
    pub const COARSE_LOG2: [u32; 2] = [7, 12];
    /// Most cells of the main table that is kept, as a power of two; these decode about 115 000 differences. Other
    /// lengths: `benches/results/SWEEP.md`, "Tables".
    pub const MAIN_LOG2: u32 = 17;

    /// Elements that a table under construction takes in at once: 70 µs. A set has 128 inserts between two of these, and so a
    /// longer table of 32 768 elements is there 2 560 inserts after it is due.
    pub const STEP: usize = 2_048;
    /// Cells that it gets at once, 64 KiB: memory that is touched for the first time takes longer than what is written.
    const CLEARED: usize = 4_096;

    /// Most cells that a set of `count` elements has a table of, if need be: what all elements of two such sets take,
    /// up to 2^20.
    #[must_use]
    pub fn longest_for(count: usize) -> usize {
        // 1.13 a difference: 9/4 of the elements.
        let cells = count.saturating_add(count / 8).min(1 << (Table::MAX_LOG2 - 1)) * 2;
        cells.next_power_of_two().max(1 << Table::MIN_LOG2)
    }

    /// Tables of a set of `count` elements with these ids. 10 to 35 ns an element.
    #[must_use]
    pub fn build(key: SketchKey, count: usize, ids: impl IntoIterator<Item = u64>) -> Self {
        Self::build_of(key, count, ids)
    }

    /// The power of two above half of `count`, between 2^6 and 2^12; 2^14 from 2^15 elements on, 2^17 from 2^17 on.
    /// Steps are few where building anew takes long.
    fn log2_for(count: usize) -> u32 {
        match count {
            ..0x8000 => (count / 2).checked_ilog2().map_or(0, |log2| log2 + 1).clamp(Table::MIN_LOG2, 12),
            // Not by powers of two: each would add every element once more, 2 times in all where these steps add it 1.2
            // times.
            0x8000..0x2_0000 => 14,
            0x2_0000.. => Self::MAIN_LOG2,
        }
    }
}

impl<N: Name> Tables<N> {
    /// Tables of a set of `count` elements with these names.
    pub(crate) fn build_of(key: SketchKey, count: usize, names: impl IntoIterator<Item = N>) -> Self {
        Self::of(Table::rebuild_of(key, Tables::log2_for(count), names))
    }

    fn of(main: Table) -> Self {
        Self { coarse: Self::fold(&main), main, behind: Some(Vec::new()), next: None }
    }

    fn fold(main: &Table) -> Vec<Table> {
        let mut coarse: Vec<Table> = Vec::new();
        for log2 in Tables::COARSE_LOG2.into_iter().rev().filter(|&log2| 1 << log2 < main.len()) {
            // Each of the next longer one: 2^7 cells of 2^12 are a pass of 5 µs, of 2^17 one of 100.
            coarse.push(coarse.last().unwrap_or(main).folded(log2));
        }
        coarse.reverse();
        coarse
    }

    /// Inserts an element, or removes it if it is there. The coarse tables are out of use until they are
    /// [refreshed](Self::refresh).
    #[inline]
    pub fn toggle(&mut self, id: N) {
        self.main.toggle_name(id);
        if let Some(Next::Filling { table, below }) = &mut self.next
            && id < *below
        {
            table.toggle_name(id);
        }
        if !self.coarse.is_empty()
            && let Some(behind) = &mut self.behind
        {
            behind.push(id);
            // From here on no list is kept: 8 192 ids, 64 KiB, beside a table of 2^17 cells.
            if is_sooner_folded(self.main.len(), behind.len()) {
                self.behind = None;
            }
        }
    }

    /// Brings the coarse tables up to date: 20 to 50 ns for each element since the last time, 0.2 ms at the most.
    pub fn refresh(&mut self) {
        let Some(behind) = &mut self.behind else {
            (self.coarse, self.behind) = (Self::fold(&self.main), Some(Vec::new()));
            return;
        };
        if behind.is_empty() {
            return;
        }
        // From the longest down, so that each may be folded of one that is up to date.
        let mut longer = &self.main;
        for table in self.coarse.iter_mut().rev() {
            if is_sooner_folded(longer.len(), behind.len()) {
                *table = longer.folded(table.len().ilog2());
            } else {
                behind.iter().for_each(|&id| table.toggle_name(id));
            }
            longer = table;
        }
        behind.clear();
    }

    /// Key of the tables.
    #[must_use]
    pub const fn key(&self) -> SketchKey {
        self.main.key()
    }

    /// Returns whether a set of `count` elements has outgrown the main table. Then [build](Self::build) anew, or
    /// [in steps](Self::grow) where that would take long. On average each element is added less than twice, and 1.2 times
    /// on the way to a million.
    #[must_use]
    #[inline]
    pub fn are_outgrown(&self, count: usize) -> bool {
        self.main.len() < 1 << Tables::log2_for(count)
    }

    /// Moves a set of `count` elements on by a [step](Tables::STEP) towards the main table that so many elements have. `ids_from`
    /// gives its ids from one on, ascending. 70 µs.
    ///
    /// A longer table takes bits of positions that only elements tell: every one is added again. At once that took 4 ms
    /// at 131 072 elements. In order they take 90 instructions more each.
    pub fn grow<I: Iterator<Item = N>>(&mut self, count: usize, ids_from: impl FnOnce(N) -> I) {
        if !self.are_outgrown(count) {
            return;
        }
        let (key, log2) = (self.key(), Tables::log2_for(count));
        let next = self.next.get_or_insert_with(|| Next::Empty { cells: Vec::with_capacity(1 << log2), log2 });
        match next {
            Next::Empty { cells, log2 } => {
                cells.resize((cells.len() + Tables::CLEARED).min(1 << *log2), Cell::EMPTY);
                if cells.len() == 1 << *log2 {
                    *next = Next::Filling { table: Table::of_empty(key, core::mem::take(cells)), below: N::default() };
                }
                return;
            }
            Next::Filling { table, below } => {
                let mut taken = 0;
                for id in ids_from(*below) {
                    // Not between two elements of one id: the next step begins with the second.
                    if taken >= Tables::STEP && id > *below {
                        *below = id;
                        return;
                    }
                    table.toggle_name(id);
                    (*below, taken) = (id, taken + 1);
                }
            }
        }
        if let Some(Next::Filling { table, .. }) = self.next.take() {
            *self = Self::of(table);
        }
    }

    /// Has a main table of at least so many cells, up to 2^20, of a set with these ids. Returns whether it had to be
    /// built. 10 to 35 ns an element.
    pub fn lengthen(&mut self, cells: usize, ids: impl IntoIterator<Item = N>) -> bool {
        let cells = cells.min(1 << Table::MAX_LOG2);
        if cells <= self.main.len() {
            return false;
        }
        *self = Self::of(Table::rebuild_of(self.key(), cells.next_power_of_two().ilog2(), ids));
        true
    }

    /// Gives a main table up that is longer than a set of `count` elements keeps. One pass over it.
    pub fn shorten(&mut self, count: usize) {
        let log2 = Tables::log2_for(count);
        if self.main.len() > 1 << log2 {
            *self = Self::of(self.main.folded(log2));
        }
    }

    /// The shortest table of at least `cells` cells that is up to date; the main one if there is none.
    #[must_use]
    pub fn covering(&self, cells: usize) -> &Table {
        // Stale, they would show as a difference what was inserted since.
        let is_fresh = self.behind.as_ref().is_some_and(Vec::is_empty);
        self.coarse.iter().find(|coarse| is_fresh && cells <= coarse.len()).unwrap_or(&self.main)
    }

    /// Cells of the main table.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.main.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::DeepWidth;

    #[test]
    fn all_tables_follow_the_set() {
        let key = SketchKey::new(5, 6);
        for (count, main) in [
            (0, 6),
            (127, 6),
            (128, 7),
            (8_191, 12),
            (32_767, 12),
            (32_768, 14),
            (131_071, 14),
            (131_072, 17),
            (usize::MAX, 17),
        ] {
            assert_eq!(Tables::build(key, count, []).longest(), 1 << main, "{count}");
        }
        let longest = [0, 29, 30, 1_000, 233_017, 233_018, usize::MAX].map(Tables::longest_for);
        assert_eq!(longest.map(usize::ilog2), [6, 6, 7, 12, 19, 20, 20]);
        // None is as long as the main one.
        let coarse = |count| Tables::build(key, count, []).coarse.len();
        assert_eq!([255, 256, 32_767, 32_768].map(coarse), [0, 1, 1, 2]);
        let mut tables = Tables::build(key, 65_535, (0..1_000).map(|id| id * 3));
        // Each is folded from the next one, 128 cells of 4 096 and these of 16 384, where more have come than this.
        let folded = |cells: usize| [cells / 16, cells / 16 + 1].map(|behind| is_sooner_folded(cells, behind));
        assert_eq!([4_096, 16_384].map(folded), [[false, true]; 2]);
        for more in [1, 256, 257, 1_024, 1_025, 1_030] {
            (0..more).for_each(|id| tables.toggle(id * 1_000_003));
            assert_eq!(tables.covering(20).len(), tables.longest());
            let behind = (more <= 1_024).then_some(more as usize);
            assert_eq!(tables.behind.as_ref().map(Vec::len), behind);
            tables.refresh();
            for (cells, log2) in [(20, 7), (129, 12)] {
                let coarse = tables.covering(cells);
                assert_eq!((coarse.len(), coarse), (1 << log2, &tables.main.folded(log2)));
                assert_eq!(coarse.deep_bits(DeepWidth::Wide), tables.main.deep_bits(DeepWidth::Wide));
            }
        }
        assert_eq!((tables.covering(4_096).len(), tables.covering(4_097).len()), (4_096, 16_384));
        assert_eq!(tables.covering(20).sequence(0..128), tables.covering(5_000).sequence(0..128));
        assert_eq!(tables.covering(200).sequence(0..4_096), tables.covering(5_000).sequence(0..4_096));
        assert_eq!(tables.covering(9_000).len(), tables.longest());
    }

    #[test]
    fn a_longer_table_is_built_in_steps_while_inserts_go_on() {
        let key = SketchKey::new(5, 6);
        // Several elements of one id, as names of 48 bits are.
        let id = |i: u64| i * 0x9e37_79b9 % 10_007 * 1_000_003;
        let mut ids: Vec<u64> = (0..30_000).map(id).collect();
        let mut tables = Tables::build(key, ids.len(), ids.iter().copied());
        ids.sort_unstable();
        let mut steps = 0;
        while tables.longest() == 1 << 12 {
            for more in 0..100 {
                let id = id(30_000 + 100 * steps + more);
                tables.toggle(id);
                ids.insert(ids.partition_point(|&other| other < id), id);
            }
            steps += 1;
            tables.grow(0x8000, |from| ids[ids.partition_point(|&id| id < from)..].iter().copied());
        }
        assert_eq!(steps, 20, "4 for 4 096 cells each, and for 2 048 of 30 000 elements and those that came");
        let whole = Tables::build(key, 0x8000, ids.iter().copied());
        assert_eq!((tables.longest(), &tables.main), (1 << 14, &whole.main));
        assert_eq!(tables.coarse, whole.coarse);
        // It is as long as it is to be.
        tables.grow(0x8000, |_| -> core::iter::Empty<u64> { panic!("nothing is asked for") });
    }

    #[test]
    fn a_table_is_long_for_as_long_as_it_is_needed() {
        let key = SketchKey::new(5, 6);
        let ids = || (0..1_000).map(|id| id * 3);
        let mut tables = Tables::build(key, 1_000, ids());
        let before = tables.clone();
        assert!(!tables.lengthen(512, [1]), "it is as long");
        assert!(tables.lengthen(513, ids()));
        assert_eq!((tables.longest(), &tables.main), (1_024, &Table::rebuild(key, 10, ids())));
        assert!(tables.lengthen(usize::MAX, ids()));
        assert_eq!(tables.longest(), 1 << Table::MAX_LOG2);
        tables.shorten(1_000);
        assert_eq!((&tables.main, &tables.coarse), (&before.main, &before.coarse));
        tables.shorten(100_000);
        assert_eq!(tables.longest(), 512);
    }
}
