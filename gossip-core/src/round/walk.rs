//! `Walk`: all elements of both sides, page by page. The strategy that needs no estimate and no luck.

use alloc::vec::Vec;

use crate::digest::Digest;
use crate::element::{Dot, Fingerprint};
use crate::wire::Bound;

/// State of a walk. It goes once round the space of fingerprints, from the bound where the last walk was cut off.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Walk {
    start: Bound,
    /// Whether it has passed the end of the space.
    wrapped: bool,
    /// All from the start to here is covered.
    cursor: Bound,
    /// Where the last page asked for begins, and as far as its answer is expected to reach.
    asked: Bound,
    reach: Bound,
    /// How far the messages of that page have come, and how many more it may have; 0 between two pages.
    sent: Bound,
    remaining: u16,
    /// The most messages of the next page: half as many as of the last one where its answer was short or never came, so
    /// that on a bad link little is sent in vain; else one more.
    most: u16,
    /// The count of the peer's elements, and the bytes of all its pages.
    peers: (u64, u64),
    /// The number of pages so far.
    pages: u32,
    /// Whether the last page asked for the peer's state.
    wants_state: bool,
    /// Covered intervals beyond the cursor.
    ahead: Vec<(Bound, Bound)>,
    /// Where the answer to the last page ends, once its end has come.
    answered: Option<Bound>,
    /// The last digest that the peer told during this walk.
    peer_digest: Option<Digest>,
    lists: Lists,
    /// Marks, and dots that are gone, which the peer has told; of a set that forgets.
    told: (Vec<Dot>, Vec<Dot>),
}

/// What the pages of a walk list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lists {
    /// Our elements.
    Elements,
    /// The first 32 bits of their ids. The peer wants these of them, which are given in the end.
    Ids(Vec<u64>),
    /// Nothing. The peer has given elements of these fingerprints; what is not among them is given in the end.
    Nothing(Vec<Fingerprint>),
}

/// What is to be given to the peer once all is covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All but elements of these fingerprints, which ascend.
    Given(Vec<Fingerprint>),
    /// Those whose ids begin with these, which ascend, to a peer of this digest.
    Wanted(Vec<u64>, Digest),
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
            reach: start,
            sent: start,
            remaining: 0,
            most: u16::MAX,
            peers,
            pages: 0,
            wants_state: false,
            ahead,
            answered,
            peer_digest,
            lists: Lists::Elements,
            told: (Vec::new(), Vec::new()),
        }
    }

    /// Has the pages list nothing: the peer gives all that it holds, and then gets what is not among that.
    ///
    /// Bytes are the same, but what is inserted while the walk goes on is given in the end.
    pub(crate) fn fetching(mut self) -> Self {
        self.lists = Lists::Nothing(Vec::new());
        self
    }

    /// Has the pages list ids, two or three bytes each: the peer says which of them it wants, and then gets those.
    pub(crate) fn of_ids(mut self) -> Self {
        self.lists = Lists::Ids(Vec::new());
        self
    }

    pub(crate) const fn lists(&self) -> &Lists {
        &self.lists
    }

    /// Notes what the peer has given, up to `most` elements: beyond that the walk lists again.
    pub(crate) fn note_given(&mut self, held: &[Fingerprint], most: usize) {
        let Lists::Nothing(given) = &mut self.lists else { return };
        given.extend(held);
        if given.len() > most {
            self.lists = Lists::Elements;
        }
    }

    /// Notes what the peer wants of what was listed, up to `most`: an honest one wants no more.
    pub(crate) fn note_wanted(&mut self, ids: impl Iterator<Item = u64>, most: usize) {
        if let Lists::Ids(wanted) = &mut self.lists {
            wanted.extend(ids.take(most.saturating_sub(wanted.len())));
        }
    }

    /// Notes marks and dots that are gone, which the peer has told.
    pub(crate) fn note_told(&mut self, marks: &[Dot], gone: &[Dot]) {
        self.told.0.extend(marks);
        self.told.1.extend(gone);
    }

    /// All marks and gone dots that the peer has told.
    pub(crate) fn take_told(&mut self) -> (Vec<Dot>, Vec<Dot>) {
        core::mem::take(&mut self.told)
    }

    /// What is to be given to the peer; `None` if the pages have given all.
    pub(crate) fn outcome(&mut self) -> Option<Outcome> {
        // Answers may come twice.
        match core::mem::replace(&mut self.lists, Lists::Elements) {
            Lists::Elements => None,
            Lists::Ids(wanted) => self.peer_digest.map(|digest| Outcome::Wanted(ascending(wanted), digest)),
            Lists::Nothing(given) => Some(Outcome::Given(ascending(given))),
        }
    }

    /// The end of the interval to ask for next: as far as an answer of `room` bytes can be expected to reach. Elements
    /// listed beyond would be listed again.
    fn reach(&self, room: u64) -> Bound {
        // Of what is listed by ids the peer gives a part, and the rest is cheap to list again.
        let room = if matches!(self.lists, Lists::Ids(_)) { room.saturating_mul(4) } else { room };
        let (cursor, end) = self.uncovered();
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
    fn uncovered(&self) -> (Bound, Bound) {
        (self.cursor, if self.wrapped { self.start } else { Bound::End })
    }

    /// Whether the next message begins a page.
    pub(crate) const fn begins_page(&self) -> bool {
        self.remaining == 0
    }

    /// The next message of a page, of up to `window` of them, whose answer can have `room` bytes: where its interval begins,
    /// as far as it may reach, and where what is to be covered ends.
    pub(crate) fn next(&mut self, window: u16, room: u64) -> (Bound, Bound, Bound) {
        if self.begins_page() {
            let (cursor, reach) = (self.cursor, self.reach(room));
            self.most = self.most.min(window).max(1);
            (self.asked, self.sent, self.reach, self.remaining) = (cursor, cursor, reach, self.most);
            self.answered = None;
        }
        (self.sent, self.reach, self.uncovered().1)
    }

    /// Notes that a message covers up to `to`. Returns, if it is the last of its page, whether to ask for the peer's state.
    ///
    /// A state takes as many bytes as two or three elements. It is asked for at the end of the walk, for the proof, and
    /// with every eighth page, since a walk between equal sets would go on for nothing.
    pub(crate) fn sent(&mut self, to: Bound) -> Option<bool> {
        (self.sent, self.remaining) = (to, self.remaining - 1);
        // Of elements of one fingerprint a message tells all or none in its interval, so a page ends among them.
        if to < self.reach && self.remaining > 0 && to.excess() == 0 {
            return None;
        }
        self.remaining = 0;
        self.pages = self.pages.wrapping_add(1);
        self.wants_state = to >= self.uncovered().1 || self.pages.is_multiple_of(8);
        Some(self.wants_state)
    }

    /// Begins the page anew that has no answer.
    pub(crate) const fn again(&mut self) {
        (self.remaining, self.most) = (0, self.most / 2);
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

    /// Takes in a part of an answer, which covers an interval; `last` if the answer ends with it. At most `window`
    /// intervals are kept for later.
    pub(crate) fn cover(&mut self, from: Bound, to: Bound, last: bool, window: usize) -> Progress {
        let before = self.cursor;
        let is_covered = |walk: &Self| walk.cursor >= walk.uncovered().1;
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
            self.most = if to < self.sent { self.most / 2 } else { self.most.saturating_add(1) };
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
            self.remaining = 0;
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

fn ascending<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort_unstable();
    items.dedup();
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(id: u64) -> Bound {
        Bound::of_name(id, 0)
    }

    /// A page of one message that covers up to there. Returns whether it asks for the state.
    fn ask(walk: &mut Walk, to: Bound) -> bool {
        walk.next(1, u64::MAX);
        walk.sent(to).expect("it is all of the page")
    }

    #[test]
    fn a_walk_that_fetches_knows_what_the_peer_has_given() {
        let of = |ids: &[u64]| ids.iter().map(|&id| Fingerprint { id, rest: 0 }).collect::<Vec<_>>();
        let mut walk = Walk::new(Bound::START, (0, 0));
        walk.note_given(&of(&[1]), 4);
        assert_eq!((walk.lists().clone(), walk.outcome()), (Lists::Elements, None));
        let mut walk = walk.fetching();
        walk.note_given(&of(&[7, 9]), 4);
        walk.note_given(&of(&[2, 7]), 4);
        assert_eq!(walk.outcome(), Some(Outcome::Given(of(&[2, 7, 9]))));
        // A peer gives more than it should: its pages are listed again.
        let mut walk = walk.fetching();
        walk.note_given(&of(&[1, 2, 3, 4, 5]), 4);
        assert_eq!((walk.lists().clone(), walk.outcome()), (Lists::Elements, None));
    }

    #[test]
    fn a_walk_of_ids_knows_what_the_peer_wants() {
        let digest = Digest::from_parts(9, 7);
        let mut walk = Walk::new(Bound::START, (0, 0));
        walk.note_wanted([1].into_iter(), 4);
        let mut walk = walk.of_ids();
        walk.note_wanted([7, 9].into_iter(), 4);
        walk.note_wanted([2, 7, 8].into_iter(), 4);
        walk.tell(Some(digest));
        assert_eq!(walk.outcome(), Some(Outcome::Wanted([2, 7, 9].into(), digest)));
        // What it gives is a part, so a page reaches four times as far.
        let (whole, ids) = (Walk::new(Bound::START, (100, 800)), Walk::new(Bound::START, (100, 800)).of_ids());
        assert_eq!(ids.reach(100), whole.reach(400));
    }

    #[test]
    fn goes_round_once_from_where_it_starts() {
        let mut walk = Walk::new(at(100), (0, 0));
        assert_eq!(walk.uncovered(), (at(100), Bound::End));
        assert_eq!(walk.cover(at(100), at(150), true, 8), Progress::Page);
        ask(&mut walk, Bound::End);
        assert_eq!(walk.cover(at(150), Bound::End, true, 8), Progress::Page);
        ask(&mut walk, Bound::End);
        assert_eq!(walk.uncovered(), (Bound::START, at(100)));
        assert_eq!(walk.cover(Bound::START, at(100), true, 8), Progress::Done);
    }

    #[test]
    fn covers_in_any_order_and_once() {
        let mut walk = Walk::new(Bound::START, (0, 0));
        assert_eq!(walk.cover(at(20), at(30), true, 8), Progress::None);
        assert_eq!(walk.cover(at(10), at(20), false, 8), Progress::None);
        assert_eq!(walk.cover(Bound::START, at(10), false, 8), Progress::Page);
        assert_eq!(walk.cursor(), at(30));
        ask(&mut walk, Bound::End);
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
        assert!(!ask(&mut walk, at(50)));
        assert_eq!(walk.cover(Bound::START, Bound::End, true, 8), Progress::Page);
        assert!(ask(&mut walk, Bound::End));
        assert_eq!(walk.cover(Bound::End, Bound::End, true, 8), Progress::Done);
    }

    #[test]
    fn ends_when_the_end_of_the_answer_has_come() {
        let mut walk = Walk::new(Bound::START, (0, 0));
        ask(&mut walk, Bound::End);
        assert_eq!(walk.cover(Bound::START, Bound::End, false, 8), Progress::Some);
        // It is lost, and asked for once more.
        ask(&mut walk, Bound::End);
        assert_eq!(walk.uncovered(), (Bound::End, Bound::End));
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
    fn a_page_is_as_many_messages_as_its_answer_can_be_of() {
        // An answer of 64 KiB can hold a quarter of the peer's elements, less some.
        let mut walk = Walk::new(Bound::START, (1 << 12, 256 << 10));
        let reach = walk.reach(64 << 10);
        assert!(reach < at(1 << 62) && walk.begins_page());
        assert_eq!(walk.next(3, 64 << 10), (Bound::START, reach, Bound::End));
        assert_eq!((walk.sent(at(100)), walk.begins_page()), (None, false));
        assert_eq!(walk.next(3, 64 << 10), (at(100), reach, Bound::End));
        assert_eq!(walk.sent(at(200)), None);
        // The last of a window, whatever is left.
        walk.next(3, 64 << 10);
        assert_eq!((walk.sent(at(300)), walk.begins_page()), (Some(false), true));
        // Where an answer ends early, the next page begins, of half as many.
        assert_eq!(walk.cover(Bound::START, at(150), true, 8), Progress::Page);
        assert_eq!(walk.next(3, 1 << 30), (at(150), Bound::End, Bound::End));
        assert_eq!(walk.sent(at(400)), Some(false));
        // And after one that is answered, of twice as many.
        assert_eq!(walk.cover(at(150), at(400), true, 8), Progress::Page);
        walk.next(3, 1 << 30);
        assert_eq!(walk.sent(at(500)), None);
        // One that has no answer begins anew.
        walk.again();
        assert_eq!(walk.next(3, 1 << 30), (at(400), Bound::End, Bound::End));
        assert_eq!(walk.sent(Bound::End), Some(true));
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
