//! `Known`: what is known of a peer's set, read by rounds and pushes alike.

use crate::digest::Digest;
use crate::message::LogId;
use crate::wire::Place;

/// What is known of a peer's set: the set that both had at the last proof, and how far each side has the other's log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Known {
    /// The digest of the last proof of equality.
    proof: Option<Digest>,
    /// Where both logs ended then, ours first, of a map: its counts are no places.
    ends: (Place, Place),
    /// Where the peer's log ended as it sent its last message, of a map.
    end: Place,
    /// The largest set that both are known to hold, whether a proof or a repair says so.
    common: Option<Common>,
    /// Id of the peer's log, once the peer has named it.
    log: Option<LogId>,
    /// The peer has our log up to here.
    acked: Place,
    /// We have the peer's log up to here.
    received: Place,
}

/// A set that both sides hold: our log up to a place, but for some elements of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Common {
    count: u64,
    place: Place,
}

impl Known {
    pub(crate) const fn proof(&self) -> Option<Digest> {
        self.proof
    }

    /// Whether nothing is known that both hold.
    pub(crate) const fn is_stranger(&self) -> bool {
        self.common.is_none()
    }

    pub(crate) const fn log(&self) -> Option<LogId> {
        self.log
    }

    pub(crate) const fn acked(&self) -> Place {
        self.acked
    }

    pub(crate) const fn received(&self) -> Place {
        self.received
    }

    /// Where our log ended at the last proof, and how many elements a peer that holds `count` has got since; `None` if
    /// there was no proof, or the peer has lost its memory.
    pub(crate) fn since_proof(&self, count: u64) -> Option<(Place, u64)> {
        // Sets only grow, so a digest's count is a place in the log. A peer with fewer elements than were proven has
        // forgotten some; one that has caught up again is found out by the digest.
        let agreed = self.proof?.count();
        Some((Place::new(usize::try_from(agreed).ok()?), count.checked_sub(agreed)?))
    }

    /// Where our log ended when both sides were last known to hold the same, and how many elements are then held by one
    /// side alone: by a peer that holds `count`, or by us before that place. `None` as above.
    ///
    /// A peer does not know what its answers to a repair tell us, so only `since_proof` says what it can read.
    pub(crate) fn since_common(&self, count: u64) -> Option<(Place, u64)> {
        let Common { count: both, place } = self.common?;
        Some((place, count.checked_sub(both)? + (place.index() as u64).saturating_sub(both)))
    }

    /// Notes a proof that both sets have this digest.
    pub(crate) fn prove(&mut self, digest: Digest) {
        self.proof = Some(digest);
        self.share(digest.count(), Place::of_count(digest.count()));
    }

    /// Where the log of a peer's map ended as it sent its last message.
    pub(crate) const fn end(&self) -> Place {
        self.end
    }

    /// Notes where the log of a peer's map ended as it sent this message.
    pub(crate) const fn note_end(&mut self, end: Place) {
        self.end = end;
    }

    /// Notes a proof that both maps have this digest, which ours has had since its log ended at `ours`.
    pub(crate) const fn note_proof(&mut self, digest: Digest, ours: Place) {
        (self.proof, self.ends) = (Some(digest), (ours, self.end));
    }

    /// How many changes both maps have had since the last proof, if our log ends at `ours`; `None` if there was no proof, or
    /// the peer has lost its memory.
    pub(crate) fn changes_since_proof(&self, ours: Place) -> Option<u64> {
        self.proof?;
        let (our_end, their_end) = self.ends;
        Some(ours.checked_since(our_end)? as u64 + self.end.checked_since(their_end)? as u64)
    }

    /// Notes that both hold `count` elements of our log up to `place`.
    pub(crate) fn share(&mut self, count: u64, place: Place) {
        // Proofs may come late, and then say less than a repair since.
        if self.common.is_none_or(|common| common.count < count) {
            self.common = Some(Common { count, place });
        }
    }

    /// Notes that the peer has our log up to here. Returns whether that is news.
    pub(crate) fn acknowledge(&mut self, place: Place) -> bool {
        // Never backwards: messages overtake each other, and an older acknowledgement takes nothing back.
        let is_news = place > self.acked;
        self.acked = self.acked.max(place);
        is_news
    }

    /// Notes that the peer holds `count` elements. It has begun anew if those are fewer than it had of ours: sets only
    /// grow. A peer that names its log says so itself, and is believed when it does.
    pub(crate) fn count(&mut self, count: u64) {
        if self.log.is_none() && Place::of_count(count) < self.acked {
            self.acked = Place::START;
        }
    }

    /// Forgets how far the logs are known, which decides nothing where nobody pushes.
    #[cfg(feature = "model")]
    pub(crate) const fn forget_places(&mut self) {
        (self.acked, self.received) = (Place::START, Place::START);
    }

    /// Notes that we have the peer's log up to here.
    pub(crate) fn receive(&mut self, place: Place) {
        self.received = self.received.max(place);
    }

    /// Notes the id of the peer's log when the peer names it for the first time, with how far it knows that we have it
    /// and how far it has ours. Returns whether that is less than we knew.
    ///
    /// All that was known before came from proofs, and those may be of a log that the peer has forgotten since.
    pub(crate) fn name_log(&mut self, log: LogId, received: Place, acked: Place) -> bool {
        let knew_more = received < self.received || acked < self.acked;
        self.log = Some(log);
        self.received = self.received.min(received);
        self.acked = self.acked.min(acked);
        knew_more
    }

    /// Notes the id of another log of the peer's: it has begun anew, and has nothing of ours.
    pub(crate) const fn rename_log(&mut self, log: LogId) {
        (self.log, self.received, self.acked) = (Some(log), Place::START, Place::START);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_got_since_the_last_proof_is_known_unless_it_lost_its_memory() {
        let mut known = Known::default();
        assert_eq!(known.since_proof(7), None);
        known.prove(Digest::from_parts(10, 1));
        let at = |since| Some((Place::new(10), since));
        assert_eq!([9, 10, 13].map(|count| known.since_proof(count)), [None, at(0), at(3)]);
    }

    #[test]
    fn what_has_changed_since_the_last_proof_is_known_unless_a_log_has_begun_anew() {
        let mut known = Known::default();
        known.note_end(Place::new(7));
        assert_eq!(known.changes_since_proof(Place::new(9)), None);
        known.note_proof(Digest::from_parts(10, 1), Place::new(5));
        let changes = [(5, 7), (6, 9), (5, 6)].map(|(ours, theirs)| {
            known.note_end(Place::new(theirs));
            known.changes_since_proof(Place::new(ours))
        });
        assert_eq!(changes, [Some(0), Some(3), None]);
    }

    #[test]
    fn a_peer_with_fewer_elements_than_it_had_of_ours_has_begun_anew() {
        let counted = |log: Option<LogId>, count| {
            let mut known = Known { log, ..Known::default() };
            known.acknowledge(Place::new(7));
            known.count(count);
            known.acked().index()
        };
        assert_eq!([7, 6].map(|count| counted(None, count)), [7, 0]);
        assert_eq!(counted(Some(LogId::from_bits(3)), 6), 7);
    }

    #[test]
    fn what_one_side_alone_holds_is_known_after_a_repair_as_well() {
        let mut known = Known::default();
        assert_eq!(known.since_common(7), None);
        known.prove(Digest::from_parts(10, 1));
        assert_eq!(known.since_common(12), Some((Place::new(10), 2)));
        // Three of ours came while elements were fetched.
        known.share(20, Place::new(23));
        assert_eq!(
            [19, 20, 25].map(|count| known.since_common(count)),
            [None, Some((Place::new(23), 3)), Some((Place::new(23), 8))]
        );
        // A late proof says less, and is one all the same.
        known.prove(Digest::from_parts(15, 1));
        assert_eq!(known.since_common(20), Some((Place::new(23), 3)));
        assert_eq!(known.since_proof(20), Some((Place::new(15), 5)));
    }

    #[test]
    fn a_peer_that_has_less_than_was_proven_has_forgotten_it() {
        let name = |received, acked| {
            let mut known = Known::default();
            known.receive(Place::new(5));
            assert!(known.acknowledge(Place::new(7)) && !known.acknowledge(Place::new(7)));
            let has_forgotten = known.name_log(LogId::from_bits(3), Place::new(received), Place::new(acked));
            assert_eq!(known.log(), Some(LogId::from_bits(3)));
            (has_forgotten, known.received().index(), known.acked().index())
        };
        assert_eq!([name(5, 7), name(6, 8)], [(false, 5, 7); 2]);
        assert_eq!(name(4, 7), (true, 4, 7));
        assert_eq!(name(5, 6), (true, 5, 6));
    }
}
