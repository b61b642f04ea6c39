//! A walk through the id space, page by page: the strategy that needs no luck.

use alloc::vec::Vec;

use crate::digest::Digest;
use crate::wire::Bound;

/// Where a walk stands. It goes round the space of fingerprints once, from where the last walk was cut off, if one was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Walk {
    start: Bound,
    /// Whether it has passed the end of the space and comes towards its start.
    wrapped: bool,
    cursor: Bound,
    /// Where the last page asked for begins.
    asked: Bound,
    /// How many elements the peer holds, and the bytes that its pages take in all.
    peers: (u64, u64),
    /// How many pages were sent, and whether the last one asked for the peer's state.
    pages: u32,
    asks: bool,
    /// Intervals that were covered out of order.
    ahead: Vec<(Bound, Bound)>,
    /// Where the answer to the last page ends, once its end has come.
    answered: Option<Bound>,
    /// The last digest that the peer told during the walk.
    told: Option<Digest>,
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
    /// A walk from `start`, with a peer of so many elements, whose pages take so many bytes in all.
    pub(crate) fn new(start: Bound, peers: (u64, u64)) -> Self {
        let start = if start == Bound::End { Bound::START } else { start };
        let (ahead, answered, told) = (Vec::new(), None, None);
        Self { start, wrapped: false, cursor: start, asked: start, peers, pages: 0, asks: false, ahead, answered, told }
    }

    /// The end of the interval to ask for next, if an answer has `room` bytes: what an answer can be expected to cover.
    /// To list more would be to list it again.
    pub(crate) fn reach(&self, room: u64) -> Bound {
        let (cursor, end) = self.remaining();
        let (count, bytes) = self.peers;
        let Bound::At(at) = cursor else { return end };
        if room >= bytes {
            return end;
        }
        // There may well be a standard error more in an interval than expected.
        let fitting = u128::from(room) * u128::from(count) / u128::from(bytes);
        let share = ((fitting - fitting.isqrt()).max(1) << 64) / u128::from(count.max(1));
        match u64::try_from(share).ok().and_then(|share| at.id.checked_add(share)) {
            Some(id) => Bound::of_name(id, 0).min(end),
            None => end,
        }
    }

    /// The interval that is left before the end of the space or of the walk.
    pub(crate) fn remaining(&self) -> (Bound, Bound) {
        (self.cursor, if self.wrapped { self.start } else { Bound::End })
    }

    /// The peer told its digest, or did not; the last one that it told.
    pub(crate) fn tell(&mut self, digest: Option<Digest>) -> Option<Digest> {
        self.told = digest.or(self.told);
        self.told
    }

    /// Where to go on if it is cut off.
    pub(crate) fn cursor(&self) -> Bound {
        self.cursor
    }

    /// A page is sent, and the answer can be expected to reach so far: it begins anew. Whether it should end with the
    /// peer's state, which takes as much as two or three elements: at the end of the walk, to prove it, and now and
    /// then before, lest it goes on for nothing.
    pub(crate) fn ask(&mut self, reach: Bound) -> bool {
        self.asked = self.cursor;
        self.answered = None;
        self.pages = self.pages.wrapping_add(1);
        self.asks = reach >= self.remaining().1 || self.pages.is_multiple_of(8);
        self.asks
    }

    /// An answer covers an interval; `last` if it is the end of the answer. At most `window` intervals are kept for
    /// later.
    pub(crate) fn cover(&mut self, from: Bound, to: Bound, last: bool, window: usize) -> Progress {
        let before = self.cursor;
        let is_covered = |walk: &Self| walk.cursor >= walk.remaining().1;
        // What is left when all is covered is to be told the peer's state.
        if to <= self.asked && !(last && is_covered(self)) {
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
        let cursor = self.cursor;
        if is_covered(self) {
            if self.wrapped || self.start == Bound::START {
                return match self.answered {
                    None => Progress::Some,
                    Some(_) if self.asks => Progress::Done,
                    // Sooner than expected: the state is yet to be asked for.
                    Some(_) => Progress::Page,
                };
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
    use crate::element::Fingerprint;

    fn at(id: u64) -> Bound {
        Bound::At(Fingerprint { id, rest: 0 })
    }

    #[test]
    fn goes_round_once_from_where_it_starts() {
        let mut walk = Walk::new(at(100), (0, 0));
        assert_eq!(walk.remaining(), (at(100), Bound::End));
        assert_eq!(walk.cover(at(100), at(150), true, 8), Progress::Page);
        walk.ask(Bound::End);
        assert_eq!(walk.cover(at(150), Bound::End, true, 8), Progress::Page);
        walk.ask(Bound::End);
        assert_eq!(walk.remaining(), (Bound::START, at(100)));
        assert_eq!(walk.cover(Bound::START, at(100), true, 8), Progress::Done);
    }

    #[test]
    fn covers_in_any_order_and_once() {
        let mut walk = Walk::new(Bound::START, (0, 0));
        assert_eq!(walk.cover(at(20), at(30), true, 8), Progress::None);
        assert_eq!(walk.cover(at(10), at(20), false, 8), Progress::None);
        assert_eq!(walk.cover(Bound::START, at(10), false, 8), Progress::Page);
        assert_eq!(walk.cursor(), at(30));
        walk.ask(Bound::End);
        assert_eq!(walk.cover(at(10), at(20), false, 8), Progress::None);
        assert_eq!(walk.cover(at(30), at(40), false, 8), Progress::Some);
        assert_eq!(walk.cover(at(40), Bound::End, true, 8), Progress::Done);
    }

    #[test]
    fn what_is_covered_makes_room_for_more() {
        let mut walk = Walk::new(Bound::START, (0, 0));
        assert_eq!(walk.cover(at(40), at(50), false, 2), Progress::None);
        assert_eq!(walk.cover(at(20), at(30), false, 2), Progress::None);
        assert_eq!(walk.cover(Bound::START, at(20), false, 2), Progress::Some);
        assert_eq!(walk.cursor(), at(30));
        assert_eq!(walk.cover(at(60), at(70), false, 2), Progress::None);
        assert_eq!(walk.cover(at(30), at(40), false, 2), Progress::Some);
        assert_eq!(walk.cursor(), at(50));
        assert_eq!(walk.cover(at(50), at(60), false, 2), Progress::Some);
        assert_eq!(walk.cursor(), at(70));
    }

    #[test]
    fn who_is_through_sooner_than_expected_asks_once_more() {
        let mut walk = Walk::new(Bound::START, (0, 0));
        assert!(!walk.ask(at(50)));
        assert_eq!(walk.cover(Bound::START, Bound::End, true, 8), Progress::Page);
        assert!(walk.ask(Bound::End));
        assert_eq!(walk.cover(Bound::End, Bound::End, true, 8), Progress::Done);
    }

    #[test]
    fn ends_when_the_end_of_the_answer_has_come() {
        let mut walk = Walk::new(Bound::START, (0, 0));
        walk.ask(Bound::End);
        assert_eq!(walk.cover(Bound::START, Bound::End, false, 8), Progress::Some);
        // It is lost, and asked for once more.
        walk.ask(Bound::End);
        assert_eq!(walk.remaining(), (Bound::End, Bound::End));
        assert_eq!(walk.cover(Bound::START, Bound::End, false, 8), Progress::None);
        assert_eq!(walk.cover(Bound::End, Bound::End, true, 8), Progress::Done);
    }

    #[test]
    fn asks_for_what_an_answer_can_hold() {
        let walk = Walk::new(at(1 << 60), (1 << 20, 64 << 20));
        // 1 024 elements would fit; there may be 32 more than expected.
        assert_eq!(walk.reach(64 << 10), at((1 << 60) + (992 << 44)));
        assert_eq!(walk.reach(64 << 20), Bound::End);
        assert_eq!(Walk::new(at(u64::MAX), (1 << 20, 64 << 20)).reach(64 << 10), Bound::End);
        assert_eq!(Walk::new(Bound::START, (0, 0)).reach(1_000), Bound::End);
    }

    #[test]
    fn keeps_no_more_than_a_window_for_later() {
        let mut walk = Walk::new(Bound::START, (0, 0));
        for i in 0..100 {
            assert_eq!(walk.cover(at(1_000 - i), at(1_001 - i), false, 3), Progress::None);
        }
        assert_eq!(walk.ahead.len(), 3);
    }
}
