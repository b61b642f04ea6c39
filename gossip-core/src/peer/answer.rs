//! Building answers, when they are sent and not before.

use alloc::vec::Vec;

use super::budget::{FOLDED, LOOKED_FOR, MESSAGE, PASSED};
use super::owed::{Owed, Question};
use super::turn::Turn;
use crate::codec::Encode;
use crate::digest::Digest;
use crate::element::{Element, Fingerprint};
use crate::message::{Answer, Asks, Body, Head, Message, Nonce, Part, longest};
use crate::round::need;
use crate::round::strategy::{self, cells_for_known_difference};
use crate::set::RECENT;
use crate::sketch::Tables;
use crate::wire::{Bound, Cells, Elements, Place, WISH};

/// What an element that is wished for takes at the least, but for such as there are few of.
const WISHED: usize = 4;

impl<P: Clone + Ord, E: Element> Turn<'_, P, E> {
    /// What the peer is to be sent next, if anything. It keeps its place in the queue while there is more.
    pub(super) fn next_message(&mut self) -> Option<Message<E>> {
        self.set.settle();
        self.peer.ready.hand_back();
        if self.peer.owed.is_none() {
            self.ask_again();
        }
        if self.rests() {
            self.await_answer();
            return None;
        }
        let body = match self.peer.owed.take() {
            Some(owed) => Some(self.answer(owed)),
            None => self.push().or_else(|| self.ask()),
        };
        if self.has_to_send() {
            self.enqueue();
        } else {
            self.await_answer();
        }
        let message = Message::new(body?);
        let (kind, len) = (message.kind(), message.encoded_len());
        self.count(|ledger| ledger.sent.count(kind, len));
        self.spend(MESSAGE + len as u64);
        debug_assert!(len <= self.config.message_limit(), "{message:?} is over the budget");
        Some(message)
    }

    /// The batch that the peer is to be pushed now, if any.
    fn push(&mut self) -> Option<Body> {
        let room = self.config.message_limit() - longest::PUSH;
        let (config, now, end) = (self.config, self.now, self.set.end());
        let mut link = Self::link_of(self.hand.as_mut(), self.peer, config, now, end)?;
        let (pushed, wishes) = link.next_batch(self.set, room)?;
        self.grant(wishes);
        let is_bare = pushed.batch.elements.count() == 0;
        self.count(|ledger| {
            ledger.bare_pushes += u64::from(is_bare);
            ledger.resent += u64::from(pushed.again);
        });
        Some(Body::Push { tag: self.set.tag(), batch: pushed.batch.into() })
    }

    /// The next message of an answer that we owe; the rest stays owed.
    fn answer(&mut self, owed: Owed) -> Body {
        let (nonce, answer, rest) = match owed {
            Owed::Verdict { nonce, on, sketch } => (nonce, self.verdict(nonce, on, sketch), None),
            Owed::Sketch { nonce, state, next, count } => {
                let found = self.look_for(nonce, state, next, count);
                return self.answer(found);
            }
            Owed::Cells { nonce, place, next, end, window } => {
                let (answer, reached, last) = self.cells(place, next, end, window);
                let rest = Owed::Cells { nonce, place, next: reached, end, window: window.saturating_sub(1) };
                (nonce, answer, (!last).then_some(rest))
            }
            Owed::Wanted { nonce, wishes, more, next, window, asks } => {
                self.wanted(nonce, wishes, more, next, window, asks)
            }
            Owed::Page { nonce, cursor, to, held, window, wants_state } => {
                let (answer, covered, last) = self.page(cursor, to, &held, window, wants_state);
                let rest = Owed::Page { nonce, cursor: covered, to, held, window: window - 1, wants_state };
                (nonce, answer, (!last).then_some(rest))
            }
        };
        self.peer.owed = rest;
        Body::Answer { nonce, answer }
    }

    /// Cells of what our sketch was at `place`, from `next` on as many as fit; up to where that is, and whether the answer
    /// ends with them.
    fn cells(&mut self, place: Place, next: usize, end: usize, window: u16) -> (Answer, usize, bool) {
        let width = self.set.width().unwrap_or_default();
        let room = self.config.message_limit() - longest::CELLS;
        let fitting = Cells::within(width, room).min(end.saturating_sub(next));
        let cells = self.set.cells(next..next + fitting, place).unwrap_or_default();
        let folded = self.set.tables().map_or(0, |tables| tables.covering(next + fitting).len() / FOLDED);
        self.spend(folded as u64 + PASSED * self.set.end().since(place) as u64);
        let reached = next + cells.len();
        let last = window <= 1 || cells.is_empty() || reached >= end;
        (Answer::Cells { part: Part::After { from: next, last }, cells: Cells::new(width, &cells) }, reached, last)
    }

    /// Our elements of these wishes, from the one at `next` on as many as fit.
    fn wanted(
        &mut self,
        nonce: Nonce,
        mut wishes: Vec<u64>,
        more: bool,
        mut next: usize,
        window: u16,
        asks: Asks,
    ) -> (Nonce, Answer, Option<Owed>) {
        let limit = self.config.message_limit();
        let mut work = 0;
        if more {
            wishes.drain(..next);
            wishes.sort_unstable();
            wishes.dedup();
            next = 0;
            work += PASSED * wishes.len() as u64;
        }
        let remaining = wishes.get(next..).unwrap_or_default();
        // What is not there fills no message: looking for it ends too.
        let most = remaining.len().min(limit / WISHED);
        let (elements, taken) = self.set.named(&remaining[..most], WISH, limit - longest::GIVE - longest::STATE);
        let from = remaining.first().map_or(Bound::START, |&wish| Bound::of_name(wish, WISH));
        let end = taken.checked_sub(1).and_then(|last| remaining.get(last));
        let to = end.map_or(from, |&wish| Bound::after_name(wish, WISH));
        let all = taken == remaining.len();
        self.spend(work + LOOKED_FOR * taken as u64);
        let last = window <= 1 || all;
        let state = (last && asks == Asks::State).then_some(self.set.state());
        let (next, window) = (next + taken, window.saturating_sub(1));
        let rest = (!last).then_some(Owed::Wanted { nonce, wishes, more: false, next, window, asks });
        // Where the window ends before the wishes, what remains has to be wished for again.
        let last = last && (asks != Asks::Nothing || !all);
        (nonce, Answer::Give { tag: self.set.tag(), from, to, last, state, elements }, rest)
    }

    /// What we have in an interval that is not `held` there, as far as it fits; up to where that is, and whether the answer
    /// ends with it.
    fn page(
        &mut self,
        cursor: Bound,
        to: Bound,
        held: &[Fingerprint],
        window: u16,
        wants_state: bool,
    ) -> (Answer, Bound, bool) {
        let limit = self.config.message_limit();
        let end = if wants_state { longest::STATE } else { 0 };
        let room = limit - longest::GIVE - if window == 1 { end } else { 0 };
        let (elements, covered) = self.set.page(cursor, to, held, room);
        let before = |bound: Bound| held.partition_point(|&held| Bound::At(held) < bound);
        self.spend(PASSED * before(covered).saturating_sub(before(cursor)) as u64);
        let fits = elements.encoded_len() + longest::GIVE + end <= limit;
        let last = window == 1 || (covered == to && fits);
        let state = (last && wants_state).then_some(self.set.state());
        (Answer::Give { tag: self.set.tag(), from: cursor, to: covered, last, state, elements }, covered, last)
    }

    /// The state with this tag, whose cells from `next` on are asked for; or what there is instead if it is forgotten.
    fn look_for(&mut self, nonce: Nonce, state: u64, next: usize, count: usize) -> Owed {
        let (longest, place) = (self.set.tables().map(Tables::longest), self.set.place_of(state));
        let looked_at = place.map_or(RECENT, |place| self.set.end().since(place));
        self.spend(PASSED * looked_at as u64);
        match (longest, place) {
            (Some(longest), Some(place)) => {
                let (end, window) = ((next + count).min(longest), self.config.window.get());
                Owed::Cells { nonce, place, next, end, window }
            }
            _ => Owed::Verdict { nonce, on: Question::Cells, sketch: true },
        }
    }

    /// That both have the same; or how ours differs, by whatever may cost least.
    pub(super) fn verdict(&self, nonce: Nonce, on: Question, sketch: bool) -> Answer {
        let state = self.set.state();
        let (theirs, equal) = match on {
            Question::Probe(theirs) => (Some(theirs), theirs == state.digest),
            Question::Repair(theirs) => (None, theirs == state.digest.tag()),
            Question::Cells => (None, false),
        };
        if equal {
            return Answer::Proof { state: state.digest.tag() };
        }
        if theirs.is_some() && self.is_tiny() {
            let room = self.config.message_limit() - longest::PAGE;
            let (elements, to) = self.set.page(Bound::START, Bound::End, &[], room);
            if to == Bound::End {
                return Answer::Whole { tag: self.set.tag(), elements };
            }
        }
        if sketch && let Some(answer) = self.first_cells(nonce, theirs) {
            return answer;
        }
        let (from, to) = (Bound::START, Bound::START);
        Answer::Give { tag: self.set.tag(), from, to, last: true, state: Some(state), elements: Elements::NONE }
    }

    /// The first cells of our sketch, and what tells how many more a peer with this digest needs; `None` where pages cost
    /// less.
    fn first_cells(&self, nonce: Nonce, theirs: Option<Digest>) -> Option<Answer> {
        let (policy, tables) = (self.policy()?, self.set.tables()?);
        let (state, width) = (self.set.state(), self.set.width().unwrap_or_default());
        let may_be = |theirs| strategy::may_be_sketched(state, theirs, self.set.width(), Some(policy));
        if !theirs.is_none_or(may_be) {
            return None;
        }
        let head = policy.head(state.digest.count());
        let known = theirs.and_then(|theirs| self.cells_for_known_difference(nonce, theirs));
        let table = tables.covering(known.unwrap_or(head));
        let deep = known.is_none().then(|| table.deep_bits(policy.deep()));
        let deep_len = deep.map_or(0, |deep| deep.width().encoded_len());
        let room = self.config.message_limit() - longest::HEAD_OF_CELLS - deep_len;
        // They may decode, unless the counts alone say that they do not: then it may yet come to pages.
        let floor = theirs.map_or(0, |theirs| theirs.count().abs_diff(state.digest.count()));
        let count = known.unwrap_or(if need(floor) > head { 0 } else { head }).min(Cells::within(width, room));
        let cells = table.sequence(0..count).unwrap_or_default();
        Some(Answer::Cells { part: Part::Head(Head { state, deep }.into()), cells: Cells::new(width, &cells) })
    }

    /// The cells of a first answer to a peer that knows all but few of our elements, since it had a proof with us. Within a
    /// round they were not enough.
    pub(super) fn cells_for_known_difference(&self, nonce: Nonce, theirs: Digest) -> Option<usize> {
        let (policy, width) = (self.policy()?, self.set.width()?);
        let (place, learned) = self.peer.known.since_proof(theirs.count()).filter(|_| nonce.begins_round())?;
        let inserted = self.set.end().checked_since(place)? as u64;
        cells_for_known_difference(policy, width, self.set.digest().count(), inserted, learned)
    }

    /// Whether our set goes out whole, as the answer to a probe that differs.
    pub(super) fn is_tiny(&self) -> bool {
        strategy::is_tiny(self.set.state(), self.set.width(), self.policy(), self.config.message_limit())
    }
}
