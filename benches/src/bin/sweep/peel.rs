//! `decode`: what a sketch of the model may stand for, read in one order.

use crate::model::{Cell, LONGEST, Layout, Model};

/// Where a decode looks first, and next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) start: Start,
    /// Of the cells that changed, the one that changed last is looked at first; else that which changed first.
    pub(crate) last_first: bool,
}

/// Which cell a decode begins at, and the way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Upwards from this share of the cells, in twelfths, and round.
    Up(usize),
    /// Downwards from this share of the cells, in twelfths, and round.
    Down(usize),
    /// Downwards from the last cell.
    Last,
    /// By a step that is coprime to the number of cells, for this seed.
    Stride(usize),
}

impl Order {
    /// Those of the library, one after the other.
    pub(crate) const BUILT_IN: [Self; 4] =
        [Self::of(Start::Up(0)), Self::of(Start::Last), Self::of(Start::Up(6)), Self::of(Start::Down(4))];

    pub(crate) const fn of(start: Start) -> Self {
        Self { start, last_first: true }
    }
}

/// The ids that account for all cells, sorted, if they can be read in this order.
pub(crate) fn decode(model: &Model, cells: &[Cell], order: &Order) -> Option<Vec<u64>> {
    let mut peeling = Peeling {
        model,
        layout: Layout::new(cells.len()),
        cells: cells.to_vec(),
        ids: vec![],
        changed: vec![],
        limit: cells.len() + cells.len() / 8 + 16,
        taken: vec![0; cells.len()],
    };
    peeling.run(*order);
    peeling.claim()
}

struct Peeling<'a> {
    model: &'a Model,
    layout: Layout,
    cells: Vec<Cell>,
    ids: Vec<u64>,
    changed: Vec<u32>,
    limit: usize,
    /// For each slot, the number of ids taken out when the last one was taken from it, and 0 if none was.
    taken: Vec<u32>,
}

impl Peeling<'_> {
    fn run(&mut self, order: Order) {
        let len = self.cells.len();
        let stride = match order.start {
            Start::Stride(seed) => (len * (seed * 2 + 3) / 17 + 1..).find(|&step| gcd(step, len) == 1).unwrap_or(1),
            Start::Up(_) | Start::Down(_) | Start::Last => 1,
        };
        for step in 0..len {
            self.peel(match order.start {
                Start::Up(from) => (step + len * from / 12) % len,
                Start::Down(from) => (len * from / 12 + len - step) % len,
                Start::Last => len - 1 - step,
                Start::Stride(_) => step * stride % len,
            });
            let mut next = 0;
            while next < self.changed.len() {
                let slot = if order.last_first {
                    self.changed.pop().unwrap_or(0)
                } else {
                    next += 1;
                    self.changed[next - 1]
                };
                self.peel(slot as usize);
            }
            self.changed.clear();
        }
    }

    fn taken_from(&self, slot: u32) -> Option<u64> {
        self.ids.get((self.taken[slot as usize] as usize).checked_sub(1)?).copied()
    }

    /// Takes the element out that is alone in `slot`, if one is.
    #[inline]
    fn peel(&mut self, slot: usize) {
        let cell = self.cells[slot];
        if cell.is_empty() {
            return;
        }
        let hash = self.model.hash(cell.id);
        if self.model.check(cell.id, hash) != cell.check {
            return;
        }
        let mut slots = [0; LONGEST];
        let mut count = 0;
        let mut here = false;
        for position in self.model.positions(hash, self.model.degree(hash)) {
            let other = self.layout.slot(position);
            here ^= other as usize == slot;
            slots[count] = other;
            count += 1;
        }
        if !here {
            return;
        }
        let slots = &slots[..count];
        let is_odd = |slot: u32| slots.iter().filter(|&&other| other == slot).count() % 2 == 1;
        let mut undoing = false;
        for &other in slots {
            if self.cells[other as usize].is_empty() && is_odd(other) {
                if self.taken_from(other) != Some(cell.id) {
                    return;
                }
                undoing = true;
            }
        }
        if self.ids.len() > self.limit {
            return;
        }
        self.ids.push(cell.id);
        if undoing {
            slots.iter().for_each(|&other| self.taken[other as usize] = 0);
        } else {
            self.taken[slot] = u32::try_from(self.ids.len()).unwrap_or(0);
        }
        slots.iter().for_each(|&other| self.cells[other as usize].add(cell));
        self.changed.extend_from_slice(slots);
    }

    fn claim(mut self) -> Option<Vec<u64>> {
        if self.cells.iter().any(|cell| !cell.is_empty()) {
            return None;
        }
        self.ids.sort_unstable();
        Some(self.ids.chunk_by(|a, b| a == b).filter(|run| run.len() % 2 == 1).map(|run| run[0]).collect())
    }
}

const fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
