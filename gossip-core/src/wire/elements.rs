//! A run of elements as messages carry it.

use alloc::vec::Vec;

use super::ids::{IdWriter, Ids, Pushed};
use crate::codec::{Encode, Sink, take_varint, varint_len};
use crate::element::{Element, Entry};

/// Elements in their wire form. They stay bytes until they are merged, so a message takes no more memory than it has
/// bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Elements {
    /// How many there are, and one encoding after the other.
    Encoded(usize, Vec<u8>),
    /// The ids of numbers; at least one.
    Ids(Ids),
}

/// The form byte of encoded elements; that of ids is their Rice parameter, which is smaller.
const ENCODED: u8 = 64;

/// Where a run of elements is not one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// How many elements came before it.
    pub(crate) index: usize,
    /// How many bytes of the run came before it.
    pub(crate) at: usize,
}

impl Elements {
    pub(crate) const NONE: Self = Self::Encoded(0, Vec::new());

    /// The first of `entries` that fit `budget` bytes. O(entries taken).
    pub(crate) fn fill<'a, E: Element + 'a>(
        entries: impl Iterator<Item = Entry<'a, E>> + Clone,
        budget: usize,
    ) -> Filled<'a, E> {
        Self::fill_ids(entries.clone(), budget).unwrap_or_else(|| Self::fill_encoded(entries, budget))
    }

    /// `None` if one of the elements is not what its id stands for.
    fn fill_ids<'a, E: Element + 'a>(
        entries: impl Iterator<Item = Entry<'a, E>> + Clone,
        budget: usize,
    ) -> Option<Filled<'a, E>> {
        let mut writer = IdWriter::new(entries.clone().map(|entry| entry.id), budget);
        let (mut last, mut left_out) = (None, None);
        for entry in entries {
            if entry.element.to_id().and_then(E::from_id).as_ref() != Some(entry.element) {
                return None;
            }
            match writer.push(entry.id) {
                Pushed::In => last = Some(entry),
                Pushed::Full => {
                    left_out = Some(entry);
                    break;
                }
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

    /// Takes a run of elements off the front. Reads them all, keeps a copy of their bytes and allocates nothing else.
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
            return Ids::take(input).map(Self::Ids).map_err(|index| flaw(index, rest));
        };
        // At least a byte each, but for one element that may be empty.
        let count = usize::try_from(count).ok().filter(|&count| count <= body.len() + 1).ok_or(flaw(0, rest))?;
        rest = body;
        let mut again = Vec::new();
        for index in 0..count {
            let before = rest;
            let element = E::decode(&mut rest).ok_or(flaw(index, before))?;
            again.clear();
            again.reserve_exact(before.len() - rest.len());
            element.encode(&mut again);
            if before.strip_suffix(rest) != Some(&again[..]) {
                return Err(flaw(index, before));
            }
        }
        *input = rest;
        Ok(Self::Encoded(count, body[..body.len() - rest.len()].to_vec()))
    }

    /// Gives every element to `visit`, until one is refused: with its encoding, or as an id.
    pub(crate) fn each<E: Element, X>(
        &self,
        mut visit: impl FnMut(usize, Item<'_, E>) -> Result<(), X>,
    ) -> Result<(), X> {
        match self {
            Self::Encoded(count, bytes) => {
                let mut rest = &bytes[..];
                for index in 0..*count {
                    let before = rest;
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

/// As many elements as fit.
pub(crate) struct Filled<'a, E> {
    pub(crate) elements: Elements,
    /// The last one that fits.
    pub(crate) last: Option<Entry<'a, E>>,
    /// The first one that does not.
    pub(crate) left_out: Option<Entry<'a, E>>,
}

/// One element of a message.
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
    fn a_gap_of_all_ids_does_not_fit_behind_a_crowd() {
        let ids: Vec<u64> = (0..64).chain([u64::MAX]).collect();
        let Filled { elements, left_out, .. } = Elements::fill(entries(&ids), 1_000);
        assert_eq!((elements.count(), left_out.map(|entry| entry.id)), (64, Some(u64::MAX)));
    }
}
