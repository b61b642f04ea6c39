//! A peer: one round of ours, one answer owed, what is known of its set, pacing and a ledger.

mod answer;
mod ask;
pub(crate) mod budget;
mod owed;
#[cfg(feature = "model")]
mod peer_model;
mod read;
mod receive;
#[cfg(test)]
mod tests;
mod turn;

use crate::agenda::{Deadline, Ticket};
use crate::known::Known;
use crate::message::Nonce;
use crate::pacing::Pacing;
use crate::round::Round;
use crate::stats::{Ledger, PeerStats};
use crate::time::Time;
use crate::wire::Bound;

use budget::Budget;
use owed::Owed;
#[cfg(feature = "model")]
pub(crate) use peer_model::PeerModel;
pub(crate) use turn::{Task, Turn};

/// What is kept about a peer.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Whether it waits for its turn to send, and to be told the time.
    ready: Ticket,
    untimed: Ticket,
    /// Whether the embedder wants a round with it.
    wanted: bool,
    round: Option<Round>,
    /// When to stop waiting for an answer; set while one is awaited.
    answer_by: Deadline,
    /// The nonce of our last round.
    last_nonce: Option<Nonce>,
    /// How many of our last rounds ended for want of an answer, and none has come since.
    timeouts: u32,
    owed: Option<Owed>,
    /// Where the next walk begins: where the last one was cut off.
    resume: Bound,
    /// Whether that walk began because a sketch could not be read. The next would not be either: it costs steps that
    /// may be lost.
    unreadable: bool,
    /// Whether a round with it has ended for want of room for its cells, since the last walk or proof.
    put_off: bool,
    budget: Budget,
    /// Until when it is sent nothing, while something waits to be sent.
    rests_until: Deadline,
    pacing: Pacing,
    known: Known,
    /// Whether it answers.
    reachable: bool,
    ledger: Ledger,
}

impl Peer {
    pub(crate) fn new() -> Self {
        Self {
            ready: Ticket::default(),
            untimed: Ticket::default(),
            wanted: false,
            round: None,
            answer_by: Deadline::default(),
            last_nonce: None,
            timeouts: 0,
            owed: None,
            resume: Bound::START,
            unreadable: false,
            put_off: false,
            budget: Budget::default(),
            rests_until: Deadline::default(),
            pacing: Pacing::default(),
            known: Known::default(),
            reachable: true,
            ledger: Ledger::default(),
        }
    }

    /// Its deadlines, which go with it.
    pub(crate) const fn deadlines(&mut self) -> [&mut Deadline; 2] {
        [&mut self.answer_by, &mut self.rests_until]
    }

    /// An answer with this nonce came. One to a round that was given up, and none answered since, tells that the waits
    /// were too short.
    fn note_answer(&mut self, nonce: Nonce) {
        // Rounds are numbered modulo 2^24, of a word whose low bits count messages.
        let Some(age) = self.last_nonce.map(|last| last.round().wrapping_sub(nonce.round())) else { return };
        let under_way = u32::from(self.round.is_some());
        if age.checked_sub(under_way).is_some_and(|ended| ended < self.timeouts) {
            self.timeouts = 0;
            if !self.pacing.answered(nonce) {
                self.pacing.came_late();
            }
        }
    }

    /// The nonce of our next round; that of the first is by `chance`.
    fn next_round(&mut self, chance: u32) -> Nonce {
        let nonce = self.last_nonce.map_or(Nonce::first(chance), Nonce::next_round);
        self.last_nonce = Some(nonce);
        nonce
    }

    /// How many cells our round with it has asked for.
    pub(crate) fn cells_under_way(&self) -> usize {
        self.round.as_ref().and_then(Round::incoming).map_or(0, |incoming| incoming.target())
    }

    /// A walk is through, or a proof has made it needless.
    fn walked(&mut self) {
        (self.resume, self.unreadable, self.put_off) = (Bound::START, false, false);
    }

    /// Whether there is something to send to it, pushes aside.
    fn has_to_send(&self) -> bool {
        let asks = self.round.as_ref().map_or(self.wanted, Round::is_pending);
        self.owed.is_some() || asks
    }

    /// Whether there is no round of ours with it, nor one to begin.
    pub(crate) fn is_idle(&self) -> bool {
        self.round.is_none() && !self.wanted
    }

    /// The earliest time of the next round that chance may choose.
    pub(crate) const fn next_round_at(&self) -> Time {
        self.pacing.next_round_at()
    }

    /// Where one comes back that was silent, so may others: one that does not answer may be chosen at once.
    pub(crate) fn try_again(&mut self, now: Time) {
        if !self.reachable {
            self.pacing.bring_forward(now);
        }
    }

    /// What is known of its set.
    #[cfg(test)]
    pub(crate) const fn known(&self) -> &Known {
        &self.known
    }

    /// The statistics about it.
    pub(crate) const fn stats(&self) -> PeerStats {
        PeerStats {
            ledger: self.ledger,
            reachable: self.reachable,
            round_trip: self.pacing.round_trip(),
            last_proof: self.known.proof(),
        }
    }
}
