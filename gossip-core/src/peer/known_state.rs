//! What is known of how much a map differs from a peer's without its sketch: what has changed since the last proof.

use super::turn::Turn;
use crate::digest::{Digest, State};
use crate::element::Fingerprint;
use crate::kind::Kind;
use crate::message::Nonce;
use crate::round::Step;
use crate::sketch::{DeepBits, Estimate, Evidence};

/// Names by which marks differ where one side has written: the old one and the new one.
const MARKS: u64 = 2;

impl<P: Clone + Ord, S: Kind> Turn<'_, P, S> {
    /// The difference from a peer with this digest and these deep bits, as it is estimated or known; `None` if we keep no
    /// sketch.
    pub(super) fn estimate(&self, deep: &DeepBits, theirs: Digest) -> Option<Estimate> {
        let mut deep = *deep;
        deep.subtract(&self.set.tables()?.covering(0).deep_bits(deep.width()));
        let mut evidence = Evidence::at_least(theirs.count().abs_diff(self.set.digest().count()));
        evidence.deep_bits(&deep, 0);
        Some(self.known_or_seen(evidence.estimate()))
    }

    /// The difference that was `seen` in a peer's deep bits, or the number of changes since the last proof where that agrees
    /// with them. An estimate errs by a quarter: of 10 updates one in three sent twice the cells that it took, or too few.
    ///
    /// It does not agree where changes undid each other, as many updates of one key do.
    pub(super) fn known_or_seen(&self, seen: Estimate) -> Estimate {
        // Without a change nothing would differ: then the peer's log is another one.
        let changes = self.peer.known.changes_since_proof(self.set.end());
        let changes = changes.filter(|&changes| S::FORGETS && changes > 0);
        // Cells for one in 32 more: of 30 sketches of 20 000 names one could not be read without them.
        let known = changes.map(|changes| changes + changes / 32 + MARKS);
        let known = known.filter(|known| (seen.shifted(-3_000)..=seen.shifted(3_000)).contains(known));
        known.map_or(seen, |differences| Estimate { differences, sigma: 0 })
    }

    /// Takes in the end of an answer to a probe of our map, which gives what has changed at the peer since it was as ours: these
    /// entries, dots that are gone, or nothing.
    pub(super) fn on_changes(&mut self, nonce: Nonce, theirs: State, held: &[Fingerprint]) {
        let ours = self.set.digest();
        let Some(round) = &mut self.peer.round else { return };
        if theirs.digest == ours {
            self.close(nonce, ours);
        } else if round.probed() != Some(ours) && (!held.is_empty() || round.take_at_its_word()) {
            // Part of it came in another message, or is lost, or a mark was raised there. With nothing but dots once, or
            // writes of our own would pass for them for as long as we write.
            self.go_to(nonce, Step::Probe(None));
        } else {
            self.walk(nonce, theirs);
        }
    }
}
