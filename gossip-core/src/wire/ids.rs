//! `Ids`: a run of ascending ids, as the distances between neighbours.

use alloc::vec::Vec;

use crate::codec::bits::{BitReader, BitWriter, rice_bits};
use crate::codec::{Encode, Sink, take_varint, varint_len};

/// Run of ascending ids in wire form: a count and, where it is not 0, a Rice parameter, the first id in 64 bits, or in
/// 32 where these suffice, and the codes of the distances between neighbours less one. It stays bytes until it is read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ids {
    count: usize,
    /// The parameter, and whether the first id is short.
    form: u8,
    bytes: Vec<u8>,
}

/// The least Rice parameter, so that an id takes a byte: 2^20 bytes then hold 2^20 ids at the most.
const MIN_PARAMETER: u8 = 7;

/// The largest Rice parameter.
const MAX_PARAMETER: u8 = 63;

/// Bit beside the parameter: the first id has 32 bits. Set exactly where these suffice. The highest bit means encodings.
const SHORT: u8 = 0x40;

/// Low bits of an id that are not part of a wish.
pub(crate) const WISH: u32 = 32;

/// Ids that the Rice parameter is derived from.
const SAMPLE: usize = 64;

impl Ids {
    pub(crate) const NONE: Self = Self { count: 0, form: MIN_PARAMETER, bytes: Vec::new() };

    /// Fills a run with the first of `ids`, as many as fit `budget` bytes.
    pub(crate) fn fill(ids: &[u64], budget: usize) -> Self {
        let mut writer = IdWriter::new(ids.iter().copied(), budget);
        for &id in ids {
            if writer.push(id) != Pushed::In {
                break;
            }
        }
        writer.finish()
    }

    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Takes a run off the front of `input`, and allocates a copy of its bytes alone. The error is the number of ids
    /// before the flaw; `input` is then as it was.
    pub(crate) fn take(input: &mut &[u8]) -> Result<Self, usize> {
        let mut rest = *input;
        let count = take_varint(&mut rest).ok_or(0_usize)?;
        if count == 0 {
            *input = rest;
            return Ok(Self::NONE);
        }
        let (&form, body) = rest.split_first().ok_or(0_usize)?;
        // An id takes a unary bit and 7 more at least, so there are no more ids than bytes.
        let count = usize::try_from(count).ok().filter(|&count| count <= body.len()).ok_or(0_usize)?;
        let mut reader = IdReader::new(body, form, count);
        let first = reader.next().ok_or(0_usize)?;
        // 32 bits exactly where they suffice: with either, one run would have two forms.
        let short = if first <= LONGEST_SHORT { SHORT } else { 0 };
        if !(MIN_PARAMETER..=MAX_PARAMETER).contains(&(form ^ short)) {
            return Err(0);
        }
        let read = 1 + reader.by_ref().count();
        // Fewer than the count where bits ran out, or an id went beyond 2^64 − 1.
        let len = reader.finish().filter(|_| read == count).ok_or(read)?;
        *input = &body[len..];
        Ok(Self { count, form, bytes: body[..len].to_vec() })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> {
        IdReader::new(&self.bytes, self.form, self.count)
    }
}

impl Encode for Ids {
    fn put(&self, out: &mut impl Sink) {
        out.put_varint(self.count as u64);
        if self.count > 0 {
            out.put(&[self.form]);
            out.put(&self.bytes);
        }
    }
}

/// The bits of one id of so many uniform ones: `64 − log2 count`, and 2.
pub(crate) fn id_bits(count: u64) -> u64 {
    66 - u64::from(count.max(4).ilog2())
}

/// Writer of a run, id by id, within a budget.
pub(crate) struct IdWriter {
    writer: BitWriter,
    form: u8,
    count: u64,
    bits: u64,
    last: Option<u64>,
    budget: usize,
}

/// Fate of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    In,
    /// The budget is used up.
    Full,
    /// It does not ascend.
    OutOfOrder,
}

impl IdWriter {
    /// Writer of a run within `budget` bytes, with a parameter that suits the first of `sample`.
    pub(crate) fn new(sample: impl Iterator<Item = u64>, budget: usize) -> Self {
        // Few, so that a run takes time for the ids in it, not for all that might be. Ids are spread evenly, so few
        // tell.
        let mut sample = sample.take(SAMPLE);
        let first = sample.next();
        let (count, first) = (u64::from(first.is_some()), first.unwrap_or(0));
        let (count, last) = sample.fold((count, first), |(count, _), id| (count + 1, id));
        let short = if first <= LONGEST_SHORT { SHORT } else { 0 };
        let form = rice_parameter(last.saturating_sub(first), count.saturating_sub(1)) | short;
        // Of a short run nothing moves: an id takes 8 bytes or less, as a rule.
        let writer = BitWriter::with_capacity(8 * count as usize);
        Self { writer, form, count: 0, bits: 0, last: None, budget }
    }

    #[inline]
    pub(crate) fn push(&mut self, id: u64) -> Pushed {
        let gap = match self.last {
            None => None,
            Some(last) if id > last => Some(id - last - 1),
            Some(_) => return Pushed::OutOfOrder,
        };
        let parameter = parameter(self.form);
        // Saturates: a gap of 2^64 after a crowd has more bits than can be counted. It goes first into the next run.
        let bits = gap.map_or(first_bits(self.form).into(), |gap| rice_bits(gap, parameter)).saturating_add(self.bits);
        // With this id the count may take a byte more; the form takes one.
        let room = self.budget.saturating_sub(varint_len(self.count + 1) + 1) as u64;
        if bits.div_ceil(8) > room {
            return Pushed::Full;
        }
        match gap {
            None => self.writer.bits(id, first_bits(self.form)),
            Some(gap) => self.writer.rice(gap, parameter),
        }
        (self.bits, self.count, self.last) = (bits, self.count + 1, Some(id));
        Pushed::In
    }

    pub(crate) fn finish(self) -> Ids {
        match usize::try_from(self.count) {
            Ok(count) if count > 0 => Ids { count, form: self.form, bytes: self.writer.finish() },
            _ => Ids::NONE,
        }
    }
}

/// Iterator over a run; it ends early where the bits or the numbers do.
struct IdReader<'a> {
    reader: BitReader<'a>,
    form: u8,
    last: Option<u64>,
    left: usize,
}

impl<'a> IdReader<'a> {
    fn new(bytes: &'a [u8], form: u8, count: usize) -> Self {
        Self { reader: BitReader::new(bytes), form, last: None, left: count }
    }

    fn finish(self) -> Option<usize> {
        self.reader.finish()
    }
}

impl Iterator for IdReader<'_> {
    type Item = u64;

    #[inline]
    fn next(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        let id = match self.last {
            None => self.reader.bits(first_bits(self.form))?,
            // `take` counts what comes before an overflow, and refuses the run.
            Some(last) => last.checked_add(1)?.checked_add(self.reader.rice(parameter(self.form))?)?,
        };
        self.last = Some(id);
        Some(id)
    }
}

const fn parameter(form: u8) -> u32 {
    // Masked, since `take` reads the first id before it judges the form.
    (form & MAX_PARAMETER) as u32
}

const fn first_bits(form: u8) -> u32 {
    if form & SHORT > 0 { 32 } else { 64 }
}

/// The largest id of 32 bits.
const LONGEST_SHORT: u64 = u32::MAX as u64;

/// The parameter for `count` numbers that fill `span` evenly: the least k with 2^k ≥ 0.481 × their mean distance, where
/// the expected lengths under k and k + 1 meet (ln of the golden ratio; Kiely, "Selecting the Golomb parameter in Rice
/// coding", 2004); within the range of the form.
fn rice_parameter(span: u64, count: u64) -> u8 {
    // In 128 bits, as 481 spans may be beyond 2^72.
    let aim = u128::from(span) * 481 / (1_000 * u128::from(count.max(1)));
    // The bits of `aim − 1`, or none: the least k with 2^k ≥ `aim`.
    let bits = 128 - aim.saturating_sub(1).leading_zeros();
    u8::try_from(bits).unwrap_or(MAX_PARAMETER).clamp(MIN_PARAMETER, MAX_PARAMETER)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_are_read_back_and_fit(
            ids in proptest::collection::btree_set(prop_oneof![any::<u64>(), 0_u64..500, Just(u64::MAX)], 0..200),
            budget in 0_usize..2_000,
        ) {
            let ids: Vec<u64> = ids.into_iter().collect();
            let run = Ids::fill(&ids, budget);
            prop_assert!(run.count() == 0 || run.encoded_len() <= budget);
            prop_assert!(run.iter().eq(ids.iter().copied().take(run.count())));
            let mut bytes = vec![];
            run.put(&mut bytes);
            prop_assert_eq!(bytes.len(), run.encoded_len());
            prop_assert!((0..bytes.len()).all(|len| Ids::take(&mut &bytes[..len]).is_err()));
            let mut rest = &bytes[..];
            prop_assert_eq!(Ids::take(&mut rest), Ok(run));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn any_bytes_have_one_reading_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut rest = &bytes[..];
            if let Ok(run) = Ids::take(&mut rest) {
                let mut again = vec![];
                run.put(&mut again);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - rest.len()]);
                prop_assert_eq!(run.iter().count(), run.count());
            }
        }
    }

    #[test]
    fn evenly_spread_ids_cost_a_bit_and_a_half_above_their_entropy() {
        let mut rng = crate::rng::Rng::new(1);
        let mut ids: Vec<u64> = (0..1_000).map(|_| rng.next_u64()).collect();
        ids.sort_unstable();
        // 64 - log2(1 000) + 1.5 = 55.5 bits each, and a header.
        assert_eq!(Ids::fill(&ids, usize::MAX).encoded_len(), 6_953);
    }

    #[test]
    fn runs_have_these_bytes() {
        let bytes = |ids: &[u64]| {
            let run = Ids::fill(ids, 1_000);
            let mut bytes = vec![];
            run.put(&mut bytes);
            assert_eq!((run.encoded_len(), run.count()), (bytes.len(), ids.len()));
            bytes
        };
        assert_eq!(Ids::fill(&[], 1_000), Ids::NONE);
        assert_eq!(bytes(&[]), [0]);
        // 32 bits of the first; of the next, a unary part of 0 and 7 bits.
        assert_eq!(bytes(&[0x0403_0201, 0x0403_0204]), [2, SHORT | 7, 1, 2, 3, 4, 2 << 1]);
        assert_eq!(bytes(&[1 << 32]), [1, 7, 0, 0, 0, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn only_what_ascends_goes_in() {
        let mut writer = IdWriter::new([5, 6].into_iter(), 1_000);
        assert_eq!(
            [5, 5, 4, 6].map(|id| writer.push(id)),
            [Pushed::In, Pushed::OutOfOrder, Pushed::OutOfOrder, Pushed::In]
        );
        assert_eq!(writer.finish().iter().collect::<Vec<_>>(), [5, 6]);
    }

    #[test]
    fn what_fits_to_the_byte_goes_in() {
        let ids: Vec<u64> = (0..200).collect();
        // 4 bytes of the first and one of each other, after one of the form and one or two of the count.
        for (budget, count) in [(5, 0), (6, 1), (7, 2), (132, 127), (133, 127), (134, 128), (206, 200)] {
            assert_eq!(Ids::fill(&ids, budget).count(), count, "in {budget}");
        }
    }
}
