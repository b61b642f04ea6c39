//! Building the requests of our own rounds, when they are sent and not before.

use core::mem;

use super::AntiEntropy;
use super::answer::{GIVE_HEAD, STATE};
use crate::digest::Digest;
use crate::element::Element;
use crate::message::Body;
use crate::peer::{Round, Step};

/// What a page's fields take at their longest: 46 bytes and its count and form.
pub(super) const PAGE_HEAD: usize = 50;

/// What a repair's fields take at their longest: 36 bytes, and the counts and forms of what it gives and wants.
const REPAIR_HEAD: usize = 40;

impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
    /// The next message of our round with this peer; begins one if one is wanted.
    pub(super) fn request(&mut self, name: &P) -> Option<Body> {
        let state = self.replica.state();
        let tag = self.replica.tag();
        let limit = self.config.message_limit();
        let window = self.config.window.get();
        // What one answer of elements can have, as far as we know.
        let answer = u64::from(window) * (limit - GIVE_HEAD - STATE) as u64;
        let peer = self.peers.get_mut(name)?;
        if peer.wanted && peer.round.is_none() {
            peer.wanted = false;
            let nonce = peer.next_nonce(self.rng.next_u32());
            peer.round = Some(Round {
                nonce,
                step: Step::Probe { digest: Digest::EMPTY },
                since: nonce,
                steps: 0,
                pending: true,
                retries: 0,
                heard: false,
                deadline: None,
                cost: 0,
                full_state: state.bytes,
                held: self.replica.len(),
            });
        }
        let round = peer.round.as_mut()?;
        if !round.pending {
            return None;
        }
        // The messages of a burst share a nonce.
        let goes_on = matches!(&round.step, Step::Repair(repair) if !repair.begins_burst());
        let nonce = if goes_on { round.nonce } else { round.next_message() };
        let (mut bursts, mut closes) = (false, false);
        let body = match &mut round.step {
            Step::Probe { digest } => {
                *digest = state.digest;
                Body::Probe { tag, nonce, digest: state.digest, sketch: self.replica.tables().is_some() }
            }
            Step::Sketch(difference) => {
                let (from, count) = difference.ask();
                Body::WantCells { tag, nonce, state: difference.state().digest.tag(), from, count }
            }
            Step::Repair(repair) => {
                let (asks, wanted, elements) = repair.next(&self.replica, limit - REPAIR_HEAD, window, answer);
                bursts = !repair.begins_burst();
                Body::Repair { tag, nonce, asks, wanted, elements }
            }
            Step::Walk(walk) => {
                let (from, end) = walk.left();
                let reach = walk.reach(answer);
                let (elements, to) = self.replica.page_to(from, reach, end, limit - PAGE_HEAD);
                let asks = walk.ask(reach);
                Body::Page { tag, nonce, window, asks, from, to, elements }
            }
            Step::Close { digest } => {
                closes = true;
                Body::Proof { nonce, state: digest.tag() }
            }
        };
        round.pending = bursts;
        round.cost += body.encoded_len() as u64;
        if closes {
            self.end_round(name, true);
        } else {
            peer.pacing.asked(nonce, self.now);
        }
        Some(body)
    }

    /// A request whose answer is overdue goes out again if the peer was heard of meanwhile.
    pub(super) fn ask_again(&mut self, name: &P) {
        let first = self.config.answer_within;
        let Some(peer) = self.peers.get_mut(name) else { return };
        let Some(round) = &mut peer.round else { return };
        if mem::take(&mut round.heard) && !round.pending && peer.pacing.is_overdue(first, self.now) {
            round.again();
            for ledger in [&mut peer.stats.ledger, &mut self.stats.total] {
                ledger.resent += 1;
            }
        }
    }

    /// Sets the deadline of a round that awaits an answer and has none.
    pub(super) fn await_answer(&mut self, name: &P) {
        let first = self.config.answer_within;
        let Some(peer) = self.peers.get_mut(name) else { return };
        let Some(round) = peer.round.as_mut().filter(|round| !round.pending && round.deadline.is_none()) else {
            return;
        };
        let deadline = self.now + peer.pacing.patience(first, round.retries);
        round.deadline = Some(deadline);
        self.deadlines.insert((deadline, name.clone()));
    }
}
