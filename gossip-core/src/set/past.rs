//! States of the set before the latest inserts, and their sketches.

use alloc::vec::Vec;
use core::ops::Range;

use super::Set;
use crate::element::Element;
use crate::sketch::{Cell, Prefix};
use crate::wire::Place;

/// Inserts that a state is remembered for: those between two parts of one sketch.
pub(crate) const RECENT: usize = 1_024;

impl<E: Element> Set<E> {
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

    /// Names of what was inserted since the log ended at `place`.
    pub(crate) fn names_since(&self, place: Place) -> impl Iterator<Item = u64> {
        let unnamed = Self::WIDTH.unnamed_bits();
        self.store.log().from(place.index()).map(move |element| self.fingerprinter.encode(element).0.id >> unnamed)
    }
}
