//! The parts messages are made of: varints, bounds, bits.

use alloc::vec::Vec;

use crate::fingerprint::Fingerprint;

/// Appends `value` as LEB128: seven bits a byte, the lowest first, the top bit set in all but the last; 1 to 10 bytes.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

/// Takes a varint off the front; `None` if it is cut short, too large or longer than it need be.
pub(crate) fn take_varint(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for (i, &byte) in input.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        if i == 9 && bits > 1 {
            return None;
        }
        value |= bits << (7 * i);
        if byte < 0x80 {
            *input = &input[i + 1..];
            return (byte != 0 || i == 0).then_some(value);
        }
    }
    None
}

pub(crate) fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// A place between fingerprints: before all that are at least this one, or after all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Bound {
    At(Fingerprint),
    End,
}

impl Bound {
    pub(crate) const START: Self = Self::At(Fingerprint { id: 0, rest: 0 });

    /// The bound before the ids that are `name` but for their last `width` bits.
    pub(crate) const fn of_name(name: u64, width: u32) -> Self {
        Self::At(Fingerprint { id: name << width, rest: 0 })
    }

    /// The bound after these ids.
    pub(crate) fn after_name(name: u64, width: u32) -> Self {
        let last = Fingerprint { id: name << width | ((1 << width) - 1), rest: u64::MAX };
        Self::after(last)
    }

    /// The bound after `fingerprint`.
    pub(crate) fn after(fingerprint: Fingerprint) -> Self {
        match fingerprint.place().checked_add(1) {
            Some(place) => Self::At(Fingerprint::from_place(place)),
            None => Self::End,
        }
    }

    /// The bound with the shortest form that is after `last` and not after `next`. If the two are equal it is after
    /// both.
    pub(crate) fn between(last: Fingerprint, next: Fingerprint) -> Self {
        let (low, high) = (last.place(), next.place());
        if low >= high {
            return Self::after(last);
        }
        // Up to and with the first byte in which they differ, the higher one is a bound between them.
        let differing = (low ^ high).leading_zeros() / 8;
        let dropped = 8 * (15 - differing);
        Self::At(Fingerprint::from_place(high >> dropped << dropped))
    }

    /// Appends the bound: how many bytes of its place follow (17 for the end), then those, the highest first, without
    /// zeros at the tail.
    pub(crate) fn put(self, out: &mut Vec<u8>) {
        match self {
            Self::End => out.push(END),
            Self::At(fingerprint) => {
                let place = fingerprint.place();
                let len = significant_bytes(place);
                out.push((len & 0xff) as u8);
                out.extend_from_slice(&place.to_be_bytes()[..len]);
            }
        }
    }

    pub(crate) fn encoded_len(self) -> usize {
        match self {
            Self::End => 1,
            Self::At(fingerprint) => 1 + significant_bytes(fingerprint.place()),
        }
    }

    /// Takes a bound off the front; `None` if it is cut short or has another form than [`put`](Self::put) gives.
    pub(crate) fn take(input: &mut &[u8]) -> Option<Self> {
        let (&len, rest) = input.split_first()?;
        if len == END {
            *input = rest;
            return Some(Self::End);
        }
        let len = usize::from(len);
        let mut bytes = [0; 16];
        let front = rest.get(..len)?;
        bytes.get_mut(..len)?.copy_from_slice(front);
        if front.last() == Some(&0) {
            return None;
        }
        *input = &rest[len..];
        Some(Self::At(Fingerprint::from_place(u128::from_be_bytes(bytes))))
    }
}

/// The length byte that means the end.
const END: u8 = 17;

fn significant_bytes(place: u128) -> usize {
    16 - (place.trailing_zeros() as usize / 8).min(16)
}

/// Writes numbers bit by bit, the lowest bit of a byte first.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    out: Vec<u8>,
    pending: u128,
    bits: u32,
}

impl BitWriter {
    /// Writes the Rice code of `value` (Rice and Plaunt, 1971): the quotient by 2^`parameter` in ones, a zero, then the
    /// remainder.
    pub(crate) fn rice(&mut self, value: u64, parameter: u32) {
        for _ in 0..value >> parameter {
            self.bits(1, 1);
        }
        self.bits(0, 1);
        self.bits(value & ((1 << parameter) - 1), parameter);
    }

    /// Writes the low `count` bits of `value`, at most 64; the others are zero.
    pub(crate) fn bits(&mut self, value: u64, count: u32) {
        self.pending |= u128::from(value) << self.bits;
        self.bits += count;
        while self.bits >= 8 {
            self.out.push((self.pending & 0xff) as u8);
            self.pending >>= 8;
            self.bits -= 8;
        }
    }

    /// The bytes, the last one padded with zeros.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.bits > 0 {
            self.out.push((self.pending & 0xff) as u8);
        }
        self.out
    }
}

/// How many bits [`BitWriter::rice`] writes.
pub(crate) fn rice_bits(value: u64, parameter: u32) -> u64 {
    (value >> parameter).saturating_add(1 + u64::from(parameter))
}

/// Reads what [`BitWriter`] wrote.
#[derive(Clone, Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next number; `None` if the bits end first or the number is above 2^64.
    pub(crate) fn rice(&mut self, parameter: u32) -> Option<u64> {
        let mut quotient = 0_u64;
        while self.bits(1)? == 1 {
            quotient += 1;
        }
        let remainder = self.bits(parameter)?;
        if quotient.leading_zeros() < parameter {
            return None;
        }
        Some(quotient << parameter | remainder)
    }

    /// The next `count` bits, at most 64; `None` if there are fewer.
    pub(crate) fn bits(&mut self, count: u32) -> Option<u64> {
        let mut value = 0;
        let mut got = 0;
        while got < count {
            let byte = *self.bytes.get(self.at / 8)?;
            let offset = (self.at % 8) as u32;
            let taken = (8 - offset).min(count - got);
            let bits = u64::from(byte) >> offset & ((1 << taken) - 1);
            value |= bits << got;
            got += taken;
            self.at += taken as usize;
        }
        Some(value)
    }

    /// The bytes read from so far, the last one perhaps in part; `None` if the rest of that one is not zeros.
    pub(crate) fn finish(mut self) -> Option<usize> {
        let len = self.at.div_ceil(8);
        while self.at < 8 * len {
            if self.bits(1)? != 0 {
                return None;
            }
        }
        Some(len)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    fn place() -> impl Strategy<Value = u128> {
        (any::<u128>(), 0_u32..=128).prop_map(|(value, zeros)| value.checked_shl(zeros).unwrap_or(0))
    }

    proptest! {
        #[test]
        fn varints_have_one_form(value in prop_oneof![any::<u64>(), 0_u64..300], bytes in vec(any::<u8>(), 0..12)) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            prop_assert_eq!(out.len(), varint_len(value));
            prop_assert!((0..out.len()).all(|len| take_varint(&mut &out[..len]).is_none()));
            prop_assert_eq!(take_varint(&mut &out[..]), Some(value));
            let mut rest = &bytes[..];
            if let Some(value) = take_varint(&mut rest) {
                let mut again = Vec::new();
                put_varint(&mut again, value);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - rest.len()]);
            }
        }

        #[test]
        fn bounds_have_one_form(place in place(), bytes in vec(0_u8..20, 0..20)) {
            for bound in [Bound::At(Fingerprint::from_place(place)), Bound::End] {
                let mut out = Vec::new();
                bound.put(&mut out);
                prop_assert_eq!(out.len(), bound.encoded_len());
                prop_assert!((0..out.len()).all(|len| Bound::take(&mut &out[..len]).is_none()));
                prop_assert_eq!(Bound::take(&mut &out[..]), Some(bound));
            }
            let mut rest = &bytes[..];
            if let Some(bound) = Bound::take(&mut rest) {
                let mut again = Vec::new();
                bound.put(&mut again);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - rest.len()]);
            }
        }

        #[test]
        fn a_bound_between_separates(a in place(), b in place()) {
            let (low, high) = (a.min(b), a.max(b));
            let [last, next] = [low, high].map(Fingerprint::from_place);
            let bound = Bound::between(last, next);
            prop_assert!(bound > Bound::At(last));
            prop_assert!(low == high || bound <= Bound::At(next));
        }

        #[test]
        fn rice_codes_are_read_back(values in vec((any::<u64>(), 0_u32..64), 0..50)) {
            let values: Vec<_> = values.into_iter().map(|(value, k)| (value >> (63 - k), k)).collect();
            let mut writer = BitWriter::default();
            values.iter().for_each(|&(value, k)| writer.rice(value, k));
            let out = writer.finish();
            let bits: u64 = values.iter().map(|&(value, k)| rice_bits(value, k)).sum();
            prop_assert_eq!(out.len() as u64, bits.div_ceil(8));
            let mut reader = BitReader::new(&out);
            for &(value, k) in &values {
                prop_assert_eq!(reader.rice(k), Some(value));
            }
            prop_assert_eq!(reader.finish(), Some(out.len()));
        }
    }

    #[test]
    fn a_bound_between_is_as_short_as_can_be() {
        let between =
            |low: u128, high: u128| match Bound::between(Fingerprint::from_place(low), Fingerprint::from_place(high)) {
                Bound::At(fingerprint) => Some(fingerprint.place()),
                Bound::End => None,
            };
        let [low, high] = [0x1122_3344 << 96, 0x1122_5566 << 96];
        assert_eq!(between(low, high), Some(0x0011_2255 << 104));
        assert_eq!(between(low, 0x2000_0001 << 96), Some(0x20 << 120));
        assert_eq!(between(6, 7), Some(7));
        assert_eq!([between(7, 7), between(8, 7)], [Some(8), Some(9)]);
        assert_eq!(between(u128::MAX, u128::MAX), None);
    }

    use proptest::collection::vec;

    #[test]
    fn long_forms_are_refused() {
        assert_eq!(take_varint(&mut &[0x80, 0][..]), None);
        assert_eq!(take_varint(&mut &[0xff; 10][..]), None);
        let mut largest = vec![0xff; 9];
        largest.push(1);
        assert_eq!(take_varint(&mut &largest[..]), Some(u64::MAX));
        largest[9] = 2;
        assert_eq!(take_varint(&mut &largest[..]), None);
        assert_eq!(Bound::take(&mut &[1, 0][..]), None);
        assert_eq!(Bound::take(&mut &[18; 30][..]), None);
        assert_eq!(BitReader::new(&[0xff; 8]).rice(0), None);
        assert_eq!(BitReader::new(&[0b11, 0, 0, 0, 0, 0, 0, 0, 0]).rice(63), None);
        let mut padded = BitReader::new(&[0b10]);
        assert_eq!(padded.rice(0), Some(0));
        assert_eq!(padded.finish(), None);
    }
}
