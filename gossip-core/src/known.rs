//! `Known`: what is known of a peer's set, by rounds and pushes alike.

use crate::digest::Digest;
use crate::message::LogId;
use crate::wire::Place;

/// What is known of a peer's set: what both had at the last proof, and how far each has the other's log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Known {
    /// The digest of the last proof of equality.
    proof: Option<Digest>,
    /// The peer's log, once the peer has named it.
    log: Option<LogId>,
    /// Up to where the peer has our log.
    acked: Place,
    /// Up to where we have the peer's.
    received: Place,
}

impl Known {
    pub(crate) const fn proof(&self) -> Option<Digest> {
        self.proof
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
        let agreed = self.proof?.count();
        Some((Place::new(usize::try_from(agreed).ok()?), count.checked_sub(agreed)?))
    }

    /// Both had this digest.
    pub(crate) const fn prove(&mut self, digest: Digest) {
        self.proof = Some(digest);
    }

    /// The peer has our log up to here. Returns whether that is news.
    pub(crate) fn acknowledge(&mut self, place: Place) -> bool {
        let is_news = place > self.acked;
        self.acked = self.acked.max(place);
        is_news
    }

    /// We have the peer's log up to here.
    pub(crate) fn receive(&mut self, place: Place) {
        self.received = self.received.max(place);
    }

    /// The peer names its log for the first time, and says up to where it knows that we have it, and up to where it has
    /// ours. Returns whether that is less than we thought.
    ///
    /// Without a name there were proofs alone, and those may have been of a log that the peer has forgotten.
    pub(crate) fn name_log(&mut self, log: LogId, received: Place, acked: Place) -> bool {
        let knew_more = received < self.received || acked < self.acked;
        self.log = Some(log);
        self.received = self.received.min(received);
        self.acked = self.acked.min(acked);
        knew_more
    }

    /// The peer has begun another log, and knows ours no more.
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
