//! Pages and their answers: what a page of the peer's asks for is owed, and what comes back to one of ours is covered.

use super::budget::LOOKED_FOR;
use super::owed::{Listing, Owed};
use super::turn::Turn;
use crate::digest::{Digest, State};
use crate::kind::Kind;
use crate::message::Nonce;
use crate::round::repair::Repair;
use crate::round::walk::{Outcome, Progress};
use crate::round::{Ending, Round, Step};
use crate::set::Claim;
use crate::wire::Bound;

impl<P: Clone + Ord, S: Kind> Turn<'_, P, S> {
    /// Owes what a page asks for, once its last message has come. Where one was lost the answer ends, and the peer goes on
    /// from there.
    pub(super) fn owe_page(
        &mut self,
        nonce: Nonce,
        page: (Bound, Bound),
        mut listing: Listing,
        ends: Option<(u16, bool)>,
    ) {
        let (mut cursor, mut to) = page;
        match self.peer.owed.take().map(|owed| *owed) {
            // A copy of the last message, whose answer is under way.
            Some(owed @ Owed::Page { nonce: same, window: 1.., .. }) if same == nonce => {
                self.peer.owed = Some(owed.into());
                return;
            }
            Some(Owed::Page { nonce: same, cursor: begins, to: end, mut held, .. }) if same == nonce => {
                if page.0 != end || end.excess() > 0 || !held.join(listing) {
                    to = end;
                }
                (cursor, listing) = (begins, held);
            }
            _ => {}
        }
        let (window, wants_state) = ends.unwrap_or((0, false));
        self.owe(Owed::Page { nonce, cursor, to, held: listing, window, wants_state });
    }

    /// Notes what the peer wants of what our pages have listed by ids.
    pub(super) fn note_wanted(&mut self, nonce: Nonce, wanted: impl Iterator<Item = u64>) {
        let most = self.set.len();
        if let Some(Step::Walk(walk)) = self.awaiting(nonce).map(Round::step_mut) {
            walk.note_wanted(wanted, most);
        }
    }

    /// Takes in part of an answer to a page of ours. `told` is the last digest that the peer told in this walk.
    pub(super) fn on_page_answer(
        &mut self,
        nonce: Nonce,
        (from, to): (Bound, Bound),
        last: bool,
        told: Option<Digest>,
    ) {
        let (ours, window) = (self.set.digest(), usize::from(self.config.window.get()));
        let is_equal = told == Some(ours);
        // A digest only counts elements of one fingerprint: halfway through them both sides may have as many, and other ones.
        if is_equal && !self.set.shares_fingerprints() {
            return self.close(nonce, ours);
        }
        let Some(Step::Walk(walk)) = self.peer.round.as_deref_mut().map(Round::step_mut) else { return };
        match walk.cover(from, to, last, window) {
            Progress::None => {}
            Progress::Some => self.wait_on(nonce),
            Progress::Page => self.go_on(nonce),
            Progress::Done => {
                let outcome = walk.outcome();
                self.peer.walked();
                match outcome {
                    Some(Outcome::Given(given)) => {
                        let bytes = self.set.state().bytes;
                        self.give_all_but(nonce, &given, bytes);
                    }
                    Some(Outcome::Wanted(wanted, theirs)) => self.give_wanted(nonce, &wanted, theirs),
                    None if is_equal => self.close(nonce, ours),
                    // All is exchanged, but one side has changed meanwhile. The next round proves it, or finds what is
                    // new.
                    None if S::FORGETS && told.is_some() => self.settle_walk(nonce, told.unwrap_or_default()),
                    None => {
                        self.peer.pacing.answered(nonce);
                        self.end_round(Ending::Exchanged);
                    }
                }
            }
        }
    }

    /// Repairs the set of a peer of this digest, which wants those of our elements that have such ids.
    fn give_wanted(&mut self, nonce: Nonce, wanted: &[u64], theirs: Digest) {
        self.spend(LOOKED_FOR * wanted.len() as u64);
        // Ids of 32 bits may be alike: what then is still missing another round finds, and that lists no ids again.
        self.peer.lists_whole = true;
        let claim = Claim::of_names(self.set.names_of(wanted), S::WIDTH);
        self.go_to(nonce, Step::Repair(Repair::new(claim, State { digest: theirs, bytes: 0 }).into()));
    }
}
