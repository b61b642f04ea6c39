//! The set with all that is derived from it.

use alloc::vec::Vec;

use crate::config::Config;
use crate::digest::Digest;
use crate::element::Element;
use crate::elements::{Elements, Item};
use crate::fingerprint::{Fingerprint, Fingerprinter};
use crate::message::{DecodeError, State, VERSION, base};
use crate::output::{Reject, TooLarge};
use crate::store::{Entry, Store};
use crate::wire::Bound;

/// A set of elements, its digest, and its pages.
#[derive(Clone, Debug)]
pub(crate) struct Replica<E> {
    store: Store<E>,
    digest: Digest,
    bytes: u64,
    fingerprinter: Fingerprinter,
    tag: [u8; 4],
    element_limit: usize,
    /// Where elements are encoded, kept for its allocation.
    scratch: Vec<u8>,
}

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
        let inserted = self.check_len(bytes.len()).map(|()| self.insert_encoded(element, &bytes).1);
        self.scratch = bytes;
        inserted
    }

    fn check_len(&self, len: usize) -> Result<(), TooLarge> {
        let limit = self.element_limit;
        if len <= limit { Ok(()) } else { Err(TooLarge { len, limit }) }
    }

    fn insert_encoded(&mut self, element: E, bytes: &[u8]) -> (Fingerprint, bool) {
        let fingerprint = self.fingerprinter.fingerprint(&element, bytes);
        let inserted = self.store.insert(fingerprint.id, element, |a, b| self.fingerprinter.compare(a, b));
        if inserted {
            self.digest.add(fingerprint);
            self.bytes += bytes.len() as u64;
        }
        (fingerprint, inserted)
    }

    /// Merges the elements of a message. If one of them is refused, none is merged.
    pub(crate) fn merge(&mut self, from: Bound, elements: &Elements) -> Result<Merged<E>, Reject> {
        let base = base(from);
        let mut scratch = core::mem::take(&mut self.scratch);
        elements.each::<E, Reject>(base, |index, item| match item {
            Item::Encoded(_, bytes) => Ok(self.check_len(bytes.len())?),
            Item::Id(id) => match self.fingerprinter.element::<E>(id) {
                Some(element) => {
                    scratch.clear();
                    element.encode(&mut scratch);
                    Ok(self.check_len(scratch.len())?)
                }
                // Where in the bits this one began says little.
                None => Err(Reject::Malformed(DecodeError::Element { index, at: 0 })),
            },
        })?;
        let mut merged = Merged { learned: Vec::new(), held: Vec::with_capacity(elements.count()), bytes: 0 };
        let all = elements.each::<E, core::convert::Infallible>(base, |_, item| {
            let (element, bytes) = match item {
                Item::Encoded(element, bytes) => (element, bytes),
                Item::Id(id) => {
                    let Some(element) = self.fingerprinter.element::<E>(id) else { return Ok(()) };
                    scratch.clear();
                    element.encode(&mut scratch);
                    (element, &scratch[..])
                }
            };
            let (fingerprint, new) = self.insert_encoded(element.clone(), bytes);
            merged.held.push(fingerprint);
            merged.bytes += bytes.len() as u64;
            if new {
                merged.learned.push(element);
            }
            Ok(())
        });
        let Ok(()) = all;
        self.scratch = scratch;
        merged.held.sort_unstable();
        Ok(merged)
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

    pub(crate) fn len(&self) -> usize {
        self.store.len()
    }

    /// As many of our elements in an interval as fit `budget` bytes, except those `held`, which ascend; and the bound up
    /// to which that is all of them. O(elements in what is covered).
    pub(crate) fn page(&self, from: Bound, to: Bound, held: &[Fingerprint], budget: usize) -> (Elements, Bound) {
        let held = &held[held.partition_point(|&fingerprint| Bound::At(fingerprint) < from)..];
        let filled = Elements::fill(self.except(held, self.between(from, to)), base(from), budget);
        let covered = match (filled.last, filled.left_out) {
            (_, None) => to,
            (None, Some(_)) => from,
            (Some(last), Some(next)) => Bound::between(self.fingerprint(last), self.fingerprint(next)),
        };
        (filled.elements, covered)
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
            Bound::At(at) if entry.id == at.id && at.rest > 0 => self.fingerprint(entry) < at,
            Bound::At(at) => entry.id < at.id,
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
}
