//! States of the set before the latest inserts, and their sketches.

use alloc::vec::Vec;
use core::ops::Range;

use super::{Claim, Excerpt, Set};
use crate::config::Room;
use crate::digest::Digest;
use crate::element::{Element, Entry, Fingerprint};
use crate::sketch::{Cell, Prefix};
use crate::wire::{Elements, Place};

/// Inserts, and changes of a map, that a state is remembered for: those between two parts of one sketch.
pub(crate) const RECENT: usize = 1_024;

/// What another set lacks of ours, and holds all else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lacks {
    /// Our log from this place on: it is our set as it was then.
    Since(Place),
    /// The one element of this fingerprint.
    One(Fingerprint),
}

impl<E: Element> Set<E> {
    /// What a set of this digest lacks of ours, if it is ours as it was some inserts ago, or ours but for one element;
    /// `None` if the digest does not tell, or if some elements share a fingerprint, of which it only counts them. O(elements that
    /// it counts fewer).
    ///
    /// Sets only grow, so the count of a digest is the place in the log at which it would be ours.
    pub(crate) fn lacks(&self, theirs: Digest) -> Option<Lacks> {
        let missing = self.digest.count().checked_sub(theirs.count()).filter(|missing| *missing > 0)?;
        if self.shares_fingerprints() {
            return None;
        }
        let place = Place::of_count(theirs.count());
        let mut digest = self.digest;
        self.fingerprints_since(place).for_each(|fingerprint| digest.remove(fingerprint));
        if digest == theirs {
            return Some(Lacks::Since(place));
        }
        // The difference of two sums is the fingerprint of the element that makes it, wherever that is in the log.
        let one = Fingerprint::from_value(self.digest.sum().wrapping_sub(theirs.sum()));
        (missing == 1 && self.of_fingerprint(one).is_some()).then_some(Lacks::One(one))
    }

    /// The name of the number that a set of this digest has and ours lacks, if that is all that the two differ by.
    pub(crate) fn lacked(&self, theirs: Digest) -> Option<u64> {
        if theirs.count() != self.digest.count().wrapping_add(1) || self.shares_fingerprints() {
            return None;
        }
        let one = Fingerprint::from_value(theirs.sum().wrapping_sub(self.digest.sum()));
        let element = self.fingerprinter.element::<E>(one.id)?;
        (self.fingerprinter.encode(&element).0 == one).then_some(one.id)
    }

    fn of_fingerprint(&self, fingerprint: Fingerprint) -> Option<Entry<'_, E>> {
        self.of_name(fingerprint.id, 0).find(|entry| self.fingerprinter.encode(entry.element).0 == fingerprint)
    }

    /// Fills a run with what another set lacks, as much as fits the room. Returns it with what is left to give.
    pub(crate) fn lacking(&self, lacks: Lacks, room: Room) -> (Elements, Option<Lacks>) {
        match lacks {
            Lacks::Since(place) => {
                let stretch = self.batch(place, core::iter::once(place.index()..self.len()), room, &Excerpt::default());
                let left = (stretch.to < self.end() && stretch.to > place).then_some(Lacks::Since(stretch.to));
                (stretch.elements, left)
            }
            Lacks::One(one) => (Elements::fill(self.of_fingerprint(one).into_iter(), room).elements, None),
        }
    }

    /// The claim of a set that lacks some of ours, by its digest alone.
    pub(crate) fn known_claim(&self, theirs: Digest) -> Option<Claim> {
        self.lacks(theirs).map(|lacks| Claim::of_names(self.names_lacking(lacks), Self::WIDTH))
    }

    /// Names of what another set lacks, ascending.
    fn names_lacking(&self, lacks: Lacks) -> Vec<u64> {
        match lacks {
            Lacks::Since(place) => Self::names(self.fingerprints_since(place)),
            Lacks::One(one) => Self::names(core::iter::once(one)),
        }
    }

    /// End of the log when the digest had this tag; `None` if that is more than [`RECENT`] inserts ago, or never was.
    /// O(inserts since).
    pub(crate) fn place_of(&self, tag: u64) -> Option<Place> {
        let (mut digest, mut held) = (self.digest, self.store.len());
        // Digests of the past are not kept, which would cost every insert; they are computed backwards, an insert at a
        // time, 1 024 at the most.
        let mut newest = self.store.log().from(held.saturating_sub(RECENT)).rev();
        while digest.tag() != tag {
            digest.remove(self.fingerprinter.encode(newest.next()?).0);
            held -= 1;
        }
        Some(Place::new(held))
    }

    /// Cells of the sketch as they were when the log ended at `place`; `None` if there are not as many.
    pub(crate) fn cells(&self, range: Range<usize>, place: Place) -> Option<Vec<Cell>> {
        let tables = self.tables.as_ref()?;
        let mut cells = tables.covering(range.end).sequence(range.clone())?;
        // An element that is added to its cells once more is gone from them.
        self.names_since(place).for_each(|name| tables.key().toggle_in_sequence(&mut cells, range.start, name));
        Some(cells)
    }

    /// Subtracts the set, as it was when the log ended at `place`, from a peer's first cells. `None` if our own cells
    /// are fewer.
    pub(crate) fn subtract(&self, cells: &[Cell], place: Place) -> Option<Prefix> {
        let tables = self.tables.as_ref()?;
        let mut cells = cells.to_vec();
        // Added to the peer's cells, which are copied anyway: there they cancel against the table, which is of now.
        let since = self.names_since(place);
        since.for_each(|name| tables.key().toggle_in_sequence(&mut cells, 0, name));
        tables.covering(cells.len()).difference(&cells)
    }

    /// Names of what was inserted since the log ended at `place`, but for the elements of these fingerprints, which
    /// ascend; ascending.
    pub(crate) fn names_since_but(&self, place: Place, held: &[Fingerprint]) -> Vec<u64> {
        Self::names(self.fingerprints_since(place).filter(|other| held.binary_search(other).is_err()))
    }

    /// Names of what was inserted since the log ended at `place`, in that order.
    pub(crate) fn names_since(&self, place: Place) -> impl Iterator<Item = u64> {
        self.fingerprints_since(place).map(|fingerprint| fingerprint.id >> Self::WIDTH.unnamed_bits())
    }

    fn fingerprints_since(&self, place: Place) -> impl Iterator<Item = Fingerprint> {
        self.store.log().from(place.index()).map(|element| self.fingerprinter.encode(element).0)
    }

    /// The names of these, ascending, each once.
    fn names(fingerprints: impl Iterator<Item = Fingerprint>) -> Vec<u64> {
        let mut names: Vec<_> = fingerprints.map(|fingerprint| fingerprint.id >> Self::WIDTH.unnamed_bits()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
