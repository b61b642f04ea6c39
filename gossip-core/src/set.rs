//! `Set`: elements, and what is derived from them: digest, sketch, pages.

mod bucket;
mod excerpt;
mod index;
mod log;
mod pages;
mod past;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::convert::Infallible;

use crate::config::{Config, Economy};
use crate::digest::{Digest, State};
use crate::element::{Element, Entry, Fingerprint, Fingerprinter, Rank};
use crate::error::{Reject, TooLarge};
use crate::message::{DecodeError, VERSION};
use crate::sketch::{IdWidth, Tables};
use crate::wire::{Elements, Item, Place};
pub(crate) use excerpt::Excerpt;
use index::Store;
pub(crate) use pages::Held;
pub(crate) use past::{Lacks, RECENT};

/// Set of elements, with digest, sketch and pages in step.
///
/// The sketch knows elements by *names*, or short ids. The name of a number is its id, which tells the element. The
/// name of another element is the first 48 bits of its id, as it has to be fetched anyway.
#[derive(Clone, Debug)]
pub(crate) struct Set<E> {
    store: Store<E>,
    digest: Digest,
    bytes: u64,
    /// Sketch of the names; `None` under [`Economy::Pages`].
    tables: Option<Tables>,
    /// Names that the sketch still lacks. Many at once take half as long as one by one, since they wait for memory
    /// together.
    pending: Vec<u64>,
    fingerprinter: Fingerprinter,
    tag: [u8; 4],
    element_limit: usize,
    /// Buffer for encodings, kept for its allocation.
    scratch: Vec<u8>,
}

/// Inserts that are entered in the sketch at once: one then takes 1.4 to 1.6 times an insert without a sketch, 1.8 if
/// entered one by one.
const PENDING: usize = 128;

/// Outcome of a merge of the elements of one message.
#[derive(Debug, Default)]
pub(crate) struct Merged<E> {
    /// Elements that were not held before.
    pub(crate) learned: Vec<E>,
    /// The fingerprints of all of them, ascending.
    pub(crate) held: Vec<Fingerprint>,
    /// The encoded bytes of all of them.
    pub(crate) bytes: u64,
}

impl<E: Element> Set<E> {
    /// Width of names.
    pub(crate) const WIDTH: IdWidth = if E::NUMBERS.is_some() { IdWidth::Bits64 } else { IdWidth::Bits48 };

    pub(crate) fn new(config: &Config) -> Self {
        let fingerprinter = Fingerprinter::new(&config.key);
        Self {
            store: Store::new(),
            digest: Digest::EMPTY,
            bytes: 0,
            tables: (config.economy != Economy::Pages).then(|| Tables::build(fingerprinter.sketch_key(), 0, [])),
            pending: Vec::new(),
            tag: fingerprinter.tag::<E>(VERSION, config),
            fingerprinter,
            element_limit: config.element_limit(),
            scratch: Vec::new(),
        }
    }

    pub(crate) fn insert(&mut self, element: E) -> Result<bool, TooLarge> {
        // One allocation for all inserts; out of `self` while that is lent.
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
        let inserted = self.store.insert(fingerprint.id, element, |entry| self.fingerprinter.rank(entry.element));
        if inserted {
            self.digest.add(fingerprint);
            self.bytes += len as u64;
            if self.tables.is_some() {
                self.pending.push(fingerprint.id >> Self::WIDTH.unnamed_bits());
                if self.pending.len() == PENDING {
                    self.enter_pending();
                }
            }
        }
        inserted
    }

    /// Brings the sketch up to date, before it is sent or read.
    pub(crate) fn settle(&mut self) {
        if !self.pending.is_empty() {
            self.enter_pending();
        }
        if let Some(tables) = &mut self.tables {
            tables.refresh();
        }
    }

    fn enter_pending(&mut self) {
        let Some(tables) = &mut self.tables else { return };
        self.pending.drain(..).for_each(|name| tables.toggle(name));
        let (store, fingerprinter, unnamed) = (&self.store, &self.fingerprinter, Self::WIDTH.unnamed_bits());
        if tables.are_outgrown(store.len()) && store.len() <= Tables::STEP {
            *tables = Tables::build(tables.key(), store.len(), store.ids().map(|id| id >> unnamed));
        }
        tables.grow(store.len(), |name| {
            let entries = store.from(Rank::first_of(name << unnamed), |entry| fingerprinter.rank(entry.element));
            entries.map(move |entry| entry.id >> unnamed)
        });
    }

    /// Has a sketch of at least so many cells at hand, up to 2^20. Returns whether it had to be built, of all elements.
    pub(crate) fn lengthen(&mut self, cells: usize) -> bool {
        let Some(tables) = &mut self.tables else { return false };
        tables.lengthen(cells, self.store.ids().map(|id| id >> Self::WIDTH.unnamed_bits()))
    }

    /// Gives up a sketch that is longer than the one it keeps.
    pub(crate) fn shorten(&mut self) {
        if let Some(tables) = &mut self.tables {
            tables.shorten(self.store.len());
        }
    }

    /// Inserts the numbers with these names, and returns those that were not held.
    pub(crate) fn insert_numbers(&mut self, names: &[u64]) -> Vec<E> {
        let mut scratch = core::mem::take(&mut self.scratch);
        let mut learned = Vec::new();
        for &name in names {
            if let Some((element, bytes)) = self.decoded(Item::Id(name), &mut scratch)
                // The claim agrees with a digest, but that is the peer's word: what is over the limit stays out all the
                // same.
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
        // A first pass checks them all: a message with one bad element must leave the set as it was.
        elements.each::<E, Reject>(|index, item| {
            // Where in the bits a number began says little.
            let flaw = Reject::Malformed(DecodeError::Element { index, at: 0 });
            let (element, bytes) = self.decoded(item, &mut scratch).ok_or(flaw)?;
            self.check_len(bytes.len())?;
            merged.held.push(self.fingerprinter.fingerprint(&element, bytes));
            merged.bytes += bytes.len() as u64;
            Ok(())
        })?;
        // All look-ups before the first insert: they wait for memory together, and what is written next is in the
        // caches.
        let known = self.store.may_name(merged.held.iter().map(|fingerprint| fingerprint.id), 0);
        merged.learned.reserve_exact(known.iter().filter(|&&known| !known).count());
        let mut insert = |index: usize, item: Item<'_, E>| {
            if let Some((element, bytes)) = self.decoded(item, &mut scratch)
                && self.insert_fingerprinted(element.clone(), bytes.len(), merged.held[index])
            {
                merged.learned.push(element);
            }
            Ok::<(), Infallible>(())
        };
        let Ok(()) = match elements {
            // Their fingerprints have the ids, which took a quarter of all this to read from the bits again.
            Elements::Ids(_) => {
                merged.held.iter().enumerate().try_for_each(|(index, held)| insert(index, Item::Id(held.id)))
            }
            // Decoded again rather than kept: a message may have 2^20 of them.
            Elements::Encoded(..) => elements.each(insert),
        };
        self.scratch = scratch;
        self.settle();
        // Ascending, so that an answer passes over them and the set once.
        merged.held.sort_unstable();
        Ok(merged)
    }

    /// Decodes an element of a message; its encoding is that in the message, or in `scratch`. `None` for an id of no
    /// element.
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
        self.store.holds(Entry { id, element }, |entry| self.fingerprinter.rank(entry.element))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &E> {
        self.entries(Rank::default()).map(|entry| entry.element)
    }

    /// Elements from a place in the log on, in order of arrival.
    pub(crate) fn since(&self, place: Place) -> impl Iterator<Item = &E> {
        self.store.log().from(place.index())
    }

    pub(crate) fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether some elements share an id.
    pub(crate) fn shares_ids(&self) -> bool {
        self.store.shares_ids()
    }

    /// End of the log.
    pub(crate) fn end(&self) -> Place {
        Place::new(self.store.len())
    }
}

impl<E> Set<E> {
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    pub(crate) fn state(&self) -> State {
        State { digest: self.digest, bytes: self.bytes }
    }

    pub(crate) fn tag(&self) -> [u8; 4] {
        self.tag
    }

    /// The sketch, if there is one. It is [settled](Self::settle) in `receive`, and in `poll` before anything is sent.
    pub(crate) fn tables(&self) -> Option<&Tables> {
        debug_assert!(self.pending.is_empty());
        self.tables.as_ref()
    }

    /// The keyed hash of elements.
    pub(crate) fn fingerprinter(&self) -> &Fingerprinter {
        &self.fingerprinter
    }
}
