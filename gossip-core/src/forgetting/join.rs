//! Entries and gone dots of messages on their way in.

use alloc::vec::Vec;

use super::{Forgetting, Item, Rule};
use crate::element::{Dot, Element, Named, Stored, decode};
use crate::error::{Reject, TooLarge};
use crate::message::{DecodeError, Remarks};
use crate::set::Merged;
use crate::wire::Elements;

impl<K: Element + Ord, V: Element> Forgetting<K, V> {
    /// Merges the entries of a message, and the dots that it says are gone. If one of the entries is refused, nothing is
    /// merged. Its marks are not raised: that is for the rules.
    pub(crate) fn merge(&mut self, elements: &Elements, remarks: &Remarks) -> Result<Merged<Item<K, V>>, Reject> {
        let mut merged = Merged::default();
        let mut items = Vec::new();
        self.decode_all(elements, &mut items, &mut merged)?;
        for (item, len) in items {
            merged.bytes += len as u64;
            merged.held.push(self.fingerprint(Named::live(item.dot)));
            self.hear_of(item.dot);
            if !self.context.has_seen(item.dot) || (self.breaks(Rule::Refuse) && self.item(item.dot).is_none()) {
                merged.learned.push(Stored::Value(item.clone()));
                let dot = item.dot;
                self.add(item, len);
                if self.breaks(Rule::WithoutGap) {
                    self.raise(&[dot]);
                }
            } else if let Some(held) = self.item(item.dot) {
                if *held != item {
                    self.report_fork(item.dot);
                }
            } else {
                merged.stale.push(item.dot);
            }
        }
        for &dot in remarks.gone.as_slice() {
            self.hear_of(dot);
            merged.removed.extend(self.see_gone(dot));
        }
        remarks.marks.as_slice().iter().for_each(|&mark| self.hear_of(mark));
        if self.breaks(Rule::Unasked) {
            self.raise(remarks.marks.as_slice());
        }
        // Ascending, so that an answer passes over them and the set once.
        merged.held.sort_unstable();
        Ok(merged)
    }

    /// Decodes the entries of a message, each with the length of its encoding. Those that cannot be decoded are dropped.
    fn decode_all(
        &mut self,
        elements: &Elements,
        items: &mut Vec<(Item<K, V>, usize)>,
        merged: &mut Merged<Item<K, V>>,
    ) -> Result<(), Reject> {
        let Elements::Encoded(encodings) = elements else { return Err(DecodeError::Number(0).into()) };
        let limit = self.element_limit;
        for bytes in encodings.iter() {
            let len = bytes.len();
            if len > limit {
                return Err(TooLarge { len, limit }.into());
            }
            match decode(bytes, &mut self.scratch) {
                Some(item) => items.push((item, len)),
                None => merged.dropped += 1,
            }
        }
        Ok(())
    }

    /// The live entry of a dot.
    pub(super) fn item(&self, dot: Dot) -> Option<&Item<K, V>> {
        self.live.get(&self.fingerprint(Named::live(dot))).and_then(|&place| self.changes.item(place))
    }

    /// Takes another id, if a dot or mark is of our own one and beyond what we have counted: another life has it too.
    pub(super) fn hear_of(&mut self, dot: Dot) {
        if dot.replica == self.own && dot.counter > self.context.last_of(self.own) {
            self.report_fork(dot);
            self.take_another_id();
        }
    }

    fn report_fork(&mut self, dot: Dot) {
        self.forks.insert(dot.replica);
    }
}
