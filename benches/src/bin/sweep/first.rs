//! `First`: how many cells it takes to read a difference right.

use std::iter;

use benches::SplitMix;

use crate::model::{Model, Shape, prefix};
use crate::peel::{Order, decode};

/// How many cells differences of one size took, over many trials.
#[derive(Clone, Debug, Default)]
pub(crate) struct First {
    cells: Vec<usize>,
    /// Claims that were wrong, at more cells than differ, before the right one came.
    pub(crate) false_claims: usize,
}

/// Below this, cells are added one by one; from here on, the interval is halved where one end decodes and one does not.
const HALVED_FROM: usize = 300;

impl First {
    /// As many trials of `d` random elements. Those of one seed are the same for every shape.
    pub(crate) fn of(shape: &Shape, orders: &[Order], d: usize, trials: usize, seed: u64) -> Self {
        let mut random = SplitMix::new(seed ^ (d as u64) << 32);
        let mut first = Self::default();
        for _ in 0..trials {
            let model = Model::new(shape, random.next(), random.next());
            let ids: Vec<u64> = (0..d).map(|_| random.next()).collect();
            first.trial(&model, orders, ids);
        }
        first.cells.sort_unstable();
        first
    }

    fn trial(&mut self, model: &Model, orders: &[Order], mut ids: Vec<u64>) {
        let d = ids.len();
        let table = model.table((4 * d).next_power_of_two().ilog2().max(9), &ids);
        ids.sort_unstable();
        let false_claims = &mut self.false_claims;
        let mut reads = |cells| {
            let cells = prefix(&table, cells);
            orders.iter().filter_map(|order| decode(model, &cells, order)).any(|claim| {
                *false_claims += usize::from(claim != ids && cells.len() > d);
                claim == ids
            })
        };
        let found = if d < HALVED_FROM {
            // One by one, and by a sixteenth where it takes so many that only the tail is told.
            let next = |cells: &usize| Some(cells + if *cells < 3 * d + 16 { 1 } else { cells / 16 });
            iter::successors(Some(1), next).take_while(|&cells| cells <= table.len()).find(|&cells| reads(cells))
        } else {
            let (mut below, mut above) = (d * 4 / 5, d * 5 / 4);
            let mut found = reads(above);
            while !found && above < table.len() {
                (below, above) = (above, (above * 5 / 4).min(table.len()));
                found = reads(above);
            }
            while found && above - below > 1.max(d / 2_000) {
                let middle = usize::midpoint(below, above);
                if reads(middle) { above = middle } else { below = middle }
            }
            found.then_some(above)
        };
        // What no table reads counts as one more than the longest.
        self.cells.push(found.unwrap_or(table.len() + 1));
    }

    /// Mean cells.
    pub(crate) fn mean(&self) -> f64 {
        self.cells.iter().sum::<usize>() as f64 / self.cells.len().max(1) as f64
    }

    /// The cells that suffice in this share of trials, in percent.
    pub(crate) fn percentile(&self, percent: usize) -> usize {
        let rank = (self.cells.len() * percent).div_ceil(100).max(1);
        self.cells.get(rank - 1).copied().unwrap_or(0)
    }

    /// The standard error of the mean.
    pub(crate) fn error(&self) -> f64 {
        let (mean, count) = (self.mean(), self.cells.len().max(2) as f64);
        let squares: f64 = self.cells.iter().map(|&cells| (cells as f64 - mean).powi(2)).sum();
        (squares / (count - 1.0) / count).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_finds_about_what_adding_one_by_one_does() {
        let mut random = SplitMix::new(3);
        let mut apart = 0;
        for _ in 0..20 {
            let model = Model::new(&Shape::built_in(), random.next(), random.next());
            let mut ids: Vec<u64> = (0..400).map(|_| random.next()).collect();
            let mut first = First::default();
            first.trial(&model, &Order::BUILT_IN, ids.clone());
            let table = model.table(11, &ids);
            ids.sort_unstable();
            let reads = |cells: &usize| {
                Order::BUILT_IN
                    .iter()
                    .any(|order| decode(&model, &prefix(&table, *cells), order).as_ref() == Some(&ids))
            };
            let one_by_one = (320..).find(reads).expect("it is read in the end");
            assert!(first.cells[0] >= one_by_one);
            apart += usize::from(first.cells[0] > one_by_one + 2);
        }
        assert!(apart <= 2, "{apart} of 20");
    }
}
