//! `Peer`: one round of ours, one answer owed, what is known of its set, pacing and a ledger.

mod answer;
mod ask;
pub(crate) mod budget;
mod causal;
mod flow;
mod known_state;
mod lacking;
mod owed;
mod paging;
#[cfg(feature = "model")]
mod peer_model;
mod read;
mod receive;
#[cfg(test)]
mod tests;
mod turn;
mod window;

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::num::NonZeroU16;

use crate::agenda::{Deadline, Pass, Ticket};
use crate::element::Dot;
use crate::known::Known;
use crate::message::Nonce;
use crate::pacing::Pacing;
use crate::round::Round;
use crate::stats::{Ledger, PeerStats};
use crate::time::Time;
use crate::wire::{Bound, Place};

use budget::Budget;
use flow::Flow;
use owed::Owed;
#[cfg(feature = "model")]
pub(crate) use peer_model::PeerModel;
pub(crate) use turn::{Task, Turn};
use window::Window;

/// State of one peer. None of it is needed to answer a request (law 5): losing it costs a round.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Its tickets for two queues: peers with something to send, and peers whose arrivals need a time.
    ready: Ticket,
    untimed: Ticket,
    /// Whether the embedder wants a round with it.
    wanted: bool,
    // Boxed, as what is owed: of most peers at most times there is neither.
    round: Option<Box<Round>>,
    /// When the wait for an answer ends, or for other walks; set while a round awaits one.
    answer_by: Deadline,
    /// Whether a round of ours walks with it, or waits for walks with others.
    pass: Pass,
    /// Whether its transport takes messages.
    flow: Flow,
    /// How many messages our requests and its answers may have.
    window: Window,
    /// The nonce of our last round.
    last_nonce: Option<Nonce>,
    /// How many rounds in a row have ended for want of an answer since the last answer.
    timeouts: u32,
    owed: Option<Box<Owed>>,
    /// The tag of the last state that it was told of with cells, and where our log ended then.
    told: Option<(u64, Place)>,
    /// Start of the next walk: the place at which the last one was cut off.
    resume: Bound,
    /// Whether that walk began because a sketch could not be read. Another sketch could not either, and would cost
    /// steps whose messages may be lost.
    unreadable: bool,
    /// Whether pages are to list elements, since one walk whose pages listed ids has left something.
    lists_whole: bool,
    /// Whether a round with it has ended for want of room for its cells, since the last walk or proof.
    put_off: bool,
    budget: Budget,
    /// End of its rest; set while its budget is overdrawn and something waits to be sent.
    rests_until: Deadline,
    pacing: Pacing,
    known: Known,
    /// Dots of entries that it has given and that are gone here: it is told of them with what it is sent next.
    stale: Vec<Dot>,
    /// Places of our log at which an event tells that it has reached them.
    watched: BTreeSet<Place>,
    /// Whether it answers rounds and pushes.
    reachable: bool,
    ledger: Ledger,
}

impl Peer {
    /// A peer to and from which bursts of up to `window` messages go.
    pub(crate) fn new(window: NonZeroU16) -> Self {
        Self {
            ready: Ticket::default(),
            untimed: Ticket::default(),
            wanted: false,
            round: None,
            answer_by: Deadline::default(),
            pass: Pass::default(),
            flow: Flow::default(),
            window: Window::new(window),
            last_nonce: None,
            timeouts: 0,
            owed: None,
            told: None,
            resume: Bound::START,
            unreadable: false,
            lists_whole: false,
            put_off: false,
            budget: Budget::default(),
            rests_until: Deadline::default(),
            pacing: Pacing::default(),
            known: Known::default(),
            stale: Vec::new(),
            watched: BTreeSet::new(),
            reachable: true,
            ledger: Ledger::default(),
        }
    }

    /// Its deadlines and its part in walks, which the agenda drops when it is removed.
    pub(crate) const fn entries(&mut self) -> ([&mut Deadline; 2], &mut Pass) {
        ([&mut self.answer_by, &mut self.rests_until], &mut self.pass)
    }

    /// Notes an answer with this nonce. An answer to a round that was given up, with none answered since, shows that
    /// the waits were too short.
    fn note_answer(&mut self, nonce: Nonce) {
        // Rounds are numbered modulo 2^24, of a word whose low bits count messages.
        let Some(age) = self.last_nonce.map(|last| last.round().wrapping_sub(nonce.round())) else { return };
        let under_way = u32::from(self.round.is_some());
        // Only the last `timeouts` rounds count: a copy of an older answer says nothing about the waits of late.
        if age.checked_sub(under_way).is_some_and(|ended| ended < self.timeouts) {
            self.timeouts = 0;
            // The nonces of the last eight requests are kept. A later answer cannot be measured, and without longer
            // waits a peer slower than all three tries together would never be.
            if !self.pacing.answered(nonce) {
                self.pacing.came_late();
            }
        }
    }

    /// The nonce of our next round. The first one is random (`chance`).
    fn next_round(&mut self, chance: u32) -> Nonce {
        let nonce = self.last_nonce.map_or(Nonce::first(chance), Nonce::next_round);
        self.last_nonce = Some(nonce);
        nonce
    }

    /// How many cells our round with it holds and awaits.
    pub(crate) fn cells_under_way(&self) -> usize {
        self.round.as_deref().and_then(Round::incoming).map_or(0, |incoming| incoming.target())
    }

    /// Resets what is kept about walks: one is complete, or a proof has made it needless.
    fn walked(&mut self) {
        (self.resume, self.unreadable, self.put_off, self.lists_whole) = (Bound::START, false, false, false);
    }

    /// Whether there is something to send to it, pushes aside.
    fn has_to_send(&self) -> bool {
        // A wanted round begins only once the one under way is over, so it is nothing to send before.
        let asks = self.round.as_deref().map_or(self.wanted, Round::is_pending) && self.pass != Pass::Waiting;
        self.owed.as_deref().is_some_and(Owed::is_due) || asks
    }

    /// Whether a round of ours with it is under way.
    pub(crate) const fn has_round(&self) -> bool {
        self.round.is_some()
    }

    /// Whether no round of ours with it is under way or wanted, and one could begin.
    pub(crate) fn is_idle(&self) -> bool {
        // Chosen by chance, a peer that nothing can be sent to would keep others from a round.
        self.round.is_none() && !self.wanted && !self.flow.is_full()
    }

    /// The earliest time at which chance may choose it.
    pub(crate) const fn next_round_at(&self) -> Time {
        self.pacing.next_round_at()
    }

    /// Ends the backoff of an unreachable peer, since another one has come back: perhaps a cut is over.
    pub(crate) fn try_again(&mut self, now: Time) {
        if !self.reachable {
            self.pacing.bring_forward(now);
        }
    }

    #[cfg(test)]
    pub(crate) const fn known(&self) -> &Known {
        &self.known
    }

    /// Has an event tell when it is known to hold our log up to this place.
    pub(crate) fn watch(&mut self, place: Place) {
        self.watched.insert(place);
    }

    /// Its statistics, put together when they are asked for: each is kept where it is used.
    pub(crate) fn stats(&self, end: Place) -> PeerStats {
        PeerStats {
            ledger: self.ledger,
            reachable: self.reachable,
            round_trip: self.pacing.round_trip(),
            last_proof: self.known.proof(),
            reached: self.known.acked(),
            lag: end.since(self.known.acked()),
        }
    }
}
