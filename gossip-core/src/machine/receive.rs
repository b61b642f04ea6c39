//! Taking messages in.

use super::{AntiEntropy, enqueue};
use crate::digest::Digest;
use crate::element::Element;
use crate::elements::Elements;
use crate::message::{Body, Message, MessageKind, State};
use crate::output::{Event, Reject};
use crate::peer::{Owed, Peer, Round, SENDS, Step, same_round};
use crate::replica::Merged;
use crate::walk::{Progress, Walk};
use crate::wire::Bound;

impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
    /// Takes in one message. Its elements are merged at once; answers come from [`poll`](Self::poll), built from what is
    /// held by then. Expected O(elements in the message).
    ///
    /// # Errors
    ///
    /// A message from a stranger, from another cluster, or with an element that is none. Nothing has changed then but
    /// counters.
    pub fn receive(&mut self, from: &P, message: Message<E>) -> Result<(), Reject> {
        let taken = self.take_in(from, message);
        self.count_refusal(from, taken)
    }

    /// Decodes one message and takes it in. O(its length).
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive), and bytes that are no message.
    pub fn receive_bytes(&mut self, from: &P, bytes: &[u8]) -> Result<(), Reject> {
        let taken = match Message::decode(bytes) {
            Ok(message) => self.take_in(from, message),
            Err(error) if self.peers.contains_key(from) => Err(error.into()),
            Err(_) => Err(Reject::UnknownPeer),
        };
        self.count_refusal(from, taken)
    }

    fn count_refusal(&mut self, from: &P, taken: Result<(), Reject>) -> Result<(), Reject> {
        if taken.is_err() {
            match self.peers.get_mut(from) {
                Some(peer) => {
                    peer.stats.ledger.rejected += 1;
                    self.stats.total.rejected += 1;
                }
                None => self.stats.from_strangers += 1,
            }
        }
        taken
    }

    fn take_in(&mut self, from: &P, message: Message<E>) -> Result<(), Reject> {
        let Some(peer) = self.peers.get_mut(from) else { return Err(Reject::UnknownPeer) };
        let (kind, len) = (message.kind(), message.encoded_len());
        let (nonce, tag, interval, elements) = match &message.body {
            Body::Probe { tag, nonce, .. } => (*nonce, Some(tag), Bound::START, &Elements::NONE),
            Body::Proof { nonce, .. } => (*nonce, None, Bound::START, &Elements::NONE),
            Body::Repair { tag, nonce, elements, .. } => (*nonce, Some(tag), Bound::START, elements),
            Body::Page { tag, nonce, from, elements, .. } | Body::Give { tag, nonce, from, elements, .. } => {
                (*nonce, Some(tag), *from, elements)
            }
        };
        if tag.is_some_and(|tag| *tag != self.replica.tag()) {
            return Err(Reject::Foreign);
        }
        let merged = self.replica.merge(interval, elements)?;
        self.stats.state_bytes = self.replica.state().bytes;
        let learned = merged.learned.len() as u64;
        for ledger in [&mut peer.stats.ledger, &mut self.stats.total] {
            ledger.received.count(kind, len);
            ledger.learned += learned;
            ledger.redundant += merged.held.len() as u64 - learned;
        }
        if let Some(round) = peer.round.as_mut().filter(|round| same_round(round.nonce, nonce)) {
            round.cost += len as u64;
        }
        let returned = !peer.stats.reachable;
        if returned {
            peer.stats.reachable = true;
            peer.pacing.next_round = self.now;
            self.events.push_back(Event::Reachable { peer: from.clone() });
        }
        peer.pacing.failures = 0;
        let asked_for =
            matches!(kind, MessageKind::Proof | MessageKind::Page | MessageKind::Give) && peer.asked_for(nonce);
        if returned {
            // Where one comes back, so may others: chance may choose any of them at once.
            let silent = self.peers.values_mut().filter(|peer| !peer.stats.reachable);
            silent.for_each(|peer| peer.pacing.next_round = peer.pacing.next_round.min(self.now));
        }
        let Merged { learned, held, bytes } = merged;
        self.events.extend(learned.into_iter().map(|element| Event::Learned { element, from: from.clone() }));
        match message.body {
            Body::Probe { nonce, digest, .. } => self.take_probe(from, nonce, digest),
            Body::Proof { nonce, digest } => self.take_proof(from, nonce, digest),
            Body::Repair { nonce, digest, .. } => {
                if self.replica.digest() == digest {
                    self.prove(from, digest);
                }
                self.owe(from, Owed::Verdict { nonce, digest, probe: false });
            }
            Body::Page { nonce, window, from: start, to, .. } => {
                let probing = self.peers.get_mut(from).and_then(|peer| awaiting(peer, nonce));
                let probing = probing.filter(|round| matches!(round.step, Step::Probe { .. }));
                match probing.filter(|_| (start, to) == (Bound::START, Bound::End)) {
                    Some(round) => {
                        round.full_state = round.full_state.saturating_add(bytes);
                        self.go_on(from, nonce, Some(Step::Repair { held, digest: Digest::EMPTY }));
                    }
                    // It answered our probe before, or too late: answers are not answered.
                    None if asked_for => {}
                    None => {
                        let window = window.min(self.config.window.get()).max(1);
                        self.owe(from, Owed::Page { nonce, cursor: start, to: to.max(start), held, window });
                    }
                }
            }
            Body::Give { nonce, from: start, to, state, .. } => self.take_give(from, nonce, start, to, state),
        }
        Ok(())
    }

    fn take_probe(&mut self, from: &P, nonce: u32, theirs: Digest) {
        let Some(peer) = self.peers.get_mut(from) else { return };
        if self.replica.digest() == theirs {
            self.prove(from, theirs);
        } else if let Some(round) = &peer.round {
            match round.step {
                // Two probes crossed: of the digests as sent, the smaller gives way.
                Step::Probe { digest } if (digest, round.nonce >> SENDS) < (theirs, nonce >> SENDS) => {
                    self.end_round(from, false);
                }
                _ => return,
            }
        }
        self.owe(from, Owed::Verdict { nonce, digest: theirs, probe: true });
    }

    fn take_proof(&mut self, from: &P, nonce: u32, digest: Digest) {
        let ours = self.replica.digest();
        let Some(peer) = self.peers.get_mut(from) else { return };
        let sent = awaiting(peer, nonce).and_then(|round| match round.step {
            Step::Probe { digest } => {
                // Where digests are equal, their full state is ours.
                Some((digest, 2 * round.full_state))
            }
            Step::Repair { digest, .. } => Some((digest, round.full_state)),
            Step::Walk(_) | Step::Close { .. } => None,
        });
        match (sent, &mut peer.round) {
            (Some((sent, full_state)), Some(round)) if sent == digest => {
                round.full_state = full_state;
                peer.answered(nonce);
                enqueue(&mut self.ready, from, peer);
                self.end_round(from, true);
                self.prove(from, digest);
            }
            _ if digest == ours => self.prove(from, digest),
            _ => {}
        }
    }

    fn take_give(&mut self, from: &P, nonce: u32, start: Bound, to: Bound, state: Option<State>) {
        let ours = self.replica.digest();
        let Some(peer) = self.peers.get_mut(from) else { return };
        let resume = peer.resume;
        let Some(round) = awaiting(peer, nonce) else { return };
        let told = state.map(|state| state.digest);
        let told = match &mut round.step {
            Step::Walk(walk) => {
                // The end of an answer may come before its middle, which is what makes the sets equal.
                walk.told = told.or(walk.told);
                walk.told
            }
            Step::Probe { .. } => {
                let theirs = state.map_or(0, |state| state.bytes);
                round.full_state = round.full_state.saturating_add(theirs);
                told
            }
            Step::Repair { .. } => told,
            Step::Close { .. } => None,
        };
        let Some(told) = told.filter(|_| !matches!(round.step, Step::Close { .. })) else {
            return self.cover(from, nonce, start, to, false);
        };
        if told == ours {
            self.go_on(from, nonce, Some(Step::Close { digest: ours }));
            self.prove(from, ours);
        } else if let Step::Walk(_) = round.step {
            self.cover(from, nonce, start, to, state.is_some());
        } else {
            self.go_on(from, nonce, Some(Step::Walk(Walk::new(resume))));
        }
    }

    /// Part of an answer to a page of ours came.
    fn cover(&mut self, name: &P, nonce: u32, start: Bound, to: Bound, last: bool) {
        let window = usize::from(self.config.window.get());
        let Some(peer) = self.peers.get_mut(name) else { return };
        let Some(Step::Walk(walk)) = peer.round.as_mut().map(|round| &mut round.step) else { return };
        match walk.cover(start, to, last, window) {
            Progress::None => {}
            Progress::Some => self.wait_on(name),
            Progress::Page => self.go_on(name, nonce, None),
            Progress::Done => {
                peer.resume = Bound::START;
                peer.answered(nonce);
                self.end_round(name, false);
            }
        }
    }

    /// Sends the next message of our round with a peer in turn: that of another step, if one is given.
    fn go_on(&mut self, name: &P, nonce: u32, step: Option<Step>) {
        let Some(peer) = self.peers.get_mut(name) else { return };
        peer.answered(nonce);
        let Some(round) = &mut peer.round else { return };
        if let Some(step) = step {
            round.step = step;
        }
        round.pending = true;
        self.wait_on(name);
    }

    /// What was awaited came, if only in part: the wait for more begins anew, at the next poll.
    fn wait_on(&mut self, name: &P) {
        let Some(peer) = self.peers.get_mut(name) else { return };
        let Some(round) = &mut peer.round else { return };
        if let Some(deadline) = round.deadline.take() {
            self.deadlines.remove(&(deadline, name.clone()));
        }
        round.retries = 0;
        enqueue(&mut self.ready, name, peer);
    }

    /// An answer is owed; it replaces an older one. A peer that repairs is not asked for a while, and a probe of ours that
    /// it has not answered is given up.
    fn owe(&mut self, name: &P, owed: Owed) {
        let interval = self.config.round_interval();
        let Some(peer) = self.peers.get_mut(name) else { return };
        let repair = !matches!(owed, Owed::Verdict { probe: true, .. });
        peer.owed = Some(owed);
        enqueue(&mut self.ready, name, peer);
        if repair {
            peer.pacing.next_round = peer.pacing.next_round.max(self.now + interval);
            if matches!(&peer.round, Some(round) if matches!(round.step, Step::Probe { .. })) {
                self.end_round(name, false);
            }
        }
    }

    fn prove(&mut self, name: &P, digest: Digest) {
        if let Some(peer) = self.peers.get_mut(name) {
            peer.stats.last_proof = Some(digest);
        }
        self.events.push_back(Event::InSync { peer: name.clone(), digest });
    }
}

/// Our round with a peer, if it has this nonce and awaits an answer.
fn awaiting(peer: &mut Peer, nonce: u32) -> Option<&mut Round> {
    peer.round.as_mut().filter(|round| same_round(round.nonce, nonce) && !round.pending)
}
