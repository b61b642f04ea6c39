//! `Walk`: all elements of both sides, page by page. The strategy that needs no estimate and no luck.

use alloc::vec::Vec;

use crate::digest::Digest;
use crate::element::Fingerprint;
use crate::wire::Bound;

/// State of a walk. It goes once round the space of fingerprints, from the bound where the last walk was cut off.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Walk {
    start: Bound,
    /// Whether it has passed the end of the space.
    wrapped: bool,
    /// All from the start to here is covered.
    cursor: Bound,
    /// Where the last page asked for begins.
    asked: Bound,
    /// The count of the peer's elements, and the bytes of all its pages.
    peers: (u64, u64),
    /// The number of pages sent.
    pages: u32,
    /// Whether the last page asked for the peer's state.
    wants_state: bool,
    /// Covered intervals beyond the cursor.
    ahead: Vec<(Bound, Bound)>,
    /// Where the answer to the last page ends, once its end has come.
    answered: Option<Bound>,
    /// The last digest that the peer told during this walk.
    peer_digest: Option<Digest>,
    /// The fingerprints that the peer has given, if the pages list nothing: what is not among them is given in the end.
    given: Option<Vec<Fingerprint>>,
}

/// What an answer means for a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing new is covered.
    None,
    /// More of the answer is under way.
    Some,
    /// The answer is complete: time for the next page.
    Page,
    /// All is covered.
    Done,
}

impl Walk {
    /// A walk from `start`. `peers` are the count of the peer's elements and the bytes of all its pages.
    pub(crate) fn new(start: Bound, peers: (u64, u64)) -> Self {
        // A walk that was cut off at the very end begins anew: round from the end would be an empty interval first.
        let start = if start == Bound::End { Bound::START } else { start };
        let (ahead, answered, peer_digest) = (Vec::new(), None, None);
        Self {
            start,
            wrapped: false,
            cursor: start,
            asked: start,
            peers,
            pages: 0,
            wants_state: false,
            ahead,
            answered,
            peer_digest,
            given: None,
        }
    }

    /// Has the pages list nothing: the peer gives all that it holds, and then gets what is not among that.
    ///
    /// Bytes are the same, but our elements go out in bursts of a window and not a message in a round trip. With 5 000
    /// inserts a second of 100 bytes, over a round trip of 100 ms, pages took 13 s to catch up.
    pub(crate) fn fetching(mut self) -> Self {
        self.given = Some(Vec::new());
        self
    }

    /// Whether the pages list nothing.
    pub(crate) const fn fetches(&self) -> bool {
        self.given.is_some()
    }

    /// Notes what the peer has given, up to `most` elements: beyond that the walk lists again.
    pub(crate) fn note_given(&mut self, held: &[Fingerprint], most: usize) {
        let Some(given) = &mut self.given else { return };
        given.extend(held);
        if given.len() > most {
            self.given = None;
        }
    }

    /// The fingerprints that the peer has given, ascending; `None` if the pages have listed ours.
    pub(crate) fn take_given(&mut self) -> Option<Vec<Fingerprint>> {
        let mut given = self.given.take()?;
        // Answers may come twice.
        given.sort_unstable();
        given.dedup();
        Some(given)
    }

    /// The end of the interval to ask for next: as far as an answer of `room` bytes can be expected to reach. Elements
    /// listed beyond would be listed again.
    pub(crate) fn reach(&self, room: u64) -> Bound {
        let (cursor, end) = self.remaining();
        let (count, bytes) = self.peers;
        let Bound::At(at) = cursor else { return end };
        if room >= bytes {
            return end;
        }
        // Ids are uniform, so the elements of an interval follow Poisson's law: one standard error, the square root, is
        // left free.
        let fitting = u128::from(room) * u128::from(count) / u128::from(bytes);
        let share = ((fitting - fitting.isqrt()).max(1) << 64) / u128::from(count.max(1));
        match u64::try_from(share).ok().and_then(|share| at.fingerprint.id.checked_add(share)) {
            Some(id) => Bound::of_name(id, 0).min(end),
            None => end,
        }
    }

    /// The interval between the cursor and the end of the space, or of the walk.
    pub(crate) fn remaining(&self) -> (Bound, Bound) {
        (self.cursor, if self.wrapped { self.start } else { Bound::End })
    }

    /// Notes the digest that the peer told, if it did. Returns the last one that it told in this walk.
    pub(crate) fn tell(&mut self, digest: Option<Digest>) -> Option<Digest> {
        self.peer_digest = digest.or(self.peer_digest);
        self.peer_digest
    }

    /// The bound at which to go on if it is cut off.
    pub(crate) fn cursor(&self) -> Bound {
        self.cursor
    }

    /// Notes that a page is sent whose answer is expected to `reach` so far. Returns whether to ask for the peer's
    /// state.
    ///
    /// A state takes as many bytes as two or three elements. It is asked for at the end of the walk, for the proof, and
    /// with every eighth page, since a walk between equal sets would go on for nothing.
    pub(crate) fn ask(&mut self, reach: Bound) -> bool {
        self.asked = self.cursor;
        self.answered = None;
        self.pages = self.pages.wrapping_add(1);
        self.wants_state = reach >= self.remaining().1 || self.pages.is_multiple_of(8);
        self.wants_state
    }

    /// Takes in a part of an answer, which covers an interval; `last` if the answer ends with it. At most `window`
    /// intervals are kept for later.
    pub(crate) fn cover(&mut self, from: Bound, to: Bound, last: bool, window: usize) -> Progress {
        let before = self.cursor;
        let is_covered = |walk: &Self| walk.cursor >= walk.remaining().1;
        // Copies of earlier answers lie before the page. Once all is covered, only the end of an answer matters: it has
        // the peer's state.
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
            // Half of the way where it began in the middle: what lies before its start is next.
            if self.wrapped || self.start == Bound::START {
                return match self.answered {
                    None => Progress::Some,
                    Some(_) if self.wants_state => Progress::Done,
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

    fn at(id: u64) -> Bound {
        Bound::of_name(id, 0)
    }

    #[test]
    fn a_walk_that_fetches_knows_what_the_peer_has_given() {
        let of = |ids: &[u64]| ids.iter().map(|&id| Fingerprint { id, rest: 0 }).collect::<Vec<_>>();
        let mut walk = Walk::new(Bound::START, (0, 0));
        walk.note_given(&of(&[1]), 4);
        assert!(!walk.fetches() && walk.take_given().is_none());
        let mut walk = walk.fetching();
        walk.note_given(&of(&[7, 9]), 4);
        walk.note_given(&of(&[2, 7]), 4);
        assert!(walk.fetches());
        assert_eq!(walk.take_given(), Some(of(&[2, 7, 9])));
        // A peer gives more than it should: its pages are listed again.
        let mut walk = walk.fetching();
        walk.note_given(&of(&[1, 2, 3, 4, 5]), 4);
        assert!(!walk.fetches() && walk.take_given().is_none());
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
