//! `Elements`: a run of elements.

use super::encodings::{Encodings, EncodingsWriter, Flaw};
use super::ids::{IdWriter, Ids, Pushed};
use crate::codec::{Encode, Sink, take_varint};
use crate::config::Room;
use crate::element::{Element, Entry};

/// Run of elements in wire form. It stays bytes until it is merged, so a message takes about as much memory as it has
/// bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Elements {
    Encoded(Encodings),
    /// Ids of numbers; at least one.
    Ids(Ids),
}

impl Elements {
    pub(crate) const NONE: Self = Self::Encoded(Encodings::NONE);

    /// Fills a run with the first of `entries`, as many as fit the room. O(entries taken).
    pub(crate) fn fill<'a, E: Element + 'a>(
        entries: impl Iterator<Item = Entry<'a, E>> + Clone,
        room: impl Into<Room>,
    ) -> Filled<'a, E> {
        let Room { of_many, of_one } = room.into();
        let filled = Self::fill_within(entries.clone(), of_many);
        if filled.last.is_some() || of_one <= of_many {
            return filled;
        }
        // The first one alone: left out, it would never leave.
        let mut rest = entries;
        let alone = Self::fill_within(rest.next().into_iter(), of_one);
        Filled { left_out: alone.left_out.or_else(|| rest.next()), ..alone }
    }

    fn fill_within<'a, E: Element + 'a>(
        entries: impl Iterator<Item = Entry<'a, E>> + Clone,
        budget: usize,
    ) -> Filled<'a, E> {
        // Among n numbers an id takes 66 − log2 n bits: 46 at 10^6, where a `u64` encodes in 64.
        Self::fill_ids(entries.clone(), budget).unwrap_or_else(|| Self::fill_encoded(entries, budget))
    }

    /// Fills a run of ids; `None` if elements have no numbers, or do not ascend by id.
    fn fill_ids<'a, E: Element + 'a>(
        entries: impl Iterator<Item = Entry<'a, E>> + Clone,
        budget: usize,
    ) -> Option<Filled<'a, E>> {
        let numbers = E::NUMBERS?;
        let mut writer = IdWriter::new(entries.clone().map(|entry| entry.id), budget);
        let (mut last, mut left_out) = (None, None);
        for entry in entries {
            // A type that breaks its laws would arrive as another element; encoded it arrives as itself.
            let element = entry.element.value()?;
            if (numbers.from)((numbers.to)(element)).as_ref() != Some(element) {
                return None;
            }
            match writer.push(entry.id) {
                Pushed::In => last = Some(entry),
                Pushed::Full => {
                    left_out = Some(entry);
                    break;
                }
                // Encodings need no order: elements of one wish come in none.
                Pushed::OutOfOrder => return None,
            }
        }
        let ids = writer.finish();
        let elements = if ids.count() == 0 { Self::NONE } else { Self::Ids(ids) };
        Some(Filled { elements, last, left_out })
    }

    fn fill_encoded<'a, E: Element + 'a>(entries: impl Iterator<Item = Entry<'a, E>>, budget: usize) -> Filled<'a, E> {
        let mut writer = EncodingsWriter::new(budget, E::IS_ENTRY);
        let (mut last, mut left_out) = (None, None);
        for entry in entries {
            if !writer.push(|out| entry.element.encode(out)) {
                left_out = Some(entry);
                break;
            }
            last = Some(entry);
        }
        Filled { elements: Self::Encoded(writer.finish()), last, left_out }
    }

    pub(crate) const fn count(&self) -> usize {
        match self {
            Self::Encoded(encodings) => encodings.count(),
            Self::Ids(ids) => ids.count(),
        }
    }

    /// Takes a run of entries of a map off the front of `input`.
    pub(crate) fn take_entries(input: &mut &[u8]) -> Result<Self, Flaw> {
        let mut rest = *input;
        if take_varint(&mut rest) == Some(0) {
            *input = rest;
            return Ok(Self::NONE);
        }
        Encodings::take_entries(input).map(Self::Encoded)
    }

    /// Takes a run off the front of `input`, and keeps a copy of its bytes. What its elements are is found out when it is
    /// merged.
    pub(crate) fn take(input: &mut &[u8]) -> Result<Self, Flaw> {
        let mut rest = *input;
        let count = take_varint(&mut rest).ok_or(Flaw { index: 0, at: 0 })?;
        if count == 0 {
            *input = rest;
            return Ok(Self::NONE);
        }
        if rest.first().is_some_and(|&form| Encodings::has(form)) {
            return Encodings::take(input).map(Self::Encoded);
        }
        // Where in the bits an id began says little.
        let at = input.len() - rest.len();
        Ids::take(input).map(Self::Ids).map_err(|index| Flaw { index, at })
    }
}

impl Encode for Elements {
    fn put(&self, out: &mut impl Sink) {
        match self {
            Self::Encoded(encodings) => encodings.put(out),
            Self::Ids(ids) => ids.put(out),
        }
    }
}

/// Run of as many elements as fit.
pub(crate) struct Filled<'a, E> {
    pub(crate) elements: Elements,
    /// The last one in the run.
    pub(crate) last: Option<Entry<'a, E>>,
    /// The first one that is not.
    pub(crate) left_out: Option<Entry<'a, E>>,
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn entries(ids: &[u64]) -> impl Iterator<Item = Entry<'_, u64>> + Clone {
        ids.iter().map(|id| Entry { id: *id, element: id.into() })
    }

    fn texts(texts: &[String]) -> impl Iterator<Item = Entry<'_, String>> + Clone {
        texts.iter().map(|text| Entry { id: 9, element: text.into() })
    }

    /// The ids of a run, or its encodings.
    fn collect(elements: &Elements) -> (Vec<u64>, Vec<&[u8]>) {
        match elements {
            Elements::Ids(ids) => (ids.iter().collect(), vec![]),
            Elements::Encoded(encodings) => (vec![], encodings.iter().collect()),
        }
    }

    proptest! {
        #[test]
        fn ids_are_read_back_and_fit(
            ids in proptest::collection::btree_set(prop_oneof![any::<u64>(), 0_u64..500, Just(u64::MAX)], 0..200),
            budget in 0_usize..2_000,
        ) {
            let ids: Vec<u64> = ids.into_iter().collect();
            let entries = entries(&ids);
            let Filled { elements, left_out, .. } = Elements::fill(entries, budget);
            prop_assert!(elements.count() == 0 || elements.encoded_len() <= budget);
            prop_assert_eq!(left_out.map(|entry| entry.id), ids.get(elements.count()).copied());
            prop_assert_eq!(&collect(&elements).0[..], &ids[..elements.count()]);
            let mut bytes = vec![];
            elements.put(&mut bytes);
            prop_assert_eq!(bytes.len(), elements.encoded_len());
            prop_assert_eq!(Elements::take(&mut &bytes[..]), Ok(elements));
            prop_assert!((0..bytes.len()).all(|len| Elements::take(&mut &bytes[..len]).is_err()));
        }

        #[test]
        fn encodings_are_read_back_and_fit(
            texts in proptest::collection::vec(".{0,12}", 0..50),
            budget in 0_usize..500,
        ) {
            let Filled { elements, left_out, .. } = Elements::fill(self::texts(&texts), budget);
            prop_assert!(elements.count() == 0 || elements.encoded_len() <= budget);
            prop_assert_eq!(left_out.and_then(|entry| entry.element.value()), texts.get(elements.count()));
            let encodings = texts[..elements.count()].iter().map(|text| [&[text.len() as u8], text.as_bytes()].concat());
            prop_assert!(collect(&elements).1.into_iter().eq(encodings));
            let mut bytes = vec![];
            elements.put(&mut bytes);
            prop_assert_eq!(bytes.len(), elements.encoded_len());
            prop_assert_eq!(Elements::take(&mut &bytes[..]), Ok(elements));
            prop_assert!((0..bytes.len()).all(|len| Elements::take(&mut &bytes[..len]).is_err()));
        }

        #[test]
        fn any_bytes_have_one_reading_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut rest = &bytes[..];
            if let Ok(elements) = Elements::take(&mut rest) {
                let (ids, encoded) = collect(&elements);
                prop_assert_eq!(ids.len() + encoded.len(), elements.count());
                let mut again = vec![];
                elements.put(&mut again);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - rest.len()]);
            }
        }
    }

    #[test]
    fn a_flaw_is_told_where_it_begins() {
        const OWN: u8 = 0x80;
        let flaw = |bytes: &[u8]| Elements::take(&mut &bytes[..]).err().map(|Flaw { index, at }| (index, at));
        assert_eq!(flaw(&[]), Some((0, 0)));
        assert_eq!(flaw(&[2, OWN, 2, b'a', b'b', 9, b'c']), Some((1, 5)));
        assert_eq!(flaw(&[3, OWN, 0, 0]), Some((0, 1)), "more than there are bytes");
        assert_eq!(flaw(&[1, 3, 0, 0]), Some((0, 1)), "no form of ids");
        let mut rest = &[1, OWN, 1, b'a', 7][..];
        let taken = Elements::take(&mut rest).expect("a text");
        assert_eq!((collect(&taken), rest), ((vec![], vec![&[1, b'a'][..]]), &[7][..]));
        assert_eq!((Elements::NONE.encoded_len(), Elements::NONE.count()), (1, 0));
    }

    #[test]
    fn what_fits_to_the_byte_is_taken() {
        let all = vec![String::from("x"); 200];
        // The count takes a byte up to 127 and then two, the form another, each text two.
        for (budget, count) in
            [(0, 0), (3, 0), (4, 1), (5, 1), (256, 127), (258, 127), (259, 128), (260, 128), (403, 200)]
        {
            let Filled { elements, .. } = Elements::fill(texts(&all), budget);
            assert_eq!(elements.count(), count, "in {budget}");
        }
    }

    #[test]
    fn one_that_is_too_large_for_many_goes_alone() {
        let all = ["x".repeat(50), "y".repeat(20), "z".repeat(90)];
        // From which one on, in what room for one: how many, and which is left out.
        for (from, of_one, count, left_out) in
            [(0, 60, 1, Some(1)), (1, 60, 1, Some(2)), (2, 93, 1, None), (2, 92, 0, Some(2))]
        {
            let room = Room { of_many: 40, of_one };
            let filled = Elements::fill(texts(&all).skip(from), room);
            let expected = left_out.map(|at: usize| &all[at]);
            let left_out = filled.left_out.and_then(|entry| entry.element.value());
            assert_eq!((filled.elements.count(), left_out), (count, expected));
        }
    }

    #[test]
    fn a_gap_of_all_ids_does_not_fit_behind_a_crowd() {
        let ids: Vec<u64> = (0..64).chain([u64::MAX]).collect();
        let Filled { elements, left_out, .. } = Elements::fill(entries(&ids), 1_000);
        assert_eq!((elements.count(), left_out.map(|entry| entry.id)), (64, Some(u64::MAX)));
    }
}
