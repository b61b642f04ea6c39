//! Taking in a message from a peer: what it brings, and what it asks.

use alloc::vec::Vec;
use core::time::Duration;

use super::budget::PASSED;
use super::owed::{Owed, Question};
use super::turn::Turn;
use crate::digest::{Digest, State};
use crate::element::{Element, Fingerprint};
use crate::error::Reject;
use crate::event::Event;
use crate::message::{Answer, Asks, Body, DecodeError, Message, Nonce, Request};
use crate::round::claim::Claim;
use crate::round::repair::{Answered, Repair};
use crate::round::strategy::{self, MOST_NAMES, TURN};
use crate::round::walk::Progress;
use crate::round::{Round, Step};
use crate::set::Merged;
use crate::wire::{Bound, Ids, Place};

impl<P: Clone + Ord, E: Element> Turn<'_, P, E> {
    /// Takes in a message: merges its elements at once, and notes what is to be sent. Returns whether the peer is back
    /// that did not answer.
    ///
    /// # Errors
    ///
    /// A message that is none, or from another cluster, or with an element that is none. Nothing has changed then but
    /// counters.
    pub(crate) fn receive(&mut self, message: Result<Message<E>, DecodeError>) -> Result<bool, Reject> {
        let taken = message.map_err(Reject::from).and_then(|message| self.take_in(message));
        if taken.is_err() {
            self.count(|ledger| ledger.rejected += 1);
        }
        taken
    }

    fn take_in(&mut self, message: Message<E>) -> Result<bool, Reject> {
        let (kind, len, body) = (message.kind(), message.encoded_len(), message.body);
        if body.tag().is_some_and(|tag| tag != self.set.tag()) {
            return Err(Reject::Foreign);
        }
        let before = self.set.end();
        let Merged { learned, held, bytes } = self.set.merge(body.elements())?;
        self.stats.state_bytes = self.set.state().bytes;
        let new = learned.len();
        self.count(|ledger| {
            ledger.received.count(kind, len);
            ledger.learned += new as u64;
            ledger.redundant += (held.len() - new) as u64;
        });
        if let (Some(round), Some(nonce)) = (&mut self.peer.round, body.nonce()) {
            round.charge(nonce, len);
        }
        let returned = self.find();
        if let Body::Answer { nonce, .. } = &body {
            self.peer.note_answer(*nonce);
        }
        self.note_origins(before, &body);
        let from = |element| Event::Learned { element, from: self.id.clone() };
        self.events.extend(learned.into_iter().map(from));
        let expected = match body {
            Body::Request { nonce, request, .. } => {
                self.on_request(nonce, request, held);
                true
            }
            Body::Answer { nonce, answer } => self.on_answer(nonce, answer, &held, bytes),
            Body::Push { batch, .. } => {
                self.on_link(|link| link.on_batch(&batch, new));
                true
            }
        };
        // What a sketch has told.
        if let Some(hand) = &mut self.hand {
            hand.note_arrivals(self.set.end(), Duration::ZERO);
        }
        if !expected {
            self.count(|ledger| ledger.ignored += 1);
        }
        Ok(returned)
    }

    /// The peer is there. Returns whether it is back, since it was not.
    fn find(&mut self) -> bool {
        let returned = !self.peer.reachable;
        if returned {
            self.peer.reachable = true;
            self.peer.pacing.leave_alone(self.now);
            self.events.push_back(Event::Reachable { peer: self.id.clone() });
        }
        self.peer.pacing.succeed();
        self.want_time();
        returned
    }

    /// Notes where the elements of a message came from, and that its sender is there: so that they do not go back.
    fn note_origins(&mut self, before: Place, body: &Body) {
        let age = if let Body::Push { batch, .. } = body { batch.age } else { 0 };
        let Some(hand) = &mut self.hand else { return };
        hand.note_inserts(before);
        hand.note_arrivals(self.set.end(), Duration::from_millis(age.into()));
        self.on_link(|link| link.on_message());
    }

    fn on_request(&mut self, nonce: Nonce, request: Request, held: Vec<Fingerprint>) {
        match request {
            Request::Probe { digest } => self.on_probe(nonce, digest, true),
            Request::PlainProbe { digest } => self.on_probe(nonce, digest, false),
            Request::WantCells { state, from, count } => {
                self.owe(Owed::Sketch { nonce, state, next: from, count });
            }
            Request::Repair { asks, wanted, .. } => self.on_repair(nonce, asks, &wanted),
            Request::Page { window, wants_state, from, to, .. } => {
                let (window, to) = (window.min(self.config.window.get()), to.max(from));
                self.owe(Owed::Page { nonce, cursor: from, to, held, window, wants_state });
            }
        }
    }

    /// Returns whether the answer was expected.
    fn on_answer(&mut self, nonce: Nonce, answer: Answer, held: &[Fingerprint], bytes: u64) -> bool {
        match answer {
            Answer::Proof { state } => self.on_proof(nonce, state),
            Answer::Cells { part, cells } => self.on_cells(nonce, part, &cells),
            Answer::Whole { .. } => self.on_whole(nonce, held, bytes),
            Answer::Give { from, to, last, state, .. } => self.on_give(nonce, (from, to), last, state),
        }
    }

    /// A probe asks whether our digest is `theirs`; by a `sketch` if not, unless cells are no use to the peer.
    fn on_probe(&mut self, nonce: Nonce, theirs: Digest, sketch: bool) {
        let (ours, width) = (self.set.digest(), self.set.width());
        if ours == theirs {
            self.prove(theirs);
        } else if let Some(round) = &mut self.peer.round {
            if !round.yields_to(nonce, theirs, width) {
                // What the peer was asked may be lost, and it is there: what is overdue goes out again at once.
                round.hear();
                return self.enqueue();
            }
            self.end_round(false);
        } else if nonce.begins_round() && self.turns_round(nonce, theirs, sketch) {
            return self.want_round();
        }
        self.owe(Owed::Verdict { nonce, on: Question::Probe(theirs), sketch });
    }

    /// Whether a round of ours costs less than to answer this probe, with which a round begins: it costs half a round trip
    /// that the larger part of the difference travels once. In the middle of rounds parts stay as they are, or under
    /// inserts that go on there would be one round after the other.
    fn turns_round(&self, nonce: Nonce, theirs: Digest, sketch: bool) -> bool {
        let (ours, width) = (self.set.digest(), self.set.width());
        let sketched = sketch
            && !strategy::is_multiple(ours, theirs)
            && strategy::may_be_sketched(self.set.state(), theirs, width, self.policy());
        let turn = self.policy().filter(|_| sketched).map_or(TURN, |policy| policy.turn());
        ours.count().abs_diff(theirs.count()) >= turn
            && strategy::leads(width, ours, theirs)
            && !self.is_tiny()
            && self.cells_for_known_difference(nonce, theirs).is_none()
    }

    /// Returns whether it proves anything.
    fn on_proof(&mut self, nonce: Nonce, state: u64) -> bool {
        let ours = self.set.digest();
        if let Some(proven) = self.peer.round.as_mut().and_then(|round| round.proven_by(nonce, state)) {
            self.peer.pacing.answered(nonce);
            self.enqueue();
            self.end_round(true);
            self.prove(proven);
            return true;
        }
        if ours.tag() == state {
            self.prove(ours);
        }
        ours.tag() == state
    }

    /// All that the peer holds, these elements of so many bytes, answers our probe. Returns whether it does.
    fn on_whole(&mut self, nonce: Nonce, held: &[Fingerprint], bytes: u64) -> bool {
        let Some(round) = self.awaiting(nonce).filter(|round| round.is_probing() && round.answers_step(nonce)) else {
            return false;
        };
        round.note_full_state(bytes);
        let theirs = State { digest: Digest::from_parts(held.len() as u64, 0), bytes };
        if self.set.len() <= MOST_NAMES {
            self.spend(PASSED * self.set.len() as u64);
            let claim = Claim::of_names(self.set.names_except(held), self.set.width());
            self.go_to(nonce, Step::Repair(Repair::new(claim, theirs).into()));
        } else {
            self.walk(nonce, theirs);
        }
        true
    }

    fn on_repair(&mut self, nonce: Nonce, asks: Asks, wanted: &Ids) {
        let ours = self.set.digest();
        if asks == Asks::Verdict(ours.tag()) {
            self.prove(ours);
        }
        match (asks, &mut self.peer.owed) {
            // More of what came before it, in the same burst.
            (_, Some(Owed::Wanted { nonce: same, wishes, more, next, asks: others, .. }))
                if *same == nonce && wishes.len() - *next <= MOST_NAMES =>
            {
                wishes.extend(wanted.iter());
                *more = true;
                if asks != Asks::Nothing {
                    *others = asks;
                }
            }
            (Asks::Verdict(state), _) if wanted.count() == 0 => {
                self.owe(Owed::Verdict { nonce, on: Question::Repair(state), sketch: true });
            }
            (Asks::Nothing, _) if wanted.count() == 0 => {}
            _ => {
                let (wishes, window) = (wanted.iter().collect(), self.config.window.get());
                self.owe(Owed::Wanted { nonce, wishes, more: false, next: 0, window, asks });
            }
        }
    }

    /// Returns whether it answers what was asked.
    fn on_give(&mut self, nonce: Nonce, interval: (Bound, Bound), last: bool, state: Option<State>) -> bool {
        let Some(round) = self.awaiting(nonce) else { return false };
        let in_time = round.answers_step(nonce);
        match (round.step_mut(), state) {
            (Step::Walk(walk), _) => {
                // The end of an answer may come before its middle, which is what makes the sets equal.
                let told = walk.tell(state.map(|state| state.digest));
                self.on_page_answer(nonce, interval, last, told);
            }
            (Step::Repair(_), _) if in_time => self.on_repair_answer(nonce, interval, last, state),
            (Step::Probe(_), Some(state)) if in_time => {
                round.note_full_state(state.bytes);
                self.close_or_walk(nonce, state);
            }
            // The peer keeps no sketch any more.
            (Step::Sketch(_), Some(state)) if in_time => self.close_or_walk(nonce, state),
            (Step::Sketch(_), None) if in_time => {}
            // It answers what this round asked before.
            _ => return false,
        }
        true
    }

    /// Part of an answer to a page of ours came.
    fn on_page_answer(&mut self, nonce: Nonce, (from, to): (Bound, Bound), last: bool, told: Option<Digest>) {
        let (ours, window) = (self.set.digest(), usize::from(self.config.window.get()));
        if told == Some(ours) {
            return self.close(nonce, ours);
        }
        let Some(Step::Walk(walk)) = self.peer.round.as_mut().map(Round::step_mut) else { return };
        match walk.cover(from, to, last, window) {
            Progress::None => {}
            Progress::Some => self.wait_on(),
            Progress::Page => self.go_on(nonce),
            Progress::Done => {
                self.peer.walked();
                self.peer.pacing.answered(nonce);
                self.end_round(false);
            }
        }
    }

    /// Part of what a repair of ours wished for came.
    fn on_repair_answer(&mut self, nonce: Nonce, (from, to): (Bound, Bound), last: bool, state: Option<State>) {
        let (ours, pushes) = (self.set.digest(), self.hand.is_some());
        let Some(round) = &mut self.peer.round else { return };
        let began_at = round.began_at();
        let Step::Repair(repair) = round.step_mut() else { return };
        match repair.cover(from, to, last, state) {
            Answered::Nothing => {}
            Answered::InPart => self.wait_on(),
            Answered::Burst => self.go_on(nonce),
            Answered::Done(Some(told)) if told == ours => self.close(nonce, ours),
            // It would be misread again.
            Answered::Done(Some(told)) if repair.was_in_vain(ours, told) => {
                let theirs = repair.theirs();
                self.walk(nonce, theirs);
            }
            // Something was inserted meanwhile, or lost. Pushes see to the rest.
            Answered::Done(Some(_)) if pushes => {
                let ours = repair.is_acknowledged().then_some(began_at);
                let theirs = Place::of_count(repair.theirs().digest.count());
                self.peer.pacing.answered(nonce);
                self.end_round(false);
                self.reconcile(ours, theirs);
            }
            Answered::Done(_) => self.go_to(nonce, Step::Probe(None)),
        }
    }

    fn close_or_walk(&mut self, nonce: Nonce, theirs: State) {
        if theirs.digest == self.set.digest() {
            self.close(nonce, theirs.digest);
        } else {
            self.walk(nonce, theirs);
        }
    }

    /// The peer's digest is ours, which it is yet to be told.
    pub(super) fn close(&mut self, nonce: Nonce, digest: Digest) {
        self.go_to(nonce, Step::Close(digest));
        self.prove(digest);
    }

    /// Our round takes another step, and sends its next message in turn; it ends if it has taken as many as it may.
    pub(super) fn go_to(&mut self, nonce: Nonce, step: Step) {
        self.peer.pacing.answered(nonce);
        if self.peer.round.as_mut().is_some_and(|round| !round.take(step)) {
            return self.end_round(false);
        }
        self.go_on(nonce);
    }

    /// Our round sends its next message in turn.
    pub(super) fn go_on(&mut self, nonce: Nonce) {
        self.peer.pacing.answered(nonce);
        if let Some(round) = &mut self.peer.round {
            round.go_on();
        }
        self.wait_on();
    }

    /// What was awaited came, if only in part: the wait for more begins anew, at the next poll.
    pub(super) fn wait_on(&mut self) {
        self.agenda.answers.set(self.id, &mut self.peer.answer_by, None);
        if let Some(round) = &mut self.peer.round {
            round.wait_on();
            self.enqueue();
        }
    }

    /// Our round, if a message with this nonce may answer it.
    pub(super) fn awaiting(&mut self, nonce: Nonce) -> Option<&mut Round> {
        self.peer.round.as_mut().filter(|round| round.awaits(nonce))
    }

    /// An answer is owed; it replaces an older one. A peer that repairs is not asked for a while, and a probe of ours
    /// that it has not answered is given up.
    fn owe(&mut self, owed: Owed) {
        let repairs = !matches!(owed, Owed::Verdict { on: Question::Probe(_), .. });
        self.peer.owed = Some(owed);
        self.enqueue();
        if repairs {
            self.peer.pacing.put_off(self.now + self.config.round_interval());
            if self.peer.round.as_ref().is_some_and(Round::is_probing) {
                self.end_round(false);
            }
        }
    }
}
