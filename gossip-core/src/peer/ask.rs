//! The requests of our own rounds, built when they are sent.

use alloc::boxed::Box;

use super::turn::Turn;
use crate::codec::Encode;
use crate::config::Room;
use crate::kind::Kind;
use crate::message::{Answer, Body, Listed, Request, longest};
use crate::round::policy::DEEP_BITS;
use crate::round::walk::{Lists, Walk};
use crate::round::{Ending, Round, Step};
use crate::set::Held;
use crate::sketch::DeepBits;
use crate::wire::{Bound, Dots, Elements};

impl<P: Clone + Ord, S: Kind> Turn<'_, P, S> {
    /// The next message of our round, which begins here if one is wanted; `None` if there is none to send.
    pub(super) fn ask(&mut self) -> Option<Body> {
        self.begin_round();
        let is_due = self.peer.round.as_deref().is_some_and(Round::is_pending);
        if is_due && !self.waits_for_walks() { self.request() } else { None }
    }

    /// The next message of our round, which has one to send.
    fn request(&mut self) -> Option<Body> {
        if self.peer.round.as_deref().is_some_and(Round::is_probing) {
            // As before the answer to a probe: what comes of it is read at once.
            self.set.settle();
        }
        let state = self.set.state();
        let limit = self.config.message_limit();
        let window = self.peer.window.now();
        // The bytes of elements that one answer can hold, if the peer's window and messages are as large as ours. To
        // ask for more in one burst would be to ask for it again.
        let answer = u64::from(window) * (limit - longest::GIVE - longest::STATE) as u64;
        let (policy, deep) = (self.policy(), self.deep_bits());
        let beside = self.tell_in_request();
        let round = self.peer.round.as_deref_mut()?;
        let nonce = round.next_nonce();
        let mut bursts = false;
        let request = match round.step_mut() {
            Step::Probe(digest) => {
                // The digest is kept as it was sent: two probes that cross are compared by these, alike on both sides.
                let digest = *digest.insert(state.digest);
                match (policy, deep) {
                    (None, _) => Request::PlainProbe { digest },
                    (Some(_), None) => Request::Probe { digest },
                    (Some(_), Some(deep)) => Request::DeepProbe { digest, deep },
                }
            }
            Step::Sketch(incoming) => {
                let (from, count) = incoming.ask();
                Request::WantCells { state: incoming.state().digest.tag(), from, count }
            }
            Step::Repair(repair) => {
                let (asks, wanted, elements) =
                    repair.next(self.set, self.config.room(longest::REPAIR).less(beside), window, answer);
                self.gone.extend(repair.gone().as_slice());
                self.marks.extend(repair.marks().as_slice());
                bursts = !repair.begins_burst();
                Request::Repair { asks, wanted, elements }
            }
            Step::Walk(walk) => {
                let room = self.config.room(longest::PAGE).less(beside);
                let (request, gone, marks) = next_page(self.set, window, room, walk, answer);
                self.gone.extend(gone.as_slice());
                self.marks.extend(marks.as_slice());
                bursts = !walk.begins_page();
                request
            }
            Step::Close(digest) => {
                let body = Body::Answer { nonce, answer: Answer::Proof { state: digest.tag() } };
                // The peer does not answer a proof, so nothing is awaited. If it is lost, the next round proves again.
                let remarks = self.remarks_len();
                let round = self.peer.round.as_deref_mut()?;
                round.sent(body.encoded_len() + remarks, false);
                self.end_round(Ending::Proven);
                return Some(body);
            }
        };
        let body = Body::Request { tag: self.set.tag(), nonce, request };
        let remarks = self.remarks_len();
        let round = self.peer.round.as_deref_mut()?;
        round.sent(body.encoded_len() + remarks, bursts);
        self.peer.pacing.asked(nonce, self.now);
        Some(body)
    }

    /// Has a walk wait while others are under way, for a round interval at most: a peer that is slow to answer, or means to
    /// be, holds up no other for longer. Returns whether it waits.
    fn waits_for_walks(&mut self) -> bool {
        let walks = matches!(self.peer.round.as_deref().map(Round::step), Some(Step::Walk(_)));
        if !walks || self.agenda.walks.admit(self.id, &mut self.peer.pass) {
            return false;
        }
        if self.peer.answer_by.get().is_none() {
            let deadline = self.now + self.peer.flow.wait(self.config.round_interval());
            self.agenda.answers.set(self.id, &mut self.peer.answer_by, Some(deadline));
        }
        true
    }

    /// Ends that wait. The round compares anew: others have brought what the walk was to bring, or part of it.
    pub(super) fn end_wait_for_walks(&mut self) {
        self.stop_waiting();
        self.agenda.walks.let_in(self.id, &mut self.peer.pass);
        if self.peer.round.as_deref_mut().is_some_and(|round| !round.take(Step::Probe(None))) {
            return self.end_round(Ending::Exchanged);
        }
        self.enqueue();
    }

    /// Has a request that holds elements tell dots that are gone here. Returns the bytes that remarks take at most.
    fn tell_in_request(&mut self) -> usize {
        let step = self.peer.round.as_deref().filter(|round| round.is_pending()).map(Round::step);
        if !S::FORGETS || !matches!(step, Some(Step::Repair(_) | Step::Walk(_))) {
            return 0;
        }
        let (whole, left) = (self.config.room(longest::PAGE), self.room(longest::PAGE));
        let left = self.tell_stale(left);
        whole.of_many - left.of_many
    }

    /// Bytes of the remarks of the message that is made.
    fn remarks_len(&self) -> usize {
        self.remarks().map_or(0, |remarks| remarks.encoded_len())
    }

    /// Deep bits for the first probe of a round with a peer of which nothing is known: it answers with as many cells as it
    /// seems to take, a round trip sooner. 64 bytes, which its answer then has less.
    fn deep_bits(&self) -> Option<Box<DeepBits>> {
        let begins = self.peer.round.as_deref().is_some_and(|round| round.is_pending() && round.is_at_first());
        // Of a map no count tells how much differs. Without the bits a round takes up to four round trips, and three with them.
        if !begins || (!S::FORGETS && !self.peer.known.is_stranger()) || self.is_tiny() {
            return None;
        }
        Some(Box::new(self.set.tables()?.covering(0).deep_bits(DEEP_BITS)))
    }

    /// Sends a request again whose answer is overdue, if the peer has asked us something meanwhile.
    pub(super) fn ask_again(&mut self) {
        // The peer is there, so the request or its answer was lost: its wait, which has doubled, need not end first.
        let first = self.config.answer_within;
        let Some(round) = &mut self.peer.round else { return };
        if round.take_heard() && self.peer.pacing.is_overdue(first, self.now) {
            let exchanged = round.take_exchanged();
            round.again();
            self.peer.window.cut(exchanged);
            self.count(|ledger| ledger.resent += 1);
        }
    }

    /// Sets the deadline of a round that awaits an answer, unless it is set.
    pub(super) fn await_answer(&mut self) {
        // Only once nothing more is to be sent: the messages of a burst, or pushes before them, are no waiting.
        let awaits = |round: &&Round| !round.is_pending();
        if self.peer.answer_by.get().is_none()
            && let Some(round) = self.peer.round.as_deref().filter(awaits)
        {
            let wait = self.peer.pacing.wait(self.config.answer_within, round.retries());
            let deadline = self.now + self.peer.flow.wait(wait);
            self.agenda.answers.set(self.id, &mut self.peer.answer_by, Some(deadline));
        }
    }
}

/// The part of a page that marks may take, of which there are as many as replicas that ever wrote.
const MARKS: usize = 8;

/// The gone dots of an interval, and the bound up to which they fit half of the room.
fn gone_to(set: &impl Kind, from: Bound, to: Bound, room: Room) -> (Dots, Bound) {
    let (_, gone, reach) = set.context_between(from, to, false, room.of_many / 2);
    (gone, reach)
}

/// The next message of a page of our walk, whose answer can have so many bytes, and the gone dots and the marks that it
/// tells.
fn next_page<S: Kind>(set: &S, window: u16, room: Room, walk: &mut Walk, answer: u64) -> (Request, Dots, Dots) {
    // A page lists what we have only as far as the answer can reach: beyond, it would be listed again.
    let (from, reach, end) = walk.next(window, answer);
    let (mut gone, mut reach) = gone_to(set, from, reach, room);
    if gone.count() > 0 && from < reach && set.page(from, reach, Held::NONE, room.less(gone.encoded_len())).1 == from {
        // One that is too large beside them goes alone.
        (gone, reach) = gone_to(set, from, from.next().min(reach), room);
    }
    // Of a map it also tells what is gone as far as it reaches, and no further.
    let end = if S::FORGETS { reach } else { end };
    let room = if S::FORGETS { room.less(gone.encoded_len()) } else { room };
    // What lists all that is live tells by the marks what went, and nothing of it is sent.
    let marks = if matches!(walk.lists(), Lists::Elements) { set.marks(room.of_many / MARKS) } else { Dots::default() };
    let room = if marks.count() > 0 { room.less(marks.encoded_len()) } else { room };
    let (listed, to) = match walk.lists() {
        Lists::Elements => {
            let (elements, to) = set.page_to(from, reach, end, room);
            (Listed::Whole(elements), to)
        }
        Lists::Ids(_) => {
            let (ids, to) = set.listed(from, reach, end, room.of_many);
            (Listed::Ids(ids), to)
        }
        Lists::Nothing(_) => (Listed::Whole(Elements::NONE), reach),
    };
    let (window, wants_state) = walk.sent(to).map_or((0, false), |wants_state| (window, wants_state));
    (Request::Page { window, wants_state, from, to, listed }, gone, marks)
}
