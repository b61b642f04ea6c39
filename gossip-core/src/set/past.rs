//! What the set was: the states before the latest inserts, and their sketches.

use alloc::vec::Vec;
use core::ops::Range;

use super::Set;
use crate::element::Element;
use crate::sketch::{Cell, IdWidth, Prefix};
use crate::wire::Place;

/// How many inserts back a state is remembered: those between two parts of one sketch.
pub(crate) const RECENT: usize = 1_024;

impl<E: Element> Set<E> {
    /// Where the log ended when the digest had this tag; `None` if that is too long ago, or never was. O(1) while nothing
    /// has been inserted since.
    pub(crate) fn place_of(&self, tag: u64) -> Option<Place> {
        let (mut digest, mut held) = (self.digest, self.store.len());
        let mut newest = self.store.log().from(held.saturating_sub(RECENT)).rev();
        while digest.tag() != tag {
            digest.remove(self.fingerprinter.encode(newest.next()?).0);
            held -= 1;
        }
        Some(Place::new(held))
    }

    /// A range of the cells of our sketch, as they were when the log ended at `place`; `None` where there are not as many.
    pub(crate) fn cells(&self, range: Range<usize>, place: Place) -> Option<Vec<Cell>> {
        let tables = self.tables.as_ref()?;
        let mut cells = tables.covering(range.end).sequence(range.clone())?;
        let width = self.width.unwrap_or_default();
        self.names_since(place, width).for_each(|name| tables.key().toggle_in_sequence(&mut cells, range.start, name));
        Some(cells)
    }

    /// What our log up to `place` leaves of a peer's cells, the first of a sequence, once it is taken away. `None` where
    /// our own cells are fewer.
    pub(crate) fn subtract(&self, cells: &[Cell], width: IdWidth, place: Place) -> Option<Prefix> {
        let tables = self.tables.as_ref()?;
        let mut cells = cells.to_vec();
        let since = self.names_since(place, width);
        since.for_each(|name| tables.key().toggle_in_sequence(&mut cells, 0, name));
        tables.covering(cells.len()).difference(&cells)
    }

    /// The names of what was inserted since the log ended at `place`.
    pub(crate) fn names_since(&self, place: Place, width: IdWidth) -> impl Iterator<Item = u64> {
        let unnamed = width.unnamed_bits();
        self.store.log().from(place.index()).map(move |element| self.fingerprinter.encode(element).0.id >> unnamed)
    }
}
