//! `Excerpt`: elements of the log, looked at once for all who are sent them.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

/// Elements of parts of the log, with what it takes to put them in a message: their order, and how long they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Excerpt {
    /// In the order of the log: their indices, and the bytes of their encodings.
    elements: Vec<(usize, usize)>,
    /// In the order of their ids: these, and where each stands in `elements`.
    order: Vec<(u64, usize)>,
    /// The bytes of all.
    bytes: usize,
    /// Whether these are known to be all elements of the parts.
    is_whole: bool,
}

/// The first elements of parts of the log.
#[derive(Debug)]
pub(super) struct First {
    pub(super) count: usize,
    /// The index of the element that they end before; `None` if they are all there are.
    pub(super) ends_before: Option<usize>,
    /// Whether each element of the excerpt is among them.
    is_in: Vec<bool>,
}

impl Excerpt {
    /// Goes on with elements in the order of the log, each with its index, id and bytes, until all have more than `most`
    /// bytes. O(n log n) for n of them, and O(elements that were there).
    pub(super) fn extend(&mut self, elements: impl Iterator<Item = (usize, u64, usize)>, most: usize) {
        let (mut elements, before) = (elements, self.len());
        self.is_whole = loop {
            if self.bytes > most && self.elements.len() > 1 {
                break false;
            }
            let Some((index, id, len)) = elements.next() else { break true };
            self.order.push((id, self.elements.len()));
            self.elements.push((index, len));
            self.bytes += len;
        };
        if self.len() > before {
            // Stable, which is linear in what is in order already.
            self.order.sort_by_key(|(id, _)| *id);
        }
    }

    /// How many elements it has.
    pub(crate) const fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether these are known to be all elements of the parts.
    pub(crate) const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The first elements of these parts of the log, `most` of them and so many `bytes` at most, but one at least; `None` if
    /// it takes more of the log to know. The parts have no element before those looked at. O(elements looked at).
    pub(super) fn first(&self, parts: impl Iterator<Item = Range<usize>>, most: usize, bytes: usize) -> Option<First> {
        let mut first = First { count: 0, ends_before: None, is_in: vec![false; self.len()] };
        let (mut at, mut taken) = (0, 0);
        for part in parts {
            while self.elements.get(at).is_some_and(|(index, _)| *index < part.start) {
                at += 1;
            }
            while let Some(&(index, len)) = self.elements.get(at).filter(|(index, _)| *index < part.end) {
                taken += len;
                // One is taken, whatever it takes.
                if first.count == most || (taken > bytes && first.count > 0) {
                    first.ends_before = Some(index);
                    return Some(first);
                }
                (first.count, first.is_in[at]) = (first.count + 1, true);
                at += 1;
            }
            if at == self.len() {
                break;
            }
        }
        self.is_whole.then_some(first)
    }

    /// Ids and indices of these, in the order of ids.
    pub(super) fn in_order(&self, first: &First) -> impl Iterator<Item = (u64, usize)> + Clone {
        let order = self.order.iter().filter(|(_, at)| first.is_in[*at]);
        order.map(|&(id, at)| (id, self.elements[at].0))
    }
}
