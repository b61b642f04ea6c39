//! Building messages, when they are sent and not before.

use super::{AntiEntropy, enqueue};
use crate::digest::Digest;
use crate::element::Element;
use crate::elements::Elements;
use crate::message::{Body, Message};
use crate::peer::{MEASURED, Owed, Round, SENDS, Step};
use crate::walk::Walk;
use crate::wire::Bound;

/// A set that takes no more than this goes out whole, as the answer to a probe that differs: about what a digest, two
/// bounds and an exchange more would take.
const TINY: u64 = 256;

/// What a page's fields take at their longest: 46 bytes and its count and form.
const PAGE_HEAD: usize = 50;

/// What an answer's fields take at their longest: 44 bytes and its count and form; and its state.
const GIVE_HEAD: usize = 48;
const STATE: usize = 36;

/// What a repair's fields take at their longest: 35 bytes and its count and form.
const REPAIR_HEAD: usize = 40;

impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
    /// What this peer is to be sent next, if anything. It keeps its place in the queue while there is more.
    pub(super) fn next_message(&mut self, name: &P) -> Option<Message<E>> {
        let peer = self.peers.get_mut(name)?;
        peer.queued = false;
        if let Some(sent_at) = peer.pacing.unmeasured.take() {
            let sample = self.now.saturating_since(sent_at);
            peer.stats.round_trip = peer.pacing.measure(sample);
        }
        let body = match peer.owed.take() {
            Some(owed) => Some(self.answer(name, owed)),
            None => self.request(name),
        };
        let peer = self.peers.get_mut(name)?;
        let more = peer.owed.is_some()
            || peer.round.as_ref().is_some_and(|round| round.pending)
            || (peer.wanted && peer.round.is_none());
        if more {
            enqueue(&mut self.ready, name, peer);
        } else {
            self.await_answer(name);
        }
        let message = Message::new(body?);
        let peer = self.peers.get_mut(name)?;
        for ledger in [&mut peer.stats.ledger, &mut self.stats.total] {
            ledger.sent.count(message.kind(), message.encoded_len());
        }
        debug_assert!(message.encoded_len() <= self.config.message_limit(), "{message:?} is over the budget");
        Some(message)
    }

    fn answer(&mut self, name: &P, owed: Owed) -> Body {
        let tag = self.replica.tag();
        let state = self.replica.state();
        let limit = self.config.message_limit();
        match owed {
            Owed::Verdict { nonce, digest, .. } if digest == state.digest => Body::Proof { nonce, digest },
            Owed::Verdict { nonce, probe, .. } => {
                if probe && state.bytes <= TINY {
                    let (elements, to) = self.replica.page(Bound::START, Bound::End, &[], limit - PAGE_HEAD);
                    if to == Bound::End {
                        let window = self.config.window.get();
                        return Body::Page { tag, nonce, window, from: Bound::START, to, elements };
                    }
                }
                let (from, to) = (Bound::START, Bound::START);
                let elements = Elements::NONE;
                Body::Give { tag, nonce, from, to, state: Some(state), elements }
            }
            Owed::Page { nonce, cursor, to, held, window } => {
                let room = limit - GIVE_HEAD - if window == 1 { STATE } else { 0 };
                let (elements, covered) = self.replica.page(cursor, to, &held, room);
                let fits = elements.encoded_len() + GIVE_HEAD + STATE <= limit;
                let last = window == 1 || (covered == to && fits);
                if !last && let Some(peer) = self.peers.get_mut(name) {
                    peer.owed = Some(Owed::Page { nonce, cursor: covered, to, held, window: window - 1 });
                }
                Body::Give { tag, nonce, from: cursor, to: covered, state: last.then_some(state), elements }
            }
        }
    }

    /// The next message of our round with this peer; begins one if one is wanted.
    fn request(&mut self, name: &P) -> Option<Body> {
        let state = self.replica.state();
        let tag = self.replica.tag();
        let limit = self.config.message_limit();
        let window = self.config.window.get();
        let peer = self.peers.get_mut(name)?;
        if peer.wanted && peer.round.is_none() {
            peer.wanted = false;
            peer.round = Some(Round {
                nonce: peer.next_nonce(self.rng.next_u32()),
                step: Step::Probe { digest: Digest::EMPTY },
                pending: true,
                retries: 0,
                sent_at: [self.now; MEASURED],
                deadline: None,
                cost: 0,
                full_state: state.bytes,
            });
        }
        let resume = peer.resume;
        let round = peer.round.as_mut().filter(|round| round.pending)?;
        // The low bits wrap: what is 256 messages old is not waited for.
        let nonce = round.nonce & u32::MAX << SENDS | round.nonce.wrapping_add(1) & !(u32::MAX << SENDS);
        round.nonce = nonce;
        let body = match &mut round.step {
            Step::Probe { digest } => {
                *digest = state.digest;
                round.full_state = state.bytes;
                Body::Probe { tag, nonce, digest: state.digest }
            }
            Step::Repair { held, digest } => {
                let (elements, to) = self.replica.page(Bound::START, Bound::End, held, limit - REPAIR_HEAD);
                if to == Bound::End {
                    *digest = state.digest;
                    Body::Repair { tag, nonce, digest: state.digest, elements }
                } else {
                    round.step = Step::Walk(Walk::new(resume));
                    return self.request(name);
                }
            }
            Step::Walk(walk) => {
                walk.asked();
                let (from, end) = walk.left();
                let (elements, to) = self.replica.page(from, end, &[], limit - PAGE_HEAD);
                Body::Page { tag, nonce, window, from, to, elements }
            }
            Step::Close { digest } => Body::Proof { nonce, digest: *digest },
        };
        round.pending = false;
        round.sent_at[nonce as usize % MEASURED] = self.now;
        round.cost += body.encoded_len() as u64;
        if matches!(round.step, Step::Close { .. }) {
            peer.resume = Bound::START;
            self.end_round(name, true);
        }
        Some(body)
    }

    /// Sets the deadline of a round that awaits an answer and has none.
    fn await_answer(&mut self, name: &P) {
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
