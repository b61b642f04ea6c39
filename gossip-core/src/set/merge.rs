//! Elements of messages on their way into the set: each is decoded once at most, and all are checked before any is
//! merged.

use alloc::vec::Vec;

use super::Set;
use crate::element::{Dot, Element, Fingerprint, Stored, StoredRef, decode};
use crate::error::Reject;
use crate::message::DecodeError;
use crate::wire::{Elements, Encodings};

/// Outcome of a merge of the elements of one message.
#[derive(Debug)]
pub(crate) struct Merged<E> {
    /// Elements that were not held before.
    pub(crate) learned: Vec<Stored<E>>,
    /// The number of these that cannot be decoded.
    pub(crate) undecoded: u64,
    /// The number of those that cannot, and that there is no room for: they are not held.
    pub(crate) dropped: u64,
    /// The fingerprints of all that are held now, ascending.
    pub(crate) held: Vec<Fingerprint>,
    /// The encoded bytes of these.
    pub(crate) bytes: u64,
    /// Elements that went, and dots of entries that are gone here; of a set that forgets.
    pub(crate) removed: Vec<E>,
    pub(crate) stale: Vec<Dot>,
}

impl<E> Default for Merged<E> {
    fn default() -> Self {
        let (learned, removed) = (Vec::new(), Vec::new());
        Self { learned, undecoded: 0, dropped: 0, held: Vec::new(), bytes: 0, removed, stale: Vec::new() }
    }
}

impl<E: Element> Set<E> {
    /// Merges the elements of a message. If one of them is refused, none is merged.
    pub(crate) fn merge(&mut self, elements: &Elements) -> Result<Merged<E>, Reject> {
        let held = Vec::with_capacity(elements.count());
        let mut merged = Merged { held, ..Merged::default() };
        let mut scratch = core::mem::take(&mut self.scratch);
        let done = match elements {
            Elements::Encoded(encodings) if E::NUMBERS.is_none() => {
                self.merge_encodings(encodings, &mut merged, &mut scratch)
            }
            numbers => self.merge_numbers(numbers, &mut merged, &mut scratch),
        };
        self.scratch = scratch;
        done?;
        // Ascending, so that an answer passes over them and the set once.
        merged.held.sort_unstable();
        Ok(merged)
    }

    /// Merges encodings: of those that are held the bytes are enough.
    fn merge_encodings(
        &mut self,
        encodings: &Encodings,
        merged: &mut Merged<E>,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Reject> {
        for bytes in encodings.iter() {
            self.check_len(bytes.len())?;
            merged.held.push(self.fingerprinter.fingerprint(StoredRef::<E>::Undecoded(bytes), bytes));
        }
        let arrived = core::mem::replace(&mut merged.held, Vec::with_capacity(encodings.count()));
        let may_be_held = self.may_hold(&arrived, merged);
        for ((bytes, fingerprint), may_be_held) in encodings.iter().zip(arrived).zip(may_be_held) {
            if !(may_be_held && self.holds_encoding(fingerprint.id, bytes, scratch)) {
                let decoded = decode(bytes, scratch).map(Stored::Value);
                let Some(element) = decoded.or_else(|| self.keep(bytes)) else {
                    merged.dropped += 1;
                    continue;
                };
                self.add(element, bytes.len(), fingerprint, merged);
            }
            merged.held.push(fingerprint);
            merged.bytes += bytes.len() as u64;
        }
        Ok(())
    }

    /// Merges numbers, from ids or from encodings. What is no number has no fingerprint, so none can be kept undecoded.
    fn merge_numbers(
        &mut self,
        elements: &Elements,
        merged: &mut Merged<E>,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Reject> {
        let mut numbers = Vec::with_capacity(elements.count());
        let mut read = |index: usize, number: Option<(u64, E)>| -> Result<(), Reject> {
            let (id, number) = number.ok_or(Reject::Malformed(DecodeError::Number(index)))?;
            scratch.clear();
            number.encode(scratch);
            self.check_len(scratch.len())?;
            merged.held.push(self.fingerprinter.of_number(id, scratch));
            merged.bytes += scratch.len() as u64;
            numbers.push((number, scratch.len()));
            Ok(())
        };
        let fingerprinter = &self.fingerprinter;
        match elements {
            Elements::Ids(ids) => {
                let mut ids = ids.iter().enumerate();
                ids.try_for_each(|(index, id)| read(index, fingerprinter.element(id).map(|number| (id, number))))
            }
            Elements::Encoded(encodings) => {
                let (mut encodings, mut again) = (encodings.iter().enumerate(), Vec::new());
                encodings.try_for_each(|(index, bytes)| {
                    let number = decode(bytes, &mut again);
                    read(index, number.map(|number| (fingerprinter.id(StoredRef::Value(&number), bytes), number)))
                })
            }
        }?;
        let arrived = core::mem::take(&mut merged.held);
        self.may_hold(&arrived, merged);
        for ((number, len), &fingerprint) in numbers.into_iter().zip(&arrived) {
            self.add(Stored::Value(number), len, fingerprint, merged);
        }
        merged.held = arrived;
        Ok(())
    }

    /// Returns whether there may be an element of each fingerprint; surely there is none if not. Makes room for those to be
    /// learned.
    ///
    /// All are looked up before the first is inserted: they wait for memory together, and what is written next is in the
    /// caches.
    fn may_hold(&self, arrived: &[Fingerprint], merged: &mut Merged<E>) -> Vec<bool> {
        let known = self.store.may_name(arrived.iter().map(|fingerprint| fingerprint.id), 0);
        merged.learned.reserve_exact(known.iter().filter(|&&known| !known).count());
        known
    }

    /// Inserts an element, and notes whether it is new.
    fn add(&mut self, element: Stored<E>, len: usize, fingerprint: Fingerprint, merged: &mut Merged<E>) {
        let learned = element.clone();
        if self.insert_fingerprinted(element, len, fingerprint) {
            merged.undecoded += u64::from(!learned.is_decoded());
            merged.learned.push(learned);
        }
    }
}
