//! What a digest tells that one side lacks: given in answer to a probe, or once an answer has told it.

use super::budget::PASSED;
use super::turn::Turn;
use crate::digest::{Digest, State};
use crate::element::Fingerprint;
use crate::kind::Kind;
use crate::message::Nonce;
use crate::round::repair::Repair;
use crate::round::strategy::MOST_NAMES;
use crate::round::{Ending, Round, Step, page_bytes};
use crate::set::{Claim, Lacks, RECENT};
use crate::wire::Place;

impl<P: Clone + Ord, S: Kind> Turn<'_, P, S> {
    /// Whether so many of our elements fit one answer, with a quarter of it to spare, if they are as long as others.
    pub(super) fn fits_an_answer(&self, count: u64) -> bool {
        let State { digest, bytes } = self.set.state();
        let bytes = u128::from(bytes) * u128::from(count) / u128::from(digest.count().max(1));
        let part = State { digest: Digest::from_parts(count, 0), bytes: u64::try_from(bytes).unwrap_or(u64::MAX) };
        let room = u64::from(self.config.window.get()) * self.config.message_limit() as u64;
        page_bytes(part, S::WIDTH) <= room / 4 * 3
    }

    /// What a peer of this digest lacks, if the digest tells it; up to 2^17 elements.
    pub(super) fn lacks(&mut self, theirs: Digest) -> Option<Lacks> {
        if self.looks_back(theirs) { self.set.lacks(theirs) } else { None }
    }

    /// Charges a look for the state of a peer with this digest among those that ours has had, if that may tell anything.
    fn looks_back(&mut self, theirs: Digest) -> bool {
        let ours = self.set.digest();
        // The count of a map says nothing of its changes: the last ones are looked through.
        let behind = if S::FORGETS { RECENT as u64 } else { ours.count().saturating_sub(theirs.count()) };
        let may_tell = ours != theirs && behind <= MOST_NAMES as u64;
        self.spend(if may_tell { PASSED * behind } else { 0 });
        may_tell
    }

    /// Takes in the end of an answer that gives what a probe has told that we lack: these elements, or nothing.
    pub(super) fn on_lacking(&mut self, nonce: Nonce, theirs: State, held: &[Fingerprint]) {
        if S::FORGETS {
            return self.on_changes(nonce, theirs, held);
        }
        let Some(round) = &mut self.peer.round else { return };
        let (probed, log) = (round.probed(), round.peer_log());
        let given = probed.unwrap_or_default().with(held);
        if held.is_empty() || theirs.digest == self.set.digest() {
            self.close_or_walk(nonce, theirs);
        } else if !round.take_at_its_word() {
            self.walk(nonce, theirs);
        } else if given != theirs.digest {
            // Part of it came in another message, or is lost.
            self.go_to(nonce, Step::Probe(None));
        } else if self.hand.is_some() {
            // As after a repair: what has come since the probe is the pusher's to deliver.
            self.peer.pacing.answered(nonce);
            self.end_round(Ending::Exchanged);
            self.reconcile(None, Place::of_count(theirs.digest.count()), log);
        } else {
            // Just what our log has got since the probe, less that.
            let since = Place::of_count(probed.unwrap_or_default().count());
            let claim = Claim::of_names(self.set.names_since_but(since, held), S::WIDTH);
            self.go_to(nonce, Step::Repair(Repair::new(claim, theirs).into()));
        }
    }

    /// Takes in what a probe has told that we lack, of which some was dropped for want of room: it is not all there, and
    /// another probe may tell what is. Once in a round, or it would go on for as long as there is no room.
    pub(super) fn on_other_than_told(&mut self, nonce: Nonce) {
        if self.peer.round.as_deref_mut().is_some_and(Round::take_at_its_word) {
            self.go_to(nonce, Step::Probe(None));
        } else {
            self.peer.pacing.answered(nonce);
            self.end_round(Ending::Dropped);
        }
    }

    /// Repairs what differs from a peer whose digest alone tells it. Returns whether it does.
    pub(super) fn repair_known(&mut self, nonce: Nonce, theirs: State) -> bool {
        // A set may have no room for what it lacks, and says the same again.
        let again = !S::FORGETS && self.peer.round.as_deref().is_none_or(Round::took_at_its_word);
        if again || !self.looks_back(theirs.digest) {
            return false;
        }
        let Some(mut claim) = self.set.known_claim(theirs.digest) else { return false };
        claim.causal.iter_mut().for_each(|causal| causal.end = self.peer.known.end());
        self.peer.round.as_deref_mut().filter(|_| !S::FORGETS).map(Round::take_at_its_word);
        self.repair(nonce, claim, theirs);
        true
    }

    /// Repairs the set of a peer that has just these elements, of so many bytes, all of which we hold.
    pub(super) fn give_all_but(&mut self, nonce: Nonce, held: &[Fingerprint], bytes: u64) {
        self.spend(PASSED * self.set.len() as u64);
        let theirs = State { digest: Digest::from_parts(held.len() as u64, 0), bytes };
        let claim = Claim::of_names(self.set.names_except(held), S::WIDTH);
        self.go_to(nonce, Step::Repair(Repair::new(claim, theirs).into()));
    }
}
