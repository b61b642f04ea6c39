//! Taking in a message from a peer: its elements are merged, its request noted, its answer handed to our round.

use alloc::vec::Vec;
use core::time::Duration;

use super::budget::MOVED;
use super::owed::{Listing, Owed, Question, Use};
use super::turn::Turn;
use crate::digest::{Digest, State};
use crate::element::Fingerprint;
use crate::error::Reject;
use crate::event::Event;
use crate::kind::Kind;
use crate::message::{Answer, Asks, Body, Listed, Message, Nonce, Request, Told};
use crate::round::repair::Answered;
use crate::round::strategy::{self, MOST_NAMES, THRESHOLD};
use crate::round::{Ending, Round, Step};
use crate::set::Merged;
use crate::wire::{Bound, Ids, Place};

impl<P: Clone + Ord, S: Kind> Turn<'_, P, S> {
    /// Takes in a message: merges its elements at once, and notes what is to be sent. Returns whether the peer was
    /// unreachable before.
    ///
    /// # Errors
    ///
    /// A message from another cluster, or an invalid element. They leave all but the counters unchanged.
    pub(crate) fn receive(&mut self, message: Message<S::Element>) -> Result<bool, Reject> {
        let returned = self.take_in(message).map_err(|error| self.refuse(error));
        self.note_state();
        returned
    }

    /// Counts what is refused.
    pub(crate) fn refuse(&mut self, error: Reject) -> Reject {
        self.count(|ledger| ledger.rejected += 1);
        error
    }

    fn take_in(&mut self, message: Message<S::Element>) -> Result<bool, Reject> {
        let (kind, len, body) = (message.kind(), message.encoded_len(), message.body);
        let remarks = message.remarks.unwrap_or_default();
        if let Some(difference) = body.tag().and_then(|tag| self.set.tag().difference(tag)) {
            return Err(Reject::Foreign(difference));
        }
        let before = self.set.end();
        // All elements or none: one over the limit refuses the message, and law 8 has hostile bytes change nothing.
        let merged = self.set.merge(body.elements(), &remarks)?;
        let Merged { learned, undecoded, dropped, held, bytes, removed, stale } = merged;
        self.stats.state_bytes = self.set.state().bytes;
        let new = learned.len();
        self.count(|ledger| {
            ledger.received.count(kind, len);
            ledger.learned += new as u64;
            ledger.redundant += (held.len() - new) as u64;
            ledger.undecoded += undecoded;
            ledger.dropped += dropped;
        });
        // Late and repeated answers count as well: the ledger says what a round has cost, not what it needed.
        if let (Some(round), Some(nonce)) = (&mut self.peer.round, body.nonce()) {
            round.charge(nonce, len);
        }
        let returned = self.find();
        if S::FORGETS {
            self.peer.known.note_end(remarks.end);
        }
        if let Body::Answer { nonce, .. } = &body {
            self.peer.note_answer(*nonce);
        }
        // Before the message is acted on: a batch that answers it must not send its elements back.
        self.note_origins(before, &body);
        self.events.extend(learned.into_iter().map(|element| Event::of_arrival(element, self.id.clone())));
        if S::FORGETS {
            self.note_removed(removed);
            self.note_remarks(&body, &held, stale, &remarks);
        }
        let expected = match body {
            Body::Request { nonce, request, .. } => {
                self.on_request(nonce, request, held);
                true
            }
            Body::Answer { nonce, answer } => self.on_answer(nonce, answer, &held, bytes),
            Body::Push { batch, .. } => {
                let (changes, has_gone) = (self.set.end().since(before), remarks.gone.count() > 0);
                self.on_link(|link| link.on_batch(&batch, changes, has_gone));
                true
            }
        };
        // A sketch tells numbers only once it is read, which is after `note_origins`.
        if let Some(hand) = &mut self.hand {
            hand.note_arrivals(self.set.end(), Duration::ZERO);
        }
        self.report_reached();
        if !expected {
            self.count(|ledger| ledger.ignored += 1);
        }
        Ok(returned)
    }

    /// Notes that the peer is there. Returns whether it was unreachable before.
    fn find(&mut self) -> bool {
        let returned = !self.peer.reachable;
        if returned {
            self.peer.reachable = true;
            // Its backoff of up to ten rounds ends: who was cut off has much to catch up on.
            self.peer.pacing.leave_alone(self.now);
            self.events.push_back(Event::Reachable { peer: self.id.clone() });
        }
        self.peer.pacing.succeed();
        self.want_time();
        returned
    }

    /// Notes which peer the elements of a message came from, so that they are not pushed back to it; and that it is
    /// there.
    fn note_origins(&mut self, before: Place, body: &Body) {
        let age = if let Body::Push { batch, .. } = body { batch.age } else { 0 };
        let Some(hand) = &mut self.hand else { return };
        // Inserts since the last poll stand before the message in the log, and are nobody's but ours.
        hand.note_inserts(before);
        hand.note_arrivals(self.set.end(), Duration::from_millis(age.into()));
        self.on_link(|link| link.on_message());
    }

    /// Notes the answer that a request earns. It is built in `poll`.
    fn on_request(&mut self, nonce: Nonce, request: Request, held: Vec<Fingerprint>) {
        match request {
            Request::Probe { digest } => self.on_probe(nonce, digest, Use::Some),
            Request::PlainProbe { digest } => self.on_probe(nonce, digest, Use::None),
            Request::DeepProbe { digest, deep } => self.on_probe(nonce, digest, Use::Told(deep)),
            Request::WantCells { state, from, count } => {
                self.owe(Owed::Sketch { nonce, state, next: from, count });
            }
            Request::Repair { asks, wanted, .. } => self.on_repair(nonce, asks, &wanted),
            Request::Page { window, wants_state, from, to, listed } => {
                // An interval that ends before it starts is empty, and the peer's window may be up to 65 535.
                let (window, to) = (window.min(self.config.window.get()), to.max(from));
                let held = match listed {
                    Listed::Whole(_) => Listing::Elements(self.set.told_apart(held, from, to)),
                    // Of a map nobody lists ids, and whoever does is given all.
                    Listed::Ids(_) if S::FORGETS => Listing::Elements(Vec::new()),
                    Listed::Ids(ids) => Listing::Ids(ids.iter().collect()),
                };
                if wants_state {
                    self.on_link(|link| link.on_compared());
                }
                self.owe_page(nonce, (from, to), held, (window > 0).then_some((window, wants_state)));
            }
        }
    }

    /// Hands an answer to our round. Returns whether it was expected; unexpected ones count as `ignored`.
    fn on_answer(&mut self, nonce: Nonce, answer: Answer, held: &[Fingerprint], bytes: u64) -> bool {
        self.note_part(nonce, answer.ends());
        match answer {
            Answer::Proof { state } => self.on_proof(nonce, state),
            Answer::Cells { part, cells } => self.on_cells(nonce, part, &cells),
            Answer::Whole { .. } => self.on_whole(nonce, held, bytes),
            Answer::Give { from, to, last, state, wanted, .. } => {
                self.note_wanted(nonce, wanted.iter().flat_map(|wanted| wanted.iter()));
                self.on_give(nonce, (from, to), last, state, (held, bytes))
            }
        }
    }

    /// Takes in a probe of the digest `theirs`: answers it, takes its round over, or lets our own round go on.
    fn on_probe(&mut self, nonce: Nonce, theirs: Digest, use_of_cells: Use) {
        if !S::FORGETS {
            self.peer.known.count(theirs.count());
        }
        // One message less, and the element in it. Where elements are pushed, it is under way.
        if self.hand.is_none()
            && let Some(number) = self.set.lacked(theirs)
        {
            self.learn(&[number]);
        }
        let (ours, width) = (self.set.digest(), S::WIDTH);
        // In the middle of rounds the parts stay as they are; and who has just given way does not turn round.
        let turns = nonce.begins_round() && self.peer.round.is_none();
        if ours == theirs {
            self.prove(theirs);
        } else if let Some(round) = &mut self.peer.round {
            if !round.yields_to(nonce, theirs, width) {
                // The probe is not answered, since both sides decide alike. But it shows that the peer is there: if our
                // last request is overdue it was lost, and goes out again at once.
                round.hear();
                // One that comes again is answered, and our round goes on. The peer may have decided by other digests: while
                // both wrote and both probes went out again, each took itself for the one that asks.
                if !(round.is_probing() && round.decline(nonce)) {
                    return self.enqueue();
                }
            } else {
                self.end_round(Ending::Dropped);
            }
        }
        self.owe(Owed::Verdict { nonce, on: Question::Probe { digest: theirs, turns }, use_of_cells });
    }

    /// Whether to begin a round of ours instead of answering this probe, the first of the peer's round. That costs half
    /// a round trip and saves sending the larger part of the difference twice.
    ///
    /// In the middle of rounds the parts stay as they are. Else, under 100 inserts a hop on either side, probes would
    /// begin rounds back and forth for as long as anybody writes.
    pub(super) fn turns_round(&self, nonce: Nonce, theirs: Digest, sketch: bool) -> bool {
        let (ours, width) = (self.set.digest(), S::WIDTH);
        let sketched = sketch
            && !strategy::is_multiple(ours, theirs)
            && strategy::may_be_sketched(self.set.state(), theirs, None, width, self.policy());
        // 64 where it comes to pages. Where a sketch is likely, 16 for fewest bytes, or 128.
        let threshold = self.policy().filter(|_| sketched).map_or(THRESHOLD, |policy| policy.threshold());
        ours.count().abs_diff(theirs.count()) >= threshold
            && strategy::leads(width, ours, theirs)
            && !self.is_tiny()
            && (S::FORGETS || !self.is_led())
            // Where the difference is known, a first answer has all cells that it takes: nothing is gained.
            && self.cells_for_known_difference(nonce, theirs).is_none()
    }

    /// Whether the peer has repaired both sets within a round interval, without a proof. It knows what both hold since,
    /// and so what differs, and we do not.
    fn is_led(&self) -> bool {
        let proven = self.peer.known.proof().map_or(0, |proof| proof.count());
        let told = self.peer.told.is_some_and(|(_, place)| place > Place::of_count(proven));
        told && self.now < self.peer.pacing.next_round_at()
    }

    /// Takes in a proof. Returns whether it proves anything: our round, or the set as it is now.
    fn on_proof(&mut self, nonce: Nonce, state: u64) -> bool {
        let ours = self.set.digest();
        let proven =
            self.peer.round.as_deref_mut().and_then(|round| Some((round.proven_by(nonce, state)?, round.peer_log())));
        if let Some((proven, log)) = proven {
            self.peer.pacing.answered(nonce);
            self.enqueue();
            self.end_round(Ending::Proven);
            self.prove_by_round(proven, log);
            return true;
        }
        // It closes a round of the peer's, or came late. The tag is 64 bits of our own digest, so it is true all the
        // same.
        if ours.tag() == state {
            self.prove(ours);
        }
        ours.tag() == state
    }

    /// Takes in the peer's whole set, elements with these fingerprints and of so many bytes, as the answer to a probe.
    /// Returns whether it was expected.
    fn on_whole(&mut self, nonce: Nonce, held: &[Fingerprint], bytes: u64) -> bool {
        let Some(round) = self.awaiting(nonce).filter(|round| round.is_probing() && round.answers_step(nonce)) else {
            return false;
        };
        round.note_full_state(bytes);
        // Nothing is wanted any more, so a repair that gives what is not listed does. It lists up to 2^17 names, 1 MiB.
        if self.set.len() <= MOST_NAMES {
            self.give_all_but(nonce, held, bytes);
        } else {
            self.walk(nonce, State { digest: Digest::from_parts(held.len() as u64, 0), bytes });
        }
        true
    }

    /// Takes in one message of a repair, whose elements are merged: notes the wishes, or the verdict that it asks for.
    fn on_repair(&mut self, nonce: Nonce, asks: Asks, wanted: &Ids) {
        let ours = self.set.digest();
        if matches!(asks, Asks::Verdict(_) | Asks::State) {
            self.on_link(|link| link.on_compared());
        }
        // The proof that goes out may be lost; that both sets were equal is known here already.
        if asks == Asks::Verdict(ours.tag()) {
            self.prove(ours);
        }
        match (asks, self.peer.owed.as_deref_mut()) {
            // One answer is for the whole burst: if each message earned a window, all but the last would end without a
            // word. Beyond 2^17 unanswered wishes a message replaces those before it, which bounds what a peer makes us
            // keep.
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
                self.owe(Owed::Verdict { nonce, on: Question::Repair(state), use_of_cells: Use::Some });
            }
            // Elements alone, with more to follow: they are merged, and the last message of the burst asks.
            (Asks::Nothing, _) if wanted.count() == 0 => {}
            _ => {
                let (wishes, window) = (wanted.iter().collect(), self.config.window.get());
                self.owe(Owed::Wanted { nonce, wishes, more: false, next: 0, window, asks });
            }
        }
    }

    /// Takes in part of an answer of elements. Returns whether it was expected.
    fn on_give(
        &mut self,
        nonce: Nonce,
        interval: (Bound, Bound),
        last: bool,
        told: Told,
        (held, bytes): (&[Fingerprint], u64),
    ) -> bool {
        let Some(round) = self.awaiting(nonce) else { return false };
        let in_time = round.answers_step(nonce);
        let state = match told {
            Told::Nothing => None,
            Told::State(state) => Some(state),
            Told::Tag(tag) => round.add_up(held, bytes).filter(|state| state.digest.tag() == tag),
        };
        match (round.step_mut(), state) {
            (Step::Walk(walk), _) => {
                // Any answer of the round counts, since an interval is covered whenever it was. The end of an answer
                // may come before its middle, and the sets are equal once both have.
                let told = walk.tell(state.map(|state| state.digest));
                walk.note_given(held, MOST_NAMES);
                self.on_page_answer(nonce, interval, last, told);
            }
            (Step::Repair(_), _) if in_time => self.on_repair_answer(nonce, interval, last, state),
            (Step::Probe(_), Some(state)) if in_time => {
                round.note_full_state(state.bytes);
                self.on_lacking(nonce, state, held);
            }
            (Step::Probe(_), None) if in_time && told != Told::Nothing => self.on_other_than_told(nonce),
            // The peer has forgotten the state and keeps no sketch any more: it may have restarted with another
            // economy.
            (Step::Sketch(_), Some(state)) if in_time => self.close_or_walk(nonce, state),
            (Step::Sketch(_), None) if in_time => {}
            // An answer to an earlier step: its elements are merged, and say nothing of this one.
            _ => return false,
        }
        true
    }

    /// Takes in part of an answer to a repair of ours.
    fn on_repair_answer(&mut self, nonce: Nonce, (from, to): (Bound, Bound), last: bool, state: Option<State>) {
        let (ours, pushes) = (self.set.digest(), self.hand.is_some());
        let Some(round) = &mut self.peer.round else { return };
        let (began_at, log) = (round.began_at(), round.peer_log());
        let Step::Repair(repair) = round.step_mut() else { return };
        let before = repair.wanted();
        let answered = repair.cover(from, to, last, state);
        // Wishes behind those that are answered move up.
        let moved = if repair.wanted() < before { repair.wanted() / MOVED } else { 0 };
        match answered {
            Answered::Nothing => {}
            Answered::InPart => self.wait_on(nonce),
            Answered::Burst => self.go_on(nonce),
            Answered::Done(Some(told)) if told.digest == ours => self.close(nonce, ours),
            // Both sides have the other's entries by now, and each the other's marks if this one has them confirmed.
            Answered::Done(Some(told)) if S::FORGETS && repair.asked_state() => self.settle_marks(nonce, told),
            // Both digests are as they were: the same sketch would be misread again, in this round and in every other.
            Answered::Done(Some(told)) if repair.was_in_vain(ours, told.digest) => {
                let theirs = repair.theirs();
                self.walk(nonce, theirs);
            }
            // Something was inserted meanwhile, or lost. Where elements are pushed, that is the pusher's to deliver:
            // another probe would find it under way, for as long as anybody writes.
            Answered::Done(Some(_)) if pushes && !S::FORGETS => {
                let ours = repair.is_acknowledged().then_some(began_at);
                let theirs = Place::of_count(repair.theirs().digest.count());
                self.peer.pacing.answered(nonce);
                self.end_round(Ending::Exchanged);
                self.reconcile(ours, theirs, log);
            }
            Answered::Done(Some(told)) => {
                let (count, place) = repair.common(self.set.end());
                self.peer.known.share(count, place);
                self.want_known_cells(nonce, told);
            }
            Answered::Done(None) => self.go_to(nonce, Step::Probe(None)),
        }
        self.spend(moved as u64);
    }

    /// Closes the round if the peer's digest is ours by now; else walks, since the peer has no cells for us.
    pub(super) fn close_or_walk(&mut self, nonce: Nonce, theirs: State) {
        if theirs.digest == self.set.digest() {
            self.close(nonce, theirs.digest);
        } else if !self.repair_known(nonce, theirs) {
            self.walk(nonce, theirs);
        }
    }

    /// Enters a proof, and has the round close with a message that tells the peer.
    pub(super) fn close(&mut self, nonce: Nonce, digest: Digest) {
        let log = self.peer.round.as_deref().and_then(Round::peer_log);
        self.go_to(nonce, Step::Close(digest));
        self.prove_by_round(digest, log);
    }

    /// Moves our round to another step and queues its next message. The round ends instead if it has used up its steps.
    pub(super) fn go_to(&mut self, nonce: Nonce, step: Step) {
        self.peer.pacing.answered(nonce);
        if self.peer.round.as_deref_mut().is_some_and(|round| !round.take(step)) {
            return self.end_round(Ending::Exchanged);
        }
        self.go_on(nonce);
    }

    /// Queues the next message of our round.
    pub(super) fn go_on(&mut self, nonce: Nonce) {
        self.peer.pacing.answered(nonce);
        if let Some(round) = &mut self.peer.round {
            round.go_on();
        }
        self.wait_on(nonce);
    }

    /// Restarts the wait for an answer, part of which has come. It begins at the next poll.
    pub(super) fn wait_on(&mut self, nonce: Nonce) {
        if self.peer.round.as_deref().is_some_and(|round| round.was_hasty(nonce)) {
            self.peer.pacing.wait_longer();
        }
        // `receive` has no clock: the deadline is dropped here, and set when the queue comes to the peer.
        self.stop_waiting();
        if let Some(round) = &mut self.peer.round {
            round.wait_on();
            self.enqueue();
        }
    }

    /// Our round, if a message with this nonce may answer it.
    pub(super) fn awaiting(&mut self, nonce: Nonce) -> Option<&mut Round> {
        self.peer.round.as_deref_mut().filter(|round| round.awaits(nonce))
    }

    /// Owes the peer an answer, which replaces an older one. A peer that repairs is not asked for a round interval, and
    /// a probe of ours that it has not answered is given up.
    pub(super) fn owe(&mut self, owed: Owed) {
        let repairs = !matches!(owed, Owed::Verdict { on: Question::Probe { .. }, .. });
        self.peer.owed = Some(owed.into());
        self.enqueue();
        if repairs {
            // The peer's round is past its probe, so it will not answer ours, and repairs the same difference.
            self.peer.pacing.put_off(self.now + self.config.round_interval());
            if self.peer.round.as_deref().is_some_and(Round::is_probing) {
                self.end_round(Ending::Dropped);
            }
        }
    }
}
