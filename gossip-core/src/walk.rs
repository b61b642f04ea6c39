//! A walk through the id space, page by page: the strategy that needs no luck.

use alloc::vec::Vec;

use crate::digest::Digest;
use crate::wire::Bound;

/// Where a walk stands. It goes round the space of fingerprints once, from where the last walk was cut off, if one was.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    start: Bound,
    /// Whether it has passed the end of the space and comes towards its start.
    wrapped: bool,
    cursor: Bound,
    /// Where the last page asked for begins.
    asked: Bound,
    /// Intervals that were covered out of order.
    ahead: Vec<(Bound, Bound)>,
    /// Where the answer to the last page ends, once its end has come.
    answered: Option<Bound>,
    /// The last digest that the peer told during the walk.
    pub(crate) told: Option<Digest>,
}

/// What an answer means for a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing that was not covered.
    None,
    /// More of the answer is under way.
    Some,
    /// The answer is complete: time for the next page.
    Page,
    /// All is covered.
    Done,
}

impl Walk {
    pub(crate) fn new(start: Bound) -> Self {
        let start = if start == Bound::End { Bound::START } else { start };
        Self { start, wrapped: false, cursor: start, asked: start, ahead: Vec::new(), answered: None, told: None }
    }

    /// The interval that is left before the end of the space or of the walk.
    pub(crate) fn left(&self) -> (Bound, Bound) {
        (self.cursor, if self.wrapped { self.start } else { Bound::End })
    }

    /// Where to go on if it is cut off.
    pub(crate) fn cursor(&self) -> Bound {
        self.cursor
    }

    /// A page was sent: an answer begins anew.
    pub(crate) fn asked(&mut self) {
        self.asked = self.cursor;
        self.answered = None;
    }

    /// An answer covers an interval; `last` if it is the end of the answer. At most `window` intervals are kept for later.
    pub(crate) fn cover(&mut self, from: Bound, to: Bound, last: bool, window: usize) -> Progress {
        let before = self.cursor;
        if to <= self.asked {
            return Progress::None;
        }
        if from > self.cursor {
            if self.ahead.len() < window {
                self.ahead.push((from, to));
            }
        } else {
            self.cursor = self.cursor.max(to);
            self.ahead.sort_unstable();
            for &(from, to) in &self.ahead {
                if from <= self.cursor {
                    self.cursor = self.cursor.max(to);
                }
            }
            let cursor = self.cursor;
            self.ahead.retain(|&(_, to)| to > cursor);
        }
        if last {
            self.answered = Some(to);
        }
        let (cursor, end) = self.left();
        if cursor >= end {
            if self.wrapped || self.start == Bound::START {
                return Progress::Done;
            }
            self.wrapped = true;
            self.cursor = Bound::START;
            self.asked = Bound::START;
            self.ahead.clear();
            return Progress::Page;
        }
        match self.answered {
            Some(answered) if answered <= cursor => Progress::Page,
            _ if cursor > before => Progress::Some,
            _ => Progress::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Fingerprint;

    fn at(id: u64) -> Bound {
        Bound::At(Fingerprint { id, rest: 0 })
    }

    #[test]
    fn goes_round_once_from_where_it_starts() {
        let mut walk = Walk::new(at(100));
        assert_eq!(walk.left(), (at(100), Bound::End));
        assert_eq!(walk.cover(at(100), at(150), true, 8), Progress::Page);
        walk.asked();
        assert_eq!(walk.cover(at(150), Bound::End, true, 8), Progress::Page);
        walk.asked();
        assert_eq!(walk.left(), (Bound::START, at(100)));
        assert_eq!(walk.cover(Bound::START, at(100), true, 8), Progress::Done);
    }

    #[test]
    fn covers_in_any_order_and_once() {
        let mut walk = Walk::new(Bound::START);
        assert_eq!(walk.cover(at(20), at(30), true, 8), Progress::None);
        assert_eq!(walk.cover(at(10), at(20), false, 8), Progress::None);
        assert_eq!(walk.cover(Bound::START, at(10), false, 8), Progress::Page);
        assert_eq!(walk.cursor(), at(30));
        walk.asked();
        assert_eq!(walk.cover(at(10), at(20), false, 8), Progress::None);
        assert_eq!(walk.cover(at(30), at(40), false, 8), Progress::Some);
        assert_eq!(walk.cover(at(40), Bound::End, true, 8), Progress::Done);
    }

    #[test]
    fn keeps_no_more_than_a_window_for_later() {
        let mut walk = Walk::new(Bound::START);
        for i in 0..100 {
            assert_eq!(walk.cover(at(1_000 - i), at(1_001 - i), false, 3), Progress::None);
        }
        assert_eq!(walk.ahead.len(), 3);
    }
}
