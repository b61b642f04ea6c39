//! `IncomingSketch`: the part of a peer's sketch that has come.

use alloc::vec::Vec;

use crate::digest::State;
use crate::message::{Head, Tells};
use crate::sketch::{Cell, Estimate, Evidence, IdWidth, Name, Prefix, SketchKey, Tables};
use crate::wire::{Cells, Place};

/// The part of a peer's sketch that has come. Cells are kept as the peer sent them, and our own elements are taken away
/// each time that they are read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct IncomingSketch {
    /// The peer's state of which these are the cells.
    state: State,
    /// Where our log ended as the sketch began. Inserts since then would be further differences each time that more
    /// cells have come.
    began_at: Place,
    /// How many elements we held then.
    count: u64,
    width: IdWidth,
    /// Where the peer's log ended then; of a map.
    end: Place,
    /// What tells of the difference, beside the cells; deep bits are the peer's less ours, as the sketch began.
    tells: Tells,
    /// The first cells of the sequence.
    cells: Vec<Cell>,
    /// Runs of cells that came before the cells ahead of them.
    ahead: Vec<(usize, Vec<Cell>)>,
    /// The number of cells that were asked for in all.
    target: usize,
    /// The number of cells that were there when the last request was made.
    asked_at: usize,
    /// Where the answer to the last request ends, once its end has come.
    answered: Option<usize>,
    /// The number of targets after the first; `None` before the first.
    top_ups: Option<usize>,
}

/// What received cells mean for the sketch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// Nothing new.
    None,
    /// More cells are under way.
    Some,
    /// The answer has ended before the target.
    Short,
    /// All cells up to the target are there.
    Complete,
}

impl IncomingSketch {
    /// A sketch that begins with these cells. `ours` is our own one, if we keep any, of our log up to `began_at` and so
    /// of `count` elements.
    pub(crate) fn new(
        head: &Head,
        cells: &Cells,
        ours: Option<&Tables<impl Name>>,
        began_at: Place,
        count: u64,
    ) -> Self {
        let mut tells = head.tells;
        if let (Tells::Bits(deep), Some(tables)) = (&mut tells, ours) {
            deep.subtract(&tables.covering(cells.count()).deep_bits(deep.width()));
        }
        Self {
            state: head.state,
            began_at,
            count,
            end: Place::START,
            width: cells.width(),
            tells,
            cells: cells.to_vec(),
            ahead: Vec::new(),
            target: cells.count(),
            asked_at: 0,
            answered: None,
            // Where the peer has aimed at what it takes, that was the first request.
            top_ups: matches!(tells, Tells::Seen { .. }).then_some(0),
        }
    }

    /// Takes in more cells; `last` if the answer ends with them. At most `window` runs are kept for later, and each
    /// cell once.
    pub(crate) fn take(&mut self, from: usize, cells: &Cells, last: bool, window: usize) -> Received {
        let before = self.cells.len();
        // Cells that were not asked for are not kept, whoever sends them: the target is what all rounds together
        // account for.
        if cells.width() != self.width || from + cells.count() > self.target {
            return Received::None;
        }
        if from > before {
            // The runs of an honest answer do not overlap. Overlapping ones could take 64 MiB a peer.
            let end = from + cells.count();
            let overlaps = |&(other, ref run): &(usize, Vec<Cell>)| from < other + run.len() && other < end;
            if self.ahead.len() < window && !self.ahead.iter().any(overlaps) {
                self.ahead.push((from, cells.to_vec()));
            }
        } else {
            self.append(from, &cells.to_vec());
            self.ahead.sort_unstable_by_key(|&(from, _)| from);
            while let Some((from, _)) = self.ahead.first()
                && *from <= self.cells.len()
            {
                let (from, cells) = self.ahead.remove(0);
                self.append(from, &cells);
            }
        }
        // The end of an earlier answer may come twice, the second time after the next request: taken for the end of
        // that one's answer, it would turn the round to pages.
        if last && from >= self.asked_at {
            self.answered = Some(from + cells.count());
        }
        match self.answered {
            _ if self.cells.len() == self.target => Received::Complete,
            // An end may overtake the cells before it, and then the answer is not over yet.
            Some(end) if end <= self.cells.len() => Received::Short,
            _ if self.cells.len() > before => Received::Some,
            _ => Received::None,
        }
    }

    /// Appends the cells that are new, if they follow without a gap.
    fn append(&mut self, from: usize, cells: &[Cell]) {
        if let Some(new) = self.cells.len().checked_sub(from).and_then(|known| cells.get(known..)) {
            self.cells.extend_from_slice(new);
        }
    }

    /// Notes where the peer's log ended as the sketch began.
    pub(crate) const fn end_at(&mut self, end: Place) {
        self.end = end;
    }

    pub(crate) const fn end(&self) -> Place {
        self.end
    }

    /// Awaits so many more cells, which the peer sends unasked.
    pub(crate) const fn await_more(&mut self, cells: usize) {
        self.target += cells;
    }

    /// Sets another target: so many cells in all.
    pub(crate) fn aim(&mut self, target: usize) {
        self.top_ups = Some(self.top_ups.map_or(0, |top_ups| top_ups + 1));
        self.target = target.max(self.cells.len());
        // All cells of the last target are there, so what lies ahead belongs to none.
        self.ahead.clear();
    }

    /// The first cell to ask for, and how many: up to the target, or to the first run that lies ahead.
    pub(crate) fn ask(&mut self) -> (usize, usize) {
        self.answered = None;
        self.asked_at = self.cells.len();
        let end = self.ahead.iter().map(|&(from, _)| from).min().unwrap_or(self.target);
        (self.cells.len(), end - self.cells.len())
    }

    /// Whether cells have come since they were last asked for.
    pub(crate) fn has_grown(&self) -> bool {
        self.cells.len() > self.asked_at
    }

    /// The estimated number of differences, from the counts, the deep bits and the cells. `left` are the cells less our
    /// own elements.
    pub(crate) fn estimate(&self, left: &Prefix, key: &SketchKey) -> Estimate {
        let mut evidence = Evidence::at_least(self.count.abs_diff(self.state.digest.count()));
        match self.tells {
            Tells::Nothing => {}
            // Levels among the cells that are there tell nothing more than these.
            Tells::Bits(deep) => evidence.deep_bits(&deep, self.cells.len()),
            Tells::Seen { differences, .. } => evidence.seen(differences),
        }
        evidence.prefix(left, key);
        evidence.estimate()
    }

    /// Whether so much differs that cells without deep bits tell little of it.
    pub(crate) const fn is_unknown(&self, estimate: Estimate) -> bool {
        // From four differences a cell on nearly all cells hold several elements: there are many, and no telling how
        // many.
        matches!(self.tells, Tells::Nothing) && estimate.differences >= 4 * self.cells.len() as u64
    }

    pub(crate) const fn began_at(&self) -> Place {
        self.began_at
    }

    pub(crate) const fn state(&self) -> State {
        self.state
    }

    pub(crate) const fn width(&self) -> IdWidth {
        self.width
    }

    pub(crate) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The number of cells that it holds or awaits.
    pub(crate) const fn target(&self) -> usize {
        self.target
    }

    /// Whether more cells have come since there were as many as it seemed to take.
    pub(crate) fn has_been_topped_up(&self) -> bool {
        // An aim of the peer's is made by less than is known here once its cells have come.
        self.top_ups > Some(u8::from(matches!(self.tells, Tells::Seen { .. })).into())
    }

    /// The number of targets after the first; `None` before the first.
    pub(crate) const fn top_ups(&self) -> Option<usize> {
        self.top_ups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::rng::Rng;
    use crate::sketch::DeepWidth;

    fn run(range: core::ops::Range<u64>) -> Cells {
        let cells: Vec<Cell> = range.map(|id| Cell::new(id, 1)).collect();
        Cells::new(IdWidth::Bits64, &cells)
    }

    fn incoming() -> IncomingSketch {
        let tables = Tables::build(SketchKey::new(1, 2), 0, []);
        let state = State { digest: Digest::EMPTY, bytes: 0 };
        let head = Head { state, tells: Tells::Bits(tables.covering(0).deep_bits(DeepWidth::Narrow)) };
        IncomingSketch::new(&head, &run(0..4), Some(&tables), Place::START, 0)
    }

    #[test]
    fn cells_come_in_any_order_and_once() {
        let mut incoming = incoming();
        incoming.aim(20);
        assert_eq!(incoming.ask(), (4, 16));
        assert_eq!(incoming.take(10, &run(10..15), false, 8), Received::None);
        assert_eq!(incoming.take(17, &run(17..20), true, 8), Received::None);
        assert_eq!(incoming.take(15, &run(15..17), false, 8), Received::None);
        assert_eq!(incoming.take(10, &run(10..15), false, 8), Received::None);
        // What is lost is asked for, and no more.
        assert_eq!(incoming.ask(), (4, 6));
        assert_eq!(incoming.take(4, &run(4..8), false, 8), Received::Some);
        assert_eq!(incoming.take(2, &run(2..6), false, 8), Received::None);
        assert_eq!(incoming.take(8, &run(8..10), true, 8), Received::Complete);
        assert!(incoming.cells().iter().map(|cell| cell.id()).eq(0..20));
    }

    #[test]
    fn targets_are_counted_from_the_second_on() {
        let tables = Tables::build(SketchKey::new(1, 2), 0, []);
        let state = State { digest: Digest::from_parts(9, 1), bytes: 72 };
        let mut incoming =
            IncomingSketch::new(&Head { state, tells: Tells::Nothing }, &run(0..4), Some(&tables), Place::new(7), 7);
        assert_eq!((incoming.began_at(), incoming.target(), incoming.top_ups()), (Place::new(7), 4, None));
        let unknown = |incoming: &IncomingSketch, differences| incoming.is_unknown(Estimate { differences, sigma: 1 });
        assert_eq!([15, 16, 17].map(|differences| unknown(&incoming, differences)), [false, true, true]);
        incoming.aim(20);
        assert_eq!((incoming.target(), incoming.top_ups()), (20, Some(0)));
        incoming.aim(2);
        assert_eq!((incoming.target(), incoming.top_ups()), (4, Some(1)), "those that there are stay");
        incoming.aim(30);
        assert_eq!((incoming.target(), incoming.top_ups()), (30, Some(2)));
        let tells = Tells::Bits(tables.covering(0).deep_bits(DeepWidth::Narrow));
        let incoming = IncomingSketch::new(&Head { state, tells }, &run(0..4), Some(&tables), Place::new(7), 7);
        assert!(!unknown(&incoming, 1_000), "deep bits tell");
    }

    #[test]
    fn deep_bits_of_either_width_tell_how_much_differs() {
        let key = SketchKey::new(1, 2);
        let mut rng = Rng::new(1);
        let ids: Vec<u64> = (0..4_500).map(|_| rng.next_u64()).collect();
        let [ours, theirs] = [&ids[..4_000], &ids[500..]].map(|ids| Tables::build(key, 4_000, ids.iter().copied()));
        let estimates = [DeepWidth::Narrow, DeepWidth::Wide].map(|width| {
            let state = State { digest: Digest::from_parts(4_000, 1), bytes: 32_000 };
            let head = Head { state, tells: Tells::Bits(theirs.covering(0).deep_bits(width)) };
            let incoming = IncomingSketch::new(&head, &run(0..0), Some(&ours), Place::START, 4_000);
            let left = ours.covering(0).difference(&[]).expect("no cells are asked for");
            incoming.estimate(&left, &key)
        });
        assert!(estimates.iter().all(|seen| seen.differences.abs_diff(1_000) < 2 * seen.sigma), "{estimates:?}");
        assert!(estimates[1].sigma * 4 < estimates[0].sigma * 3, "{estimates:?}");
    }

    #[test]
    fn an_answer_that_ends_early_is_short() {
        let mut incoming = incoming();
        incoming.aim(20);
        incoming.ask();
        assert_eq!(incoming.take(4, &run(4..8), false, 8), Received::Some);
        assert_eq!(incoming.take(8, &run(8..12), true, 8), Received::Short);
        assert!(incoming.has_grown());
        assert_eq!(incoming.ask(), (12, 8));
        // The end of the first answer once more.
        assert_eq!(incoming.take(8, &run(8..12), true, 8), Received::None);
        assert_eq!(incoming.take(12, &run(0..0), true, 8), Received::Short);
        assert!(!incoming.has_grown());
        // The end first.
        assert_eq!(incoming.take(16, &run(16..18), true, 8), Received::None);
        assert_eq!(incoming.take(12, &run(12..16), false, 8), Received::Short);
    }

    #[test]
    fn what_was_not_asked_for_is_not_kept() {
        let mut incoming = incoming();
        incoming.aim(20);
        assert_eq!(incoming.take(4, &run(4..21), true, 8), Received::None);
        for from in 5..19 {
            assert_eq!(incoming.take(from, &run(0..1), false, 3), Received::None);
        }
        assert_eq!(incoming.ahead.len(), 3);
        incoming.ahead.clear();
        assert_eq!(incoming.take(10, &run(10..15), false, 8), Received::None);
        for overlapping in [8..11, 9..16, 11..13, 14..20] {
            let from = usize::try_from(overlapping.start).expect("few");
            assert_eq!(incoming.take(from, &run(overlapping), false, 8), Received::None);
        }
        assert_eq!(incoming.ahead.len(), 1);
        let narrow = Cells::new(IdWidth::Bits48, &[Cell::new(1, 1)]);
        assert_eq!(incoming.take(4, &narrow, true, 8), Received::None);
        assert_eq!(incoming.cells().len(), 4);
    }
}
