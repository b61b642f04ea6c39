//! `Round`: one comparison with a peer. The replica that begins it alone continues it.

mod cost;
pub(crate) mod incoming;
pub(crate) mod policy;
pub(crate) mod reading;
pub(crate) mod repair;
pub(crate) mod strategy;
pub(crate) mod walk;

use alloc::boxed::Box;

use crate::digest::{Digest, State};
use crate::element::Fingerprint;
use crate::message::{LogId, Nonce};
use crate::sketch::IdWidth;
use crate::wire::Place;

pub(crate) use cost::{ids_beat_elements, need, page_bytes};
use incoming::IncomingSketch;
use repair::Repair;
use walk::Walk;

/// A round of ours.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Round {
    /// The nonce of the last message sent.
    nonce: Nonce,
    step: Step,
    /// The nonce of the last message before this step, or of the 255th message before the last.
    before_step: Nonce,
    /// The number of steps so far, those of a walk aside.
    steps: u32,
    /// Whether its next message is to be sent; else an answer is awaited.
    pending: bool,
    /// How many waits for an answer in a row have ended without one.
    retries: u32,
    /// Whether the peer has asked us something while its answer was awaited.
    heard: bool,
    /// Whether a digest has told what either side lacks: then it is not taken at its word again.
    told: bool,
    /// The last probe of the peer's that this round did not give way to.
    declined: Option<Nonce>,
    /// How many messages of its last request have gone out, and of the answer have come.
    exchanged: u16,
    /// Cost of this round in bytes, both ways.
    cost: u64,
    /// Bytes of both full states as it began, as far as they are known.
    full_state: u64,
    /// Where our log ended as it began, and which log the peer's was then.
    began_at: Place,
    peer_log: Option<LogId>,
}

/// How a round of ours ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Both sets were equal.
    Proven,
    /// What differed as it began has been exchanged, as far as it was known.
    Exchanged,
    /// Nothing is known to have come of it.
    Dropped,
}

/// Steps of a round: the next message of each, and what is awaited then.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// Compares digests. It has ours as it was sent, once it was.
    Probe(Option<Digest>),
    // Boxed, since a peer's slot for a round is there for the largest step.
    Sketch(Box<IncomingSketch>),
    Repair(Box<Repair>),
    Walk(Box<Walk>),
    /// Tells the peer that this digest is proven.
    Close(Digest),
}

/// The most steps of a round, those of a walk aside. All strategies one after the other take fewer, so only inserts
/// that go on throughout use them up.
const STEPS: u32 = 12;

impl Round {
    /// A round that begins with a probe. `nonce` is that before its first message, `full_state` the bytes of our set,
    /// `began_at` the end of our log, and `peer_log` the peer's log as far as it is known.
    pub(crate) const fn new(nonce: Nonce, full_state: u64, began_at: Place, peer_log: Option<LogId>) -> Self {
        Self {
            nonce,
            step: Step::Probe(None),
            before_step: nonce,
            steps: 0,
            pending: true,
            retries: 0,
            heard: false,
            told: false,
            declined: None,
            exchanged: 0,
            cost: 0,
            full_state,
            began_at,
            peer_log,
        }
    }

    /// Counts up and returns the nonce of its next message. The messages of a burst share one.
    pub(crate) fn next_nonce(&mut self) -> Nonce {
        let goes_on = match &self.step {
            Step::Repair(repair) => !repair.begins_burst(),
            Step::Walk(walk) => !walk.begins_page(),
            Step::Probe(_) | Step::Sketch(_) | Step::Close(_) => false,
        };
        if goes_on {
            return self.nonce;
        }
        self.nonce = self.nonce.next_message();
        // The low 8 bits wrap. A step of more than 255 messages gives up on the oldest: if it kept its beginning, no
        // answer would seem its own, and it would wait for nothing once every 256 requests.
        if self.nonce == self.before_step {
            self.before_step = self.before_step.next_message();
        }
        self.nonce
    }

    /// Notes that a message of `len` bytes went out, with `more` to follow at once or not.
    pub(crate) const fn sent(&mut self, len: usize, more: bool) {
        self.pending = more;
        self.exchanged = self.exchanged.saturating_add(1);
        self.cost += len as u64;
    }

    /// Notes that a message of the answer has come.
    pub(crate) const fn came(&mut self) {
        self.exchanged = self.exchanged.saturating_add(1);
    }

    /// Returns how many messages the last request and its answer have had: it has ended, or is given up.
    pub(crate) const fn take_exchanged(&mut self) -> u16 {
        core::mem::replace(&mut self.exchanged, 0)
    }

    /// Charges a received message of `len` bytes to this round, if its nonce is of this round.
    pub(crate) const fn charge(&mut self, nonce: Nonce, len: usize) {
        if self.nonce.is_of_round(nonce) {
            self.cost += len as u64;
        }
    }

    /// Notes how many bytes the peer says that its full state has.
    pub(crate) const fn note_full_state(&mut self, theirs: u64) {
        // The first time only: later states have elements of this round. A peer may claim up to 2^64 − 1 bytes.
        if self.steps == 0 {
            self.full_state = self.full_state.saturating_add(theirs);
        }
    }

    /// Has the last message go out again, since no answer came or it is overdue.
    pub(crate) fn again(&mut self) {
        self.pending = true;
        match &mut self.step {
            Step::Repair(repair) => repair.again(),
            Step::Walk(walk) => walk.again(),
            Step::Probe(_) | Step::Sketch(_) | Step::Close(_) => {}
        }
    }

    /// Ends a wait for an answer that did not come. Returns whether to ask again, which is done so many times.
    pub(crate) fn time_out(&mut self, tries: u32) -> bool {
        self.retries += 1;
        if self.retries >= tries {
            return false;
        }
        self.again();
        true
    }

    /// Starts the count of retries anew, since part of what was awaited has come.
    pub(crate) const fn wait_on(&mut self) {
        self.retries = 0;
    }

    /// Whether a message with this nonce shows that a request went out again too soon: it answers one before the last.
    pub(crate) fn was_hasty(&self, nonce: Nonce) -> bool {
        self.retries > 0 && nonce != self.nonce
    }

    /// Notes that the peer asks something, so it is there.
    pub(crate) const fn hear(&mut self) {
        self.heard = true;
    }

    /// Takes a digest at its word, which tells what one side lacks. Returns whether that is the first time.
    ///
    /// Sets of different elements may have one digest, if somebody has made them so: the next step is another one.
    pub(crate) const fn take_at_its_word(&mut self) -> bool {
        !core::mem::replace(&mut self.told, true)
    }

    /// Whether it has taken a digest at its word.
    pub(crate) const fn took_at_its_word(&self) -> bool {
        self.told
    }

    /// The digest of its probe as it was sent last, while that is under way.
    pub(crate) const fn probed(&self) -> Option<Digest> {
        if let Step::Probe(digest) = self.step { digest } else { None }
    }

    /// The state of a peer that has what was probed and was given these elements, of so many bytes.
    pub(crate) fn add_up(&self, given: &[Fingerprint], bytes: u64) -> Option<State> {
        let digest = self.probed()?.with(given);
        Some(State { digest, bytes: self.full_state.saturating_add(bytes) })
    }

    /// Declines a probe with this nonce. Returns whether one of the same round was declined before.
    pub(crate) fn decline(&mut self, nonce: Nonce) -> bool {
        let before = self.declined.replace(nonce);
        before.is_some_and(|before| before.is_of_round(nonce) && before != nonce)
    }

    /// Returns whether the peer was heard while its answer is awaited, and forgets it.
    pub(crate) const fn take_heard(&mut self) -> bool {
        let heard = self.heard && !self.pending;
        self.heard = false;
        heard
    }

    /// Takes another step. Returns false if that is one more than a round may take.
    pub(crate) fn take(&mut self, step: Step) -> bool {
        self.before_step = self.nonce;
        // A walk goes on for as long as it is answered, and to close a round needs no answer: neither can go round in
        // circles.
        self.steps += u32::from(!matches!(step, Step::Walk(_) | Step::Close(_)));
        self.step = step;
        self.steps <= STEPS
    }

    /// Takes another step, for which more of the same answer is under way. Returns as [`take`](Self::take) does.
    pub(crate) fn take_on(&mut self, step: Step) -> bool {
        let before_step = self.before_step;
        let taken = self.take(step);
        self.before_step = before_step;
        taken
    }

    /// Whether it is at its very first message, of which it has sent none or those that were lost.
    pub(crate) const fn is_at_first(&self) -> bool {
        self.steps == 0 && self.is_probing()
    }

    /// Has its next message sent.
    pub(crate) const fn go_on(&mut self) {
        self.pending = true;
    }

    /// The digest that a proof with this nonce and tag proves: the one that was sent. `None` if it proves nothing.
    pub(crate) fn proven_by(&mut self, nonce: Nonce, state: u64) -> Option<Digest> {
        if !self.awaits(nonce) {
            return None;
        }
        let digest = match &self.step {
            Step::Probe(digest) => *digest,
            Step::Repair(repair) => repair.digest(),
            // No digest was sent in these, so a proof is of nothing that both sides ever had.
            Step::Sketch(_) | Step::Walk(_) | Step::Close(_) => None,
        };
        let digest = digest.filter(|digest| digest.tag() == state)?;
        if matches!(self.step, Step::Probe(_)) && self.steps == 0 {
            // Equal digests mean equal sets, so the peer's full state has as many bytes as ours.
            self.full_state *= 2;
        }
        Some(digest)
    }

    /// Whether this round gives way to a probe of the peer's that crosses ours. Both sides compare the digests as they
    /// were sent and decide alike: the digest that leads goes on and, of equal digests, the round of the higher number.
    pub(crate) fn yields_to(&self, nonce: Nonce, theirs: Digest, width: IdWidth) -> bool {
        match self.step {
            // The peer has not seen ours, so theirs goes on. After a retry it may have seen the first one.
            Step::Probe(_) if self.pending && self.retries == 0 => true,
            Step::Probe(Some(ours)) if ours == theirs => self.nonce.round() < nonce.round(),
            Step::Probe(Some(ours)) => strategy::leads(width, theirs, ours),
            _ => false,
        }
    }

    /// Whether a message with this nonce may answer this round. The answer to a burst may begin before the burst ends.
    pub(crate) const fn awaits(&self, nonce: Nonce) -> bool {
        self.nonce.is_of_round(nonce) && (!self.pending || matches!(self.step, Step::Repair(_) | Step::Walk(_)))
    }

    /// Whether a message with this nonce answers one that this step sent.
    pub(crate) const fn answers_step(&self, nonce: Nonce) -> bool {
        // Ages modulo 256 and not an order of nonces, since the low bits wrap.
        let age = nonce.messages_since(self.before_step);
        self.nonce.is_of_round(nonce) && age > 0 && age <= self.nonce.messages_since(self.before_step)
    }

    /// Forgets what decides nothing: its cost and, without pushes, where it began.
    #[cfg(feature = "model")]
    pub(crate) const fn forget_books(&mut self, pushes: bool) {
        (self.cost, self.full_state) = (0, 0);
        if !pushes {
            self.began_at = Place::START;
        }
    }

    pub(crate) const fn step(&self) -> &Step {
        &self.step
    }

    pub(crate) const fn step_mut(&mut self) -> &mut Step {
        &mut self.step
    }

    /// The incoming sketch, in that step.
    pub(crate) fn incoming(&self) -> Option<&IncomingSketch> {
        match &self.step {
            Step::Sketch(incoming) => Some(incoming),
            _ => None,
        }
    }

    pub(crate) fn incoming_mut(&mut self) -> Option<&mut IncomingSketch> {
        match &mut self.step {
            Step::Sketch(incoming) => Some(incoming),
            _ => None,
        }
    }

    pub(crate) const fn is_pending(&self) -> bool {
        self.pending
    }

    /// Whether it asks the peer for elements, or may come to that.
    pub(crate) fn may_fetch(&self) -> bool {
        match &self.step {
            Step::Probe(_) | Step::Sketch(_) | Step::Walk(_) => true,
            Step::Repair(repair) => repair.wanted() > 0,
            Step::Close(_) => false,
        }
    }

    /// Whether it is in its first step or one like it: digests are compared.
    pub(crate) const fn is_probing(&self) -> bool {
        matches!(self.step, Step::Probe(_))
    }

    pub(crate) const fn retries(&self) -> u32 {
        self.retries
    }

    pub(crate) const fn cost(&self) -> u64 {
        self.cost
    }

    pub(crate) const fn full_state(&self) -> u64 {
        self.full_state
    }

    /// Which log the peer's was as it began: what it ends with says nothing of another.
    pub(crate) const fn peer_log(&self) -> Option<LogId> {
        self.peer_log
    }

    pub(crate) const fn began_at(&self) -> Place {
        self.began_at
    }
}

#[cfg(test)]
mod tests;
