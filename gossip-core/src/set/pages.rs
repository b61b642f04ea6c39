//! Elements for messages: of an interval, of a part of the log, of names.

use alloc::vec::Vec;
use core::ops::Range;

use super::{Excerpt, Set};
use crate::codec::{Encode, varint_len};
use crate::config::Room;
use crate::element::{Element, Entry, Fingerprint, Rank};
use crate::sketch::IdWidth;
use crate::wire::{Bound, Dots, Elements, Ids, Place, WISH, id_bits};

/// What a peer has listed, ascending.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Held<'a> {
    Elements(&'a [Fingerprint]),
    /// The first 32 bits of ids.
    Ids(&'a [u64]),
}

impl Held<'_> {
    pub(crate) const NONE: Self = Self::Elements(&[]);

    /// What of it may lie behind a bound.
    fn from(self, bound: Bound) -> Self {
        match self {
            Self::Elements(held) => {
                let past = |&fingerprint: &Fingerprint| Bound::after(Rank::last(fingerprint)) <= bound;
                Self::Elements(&held[held.partition_point(past)..])
            }
            Self::Ids(held) => Self::Ids(&held[held.partition_point(|&id| Bound::after_name(id, WISH) <= bound)..]),
        }
    }

    /// How many of it lie before a bound.
    pub(crate) fn before(self, bound: Bound) -> usize {
        match self {
            Self::Elements(held) => held.partition_point(|&held| Bound::At(Rank::first(held)) < bound),
            Self::Ids(held) => held.partition_point(|&id| Bound::of_name(id, WISH) < bound),
        }
    }
}

/// Elements of part of the log.
#[derive(Debug)]
pub(crate) struct Stretch {
    /// The place up to which they are complete: where the part begins if not one fits.
    pub(crate) to: Place,
    pub(crate) elements: Elements,
    /// How many elements it took to find out, those that were tried twice counted twice.
    pub(crate) tried: usize,
    /// Dots that went in the part; of a map.
    pub(crate) gone: Dots,
}

impl<E: Element> Set<E> {
    /// Fills a run with the elements of an interval, but for those `held`, which ascend, as many as fit the room with the
    /// excess of both bounds. Returns it with the bound up to which it is complete. O(elements up to there).
    pub(crate) fn page(&self, from: Bound, to: Bound, held: Held<'_>, room: impl Into<Room>) -> (Elements, Bound) {
        let room = room.into().less(from.excess());
        let (elements, covered) = self.run(from, to, held, room);
        let bytes = if elements.count() == 1 { room.of_one } else { room.of_many };
        if elements.encoded_len() + covered.excess() <= bytes || covered.excess() == 0 {
            return (elements, covered);
        }
        // It ends among elements of one fingerprint, where bounds are longer. Wherever it ends then, that will fit.
        self.run(from, to, held, room.less(Bound::MOST_EXCESS))
    }

    /// Fills a run as [`page`](Self::page) does, whatever its bounds take.
    fn run(&self, from: Bound, to: Bound, held: Held<'_>, room: Room) -> (Elements, Bound) {
        let held = held.from(from);
        let filled = Elements::fill(self.except(held, self.between(from, to)), room);
        let covered = match (filled.last, filled.left_out) {
            (_, None) => to,
            (None, Some(_)) => from,
            (Some(last), Some(next)) => {
                let (last, next) = (self.rank(last), self.rank(next));
                // Two of one rank go together. Only where they fill a message of their own does the second stay behind,
                // for pushes and repairs to bring: whoever makes such elements finds 176 bits of two hashes alike.
                if last == next && Bound::At(next) > from {
                    return self.run(from, Bound::At(next), held, room);
                }
                // Up to what is left out: any bound between the two is right, and the shortest has a few of the 16
                // bytes of a fingerprint.
                Bound::between(last, next)
            }
        };
        (filled.elements, covered)
    }

    /// Goes on with an excerpt, by these parts of the log, until its encodings take more than `most` bytes.
    pub(crate) fn look_on(&self, excerpt: &mut Excerpt, parts: impl Iterator<Item = Range<usize>>, most: usize) {
        let mut encoding = Vec::new();
        let log = parts.flat_map(|part| part.clone().zip(self.store.log().range(part)));
        let looked_at = log.map(|(index, element)| {
            encoding.clear();
            element.encode(&mut encoding);
            (index, self.fingerprinter.id(element, &encoding), encoding.len())
        });
        excerpt.extend(looked_at, most);
    }

    /// Fills a run with the elements of these parts of the log, which begin at `from` or behind and reach to its end, as
    /// many as fit the room. `shared` is an excerpt for other peers that reaches as far perhaps; if it does not, the elements
    /// are looked at for this one. O(n log n) for n elements tried.
    pub(crate) fn batch(
        &self,
        from: Place,
        parts: impl Iterator<Item = Range<usize>> + Clone,
        room: impl Into<Room>,
        shared: &Excerpt,
    ) -> Stretch {
        let room = room.into();
        let (mut own, mut most, mut tried) = (None, usize::MAX, 0);
        loop {
            let excerpt = own.as_ref().unwrap_or(shared);
            // By encodings, which are a guess: the run may take more or less.
            let Some(first) = excerpt.first(parts.clone(), most, room.of_many) else {
                self.look_on(own.insert(Excerpt::default()), parts.clone(), room.of_many);
                continue;
            };
            tried += first.count + usize::from(first.ends_before.is_some());
            // Ids travel ascending, as distances.
            let ascending =
                excerpt.in_order(&first).map(|(id, index)| Entry { id, element: self.store.log().get(index) });
            let filled = Elements::fill(ascending, room);
            match filled.left_out {
                None => {
                    // What lies between two parts is covered as well, so that the peer acknowledges beyond it.
                    let to = first.ends_before.map_or(self.end(), Place::new);
                    return Stretch { to, elements: filled.elements, tried, gone: Dots::default() };
                }
                Some(_) if first.count == 1 => {
                    return Stretch { to: from, elements: Elements::NONE, tried, gone: Dots::default() };
                }
                // A few ids take more than encodings: of `u8`s up to 8 bytes for 1. Those left out have the largest
                // ids, not the last places, so the log is tried again for as many as fitted.
                Some(_) => most = filled.elements.count().max(1),
            }
        }
    }

    /// Whether the elements of these parts of the log take at most `budget` bytes in one run, as far as their encodings
    /// and their number tell, and how many of them it took to know. O(elements that fit).
    pub(crate) fn fits(&self, parts: impl Iterator<Item = Range<usize>>, budget: usize) -> (bool, usize) {
        let (mut count, mut bytes, mut encoding) = (0, 0, Vec::new());
        for element in parts.flat_map(|part| self.store.log().range(part)) {
            encoding.clear();
            element.encode(&mut encoding);
            (count, bytes) = (count + 1, bytes + encoding.len());
            if bytes > budget {
                return (false, count);
            }
        }
        let of_ids = count as u64 * id_bits(count as u64) / 8;
        let run = if Self::WIDTH == IdWidth::Bits64 { of_ids } else { bytes as u64 };
        (varint_len(count as u64) as u64 + 1 + run <= budget as u64, count)
    }

    /// As [`page`](Self::page) up to `reach`, but complete up to the next element before `end`: to cover the gap as
    /// well costs nothing.
    pub(crate) fn page_to(&self, from: Bound, reach: Bound, end: Bound, room: impl Into<Room>) -> (Elements, Bound) {
        let (elements, covered) = self.page(from, reach, Held::NONE, room);
        let Bound::At(reached) = covered else { return (elements, covered) };
        if covered < reach || covered >= end {
            return (elements, covered);
        }
        let next = self.between(covered, end).next().map(|next| self.rank(next));
        // The next one may be just at the reach: then the bound is at it, since it is not listed.
        let next = next.map_or(end, |next| Bound::between(reached, next).min(Bound::At(next)));
        // No room was left for a longer bound.
        (elements, if next.excess() > covered.excess() { covered } else { next })
    }

    /// Fills a run with the elements of these names, which have `width` bits less than ids, as many as fit the room.
    /// Returns it with the number of names that it completes: one at least, even if more elements share it than
    /// fit. O(elements in the run).
    pub(crate) fn named(&self, names: &[u64], width: u32, room: impl Into<Room>) -> (Elements, usize) {
        let entries = names.iter().flat_map(|&name| self.store.named(name, width));
        let filled = Elements::fill(entries, room);
        let taken = match filled.left_out {
            None => names.len(),
            // One at least: a name of more elements than fit would be asked for, and answered alike, for ever.
            Some(entry) => names.partition_point(|&name| name < entry.id >> width).max(1),
        };
        (filled.elements, taken)
    }

    /// Of the fingerprints of all elements that a peer holds in an interval, which ascend and are held here too: those
    /// that no further element has there. Where one has, all of that fingerprint are to be sent.
    pub(crate) fn told_apart(&self, held: Vec<Fingerprint>, from: Bound, to: Bound) -> Vec<Fingerprint> {
        if !self.store.shares_ids() {
            return held;
        }
        let alone = held.chunk_by(PartialEq::eq).filter(|same| {
            let (first, after) = (Bound::At(Rank::first(same[0])), Bound::after(Rank::last(same[0])));
            self.between(from.max(first), to.min(after)).nth(same.len()).is_none()
        });
        alone.map(|same| same[0]).collect()
    }

    /// Names of the elements, but for those that a peer holds, which has listed all its elements. O(elements).
    pub(crate) fn names_except(&self, held: &[Fingerprint]) -> Vec<u64> {
        let held = &self.told_apart(held.to_vec(), Bound::START, Bound::End)[..];
        let unnamed = Self::WIDTH.unnamed_bits();
        let entries = self.except(Held::Elements(held), self.entries(Rank::default()));
        let mut names: Vec<u64> = entries.map(|entry| entry.id >> unnamed).collect();
        names.dedup();
        names
    }

    /// Entries of a name, which has `width` bits less than ids. Expected O(1).
    pub(crate) fn of_name(&self, name: u64, width: u32) -> impl Iterator<Item = Entry<'_, E>> + Clone {
        self.store.named(name, width)
    }

    /// Returns for each name whether it may have entries; surely none if not. See `Store::may_name`.
    pub(crate) fn may_name(&self, names: &[u64], width: u32) -> Vec<bool> {
        self.store.may_name(names.iter().copied(), width)
    }

    fn fingerprint(&self, entry: Entry<'_, E>) -> Fingerprint {
        self.fingerprinter.encode(entry.element).0
    }

    pub(super) fn rank(&self, entry: Entry<'_, E>) -> Rank {
        self.fingerprinter.rank(entry.element)
    }

    /// The entries from the first whose rank is at least `first`, in order.
    pub(super) fn entries(&self, first: Rank) -> impl Iterator<Item = Entry<'_, E>> + Clone {
        self.store.from(first, |entry| self.rank(entry))
    }

    fn between(&self, from: Bound, to: Bound) -> impl Iterator<Item = Entry<'_, E>> + Clone {
        // Only an entry that shares its id with a bound needs more than its id to be told inside from outside.
        let before = move |entry: Entry<'_, E>, bound: Bound| match bound {
            Bound::End => true,
            Bound::At(at) => {
                let Fingerprint { id, .. } = at.fingerprint;
                entry.id < id || (entry.id == id && self.rank(entry) < at)
            }
        };
        let entries = match from {
            Bound::At(at) => Some(self.entries(at)),
            Bound::End => None,
        };
        entries.into_iter().flatten().take_while(move |&entry| before(entry, to))
    }

    fn except<'a>(
        &'a self,
        held: Held<'a>,
        entries: impl Iterator<Item = Entry<'a, E>> + Clone,
    ) -> impl Iterator<Item = Entry<'a, E>> + Clone {
        // Both ascend, so one pass over the two does.
        let mut held = held;
        entries.filter(move |&entry| match &mut held {
            Held::Elements(held) => {
                while let [first, rest @ ..] = *held
                    && first.id < entry.id
                {
                    *held = rest;
                }
                // What they hold is held here too: if ids tell all of ours apart, it is this one.
                if held.first().is_none_or(|other| other.id != entry.id) {
                    return true;
                }
                self.store.shares_ids() && held.binary_search(&self.fingerprint(entry)).is_err()
            }
            Held::Ids(held) => {
                while let [first, rest @ ..] = *held
                    && *first < entry.id >> WISH
                {
                    *held = rest;
                }
                held.first() != Some(&(entry.id >> WISH))
            }
        })
    }

    /// The first 32 bits of the ids from a bound to `reach`, as many as fit so many bytes. Returns them with the bound up to
    /// which they are complete: where all fit, that before the next element before `end`.
    pub(crate) fn listed(&self, from: Bound, reach: Bound, end: Bound, room: usize) -> (Ids, Bound) {
        // They take a byte each at the least.
        let mut ids: Vec<u64> = self.between(from, reach).map(|entry| entry.id >> WISH).take(room).collect();
        let is_cut = ids.len() == room;
        ids.dedup();
        let listed = Ids::fill(&ids, room);
        let next = match ids.get(listed.count()) {
            Some(&next) => Bound::of_name(next, WISH),
            None if is_cut => ids.last().map_or(reach, |&last| Bound::after_name(last, WISH)).min(reach),
            None => {
                self.between(reach, end).next().map_or(end, |next| Bound::of_name(next.id >> WISH, WISH).max(reach))
            }
        };
        (listed, next)
    }

    /// Those of such ids that no element has, of the first `most`. O(1) each.
    pub(crate) fn unknown(&self, ids: &[u64], most: usize) -> Vec<u64> {
        ids.iter().take(most).copied().filter(|&id| self.store.named(id, WISH).next().is_none()).collect()
    }

    /// Names of the elements of such ids, ascending. O(1) each.
    pub(crate) fn names_of(&self, ids: &[u64]) -> Vec<u64> {
        let entries = ids.iter().flat_map(|&id| self.store.named(id, WISH));
        let mut names: Vec<u64> = entries.map(|entry| entry.id >> Self::WIDTH.unnamed_bits()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
