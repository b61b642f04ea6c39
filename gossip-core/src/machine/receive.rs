//! Taking messages in.

use alloc::vec::Vec;
use core::time::Duration;

use super::{AntiEntropy, enqueue};
use crate::digest::{Digest, State};
use crate::element::{Element, Fingerprint};
use crate::error::Reject;
use crate::event::Event;
use crate::message::{Asks, Body, Message};
use crate::peer::budget::PASSED;
use crate::peer::{Owed, Peer, Question, Round, SENDS, STEPS, Step, begins_round, same_round};
use crate::round::policy::Policy;
use crate::round::repair::{Answered, Repair};
use crate::round::walk::Progress;
use crate::set::Merged;
use crate::sketch::IdWidth;
use crate::wire::{Bound, Elements, Ids};

impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
    /// Takes in one message. Its elements are merged at once; answers come from [`poll`](Self::poll), built from what
    /// is held by then. Expected O(elements in the message).
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
        let (nonce, tag, elements) = match &message.body {
            Body::Probe { tag, nonce, .. } | Body::WantCells { tag, nonce, .. } => (*nonce, Some(tag), &Elements::NONE),
            Body::Proof { nonce, .. } | Body::Cells { nonce, .. } => (*nonce, None, &Elements::NONE),
            Body::Repair { tag, nonce, elements, .. }
            | Body::Page { tag, nonce, elements, .. }
            | Body::Give { tag, nonce, elements, .. } => (*nonce, Some(tag), elements),
            Body::Push { tag, batch } => (0, Some(tag), &batch.elements),
        };
        if tag.is_some_and(|tag| *tag != self.replica.tag()) {
            return Err(Reject::Foreign);
        }
        let before = self.replica.len();
        let merged = self.replica.merge(elements)?;
        self.stats.state_bytes = self.replica.state().bytes;
        let learned = merged.learned.len() as u64;
        for ledger in [&mut peer.stats.ledger, &mut self.stats.total] {
            ledger.received.count(kind, len);
            ledger.learned += learned;
            ledger.redundant += merged.held.len() as u64 - learned;
        }
        let of_round = !matches!(message.body, Body::Push { .. });
        if let Some(round) = peer.round.as_mut().filter(|round| of_round && same_round(round.nonce, nonce)) {
            round.cost += len as u64;
        }
        let returned = !peer.stats.reachable;
        if returned {
            peer.stats.reachable = true;
            peer.pacing.next_round = self.now;
            self.events.push_back(Event::Reachable { peer: from.clone() });
        }
        peer.pacing.failures = 0;
        if message.is_answer() {
            peer.note_answer(nonce);
        }
        if returned {
            // Where one comes back, so may others: chance may choose any of them at once.
            let silent = self.peers.values_mut().filter(|peer| !peer.stats.reachable);
            silent.for_each(|peer| peer.pacing.next_round = peer.pacing.next_round.min(self.now));
        }
        if let Some(dissemination) = &mut self.dissemination {
            let age = if let Body::Push { batch, .. } = &message.body { batch.age } else { 0 };
            dissemination.origins.note(before, None, Duration::ZERO);
            dissemination.origins.note(self.replica.len(), Some(from), Duration::from_millis(age.into()));
            self.hear_from(from);
        }
        let Merged { learned, held, bytes } = merged;
        let new = learned.len();
        self.events.extend(learned.into_iter().map(|element| Event::Learned { element, from: from.clone() }));
        let awaited = match message.body {
            Body::Proof { nonce, state } => self.take_proof(from, nonce, state),
            Body::Cells { nonce, place, cells } => self.take_cells(from, nonce, place, &cells),
            Body::Page { nonce, window: 0, from: Bound::START, to: Bound::End, .. } => {
                self.take_whole(from, nonce, &held, bytes)
            }
            Body::Page { window: 0, .. } => false,
            Body::Give { nonce, from: start, to, last, state, .. } => {
                self.take_give(from, nonce, (start, to), last, state)
            }
            Body::Push { batch, .. } => {
                self.take_push(from, &batch, new);
                true
            }
            request => {
                self.take_request(from, request, held);
                true
            }
        };
        if let Some(dissemination) = &mut self.dissemination {
            dissemination.origins.note(self.replica.len(), Some(from), Duration::ZERO);
        }
        if !awaited {
            for ledger in self.ledgers(from) {
                ledger.ignored += 1;
            }
        }
        Ok(())
    }

    fn take_request(&mut self, from: &P, request: Body, held: Vec<Fingerprint>) {
        match request {
            Body::Probe { nonce, digest, sketch, .. } => self.take_probe(from, nonce, digest, sketch),
            Body::WantCells { nonce, state, from: next, count, .. } => {
                self.owe(from, Owed::Sketch { nonce, state, next, count });
            }
            Body::Repair { nonce, asks, wanted, .. } => self.take_repair(from, nonce, asks, &wanted),
            Body::Page { nonce, window, asks, from: start, to, .. } => {
                let (window, to) = (window.min(self.config.window.get()), to.max(start));
                self.owe(from, Owed::Page { nonce, cursor: start, to, held, window, state: asks });
            }
            // No requests.
            Body::Proof { .. } | Body::Cells { .. } | Body::Give { .. } | Body::Push { .. } => {}
        }
    }

    fn take_probe(&mut self, from: &P, nonce: u32, theirs: Digest, sketch: bool) {
        let (ours, width) = (self.replica.digest(), self.replica.width());
        let sketched = sketch && !is_multiple(ours, theirs) && self.may_be_sketched(theirs);
        let turn = Policy::of(self.config.economy).filter(|_| sketched).map_or(TURN, |policy| policy.turn);
        let Some(peer) = self.peers.get_mut(from) else { return };
        if ours == theirs {
            self.prove(from, theirs);
        } else if let Some(round) = &peer.round {
            match round.step {
                // Ours is yet to be sent: theirs comes first.
                Step::Probe { .. } if round.pending && round.retries == 0 => self.end_round(from, false),
                // Two probes crossed: of the digests as sent, one goes on; of equal ones, the one of the higher nonce.
                Step::Probe { digest } if digest == theirs && round.nonce >> SENDS < nonce >> SENDS => {
                    self.end_round(from, false);
                }
                Step::Probe { digest } if digest != theirs && leads(width, theirs, digest) => {
                    self.end_round(from, false)
                }
                _ => {
                    // What it was asked may be lost.
                    self.hear(from);
                    return;
                }
            }
        } else if ours.count().abs_diff(theirs.count()) >= turn
            // Or under inserts that go on there would be one round after the other.
            && begins_round(nonce)
            && leads(width, ours, theirs)
            && !self.is_tiny()
            && self.few(from, nonce, theirs).is_none()
        {
            // It costs half a round trip that the larger part of the difference travels once.
            return self.sync_now(from);
        }
        self.owe(from, Owed::Verdict { nonce, on: Question::Probe(theirs), sketch });
    }

    /// Whether it proves anything.
    fn take_proof(&mut self, from: &P, nonce: u32, state: u64) -> bool {
        let ours = self.replica.digest();
        let Some(peer) = self.peers.get_mut(from) else { return false };
        let sent = awaiting(peer, nonce).and_then(|round| match &round.step {
            // Where digests are equal, their full state is ours.
            Step::Probe { digest } if round.steps == 0 => Some((*digest, 2 * round.full_state)),
            Step::Probe { digest } => Some((*digest, round.full_state)),
            Step::Repair(repair) => repair.digest().map(|digest| (digest, round.full_state)),
            Step::Sketch(_) | Step::Walk(_) | Step::Close { .. } => None,
        });
        match (sent, &mut peer.round) {
            (Some((sent, full_state)), Some(round)) if sent.tag() == state => {
                round.full_state = full_state;
                peer.pacing.answered(nonce);
                enqueue(&mut self.ready, from, peer);
                self.end_round(from, true);
                self.prove(from, sent);
            }
            _ if ours.tag() == state => self.prove(from, ours),
            _ => return false,
        }
        true
    }

    /// All that the peer holds, these elements of so many bytes, answers our probe. Whether it does.
    fn take_whole(&mut self, from: &P, nonce: u32, held: &[Fingerprint], bytes: u64) -> bool {
        let Some(round) = self.peers.get_mut(from).and_then(|peer| awaiting(peer, nonce)) else { return false };
        if !matches!(round.step, Step::Probe { .. }) || !round.answers_step(nonce) {
            return false;
        }
        if round.steps == 0 {
            round.full_state = round.full_state.saturating_add(bytes);
        }
        let theirs = State { digest: Digest::from_parts(held.len() as u64, 0), bytes };
        if self.replica.len() <= MOST_NAMES {
            self.spend(from, PASSED * self.replica.len() as u64);
            let claim = self.replica.all_but(held);
            self.go_on(from, nonce, Some(Step::Repair(Repair::new(claim, theirs).into())));
        } else {
            self.walk(from, nonce, theirs);
        }
        true
    }

    fn take_repair(&mut self, from: &P, nonce: u32, asks: Asks, wanted: &Ids) {
        let ours = self.replica.digest();
        if asks == Asks::Verdict(ours.tag()) {
            self.prove(from, ours);
        }
        let window = self.config.window.get();
        let Some(peer) = self.peers.get_mut(from) else { return };
        match (asks, &mut peer.owed) {
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
                self.owe(from, Owed::Verdict { nonce, on: Question::Repair(state), sketch: true });
            }
            (Asks::Nothing, _) if wanted.count() == 0 => {}
            _ => {
                let wishes = wanted.iter().collect();
                self.owe(from, Owed::Wanted { nonce, wishes, more: false, next: 0, window, asks });
            }
        }
    }

    /// Whether it answers what was asked.
    fn take_give(
        &mut self,
        from: &P,
        nonce: u32,
        (start, to): (Bound, Bound),
        last: bool,
        state: Option<State>,
    ) -> bool {
        let ours = self.replica.digest();
        let Some(peer) = self.peers.get_mut(from) else { return false };
        let Some(round) = awaiting(peer, nonce) else { return false };
        let told = state.map(|state| state.digest);
        let in_time = round.answers_step(nonce);
        match &mut round.step {
            Step::Walk(walk) => {
                // The end of an answer may come before its middle, which is what makes the sets equal.
                walk.told = told.or(walk.told);
                match walk.told {
                    Some(told) if told == ours => self.close(from, nonce, ours),
                    _ => self.cover(from, nonce, start, to, last),
                }
            }
            Step::Probe { .. } if in_time => {
                let Some(state) = state else { return false };
                if round.steps == 0 {
                    round.full_state = round.full_state.saturating_add(state.bytes);
                }
                self.close_or_walk(from, nonce, state);
            }
            // It keeps no sketch any more.
            Step::Sketch(_) if in_time => {
                if let Some(state) = state {
                    self.close_or_walk(from, nonce, state);
                }
            }
            Step::Repair(repair) if in_time => match repair.cover(start, to, last, state) {
                Answered::Nothing => {}
                Answered::InPart => self.wait_on(from),
                Answered::Burst => self.go_on(from, nonce, None),
                Answered::Done(Some(told)) if told == ours => self.close(from, nonce, ours),
                // It would be misread again.
                Answered::Done(Some(told)) if repair.was_in_vain(ours, told) => {
                    let theirs = repair.theirs();
                    self.walk(from, nonce, theirs);
                }
                // Something was inserted meanwhile, or lost. Pushes see to the rest.
                Answered::Done(Some(_)) if self.dissemination.is_some() => {
                    let (ours, theirs) = (round.held, repair.theirs().digest.count());
                    let ours = repair.arrived_whole().then_some(ours);
                    peer.pacing.answered(nonce);
                    self.end_round(from, false);
                    self.have_met(from, ours, usize::try_from(theirs).unwrap_or(0));
                }
                Answered::Done(_) => self.go_on(from, nonce, Some(Step::Probe { digest: Digest::EMPTY })),
            },
            // It answers what this round asked before.
            Step::Probe { .. } | Step::Sketch(_) | Step::Repair(_) | Step::Close { .. } => return false,
        }
        true
    }

    fn close_or_walk(&mut self, name: &P, nonce: u32, theirs: State) {
        if theirs.digest == self.replica.digest() {
            self.close(name, nonce, theirs.digest);
        } else {
            self.walk(name, nonce, theirs);
        }
    }

    /// The peer's digest is ours, which it is yet to be told.
    pub(super) fn close(&mut self, name: &P, nonce: u32, digest: Digest) {
        self.go_on(name, nonce, Some(Step::Close { digest }));
        self.prove(name, digest);
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
                peer.walked();
                peer.pacing.answered(nonce);
                self.end_round(name, false);
            }
        }
    }

    /// Sends the next message of our round with a peer in turn: that of another step, if one is given.
    pub(super) fn go_on(&mut self, name: &P, nonce: u32, step: Option<Step>) {
        let Some(peer) = self.peers.get_mut(name) else { return };
        peer.pacing.answered(nonce);
        let Some(round) = &mut peer.round else { return };
        if let Some(step) = step {
            round.take(step);
        }
        if round.steps > STEPS {
            return self.end_round(name, false);
        }
        round.pending = true;
        self.wait_on(name);
    }

    /// What was awaited came, if only in part: the wait for more begins anew, at the next poll.
    pub(super) fn wait_on(&mut self, name: &P) {
        let Some(peer) = self.peers.get_mut(name) else { return };
        let Some(round) = &mut peer.round else { return };
        if let Some(deadline) = round.deadline.take() {
            self.deadlines.remove(&(deadline, name.clone()));
        }
        round.retries = 0;
        enqueue(&mut self.ready, name, peer);
    }

    /// An answer is owed; it replaces an older one. A peer that repairs is not asked for a while, and a probe of ours
    /// that it has not answered is given up.
    fn owe(&mut self, name: &P, owed: Owed) {
        let interval = self.config.round_interval();
        let Some(peer) = self.peers.get_mut(name) else { return };
        let repair = !matches!(owed, Owed::Verdict { on: Question::Probe(_), .. });
        peer.owed = Some(owed);
        enqueue(&mut self.ready, name, peer);
        if repair {
            peer.pacing.next_round = peer.pacing.next_round.max(self.now + interval);
            if matches!(&peer.round, Some(round) if matches!(round.step, Step::Probe { .. })) {
                self.end_round(name, false);
            }
        }
    }

    /// A peer asks while its answer is awaited. It is there: what is overdue goes out again at once.
    fn hear(&mut self, name: &P) {
        let Some(peer) = self.peers.get_mut(name) else { return };
        if let Some(round) = &mut peer.round {
            round.heard = true;
            enqueue(&mut self.ready, name, peer);
        }
    }

    pub(super) fn prove(&mut self, name: &P, digest: Digest) {
        if let Some(peer) = self.peers.get_mut(name) {
            peer.stats.last_proof = Some(digest);
        }
        let count = usize::try_from(digest.count()).unwrap_or(0);
        self.have_met(name, Some(count), count);
        // A peer may say the same any number of times before the next poll.
        let said =
            matches!(self.events.back(), Some(Event::InSync { peer, digest: last }) if peer == name && *last == digest);
        if !said {
            self.events.push_back(Event::InSync { peer: name.clone(), digest });
        }
    }
}

/// The largest set whose names are listed against a complete page, 1 MiB of them; a larger one is paged.
pub(super) const MOST_NAMES: usize = 1 << 17;

/// By how many elements counts must differ for the sides to change parts, where it comes to pages.
const TURN: u64 = 64;

/// Of two sides that differ, whether the one with this digest does better to ask than to answer. Numbers travel in a
/// sketch, so who lacks more reads it; what has to be asked for by id, who holds more need not ask for. Where one holds
/// many times as much it comes to pages, and who holds less lists less in them. An empty set has nothing to send.
pub(super) fn leads(width: Option<IdWidth>, one: Digest, other: Digest) -> bool {
    let wished_for = width == Some(IdWidth::Bits48) && !is_multiple(one, other);
    if wished_for { one > other } else { one < other }
}

/// Whether one set is at least four times as large as the other.
pub(super) fn is_multiple(one: Digest, other: Digest) -> bool {
    one.count().max(other.count()) / 4 >= one.count().min(other.count())
}

/// Our round with a peer, if it has this nonce and awaits an answer.
fn awaiting(peer: &mut Peer, nonce: u32) -> Option<&mut Round> {
    // The answer to a burst may begin before its end.
    let awaits = |round: &Round| !round.pending || matches!(round.step, Step::Repair(_));
    peer.round.as_mut().filter(|round| same_round(round.nonce, nonce) && awaits(round))
}
