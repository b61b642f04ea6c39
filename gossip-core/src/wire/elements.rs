//! `Elements`: a run of elements.

use alloc::vec::Vec;

use super::ids::{IdWriter, Ids, Pushed};
use crate::codec::{Encode, Sink, take_varint, varint_len};
use crate::config::Room;
use crate::element::{Element, Entry};

/// Run of elements in wire form. It stays bytes until it is merged, so a message takes about as much memory as it has
/// bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Elements {
    /// A count, and one encoding after the other.
    Encoded(usize, Vec<u8>),
    /// Ids of numbers; at least one.
    Ids(Ids),
}

/// Form byte of encodings. That of ids is their Rice parameter, 63 at the most.
const ENCODED: u8 = 64;

/// First flaw in the bytes of a run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// Number of elements before it.
    pub(crate) index: usize,
    /// Number of bytes of the run before it.
    pub(crate) at: usize,
}

impl Elements {
    pub(crate) const NONE: Self = Self::Encoded(0, Vec::new());

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
            if (numbers.from)((numbers.to)(entry.element)).as_ref() != Some(entry.element) {
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
        let (mut count, mut bytes) = (0, Vec::new());
        let (mut last, mut left_out) = (None, None);
        for entry in entries {
            let before = bytes.len();
            entry.element.encode(&mut bytes);
            // Its length is known once it is encoded, so one encoding too many is taken back. The byte is the form.
            if varint_len(count as u64 + 1) + 1 + bytes.len() > budget {
                bytes.truncate(before);
                left_out = Some(entry);
                break;
            }
            count += 1;
            last = Some(entry);
        }
        // A single element may be empty.
        Filled { elements: Self::Encoded(count, bytes), last, left_out }
    }

    pub(crate) const fn count(&self) -> usize {
        match self {
            Self::Encoded(count, _) => *count,
            Self::Ids(ids) => ids.count(),
        }
    }

    /// Takes a run off the front of `input`. Reads all of it, keeps a copy of its bytes, and allocates one element at a
    /// time beside that.
    pub(crate) fn take<E: Element>(input: &mut &[u8]) -> Result<Self, Flaw> {
        let run = *input;
        let flaw = |index: usize, rest: &[u8]| Flaw { index, at: run.len() - rest.len() };
        let mut rest = run;
        let count = take_varint(&mut rest).ok_or(flaw(0, run))?;
        if count == 0 {
            *input = rest;
            return Ok(Self::NONE);
        }
        let Some(body) = rest.strip_prefix(&[ENCODED]) else {
            // Whether each id is an element's is found out when the run is merged, since it takes the key.
            return Ids::take(input).map(Self::Ids).map_err(|index| flaw(index, rest));
        };
        // At least a byte each, but for one that is empty, as of `[u8; 0]`: a type has one of these.
        let count = usize::try_from(count).ok().filter(|&count| count <= body.len() + 1).ok_or(flaw(0, rest))?;
        rest = body;
        let mut again = Vec::new();
        for index in 0..count {
            let before = rest;
            let element = E::decode(&mut rest).ok_or(flaw(index, before))?;
            // By lengths: to compare what is left as well took 107 ms for 20 000 elements of 32 bytes, not 0.8.
            let len = before.len() - rest.len();
            again.clear();
            // Canonical, it is as long as what it came from: bytes that are there.
            again.reserve_exact(len);
            element.encode(&mut again);
            // Two encodings of one element have two fingerprints, and digests would differ for ever.
            if before[..len] != again[..] {
                return Err(flaw(index, before));
            }
        }
        *input = rest;
        Ok(Self::Encoded(count, body[..body.len() - rest.len()].to_vec()))
    }

    /// Calls `visit` with each element, as a value with its encoding or as an id, until it returns an error.
    pub(crate) fn each<E: Element, X>(
        &self,
        mut visit: impl FnMut(usize, Item<'_, E>) -> Result<(), X>,
    ) -> Result<(), X> {
        match self {
            Self::Encoded(count, bytes) => {
                let mut rest = &bytes[..];
                for index in 0..*count {
                    let before = rest;
                    // `take` has decoded them all before.
                    let Some(element) = E::decode(&mut rest) else { break };
                    visit(index, Item::Encoded(element, &before[..before.len() - rest.len()]))?;
                }
                Ok(())
            }
            Self::Ids(ids) => ids.iter().enumerate().try_for_each(|(index, id)| visit(index, Item::Id(id))),
        }
    }
}

impl Encode for Elements {
    fn put(&self, out: &mut impl Sink) {
        match self {
            Self::Encoded(count, bytes) => {
                out.put_varint(*count as u64);
                if *count > 0 {
                    out.put(&[ENCODED]);
                    out.put(bytes);
                }
            }
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

/// Element of a message.
pub(crate) enum Item<'a, E> {
    Encoded(E, &'a [u8]),
    Id(u64),
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    fn entries(ids: &[u64]) -> impl Iterator<Item = Entry<'_, u64>> + Clone {
        ids.iter().map(|id| Entry { id: *id, element: id })
    }

    fn collect<E: Element>(elements: &Elements) -> (Vec<u64>, Vec<E>) {
        let (mut ids, mut encoded) = (vec![], vec![]);
        let visited = elements.each::<E, ()>(|index, item| {
            assert_eq!(index, ids.len() + encoded.len());
            match item {
                Item::Id(id) => ids.push(id),
                Item::Encoded(element, _) => encoded.push(element),
            }
            Ok(())
        });
        assert_eq!(visited, Ok(()));
        (ids, encoded)
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
            prop_assert_eq!(&collect::<u64>(&elements).0[..], &ids[..elements.count()]);
            let mut bytes = vec![];
            elements.put(&mut bytes);
            prop_assert_eq!(bytes.len(), elements.encoded_len());
            prop_assert_eq!(Elements::take::<u64>(&mut &bytes[..]), Ok(elements));
            prop_assert!((0..bytes.len()).all(|len| Elements::take::<u64>(&mut &bytes[..len]).is_err()));
        }

        #[test]
        fn encodings_are_read_back_and_fit(
            texts in proptest::collection::vec(".{0,12}", 0..50),
            budget in 0_usize..500,
        ) {
            let entries = texts.iter().map(|element| Entry { id: 9, element });
            let Filled { elements, left_out, .. } = Elements::fill(entries, budget);
            prop_assert!(elements.count() == 0 || elements.encoded_len() <= budget);
            prop_assert_eq!(left_out.map(|entry| entry.element), texts.get(elements.count()));
            prop_assert_eq!(&collect::<String>(&elements).1[..], &texts[..elements.count()]);
            let mut bytes = vec![];
            elements.put(&mut bytes);
            prop_assert_eq!(bytes.len(), elements.encoded_len());
            prop_assert_eq!(Elements::take::<String>(&mut &bytes[..]), Ok(elements));
            prop_assert!((0..bytes.len()).all(|len| Elements::take::<String>(&mut &bytes[..len]).is_err()));
        }

        #[test]
        fn any_bytes_have_one_reading_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut rest = &bytes[..];
            if let Ok(elements) = Elements::take::<Vec<u8>>(&mut rest) {
                let (ids, encoded) = collect::<Vec<u8>>(&elements);
                prop_assert_eq!(ids.len() + encoded.len(), elements.count());
                let mut again = vec![];
                elements.put(&mut again);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - rest.len()]);
            }
        }
    }

    #[test]
    fn a_flaw_is_told_where_it_begins() {
        let flaw = |bytes: &[u8]| Elements::take::<String>(&mut &bytes[..]).err().map(|Flaw { index, at }| (index, at));
        assert_eq!(flaw(&[]), Some((0, 0)));
        assert_eq!(flaw(&[2, ENCODED, 2, b'a', b'b', 1, 0xff]), Some((1, 5)));
        assert_eq!(flaw(&[2, ENCODED, 2, b'a', b'b', 9, b'c']), Some((1, 5)));
        assert_eq!(flaw(&[4, ENCODED, 0, 0]), Some((0, 1)), "more than there are bytes");
        assert_eq!(flaw(&[3, ENCODED, 0, 0]), Some((2, 4)), "one may be empty, but no text is");
        assert_eq!(flaw(&[1, 3, 0, 0]), Some((0, 1)), "no form of ids");
        let mut rest = &[1, ENCODED, 1, b'a', 7][..];
        assert_eq!(Elements::take::<String>(&mut rest), Ok(Elements::Encoded(1, vec![1, b'a'])));
        assert_eq!(rest, [7]);
        assert_eq!((Elements::NONE.encoded_len(), Elements::NONE.count()), (1, 0));
    }

    #[test]
    fn what_fits_to_the_byte_is_taken() {
        let texts = vec![String::from("x"); 200];
        let entries = texts.iter().map(|element| Entry { id: 9, element });
        // The count takes a byte up to 127 and then two, the form another, each text two.
        for (budget, count) in
            [(0, 0), (3, 0), (4, 1), (5, 1), (256, 127), (258, 127), (259, 128), (260, 128), (403, 200)]
        {
            let Filled { elements, .. } = Elements::fill(entries.clone(), budget);
            assert_eq!(elements.count(), count, "in {budget}");
        }
    }

    #[test]
    fn one_that_is_too_large_for_many_goes_alone() {
        let texts = ["x".repeat(50), "y".repeat(20), "z".repeat(90)];
        let entries = texts.iter().map(|element| Entry { id: 9, element });
        // From which one on, in what room for one: how many, and which is left out.
        for (from, of_one, count, left_out) in
            [(0, 60, 1, Some(1)), (1, 60, 1, Some(2)), (2, 93, 1, None), (2, 92, 0, Some(2))]
        {
            let room = Room { of_many: 40, of_one };
            let filled = Elements::fill(entries.clone().skip(from), room);
            let expected = left_out.map(|at: usize| &texts[at]);
            assert_eq!((filled.elements.count(), filled.left_out.map(|entry| entry.element)), (count, expected));
        }
    }

    #[test]
    fn a_gap_of_all_ids_does_not_fit_behind_a_crowd() {
        let ids: Vec<u64> = (0..64).chain([u64::MAX]).collect();
        let Filled { elements, left_out, .. } = Elements::fill(entries(&ids), 1_000);
        assert_eq!((elements.count(), left_out.map(|entry| entry.id)), (64, Some(u64::MAX)));
    }
}
