//! Elements for messages: those of an interval, of a part of the log, of some names.

use alloc::vec::Vec;

use super::Set;
use crate::element::{Element, Entry, Fingerprint};
use crate::wire::{Bound, Elements, Place};

impl<E: Element> Set<E> {
    /// As many of our elements in an interval as fit `budget` bytes, except those `held`, which ascend; and the bound
    /// up to which that is all of them. O(elements in what is covered).
    pub(crate) fn page(&self, from: Bound, to: Bound, held: &[Fingerprint], budget: usize) -> (Elements, Bound) {
        let held = &held[held.partition_point(|&fingerprint| Bound::At(fingerprint) < from)..];
        let filled = Elements::fill(self.except(held, self.between(from, to)), budget);
        let covered = match (filled.last, filled.left_out) {
            (_, None) => to,
            (None, Some(_)) => from,
            (Some(last), Some(next)) => Bound::between(self.fingerprint(last), self.fingerprint(next)),
        };
        (filled.elements, covered)
    }

    /// As many elements of our log, from a place on, as fit `budget` bytes, but for those to `skip`; and up to where that is
    /// all: that very place if not one fits. O(elements looked at · log).
    pub(crate) fn batch(&self, from: Place, budget: usize, skip: impl Fn(Place) -> bool) -> (Place, Elements) {
        let mut most = usize::MAX;
        loop {
            let (mut entries, mut bytes, mut to) = (Vec::new(), 0, from);
            for (index, element) in (from.index()..).zip(self.store.log().from(from.index())) {
                if !skip(Place::new(index)) {
                    let (fingerprint, encoded) = self.fingerprinter.encode(element);
                    bytes += encoded.len();
                    if entries.len() == most || (bytes > budget && !entries.is_empty()) {
                        break;
                    }
                    entries.push(Entry { id: fingerprint.id, element });
                }
                to = Place::new(index + 1);
            }
            // Numbers travel in the order of their ids.
            entries.sort_unstable_by_key(|entry| entry.id);
            let filled = Elements::fill(entries.iter().copied(), budget);
            match filled.left_out {
                None => return (to, filled.elements),
                Some(_) if entries.len() == 1 => return (from, Elements::NONE),
                Some(_) => most = filled.elements.count().max(1),
            }
        }
    }

    /// A page that reaches up to a bound, and on to our next element before the end: to cover that as well costs
    /// nothing.
    pub(crate) fn page_to(&self, from: Bound, reach: Bound, end: Bound, budget: usize) -> (Elements, Bound) {
        let (elements, covered) = self.page(from, reach, &[], budget);
        let Bound::At(reached) = covered else { return (elements, covered) };
        if covered < reach || covered >= end {
            return (elements, covered);
        }
        let next = self.between(covered, end).next().map(|next| self.fingerprint(next));
        // It may be just there.
        (elements, next.map_or(end, |next| Bound::between(reached, next).min(Bound::At(next))))
    }

    /// As many of the elements of these names, that have `width` bits less than ids, as fit `budget` bytes, and of how
    /// many names that is all of them; at least of one, though it be the name of more than fit. O(elements given).
    pub(crate) fn named(&self, names: &[u64], width: u32, budget: usize) -> (Elements, usize) {
        let entries = names.iter().flat_map(|&name| self.store.named(name, width));
        let filled = Elements::fill(entries, budget);
        let taken = match filled.left_out {
            None => names.len(),
            Some(entry) => names.partition_point(|&name| name < entry.id >> width).max(1),
        };
        (filled.elements, taken)
    }

    /// The names of our elements, but for those `held`, which ascend. O(elements).
    pub(crate) fn names_except(&self, held: &[Fingerprint]) -> Vec<u64> {
        let unnamed = self.width.map_or(0, |width| width.unnamed_bits());
        let mut names: Vec<u64> = self.except(held, self.entries(0)).map(|entry| entry.id >> unnamed).collect();
        names.dedup();
        names
    }

    /// The entries of a name, which has `width` bits less than ids. Expected O(1).
    pub(crate) fn of_name(&self, name: u64, width: u32) -> impl Iterator<Item = Entry<'_, E>> + Clone {
        self.store.named(name, width)
    }

    /// For each name whether there may be entries of it; surely none if not. See `Store::may_name`.
    pub(crate) fn may_name(&self, names: &[u64], width: u32) -> Vec<bool> {
        self.store.may_name(names.iter().copied(), width)
    }

    pub(super) fn fingerprint(&self, entry: Entry<'_, E>) -> Fingerprint {
        self.fingerprinter.encode(entry.element).0
    }

    pub(super) fn entries(&self, id: u64) -> impl Iterator<Item = Entry<'_, E>> + Clone {
        self.store.from(id, |a, b| self.fingerprinter.compare(a, b))
    }

    fn between(&self, from: Bound, to: Bound) -> impl Iterator<Item = Entry<'_, E>> + Clone {
        // Only an entry that shares its id with a bound needs more than its id to be told inside from outside.
        let before = move |entry: Entry<'_, E>, bound: Bound| match bound {
            Bound::End => true,
            Bound::At(at) => entry.id < at.id || (entry.id == at.id && self.fingerprint(entry) < at),
        };
        let entries = match from {
            Bound::At(at) => Some(self.entries(at.id)),
            Bound::End => None,
        };
        entries
            .into_iter()
            .flatten()
            .skip_while(move |&entry| before(entry, from))
            .take_while(move |&entry| before(entry, to))
    }

    fn except<'a>(
        &'a self,
        held: &'a [Fingerprint],
        entries: impl Iterator<Item = Entry<'a, E>> + Clone,
    ) -> impl Iterator<Item = Entry<'a, E>> + Clone {
        let mut held = held;
        entries.filter(move |&entry| {
            while let [first, rest @ ..] = held
                && first.id < entry.id
            {
                held = rest;
            }
            let same = held.iter().take_while(|other| other.id == entry.id);
            let same = same.count();
            match same {
                0 => true,
                // What they hold is held here too: if it is the only one of its id here, it is this one.
                1 if self.store.of(entry.id).nth(1).is_none() => false,
                _ => !held[..same].contains(&self.fingerprint(entry)),
            }
        })
    }
}
