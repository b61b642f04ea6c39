//! Building answers, when they are sent and not before.

use super::receive::MOST_NAMES;
use super::{AntiEntropy, enqueue};
use crate::digest::{Digest, State};
use crate::element::Element;
use crate::message::{Asks, Body, Head, Message, Place};
use crate::peer::budget::{FOLDED, LOOKED_FOR, MESSAGE, PASSED};
use crate::peer::{Owed, Question, begins_round};
use crate::round::policy::{Policy, need, pages_are_cheaper};
use crate::set::RECENT;
use crate::sketch::Tables;
use crate::wire::{Bound, Cells, Elements, WISH};

use super::request::PAGE_HEAD;

/// A set that takes no more than this goes out whole, as the answer to a probe that differs: about what a digest, two
/// bounds and an exchange more would take. Or no more than the first cells would.
const TINY: usize = 256;

/// What an answer's fields take at their longest: 44 bytes and its count and form; and its state.
pub(super) const GIVE_HEAD: usize = 48;
pub(super) const STATE: usize = 36;

/// What an element that is wished for takes at the least, but for such as there are few of.
const WISHED: usize = 4;

/// What the fields before cells and their count take at their longest, deep bits aside: those of a head, and of others.
const HEAD_OF_CELLS: usize = 42;
const CELLS_HEAD: usize = 9;

impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
    /// What this peer is to be sent next, if anything. It keeps its place in the queue while there is more.
    pub(super) fn next_message(&mut self, name: &P) -> Option<Message<E>> {
        self.replica.settle();
        let peer = self.peers.get_mut(name)?;
        peer.queued = false;
        if let Some(sent_at) = peer.pacing.unmeasured.take() {
            let sample = self.now.saturating_since(sent_at);
            peer.stats.round_trip = peer.pacing.measure(sample);
        }
        if peer.owed.is_none() {
            self.ask_again(name);
        }
        if self.rests(name) {
            self.await_answer(name);
            return None;
        }
        let body = match self.peers.get_mut(name)?.owed.take() {
            Some(owed) => Some(self.answer(name, owed)),
            None => self.push(name).or_else(|| self.request(name)),
        };
        let peer = self.peers.get_mut(name)?;
        if peer.has_to_send() {
            enqueue(&mut self.ready, name, peer);
        } else {
            self.await_answer(name);
        }
        let message = Message::new(body?);
        let peer = self.peers.get_mut(name)?;
        for ledger in [&mut peer.stats.ledger, &mut self.stats.total] {
            ledger.sent.count(message.kind(), message.encoded_len());
        }
        self.spend(name, MESSAGE + message.encoded_len() as u64);
        debug_assert!(message.encoded_len() <= self.config.message_limit(), "{message:?} is over the budget");
        Some(message)
    }

    fn answer(&mut self, name: &P, owed: Owed) -> Body {
        let tag = self.replica.tag();
        let state = self.replica.state();
        let limit = self.config.message_limit();
        let mut work = 0;
        let (body, rest) = match owed {
            Owed::Verdict { nonce, on, sketch } => (self.verdict(name, nonce, on, sketch), None),
            Owed::Sketch { nonce, state, next, count } => {
                let owed = self.look_for(name, nonce, state, next, count);
                return self.answer(name, owed);
            }
            Owed::Cells { nonce, held, next, end, window } => {
                let width = self.replica.width().unwrap_or_default();
                let fitting = Cells::within(width, limit - CELLS_HEAD).min(end.saturating_sub(next));
                let cells = self.replica.cells(next..next + fitting, held).unwrap_or_default();
                let folded = self.replica.tables().map_or(0, |tables| tables.covering(next + fitting).len() / FOLDED);
                work += folded as u64 + PASSED * (self.replica.len() - held) as u64;
                let reached = next + cells.len();
                let last = window <= 1 || cells.is_empty() || reached >= end;
                let rest = Owed::Cells { nonce, held, next: reached, end, window: window.saturating_sub(1) };
                let place = Place::After { from: next, last };
                (Body::Cells { nonce, place, cells: Cells::new(width, &cells) }, (!last).then_some(rest))
            }
            Owed::Wanted { nonce, mut wishes, more, mut next, window, asks } => {
                if more {
                    wishes.drain(..next);
                    wishes.sort_unstable();
                    wishes.dedup();
                    next = 0;
                    work += PASSED * wishes.len() as u64;
                }
                let left = wishes.get(next..).unwrap_or_default();
                // What is not there fills no message: looking for it ends too.
                let most = left.len().min(limit / WISHED);
                let (elements, taken) = self.replica.named(&left[..most], WISH, limit - GIVE_HEAD - STATE);
                let from = left.first().map_or(Bound::START, |&wish| Bound::of_name(wish, WISH));
                let to = taken
                    .checked_sub(1)
                    .and_then(|last| left.get(last))
                    .map_or(from, |&wish| Bound::after_name(wish, WISH));
                work += LOOKED_FOR * taken as u64;
                let all = taken == left.len();
                let last = window <= 1 || all;
                let state = (last && asks == Asks::State).then_some(state);
                let next = next + taken;
                let rest = Owed::Wanted { nonce, wishes, more: false, next, window: window.saturating_sub(1), asks };
                let rest = (!last).then_some(rest);
                // Where the window ends before the wishes, what remains has to be wished for again.
                let last = last && (asks != Asks::Nothing || !all);
                (Body::Give { tag, nonce, from, to, last, state, elements }, rest)
            }
            Owed::Page { nonce, cursor, to, held, window, state: asked } => {
                let end = if asked { STATE } else { 0 };
                let room = limit - GIVE_HEAD - if window == 1 { end } else { 0 };
                let (elements, covered) = self.replica.page(cursor, to, &held, room);
                let before = |bound: Bound| held.partition_point(|&held| Bound::At(held) < bound);
                work += PASSED * before(covered).saturating_sub(before(cursor)) as u64;
                let fits = elements.encoded_len() + GIVE_HEAD + end <= limit;
                let last = window == 1 || (covered == to && fits);
                let rest = Owed::Page { nonce, cursor: covered, to, held, window: window - 1, state: asked };
                let state = (last && asked).then_some(state);
                (Body::Give { tag, nonce, from: cursor, to: covered, last, state, elements }, (!last).then_some(rest))
            }
        };
        if let Some(peer) = self.peers.get_mut(name) {
            peer.owed = rest;
        }
        self.spend(name, work);
        body
    }

    /// The state with this tag, whose cells from `next` on are asked for; or what there is instead if it is forgotten.
    fn look_for(&mut self, name: &P, nonce: u32, state: u64, next: usize, count: usize) -> Owed {
        let (longest, held) = (self.replica.tables().map(Tables::longest), self.replica.held_at(state));
        let looked_at = held.map_or(RECENT, |held| self.replica.len() - held);
        self.spend(name, PASSED * looked_at as u64);
        match (longest, held) {
            (Some(longest), Some(held)) => {
                let (end, window) = ((next + count).min(longest), self.config.window.get());
                Owed::Cells { nonce, held, next, end, window }
            }
            _ => Owed::Verdict { nonce, on: Question::Cells, sketch: true },
        }
    }

    /// That both have the same; or how ours differs, by whatever may cost least.
    pub(super) fn verdict(&self, name: &P, nonce: u32, on: Question, sketch: bool) -> Body {
        let state = self.replica.state();
        let tag = self.replica.tag();
        let limit = self.config.message_limit();
        let (theirs, equal) = match on {
            Question::Probe(theirs) => (Some(theirs), theirs == state.digest),
            Question::Repair(theirs) => (None, theirs == state.digest.tag()),
            Question::Cells => (None, false),
        };
        if equal {
            return Body::Proof { nonce, state: state.digest.tag() };
        }
        let width = self.replica.width().unwrap_or_default();
        let policy = Policy::of(self.config.economy);
        if theirs.is_some() && self.is_tiny() {
            let (elements, to) = self.replica.page(Bound::START, Bound::End, &[], limit - PAGE_HEAD);
            if to == Bound::End {
                return Body::Page { tag, nonce, window: 0, asks: false, from: Bound::START, to, elements };
            }
        }
        if let (Some(policy), Some(tables)) = (policy, self.replica.tables())
            && sketch
            && theirs.is_none_or(|theirs| self.may_be_sketched(theirs))
        {
            let (head, deep) = (policy.head(self.replica.len()), policy.deep);
            let few = theirs.and_then(|theirs| self.few(name, nonce, theirs));
            let table = tables.covering(few.unwrap_or(head));
            let deep = few.is_none().then(|| table.deep_bits(deep));
            let room = limit - HEAD_OF_CELLS - deep.map_or(0, |deep| deep.width().encoded_len());
            // They may decode, unless the counts alone say that they do not: then it may yet come to pages.
            let floor = theirs.map_or(0, |theirs| theirs.count().abs_diff(state.digest.count()));
            let count = few.unwrap_or(if need(floor) > head { 0 } else { head }).min(Cells::within(width, room));
            let place = Place::Head(Head { state, deep }.into());
            let cells = table.sequence(0..count).unwrap_or_default();
            return Body::Cells { nonce, place, cells: Cells::new(width, &cells) };
        }
        let (from, to) = (Bound::START, Bound::START);
        Body::Give { tag, nonce, from, to, last: true, state: Some(state), elements: Elements::NONE }
    }

    /// The cells of a first answer to a peer that knows all but few of our elements, since it had a proof with us. It
    /// reads no more than what we got since, whatever it got itself.
    pub(super) fn few(&self, name: &P, nonce: u32, theirs: Digest) -> Option<usize> {
        let policy = Policy::of(self.config.economy)?;
        let (held, theirs) = self.peers.get(name)?.agreed(theirs.count())?;
        let few = policy.cells_for(self.replica.len().checked_sub(held)? as u64);
        let most = policy.head(self.replica.len()) + policy.deep.encoded_len() / self.replica.width()?.bytes();
        // Within a round it was not enough. And the peer has to look through its own.
        (begins_round(nonce) && few <= most && theirs <= MOST_NAMES as u64).then_some(few)
    }

    /// Whether our set goes out whole, as the answer to a probe that differs: where it takes no more than a first
    /// answer.
    pub(super) fn is_tiny(&self) -> bool {
        let width = self.replica.width().unwrap_or_default();
        let first_answer = Policy::of(self.config.economy).map_or(0, |policy| {
            let head = policy.head(self.replica.len());
            HEAD_OF_CELLS + policy.deep.encoded_len() + width.cells_encoded_len(head)
        });
        self.replica.state().bytes <= first_answer.max(TINY).min(self.config.message_limit() - PAGE_HEAD) as u64
    }

    /// Whether a sketch may cost a peer with this digest less than pages, going by the counts.
    pub(super) fn may_be_sketched(&self, theirs: Digest) -> bool {
        let ours = self.replica.state();
        let (we, they) = (ours.digest.count(), theirs.count());
        let Some(width) = self.replica.width() else { return false };
        // As long as ours are, on average.
        let bytes = u128::from(ours.bytes) * u128::from(they) / u128::from(we.max(1));
        let theirs = State { digest: theirs, bytes: u64::try_from(bytes).unwrap_or(u64::MAX) };
        let Some(policy) = Policy::of(self.config.economy) else { return false };
        let first_answer = policy.deep.encoded_len() + width.cells_encoded_len(policy.head(self.replica.len()));
        let least = we.abs_diff(they);
        !pages_are_cheaper(theirs, ours, width, least, need(least), first_answer as u64)
    }
}
