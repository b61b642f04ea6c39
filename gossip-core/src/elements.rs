//! A run of elements as messages carry it.

use alloc::vec::Vec;

use crate::element::Element;
use crate::store::Entry;
use crate::wire::{BitReader, BitWriter, put_varint, rice_bits, take_varint, varint_len};

/// Elements in their wire form: a count and, where it is not 0, a form and what that says. They stay bytes until they are
/// merged, so a message takes no more memory than it has bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Elements {
    count: usize,
    form: Form,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    /// One encoding after the other.
    Encoded,
    /// The ids of numbers, ascending: the Rice codes, with this parameter, of the first one's distance from a base and of
    /// the distances between neighbours less one.
    Ids(u32),
}

/// The form byte of encoded elements; that of ids is their Rice parameter, below 64.
const ENCODED: u8 = 64;

/// The least Rice parameter, so that an id takes a byte: what is kept of a message then stays near its own size.
const MIN_PARAMETER: u8 = 7;

/// How many ids the Rice parameter is taken from.
const SAMPLE: usize = 64;

/// Where a run of elements is not one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// How many elements came before it.
    pub(crate) index: usize,
    /// How many bytes of the run came before it.
    pub(crate) at: usize,
}

impl Elements {
    pub(crate) const NONE: Self = Self { count: 0, form: Form::Encoded, bytes: Vec::new() };

    /// The first of `entries` that fit `budget` bytes. Ids count from `base`, which is at most the first one. O(entries
    /// taken).
    pub(crate) fn fill<'a, E: Element + 'a>(
        entries: impl Iterator<Item = Entry<'a, E>> + Clone,
        base: u64,
        budget: usize,
    ) -> Filled<'a, E> {
        Self::fill_ids(entries.clone(), base, budget).unwrap_or_else(|| Self::fill_encoded(entries, budget))
    }

    /// `None` if one of the elements is not what its id stands for.
    fn fill_ids<'a, E: Element + 'a>(
        entries: impl Iterator<Item = Entry<'a, E>> + Clone,
        base: u64,
        budget: usize,
    ) -> Option<Filled<'a, E>> {
        let sample = entries.clone().take(SAMPLE);
        let (sampled, last) = sample.fold((0, base), |(count, _), entry| (count + 1, entry.id));
        let parameter = rice_parameter(last - base, sampled);
        let mut bytes = Vec::new();
        let mut writer = BitWriter::new(&mut bytes);
        let (mut count, mut bits, mut least) = (0, 0, base);
        let (mut last, mut left_out) = (None, None);
        for entry in entries {
            if entry.element.to_id().and_then(E::from_id).as_ref() != Some(entry.element) {
                return None;
            }
            let gap = entry.id.checked_sub(least)?;
            bits = rice_bits(gap, parameter).saturating_add(bits);
            let room = budget.saturating_sub(varint_len(count + 1) + 1) as u64;
            if bits.div_ceil(8) > room {
                left_out = Some(entry);
                break;
            }
            writer.rice(gap, parameter);
            count += 1;
            least = entry.id.wrapping_add(1);
            last = Some(entry);
        }
        writer.finish();
        let elements = Self { count: count as usize, form: Form::Ids(parameter), bytes }.normal();
        Some(Filled { elements, last, left_out })
    }

    fn fill_encoded<'a, E: Element + 'a>(entries: impl Iterator<Item = Entry<'a, E>>, budget: usize) -> Filled<'a, E> {
        let (mut count, mut bytes) = (0, Vec::new());
        let (mut last, mut left_out) = (None, None);
        for entry in entries {
            let before = bytes.len();
            entry.element.encode(&mut bytes);
            if varint_len(count + 1) + 1 + bytes.len() > budget {
                bytes.truncate(before);
                left_out = Some(entry);
                break;
            }
            count += 1;
            last = Some(entry);
        }
        let elements = Self { count: count as usize, form: Form::Encoded, bytes }.normal();
        Filled { elements, last, left_out }
    }

    /// No elements have one form only.
    fn normal(self) -> Self {
        if self.count == 0 { Self::NONE } else { self }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn encoded_len(&self) -> usize {
        varint_len(self.count as u64) + usize::from(self.count > 0) + self.bytes.len()
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.count as u64);
        if self.count > 0 {
            out.push(match self.form {
                Form::Encoded => ENCODED,
                Form::Ids(parameter) => (parameter & 0x3f) as u8,
            });
            out.extend_from_slice(&self.bytes);
        }
    }

    /// Takes a run of elements off the front. Reads them all, keeps a copy of their bytes and allocates nothing else.
    pub(crate) fn take<E: Element>(input: &mut &[u8], base: u64) -> Result<Self, Flaw> {
        let start = input.len();
        let flaw = |index: usize, rest: &[u8]| Flaw { index, at: start - rest.len() };
        let count = take_varint(input).ok_or(flaw(0, input))?;
        if count == 0 {
            return Ok(Self::NONE);
        }
        let (&form, mut rest) = input.split_first().ok_or(flaw(0, input))?;
        // At least a byte each, but for one element that may be empty.
        let count = usize::try_from(count).ok().filter(|&count| count <= rest.len() + 1);
        let count = count.ok_or(flaw(0, input))?;
        let body = rest;
        let form = match form {
            ENCODED => {
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
                Form::Encoded
            }
            parameter @ MIN_PARAMETER..ENCODED => {
                let mut ids = Ids::new(rest, u32::from(parameter), base, count);
                let read = ids.by_ref().count();
                let len = ids.finish().filter(|_| read == count).ok_or(flaw(read, rest))?;
                rest = &rest[len..];
                Form::Ids(u32::from(parameter))
            }
            _ => return Err(flaw(0, input)),
        };
        *input = rest;
        Ok(Self { count, form, bytes: body[..body.len() - rest.len()].to_vec() })
    }

    /// Gives every element to `visit`, until one is refused: with its encoding, or as an id.
    pub(crate) fn each<E: Element, X>(
        &self,
        base: u64,
        mut visit: impl FnMut(usize, Item<'_, E>) -> Result<(), X>,
    ) -> Result<(), X> {
        match self.form {
            Form::Encoded => {
                let mut rest = &self.bytes[..];
                for index in 0..self.count {
                    let before = rest;
                    let Some(element) = E::decode(&mut rest) else { break };
                    visit(index, Item::Encoded(element, &before[..before.len() - rest.len()]))?;
                }
                Ok(())
            }
            Form::Ids(parameter) => Ids::new(&self.bytes, parameter, base, self.count)
                .enumerate()
                .try_for_each(|(index, id)| visit(index, Item::Id(id))),
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

/// The ids in a run of Rice codes; ends early where the bits or the numbers do.
struct Ids<'a> {
    reader: BitReader<'a>,
    parameter: u32,
    least: Option<u64>,
    left: usize,
}

impl<'a> Ids<'a> {
    fn new(bytes: &'a [u8], parameter: u32, base: u64, count: usize) -> Self {
        Self { reader: BitReader::new(bytes), parameter, least: Some(base), left: count }
    }

    fn finish(self) -> Option<usize> {
        self.reader.finish()
    }
}

impl Iterator for Ids<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        let id = self.least?.checked_add(self.reader.rice(self.parameter)?)?;
        self.least = id.checked_add(1);
        Some(id)
    }
}

/// The parameter for `count` numbers that fill `span` evenly: the least k with 2^k ≥ 0.481 × their mean distance, where
/// the expected lengths under k and k + 1 meet (ln of the golden ratio; Kiely, "Selecting the Golomb parameter in Rice
/// coding", 2004); within the range of the form.
fn rice_parameter(span: u64, count: u64) -> u32 {
    let aim = u128::from(span) * 481 / (1_000 * u128::from(count.max(1)));
    (128 - aim.saturating_sub(1).leading_zeros()).clamp(u32::from(MIN_PARAMETER), 63)
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

    fn collect<E: Element>(elements: &Elements, base: u64) -> (Vec<u64>, Vec<E>) {
        let (mut ids, mut encoded) = (vec![], vec![]);
        let visited = elements.each::<E, ()>(base, |index, item| {
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
            let base = ids.first().map_or(0, |first| first / 2);
            let entries = entries(&ids);
            let Filled { elements, left_out, .. } = Elements::fill(entries, base, budget);
            prop_assert!(elements.count() == 0 || elements.encoded_len() <= budget);
            prop_assert_eq!(left_out.map(|entry| entry.id), ids.get(elements.count()).copied());
            prop_assert_eq!(&collect::<u64>(&elements, base).0[..], &ids[..elements.count()]);
            let mut bytes = vec![];
            elements.put(&mut bytes);
            prop_assert_eq!(bytes.len(), elements.encoded_len());
            prop_assert_eq!(Elements::take::<u64>(&mut &bytes[..], base), Ok(elements));
            prop_assert!((0..bytes.len()).all(|len| Elements::take::<u64>(&mut &bytes[..len], base).is_err()));
        }

        #[test]
        fn encodings_are_read_back_and_fit(
            texts in proptest::collection::vec(".{0,12}", 0..50),
            budget in 0_usize..500,
        ) {
            let entries = texts.iter().map(|element| Entry { id: 9, element });
            let Filled { elements, left_out, .. } = Elements::fill(entries, 0, budget);
            prop_assert!(elements.count() == 0 || elements.encoded_len() <= budget);
            prop_assert_eq!(left_out.map(|entry| entry.element), texts.get(elements.count()));
            prop_assert_eq!(&collect::<String>(&elements, 0).1[..], &texts[..elements.count()]);
            let mut bytes = vec![];
            elements.put(&mut bytes);
            prop_assert_eq!(Elements::take::<String>(&mut &bytes[..], 0), Ok(elements));
            prop_assert!((0..bytes.len()).all(|len| Elements::take::<String>(&mut &bytes[..len], 0).is_err()));
        }

        #[test]
        fn any_bytes_have_one_reading_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            for base in [0, u64::MAX] {
                let mut rest = &bytes[..];
                if let Ok(elements) = Elements::take::<Vec<u8>>(&mut rest, base) {
                    prop_assert_eq!(collect::<Vec<u8>>(&elements, base).1.len() + collect::<Vec<u8>>(&elements, base).0.len(), elements.count());
                    if elements.count() > 0 {
                        let mut again = vec![];
                        elements.put(&mut again);
                        prop_assert_eq!(&again[..], &bytes[..bytes.len() - rest.len()]);
                    }
                }
            }
        }
    }

    #[test]
    fn a_gap_of_all_ids_does_not_fit_behind_a_crowd() {
        let ids: Vec<u64> = (0..64).chain([u64::MAX]).collect();
        let Filled { elements, left_out, .. } = Elements::fill(entries(&ids), 0, 1_000);
        assert_eq!((elements.count(), left_out.map(|entry| entry.id)), (64, Some(u64::MAX)));
    }

    #[test]
    fn evenly_spread_ids_cost_a_bit_and_a_half_above_their_entropy() {
        let mut rng = crate::rng::Rng::new(1);
        let mut ids: Vec<u64> = (0..1_000).map(|_| rng.next_u64()).collect();
        ids.sort_unstable();
        let entries = entries(&ids);
        let Filled { elements, .. } = Elements::fill(entries, 0, usize::MAX);
        // 64 - log2(1 000) + 1.5 = 55.5 bits each, and a header.
        assert_eq!(elements.encoded_len(), 6_952);
    }
}
