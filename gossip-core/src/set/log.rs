//! `Log`: the elements of a set in the order in which they came.

use alloc::vec::Vec;
use core::ops::Range;

use super::chunks::Chunks;
use crate::element::{Stored, StoredRef};

/// The elements of a set in the order in which they came. Values lie side by side, and those that came undecoded apart
/// from them: so a value takes no more than it does alone, and few are ever undecoded.
#[derive(Clone, Debug)]
pub(crate) struct Log<E> {
    values: Chunks<E>,
    /// What came undecoded, with its place; ascending. A value once it could be decoded.
    apart: Vec<(usize, Stored<E>)>,
}

impl<E> Log<E> {
    pub(super) const fn new() -> Self {
        Self { values: Chunks::new(), apart: Vec::new() }
    }

    pub(super) fn push(&mut self, element: Stored<E>) {
        match element {
            Stored::Value(element) => self.values.push(element),
            Stored::Undecoded(_) => self.apart.push((self.len(), element)),
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.values.len() + self.apart.len()
    }

    /// The element at a place, which is there. O(1); O(log n) where n came undecoded.
    #[inline]
    pub(super) fn get(&self, place: usize) -> StoredRef<'_, E> {
        if self.apart.is_empty() { StoredRef::Value(&self.values[place]) } else { self.get_beside_apart(place) }
    }

    #[cold]
    fn get_beside_apart(&self, place: usize) -> StoredRef<'_, E> {
        let before = self.apart.partition_point(|&(other, _)| other < place);
        match self.apart.get(before) {
            Some((other, element)) if *other == place => element.lend(),
            _ => StoredRef::Value(&self.values[place - before]),
        }
    }

    /// Elements from a place on, in order; none if there are fewer.
    pub(crate) fn from(&self, place: usize) -> impl DoubleEndedIterator<Item = StoredRef<'_, E>> {
        self.range(place..self.len())
    }

    /// Elements of a range, in order.
    pub(crate) fn range(&self, range: Range<usize>) -> impl DoubleEndedIterator<Item = StoredRef<'_, E>> {
        (range.start..range.end.min(self.len())).map(|place| self.get(place))
    }

    /// The bytes of those that are not decoded, in order.
    pub(super) fn undecoded(&self) -> impl Iterator<Item = &[u8]> {
        self.apart.iter().filter_map(|(_, element)| element.lend().undecoded())
    }

    /// Tries to decode those that are not. Returns the values of those that now are.
    pub(super) fn refresh(&mut self, mut decode: impl FnMut(&[u8]) -> Option<E>) -> Vec<E>
    where
        E: Clone,
    {
        let mut decoded = Vec::new();
        for (_, held) in &mut self.apart {
            if let Some(element) = held.lend().undecoded().and_then(&mut decode) {
                decoded.push(element.clone());
                *held = Stored::Value(element);
            }
        }
        decoded
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    /// Numbers, of which those from 100 on have come undecoded.
    fn log(numbers: &[u8]) -> Log<u8> {
        let mut log = Log::new();
        for (place, &number) in numbers.iter().enumerate() {
            assert_eq!(log.len(), place);
            log.push(if number < 100 { Stored::Value(number) } else { Stored::Undecoded([number].into()) });
        }
        log
    }

    fn numbers<'a>(elements: impl Iterator<Item = StoredRef<'a, u8>>) -> Vec<u8> {
        elements
            .filter_map(|element| element.value().or(element.undecoded().and_then(<[u8]>::first)).copied())
            .collect()
    }

    #[test]
    fn what_is_not_decoded_has_its_place_among_the_others() {
        for all in [&[][..], &[1], &[100], &[1, 2, 100, 3, 101, 102, 4], &[100, 101, 1], &[1, 100]] {
            let log = log(all);
            assert_eq!(log.len(), all.len());
            for from in 0..all.len() + 2 {
                let expected = all.get(from..).unwrap_or_default();
                assert_eq!(numbers(log.from(from)), expected);
                assert!(numbers(log.from(from).rev()).iter().rev().eq(expected));
                assert_eq!(numbers(log.range(from..from + 2)), &expected[..expected.len().min(2)]);
            }
            assert!(log.undecoded().eq(all.iter().filter(|&&number| number >= 100).map(core::slice::from_ref)));
        }
    }

    #[test]
    fn what_is_decoded_later_stays_where_it_was() {
        let mut log = log(&[1, 100, 2, 101, 102]);
        let odd = |bytes: &[u8]| bytes.first().copied().filter(|number| number % 2 == 1);
        assert_eq!(log.refresh(odd), vec![101]);
        assert_eq!(log.refresh(odd), Vec::<u8>::new());
        assert_eq!(numbers(log.from(0)), [1, 100, 2, 101, 102]);
        assert_eq!(log.get(3).value(), Some(&101));
        assert!(log.undecoded().eq([&[100][..], &[102]]));
        assert_eq!(log.refresh(|bytes| bytes.first().copied()), vec![100, 102]);
    }
}
