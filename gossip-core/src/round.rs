//! A round: one comparison with a peer, begun here and continued by nobody else.

pub(crate) mod claim;
mod cost;
pub(crate) mod incoming;
pub(crate) mod policy;
pub(crate) mod repair;
pub(crate) mod strategy;
pub(crate) mod walk;

use alloc::boxed::Box;

use crate::digest::Digest;
use crate::message::Nonce;
use crate::pacing::TRIES;
use crate::sketch::IdWidth;
use crate::wire::Place;

pub(crate) use cost::{need, page_bytes};
use incoming::IncomingSketch;
use repair::Repair;
use walk::Walk;

/// A round of ours.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Round {
    /// That of the last message sent.
    nonce: Nonce,
    step: Step,
    /// The nonce of the last message before this step, or of the 255th before the last.
    since: Nonce,
    /// How many steps there were, but for those of a walk.
    steps: u32,
    /// Whether its next message is yet to be sent; else an answer is awaited.
    pending: bool,
    /// How many times in a row the wait for an answer ended for nothing.
    retries: u32,
    /// Whether the peer asked something while an answer was awaited: it is there.
    heard: bool,
    /// The bytes this round has cost, both ways.
    cost: u64,
    /// The bytes of both full states as it began, as far as they are known.
    full_state: u64,
    /// Where our log ended as it began.
    began_at: Place,
}

/// What a round does next, or waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// Our digest, once it is sent.
    Probe(Option<Digest>),
    Sketch(Box<IncomingSketch>),
    Repair(Box<Repair>),
    Walk(Walk),
    /// The digest that is proven; the peer is yet to be told.
    Close(Digest),
}

/// How many steps a round may take, those of a walk aside: more than the strategies need one after the other, so only
/// inserts that go on throughout use them up.
const STEPS: u32 = 12;

impl Round {
    /// A round that is to begin with a probe, with this nonce before its first message, where our full state has so many
    /// bytes and our log ends here.
    pub(crate) const fn new(nonce: Nonce, full_state: u64, began_at: Place) -> Self {
        Self {
            nonce,
            step: Step::Probe(None),
            since: nonce,
            steps: 0,
            pending: true,
            retries: 0,
            heard: false,
            cost: 0,
            full_state,
            began_at,
        }
    }

    /// The nonce for its next message. Those of a burst share one.
    pub(crate) fn next_nonce(&mut self) -> Nonce {
        if matches!(&self.step, Step::Repair(repair) if !repair.begins_burst()) {
            return self.nonce;
        }
        self.nonce = self.nonce.next_message();
        // The low bits wrap, so what was sent 256 messages ago is not waited for.
        if self.nonce == self.since {
            self.since = self.since.next_message();
        }
        self.nonce
    }

    /// A message of so many bytes went out; `more` if others follow at once.
    pub(crate) const fn sent(&mut self, len: usize, more: bool) {
        self.pending = more;
        self.cost += len as u64;
    }

    /// A message of so many bytes came, with this nonce: whether it belongs to this round.
    pub(crate) const fn charge(&mut self, nonce: Nonce, len: usize) {
        if self.nonce.is_of_round(nonce) {
            self.cost += len as u64;
        }
    }

    /// The peer's full state has so many bytes, as it told at the beginning.
    pub(crate) const fn note_full_state(&mut self, theirs: u64) {
        if self.steps == 0 {
            self.full_state = self.full_state.saturating_add(theirs);
        }
    }

    /// No answer came, or it is overdue: the last message is to go out again.
    pub(crate) fn again(&mut self) {
        self.pending = true;
        if let Step::Repair(repair) = &mut self.step {
            repair.again();
        }
    }

    /// A wait for an answer ended for nothing: whether to ask again.
    pub(crate) fn time_out(&mut self) -> bool {
        self.retries += 1;
        if self.retries >= TRIES {
            return false;
        }
        self.again();
        true
    }

    /// What was awaited came, if only in part: the wait for more begins anew.
    pub(crate) const fn wait_on(&mut self) {
        self.retries = 0;
    }

    /// The peer asks something while its answer is awaited.
    pub(crate) const fn hear(&mut self) {
        self.heard = true;
    }

    /// Whether the peer was heard since this was asked last, while an answer was awaited.
    pub(crate) const fn take_heard(&mut self) -> bool {
        let heard = self.heard && !self.pending;
        self.heard = false;
        heard
    }

    /// Takes another step; whether it may, or has had as many as it gets.
    pub(crate) fn take(&mut self, step: Step) -> bool {
        self.since = self.nonce;
        self.steps += u32::from(!matches!(step, Step::Walk(_) | Step::Close(_)));
        self.step = step;
        self.steps <= STEPS
    }

    /// Its next message is to be sent.
    pub(crate) const fn go_on(&mut self) {
        self.pending = true;
    }

    /// The digest that a proof with this nonce, of the state with this tag, proves: the one that was sent.
    pub(crate) fn proven_by(&mut self, nonce: Nonce, state: u64) -> Option<Digest> {
        if !self.awaits(nonce) {
            return None;
        }
        let digest = match &self.step {
            Step::Probe(digest) => *digest,
            Step::Repair(repair) => repair.digest(),
            Step::Sketch(_) | Step::Walk(_) | Step::Close(_) => None,
        };
        let digest = digest.filter(|digest| digest.tag() == state)?;
        if matches!(self.step, Step::Probe(_)) && self.steps == 0 {
            // Where digests are equal, their full state is ours.
            self.full_state *= 2;
        }
        Some(digest)
    }

    /// Whether this round gives way to a probe of the peer's, of this digest and nonce, which ours crosses: of the digests
    /// as sent one goes on, and of equal ones that of the higher nonce. Both sides decide alike.
    pub(crate) fn yields_to(&self, nonce: Nonce, theirs: Digest, width: Option<IdWidth>) -> bool {
        match self.step {
            // Ours is yet to be sent: theirs comes first.
            Step::Probe(_) if self.pending && self.retries == 0 => true,
            Step::Probe(Some(ours)) if ours == theirs => self.nonce.round() < nonce.round(),
            Step::Probe(Some(ours)) => strategy::leads(width, theirs, ours),
            _ => false,
        }
    }

    /// Whether a message with this nonce may answer it. The answer to a burst may begin before its end.
    pub(crate) const fn awaits(&self, nonce: Nonce) -> bool {
        self.nonce.is_of_round(nonce) && (!self.pending || matches!(self.step, Step::Repair(_)))
    }

    /// Whether a message with this nonce answers one that this step sent.
    pub(crate) const fn answers_step(&self, nonce: Nonce) -> bool {
        let age = nonce.messages_since(self.since);
        self.nonce.is_of_round(nonce) && age > 0 && age <= self.nonce.messages_since(self.since)
    }

    /// Forgets what decides nothing: what it has cost and, where nothing is pushed, where it began.
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

    /// The sketch that is coming in, in that step.
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

    /// Whether it asks for nothing but the peer's digest.
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

    pub(crate) const fn began_at(&self) -> Place {
        self.began_at
    }
}

#[cfg(test)]
mod tests;
