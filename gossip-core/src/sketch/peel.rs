//! `Decodings`: the sets that a sketch may stand for.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::cell::Cell;
use super::layout::Layout;
use super::name::Name;
use super::parameters::LONG;
use super::sketch_key::SketchKey;

/// Orders of peeling. At the edge four read a third of what one leaves; eight would read up to 3 % more of all
/// sketches, at twice the time of every sketch with too few cells.
const ORDERS: u32 = 4;

/// Iterator over the sets that a sketch of a symmetric difference may stand for: claims, each a sorted list of ids
/// without repetition.
///
/// Peeling takes the element of a pure cell out of its other cells, which makes more cells pure, until all are empty.
/// It ends early, without a claim, where every cell left holds several elements: then more cells are needed. Two check
/// bits let a wrong id pass now and then; nearly always it is met again and goes back, but it can be in the way. Hence
/// up to four orders of peeling. A claim empties every cell and may still be wrong, most often in a sketch of few
/// cells: compare digests, and take the next claim if they differ. One's own set tells the side of an id.
///
/// Each step takes time linear in the number of cells, whatever they hold: 35 to 50 ns a difference up to 1 000 of
/// them, 100 to 200 beyond.
///
/// ```
/// use gossip_core::sketch::{SketchKey, Table};
///
/// let key = SketchKey::new(1, 2);
/// let table = Table::rebuild(key, 10, [3, 5, 8]);
/// let [few, enough] = [2, 12].map(|cells| table.prefix(cells).expect("the table is longer"));
/// assert!(enough.decodings(&key).eq([[3, 5, 8]]));
/// let mut decodings = few.decodings(&key);
/// assert_eq!((decodings.next(), decodings.left()), (None, 1));
/// ```
#[derive(Clone, Debug)]
pub struct Decodings<'a, N = u64> {
    cells: &'a [Cell],
    key: SketchKey,
    order: u32,
    last: Option<Vec<N>>,
    left: usize,
}

impl<'a, N> Decodings<'a, N> {
    pub(crate) fn new(cells: &'a [Cell], key: SketchKey) -> Self {
        Self { cells, key, order: 0, last: None, left: cells.len() }
    }

    /// Cells that the best attempt so far could not empty; all, before the first.
    ///
    /// A decode with cells enough is nearly always stopped by two elements with the same cells. Those alone are left,
    /// and come apart in a table of twice the cells in 7 of 8 cases.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left
    }
}

impl<N: Name> Iterator for Decodings<'_, N> {
    type Item = Vec<N>;

    /// The next claim other than the one before; `None` when no order is left to try, or none can help.
    fn next(&mut self) -> Option<Vec<N>> {
        while self.order < ORDERS {
            let order = self.order;
            self.order += 1;
            let mut peeling = Peeling::<N>::new(self.cells, self.key);
            peeling.run(order);
            let left = peeling.left();
            self.left = self.left.min(left);
            if is_hopeless(self.cells.len(), left) {
                self.order = ORDERS;
            }
            if left == 0
                && let claim = peeling.claim()
                // Another order ends most often at the same claim, and that one the digest has refused.
                && self.last.as_ref() != Some(&claim)
            {
                self.last = Some(claim.clone());
                return Some(claim);
            }
        }
        None
    }
}

/// Attempt in one order.
struct Peeling<N> {
    key: SketchKey,
    layout: Layout,
    cells: Vec<Cell>,
    ids: Vec<N>,
    /// Slots of changed cells, which may be pure now.
    changed: Vec<u32>,
    limit: usize,
    /// For each slot, the number of ids taken out when the last one was taken from it; 0 if none was.
    taken: Vec<u32>,
}

impl<N: Name> Peeling<N> {
    fn new(cells: &[Cell], key: SketchKey) -> Self {
        // No honest sketch yields more elements than cells; wrong ids, and those that take them back, are few.
        let limit = cells.len() + cells.len() / 8 + 16;
        Self {
            key,
            layout: Layout::new(cells.len()),
            cells: cells.to_vec(),
            // 1.4 cells an element is what a sketch takes; and an element of a few cells changes those.
            ids: Vec::with_capacity(cells.len() / 4 * 3),
            changed: Vec::with_capacity(LONG),
            limit,
            taken: vec![0; cells.len()],
        }
    }

    fn run(&mut self, order: u32) {
        let len = self.cells.len();
        for step in 0..len {
            let start = match order {
                0 => step,
                1 => len - 1 - step,
                2 => (step + len / 2) % len,
                _ => (len / 3 + len - step) % len,
            };
            self.peel(start);
            // The last that changed first: it reads up to 1.3 % more of all sketches than the first that changed
            // (`benches/results/SWEEP.md`, "Orders of a decode").
            while let Some(slot) = self.changed.pop() {
                self.peel(slot as usize);
            }
        }
    }

    /// The id last taken from a slot.
    fn taken_from(&self, slot: u32) -> Option<N> {
        let count = self.taken[slot as usize] as usize;
        self.ids.get(count.checked_sub(1)?).copied()
    }

    /// Number of cells that are not empty.
    fn left(&self) -> usize {
        self.cells.iter().filter(|cell| !cell.is_empty()).count()
    }

    fn claim(mut self) -> Vec<N> {
        self.ids.sort_unstable();
        cancel_pairs(&mut self.ids);
        self.ids
    }

    /// Takes out the element of `slot`, if it is pure.
    #[inline]
    fn peel(&mut self, slot: usize) {
        let cell = self.cells[slot];
        if cell.is_empty() {
            return;
        }
        // One multiplication first: of cells of several elements three in four end here.
        let mark = self.key.mark(cell.id());
        if mark.check() != cell.check() {
            return;
        }
        let mut slots = [0_u32; LONG];
        let mut count = 0;
        let mut here = false;
        self.key.each_position(mark, |position| {
            let other = self.layout.slot(position);
            // By parity, as positions may coincide in a short table: twice is not at all.
            here ^= other as usize == slot;
            slots[count] = other;
            count += 1;
        });
        if !here {
            return;
        }
        let slots = &slots[..count];
        let mut undoing = false;
        for &other in slots {
            if self.cells[other as usize].is_empty() && is_odd(slots, other) {
                // It cannot be here without being there, unless it was wrong to take it from there: then it goes back.
                if self.taken_from(other) != Some(N::of(cell)) {
                    return;
                }
                undoing = true;
            }
        }
        // Wrong ids could go in and out of two cells for ever.
        if self.ids.len() == self.limit {
            return;
        }
        self.ids.push(N::of(cell));
        if undoing {
            // Put back, it was taken from nowhere: a second undoing needs a reason of its own.
            slots.iter().for_each(|&other| self.taken[other as usize] = 0);
        } else {
            self.taken[slot] = u32::try_from(self.ids.len()).unwrap_or(0);
        }
        for &other in slots {
            self.cells[other as usize] ^= cell;
        }
        self.changed.extend_from_slice(slots);
    }
}

/// Returns whether too much is left of many cells for another order to help: of 865 attempts at 1 000 differences that
/// left more than three cells in four, none could be finished in another order; of 376 that left fewer, 75.
const fn is_hopeless(cells: usize, left: usize) -> bool {
    cells > 512 && left > cells / 4 * 3
}

/// Numbers of the cells in `range` that are empty, and of those of one element by check and slot.
pub(crate) fn census(cells: &[Cell], range: Range<usize>, key: &SketchKey) -> (usize, usize) {
    let layout = Layout::new(cells.len());
    let (mut none, mut one) = (0, 0);
    for slot in range {
        let cell = cells[slot];
        let mark = key.mark(cell.id());
        if cell.is_empty() {
            none += 1;
        } else if mark.check() == cell.check() {
            // Some of several elements pass as well: `Evidence::likelihood` allows for it.
            let mut here = false;
            key.each_position(mark, |position| here ^= layout.slot(position) as usize == slot);
            one += usize::from(here);
        }
    }
    (none, one)
}

/// Returns whether an element with these slots is in this one: an even number of times is not at all.
fn is_odd(slots: &[u32], slot: u32) -> bool {
    slots.iter().filter(|&&other| other == slot).count() % 2 == 1
}

/// Removes from a sorted list the elements that occur an even number of times, and all but one of the others.
pub(crate) fn cancel_pairs<T: Copy + PartialEq>(sorted: &mut Vec<T>) {
    let mut kept = 0;
    for index in 0..sorted.len() {
        let id = sorted[index];
        // An id that was taken out and put back is in the list twice, and differs on neither side.
        if kept > 0 && sorted[kept - 1] == id {
            kept -= 1;
        } else {
            sorted[kept] = id;
            kept += 1;
        }
    }
    sorted.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::super::Table;
    use super::*;

    const KEY: SketchKey = SketchKey::new(3, 5);

    #[test]
    fn hopeless_is_what_leaves_three_in_four_of_many_cells() {
        assert_eq!([384, 385].map(|left| is_hopeless(513, left)), [false, true]);
        assert_eq!([384, 385, 512].map(|left| is_hopeless(512, left)), [false; 3]);
    }

    #[test]
    fn two_elements_of_the_same_cells_are_left_alone() {
        let table = |ids: &[u64]| Table::rebuild(KEY, 9, ids.iter().copied());
        let left = |ids: &[u64], cells: usize| {
            let prefix = table(ids).prefix(cells).expect("the table is longer");
            let mut decodings = prefix.decodings(&KEY);
            assert_eq!(decodings.left(), cells, "before the first attempt");
            (decodings.next(), decodings.left())
        };
        let pairs = (0..200).flat_map(|x| (0..x).map(move |y| [y, x]));
        let twins: Vec<[u64; 2]> = pairs.filter(|pair| left(pair, 24) == (None, 3)).collect();
        assert_eq!((twins.len(), twins[0]), (8, [52, 78]));
        let with_others = [twins[0].to_vec(), (1_000..1_005).collect()].concat();
        assert_eq!(left(&with_others, 24), (None, 3));
        assert_eq!(left(&with_others, 48), (Some(with_others), 0));
    }

    #[test]
    fn an_element_twice_in_a_cell_is_not_in_it() {
        let layout = Layout::new(4);
        let mut found = 0;
        for id in 0..200 {
            let (mark, mut times) = (KEY.mark(id), [0; 4]);
            KEY.each_position(mark, |position| times[layout.slot(position) as usize] += 1);
            for (slot, times) in times.into_iter().enumerate() {
                let mut cells = [Cell::EMPTY; 4];
                cells[slot] = Cell::new(id, mark.check());
                assert_eq!(census(&cells, 0..4, &KEY), (3, times % 2), "{id} is {times} times in {slot}");
                found += usize::from(times == 2);
            }
        }
        assert!(found > 50, "{found}");
    }
}
