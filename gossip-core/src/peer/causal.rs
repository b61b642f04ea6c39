//! What messages of maps say beside their entries: gone dots and marks, taken in and told.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::budget::{LOOKED_FOR, PASSED};
use super::turn::Turn;
use crate::codec::Encode;
use crate::config::Room;
use crate::digest::{Digest, State};
use crate::element::{Dot, Fingerprint, ReplicaId};
use crate::event::Event;
use crate::kind::Kind;
use crate::message::{Answer, Asks, Body, Listed, Nonce, Remarks, Request};
use crate::round::repair::Repair;
use crate::round::{Round, Step};
use crate::set::{Causal, Claim};
use crate::wire::{Dots, Place};

/// Most dots that a peer is yet to be told of. What is beyond them another round finds.
const MOST_STALE: usize = 1 << 16;

impl<P: Clone + Ord, S: Kind> Turn<'_, P, S> {
    /// Reports elements that went.
    pub(super) fn note_removed(&mut self, removed: Vec<S::Element>) {
        self.events.extend(removed.into_iter().map(|element| Event::Learned { element, from: self.id.clone() }));
    }

    /// Notes what the peer is to be told, and acts on marks that it has told.
    pub(super) fn note_remarks(&mut self, body: &Body, held: &[Fingerprint], stale: Vec<Dot>, remarks: &Remarks) {
        let room = MOST_STALE.saturating_sub(self.peer.stale.len());
        self.peer.stale.extend(stale.into_iter().take(room));
        match body {
            // Forty bytes that raise a mark over all exceptions hash each of them, and change nothing if the tag is another:
            // half a million took 0.6 s for each such message, on a busy machine. Who has overdrawn gets a verdict without it.
            Body::Request { request: Request::Repair { asks: Asks::Verdict(tag), .. }, .. }
                if !self.has_overdrawn() =>
            {
                let hashed = self.set.adopt_if(remarks.marks.as_slice(), *tag);
                self.spend(LOOKED_FOR * hashed as u64);
                // The peer's marks fit no message of its, or more differs. While it asks it is not asked, so its marks would
                // never be read here.
                if hashed > 0 && self.set.digest().tag() != *tag {
                    self.want_round();
                }
            }
            Body::Request { request: Request::Page { from, to, listed: Listed::Whole(_), .. }, .. }
                if remarks.marks.count() > 0 && !self.has_overdrawn() =>
            {
                // The page lists all that is live there, and the marks say what was.
                let (went, looked_at) = self.set.drop_seen(*from, *to, held, remarks.marks.as_slice());
                self.spend(PASSED * looked_at as u64);
                self.note_removed(went);
                self.stats.state_bytes = self.set.state().bytes;
            }
            Body::Answer { nonce, answer: Answer::Give { .. } } => {
                if let Some(Step::Walk(walk)) = self.awaiting(*nonce).map(Round::step_mut) {
                    walk.note_told(remarks.marks.as_slice(), remarks.gone.as_slice());
                }
            }
            _ => {}
        }
    }

    /// Room for elements beside `head` bytes and the least remarks.
    pub(super) fn room(&self, head: usize) -> Room {
        let room = self.config.room(head);
        if S::FORGETS { room.less(Remarks::LEAST) } else { room }
    }

    /// Takes along dots that the peer is to be told of, in a quarter of the room. Returns what is left of it.
    pub(super) fn tell_stale(&mut self, room: Room) -> Room {
        if !S::FORGETS || self.peer.stale.is_empty() {
            return room;
        }
        self.peer.stale.sort_unstable();
        self.peer.stale.dedup();
        let told = Dots::fill(self.peer.stale.iter().copied(), room.of_many / 4);
        self.peer.stale.drain(..told.count());
        self.say_gone(&told, room)
    }

    /// Has the message say that these are gone. Returns what is left of its room.
    pub(super) fn say_gone(&mut self, gone: &Dots, room: Room) -> Room {
        self.gone.extend(gone.as_slice());
        if gone.count() > 0 { room.less(gone.encoded_len()) } else { room }
    }

    /// Has the message say these marks. Returns what is left of its room.
    pub(super) fn say_marks(&mut self, marks: &Dots, room: Room) -> Room {
        self.marks.extend(marks.as_slice());
        if marks.count() > 0 { room.less(marks.encoded_len()) } else { room }
    }

    /// The remarks of the message that is made; `None` of a set that only grows.
    pub(super) fn remarks(&self) -> Option<Box<Remarks>> {
        let run = |dots: &[Dot]| {
            let mut dots = dots.to_vec();
            dots.sort_unstable();
            dots.dedup();
            Dots::fill(dots, usize::MAX)
        };
        S::FORGETS.then(|| Remarks { end: self.set.end(), gone: run(&self.gone), marks: run(&self.marks) }.into())
    }

    /// Raises marks to those of a peer whose entries have come, and has it raise its own.
    pub(super) fn settle_marks(&mut self, nonce: Nonce, told: State) {
        let Some(Step::Repair(repair)) = self.peer.round.as_deref_mut().map(Round::step_mut) else { return };
        let Some(causal) = repair.take_causal() else { return self.go_to(nonce, Step::Probe(None)) };
        self.set.adopt(&causal);
        if self.hand.is_some() {
            let (ours, log) = (self.exchanged(), self.peer.round.as_deref().and_then(Round::peer_log));
            self.reconcile(ours, causal.end, log);
        }
        self.ask_for_verdict(nonce, told, causal.theirs);
    }

    /// Where our log ended as our round began, if all that the peer lacked of it has come there.
    fn exchanged(&self) -> Option<Place> {
        let round = self.peer.round.as_deref()?;
        match round.step() {
            Step::Repair(repair) => repair.is_acknowledged().then_some(round.began_at()),
            _ => None,
        }
    }

    /// Closes the round if both digests are equal by now; else asks for a verdict, with our marks above the peer's.
    pub(super) fn ask_for_verdict(&mut self, nonce: Nonce, told: State, theirs: Vec<(ReplicaId, u32)>) {
        if told.digest == self.set.digest() {
            return self.close(nonce, told.digest);
        }
        let causal = Some(Box::new(Causal { theirs, ..Causal::default() }));
        let claim = Claim { width: S::WIDTH, causal, ..Claim::default() };
        self.go_to(nonce, Step::Repair(Repair::new(claim, told).into()));
    }

    /// Takes over what a claim tells that is gone. Raises marks if nothing is wished for.
    pub(super) fn take_over(&mut self, claim: &Claim) {
        let Some(causal) = &claim.causal else { return };
        let removed = self.set.take_over(causal);
        self.note_removed(removed);
        if causal.wished.is_empty() {
            self.set.adopt(causal);
        }
        self.stats.state_bytes = self.set.state().bytes;
    }

    /// Ends a walk that has told this digest: raises marks to those that it was told, and has the peer raise its own.
    pub(super) fn settle_walk(&mut self, nonce: Nonce, told: Digest) {
        let Some(Step::Walk(walk)) = self.peer.round.as_deref_mut().map(Round::step_mut) else { return };
        let (marks, gone) = walk.take_told();
        self.set.adopt_told(&marks, &gone, told);
        let theirs = self.set.beside(&marks);
        self.ask_for_verdict(nonce, State { digest: told, bytes: 0 }, theirs);
    }
}
