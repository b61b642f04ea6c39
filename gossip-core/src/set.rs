//! The set with all that is derived from it.

mod bucket;
mod index;
mod log;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::ops::Range;

use crate::config::Config;
use crate::digest::{Digest, State};
use crate::element::{Element, Entry, Fingerprint, Fingerprinter};
use crate::error::{Reject, TooLarge};
use crate::message::{DecodeError, VERSION};
use crate::round::policy::{Policy, need};
use crate::round::reception::Difference;
use crate::sketch::{Cell, IdWidth, Prefix, Tables, cancel_pairs};
use crate::wire::{Bound, Elements, Item, WISH};
use index::Store;

/// A set of elements, its digest, its pages and its sketch.
///
/// A sketch knows elements by *names*: their ids where these are numbers, so that a name tells the element; the first
/// 48 bits of their ids where they have to be fetched anyway.
#[derive(Clone, Debug)]
pub(crate) struct Replica<E> {
    store: Store<E>,
    digest: Digest,
    bytes: u64,
    /// The sketch of the names; `None` where there are pages alone.
    tables: Option<Tables>,
    /// Names that are yet to be entered there: many at once take half as long as one by one, since they wait for memory
    /// together.
    pending: Vec<u64>,
    /// What names are like; `None` while the set is empty.
    width: Option<IdWidth>,
    fingerprinter: Fingerprinter,
    tag: [u8; 4],
    element_limit: usize,
    /// Where elements are encoded, kept for its allocation.
    scratch: Vec<u8>,
}

/// How a peer's set differs from ours, by names, all ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Claim {
    /// What we hold and the peer does not.
    pub(crate) ours: Vec<u64>,
    /// What the peer holds and we do not: numbers, which their names tell.
    pub(crate) numbers: Vec<u64>,
    /// What the peer holds and we do not, and what its names do not tell: wishes, the first 32 bits of ids. What else
    /// the peer has under a wish, one element in 4 300 at 10^6, costs less than further bits would.
    pub(crate) wanted: Vec<u64>,
    /// How many bits ids have after the name.
    pub(crate) width: u32,
    /// Our digest and the peer's, where what is wanted has to come before it is known whether this is so.
    pub(crate) unconfirmed: Option<[Digest; 2]>,
}

/// What a sketch says.
#[derive(Clone, Debug)]
pub(crate) enum Reading {
    Clear(Claim),
    /// It takes more cells.
    Unclear,
    /// It takes more cells, and few are left to read.
    Nearly,
    /// More cells will not help.
    Hopeless,
}

/// How many inserts are entered in the sketch at once.
const PENDING: usize = 128;

/// How many inserts back a state is remembered: those between two parts of one sketch.
pub(crate) const RECENT: usize = 1_024;

/// What the elements of one message were.
#[derive(Debug, Default)]
pub(crate) struct Merged<E> {
    /// Those that were not held before.
    pub(crate) learned: Vec<E>,
    /// The fingerprints of all of them, ascending.
    pub(crate) held: Vec<Fingerprint>,
    /// The encoded bytes of all of them.
    pub(crate) bytes: u64,
}

impl<E: Element> Replica<E> {
    pub(crate) fn new(config: &Config) -> Self {
        let fingerprinter = Fingerprinter::new(&config.key);
        Self {
            store: Store::new(),
            digest: Digest::EMPTY,
            bytes: 0,
            tables: Policy::of(config.economy).map(|_| Tables::build(fingerprinter.sketch_key(), 0, [])),
            pending: Vec::new(),
            width: None,
            tag: fingerprinter.tag::<E>(VERSION, config),
            fingerprinter,
            element_limit: config.element_limit(),
            scratch: Vec::new(),
        }
    }

    pub(crate) fn insert(&mut self, element: E) -> Result<bool, TooLarge> {
        let mut bytes = core::mem::take(&mut self.scratch);
        bytes.clear();
        element.encode(&mut bytes);
        let inserted = self.check_len(bytes.len()).map(|()| self.insert_encoded(element, &bytes));
        self.scratch = bytes;
        inserted
    }

    fn check_len(&self, len: usize) -> Result<(), TooLarge> {
        let limit = self.element_limit;
        if len <= limit { Ok(()) } else { Err(TooLarge { len, limit }) }
    }

    fn insert_encoded(&mut self, element: E, bytes: &[u8]) -> bool {
        let fingerprint = self.fingerprinter.fingerprint(&element, bytes);
        self.insert_fingerprinted(element, bytes.len(), fingerprint)
    }

    /// Inserts an element whose encoding has `len` bytes and this fingerprint.
    fn insert_fingerprinted(&mut self, element: E, len: usize, fingerprint: Fingerprint) -> bool {
        let width = *self
            .width
            .get_or_insert_with(|| if element.to_id().is_some() { IdWidth::Bits64 } else { IdWidth::Bits48 });
        let inserted = self.store.insert(fingerprint.id, element, |a, b| self.fingerprinter.compare(a, b));
        if inserted {
            self.digest.add(fingerprint);
            self.bytes += len as u64;
            if self.tables.is_some() {
                self.pending.push(fingerprint.id >> unnamed(width));
                if self.pending.len() == PENDING {
                    self.enter_pending();
                }
            }
        }
        inserted
    }

    /// Brings the sketch up to date, for what is sent or read next.
    pub(crate) fn settle(&mut self) {
        self.enter_pending();
        if let Some(tables) = &mut self.tables {
            tables.refresh();
        }
    }

    fn enter_pending(&mut self) {
        let (Some(tables), Some(width)) = (&mut self.tables, self.width) else { return };
        if tables.are_outgrown(self.store.len()) {
            let names = self.store.ids().map(|id| id >> unnamed(width));
            *tables = Tables::build(tables.key(), self.store.len(), names);
        } else {
            self.pending.iter().for_each(|&name| tables.toggle(name));
        }
        self.pending.clear();
    }

    /// Inserts the numbers of these names; gives those that were not held.
    pub(crate) fn insert_numbers(&mut self, names: &[u64]) -> Vec<E> {
        let mut scratch = core::mem::take(&mut self.scratch);
        let mut learned = Vec::new();
        for &name in names {
            if let Some((element, bytes)) = self.decoded(Item::Id(name), &mut scratch)
                && self.check_len(bytes.len()).is_ok()
                && self.insert_encoded(element.clone(), bytes)
            {
                learned.push(element);
            }
        }
        self.scratch = scratch;
        self.settle();
        learned
    }

    /// Merges the elements of a message. If one of them is refused, none is merged.
    pub(crate) fn merge(&mut self, elements: &Elements) -> Result<Merged<E>, Reject> {
        let mut scratch = core::mem::take(&mut self.scratch);
        let mut merged = Merged { learned: Vec::new(), held: Vec::with_capacity(elements.count()), bytes: 0 };
        elements.each::<E, Reject>(|index, item| {
            // Where in the bits a number began says little.
            let flaw = Reject::Malformed(DecodeError::Element { index, at: 0 });
            let (element, bytes) = self.decoded(item, &mut scratch).ok_or(flaw)?;
            self.check_len(bytes.len())?;
            merged.held.push(self.fingerprinter.fingerprint(&element, bytes));
            merged.bytes += bytes.len() as u64;
            Ok(())
        })?;
        let known = self.store.may_name(merged.held.iter().map(|fingerprint| fingerprint.id), 0);
        merged.learned.reserve_exact(known.iter().filter(|&&known| !known).count());
        let all = elements.each::<E, core::convert::Infallible>(|index, item| {
            if let Some((element, bytes)) = self.decoded(item, &mut scratch)
                && self.insert_fingerprinted(element.clone(), bytes.len(), merged.held[index])
            {
                merged.learned.push(element);
            }
            Ok(())
        });
        let Ok(()) = all;
        self.scratch = scratch;
        self.settle();
        merged.held.sort_unstable();
        Ok(merged)
    }

    /// An element of a message, and its encoding, where it stands or in `scratch`; `None` for a number that is none of
    /// an element.
    fn decoded<'a>(&self, item: Item<'a, E>, scratch: &'a mut Vec<u8>) -> Option<(E, &'a [u8])> {
        match item {
            Item::Encoded(element, bytes) => Some((element, bytes)),
            Item::Id(id) => {
                let element = self.fingerprinter.element::<E>(id)?;
                scratch.clear();
                element.encode(scratch);
                Some((element, scratch))
            }
        }
    }

    pub(crate) fn contains(&self, element: &E) -> bool {
        let mut bytes = Vec::new();
        element.encode(&mut bytes);
        let id = self.fingerprinter.fingerprint(element, &bytes).id;
        self.store.of(id).any(|other| other == element)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &E> {
        self.entries(0).map(|entry| entry.element)
    }

    /// The elements in the order of their insertion: what states were before.
    #[cfg(feature = "model")]
    pub(crate) fn history(&self) -> impl Iterator<Item = &E> {
        self.store.log().from(0)
    }

    pub(crate) fn len(&self) -> usize {
        self.store.len()
    }

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
    pub(crate) fn batch(&self, from: usize, budget: usize, skip: impl Fn(usize) -> bool) -> (usize, Elements) {
        let mut most = usize::MAX;
        loop {
            let (mut entries, mut bytes, mut to) = (Vec::new(), 0, from);
            for (place, element) in (from..).zip(self.store.log().from(from)) {
                if !skip(place) {
                    let (fingerprint, encoded) = self.fingerprinter.encode(element);
                    bytes += encoded.len();
                    if entries.len() == most || (bytes > budget && !entries.is_empty()) {
                        break;
                    }
                    entries.push(Entry { id: fingerprint.id, element });
                }
                to = place + 1;
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
    pub(crate) fn all_but(&self, held: &[Fingerprint]) -> Claim {
        let width = self.width.map_or(0, unnamed);
        let mut ours: Vec<u64> = self.except(held, self.entries(0)).map(|entry| entry.id >> width).collect();
        ours.dedup();
        Claim { ours, width, ..Claim::default() }
    }

    /// How many elements the log held when the digest had this tag; `None` if that is too long ago, or never was. O(1)
    /// while nothing has been inserted since.
    pub(crate) fn held_at(&self, tag: u64) -> Option<usize> {
        let (mut digest, mut held) = (self.digest, self.store.len());
        let mut newest = self.store.log().from(held.saturating_sub(RECENT)).rev();
        while digest.tag() != tag {
            digest.remove(self.fingerprinter.encode(newest.next()?).0);
            held -= 1;
        }
        Some(held)
    }

    /// A range of the cells of our sketch, as they were when the log held `len` elements; `None` where there are not as
    /// many.
    pub(crate) fn cells(&self, range: Range<usize>, len: usize) -> Option<Vec<Cell>> {
        let tables = self.tables.as_ref()?;
        let mut cells = tables.covering(range.end).sequence(range.clone())?;
        let width = self.width.map_or(0, unnamed);
        self.names_since(len, width).for_each(|name| tables.key().toggle_in_sequence(&mut cells, range.start, name));
        Some(cells)
    }

    /// What our first `held` elements leave of a peer's cells, once they are taken away. `None` where our own cells are
    /// fewer.
    pub(crate) fn left(&self, difference: &Difference, held: usize) -> Option<Prefix> {
        let tables = self.tables.as_ref()?;
        let mut cells = difference.cells().to_vec();
        let since = self.names_since(held, unnamed(difference.width()));
        since.for_each(|name| tables.key().toggle_in_sequence(&mut cells, 0, name));
        tables.covering(cells.len()).difference(&cells)
    }

    /// What a peer's sketch says, if it agrees with the peer's digest: for numbers, to the last bit of what will be the
    /// digest; where elements are yet to be fetched, in their count. `left` is what our first `held` elements leave of
    /// it.
    pub(crate) fn read(&self, difference: &Difference, held: usize, left: Option<&Prefix>) -> Reading {
        let width = unnamed(difference.width());
        let same_width = self.width.is_none_or(|width| width == difference.width());
        let (Some(tables), Some(left), true) = (&self.tables, left, same_width) else { return Reading::Hopeless };
        let since: Vec<u64> = self.names_since(held, width).collect();
        let mut reading = Reading::Unclear;
        let mut decodings = left.decodings(&tables.key());
        for mut names in decodings.by_ref() {
            let read = names.len() as u64;
            if !since.is_empty() {
                names.extend(&since);
                names.sort_unstable();
                cancel_pairs(&mut names);
            }
            if let Some(claim) = self.confirm(&names, width, difference.state().digest) {
                return Reading::Clear(claim);
            }
            // Twice as many cells as that takes are read right, but where somebody has looked for names that they
            // confound; and these no other number of cells does. So names coincide, or it is no sketch of that digest.
            if difference.top_ups() > Some(0) && difference.cells().len() >= 2 * need(read) {
                reading = Reading::Hopeless;
            }
        }
        match reading {
            Reading::Unclear if decodings.left() <= left.len() / 8 => Reading::Nearly,
            _ => reading,
        }
    }

    /// The names, which are ids but for their last `width` bits, of what was inserted since the log held `len`
    /// elements.
    fn names_since(&self, len: usize, width: u32) -> impl Iterator<Item = u64> {
        self.store.log().from(len).map(move |element| self.fingerprinter.encode(element).0.id >> width)
    }

    fn confirm(&self, names: &[u64], width: u32, theirs: Digest) -> Option<Claim> {
        let mut claim = Claim { width, ..Claim::default() };
        let mut expected = self.digest;
        let mut bytes = Vec::new();
        let mut fingerprint = |element: &E| {
            bytes.clear();
            element.encode(&mut bytes);
            self.fingerprinter.fingerprint(element, &bytes)
        };
        // All buckets are looked at before any is read: one after the other, each would wait for memory.
        let own = self.store.may_name(names.iter().copied(), width);
        for (&name, may_be_own) in names.iter().zip(own) {
            let mut own = self.store.named(name, width).take_while(|_| may_be_own).peekable();
            if own.peek().is_some() {
                own.for_each(|entry| expected.remove(fingerprint(entry.element)));
                claim.ours.push(name);
            } else if let Some(element) = self.fingerprinter.element(name) {
                expected.add(fingerprint(&element));
                claim.numbers.push(name);
            } else {
                claim.wanted.push(name >> (WISH - width));
            }
        }
        let agrees = match claim.wanted.len() as u64 {
            0 => expected == theirs,
            // Too little to merge anything on.
            wanted => claim.numbers.is_empty() && expected.count().checked_add(wanted) == Some(theirs.count()),
        };
        claim.wanted.dedup();
        claim.unconfirmed = (!claim.wanted.is_empty()).then_some([self.digest, theirs]);
        agrees.then_some(claim)
    }

    fn fingerprint(&self, entry: Entry<'_, E>) -> Fingerprint {
        self.fingerprinter.encode(entry.element).0
    }

    fn entries(&self, id: u64) -> impl Iterator<Item = Entry<'_, E>> + Clone {
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

impl<E> Replica<E> {
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    pub(crate) fn state(&self) -> State {
        State { digest: self.digest, bytes: self.bytes }
    }

    pub(crate) fn tag(&self) -> [u8; 4] {
        self.tag
    }

    /// Our sketch, if we keep one. It is [settled](Self::settle) in `receive`, and in `poll` before anything is sent.
    pub(crate) fn tables(&self) -> Option<&Tables> {
        debug_assert!(self.pending.is_empty());
        self.tables.as_ref()
    }

    pub(crate) fn width(&self) -> Option<IdWidth> {
        self.width
    }
}

/// How many bits an id has after its name.
const fn unnamed(width: IdWidth) -> u32 {
    64 - 8 * width.bytes() as u32
}
