//! Bit streams, and Rice codes in them.

use alloc::vec::Vec;

/// Writes numbers bit by bit, the lowest bit of a byte first.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    out: Vec<u8>,
    /// Up to 63 bits that wait for a word to be full.
    pending: u64,
    bits: u32,
}

impl BitWriter {
    /// A writer with room for so many bytes before it has to grow.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { out: Vec::with_capacity(bytes), ..Self::default() }
    }

    /// Writes the Rice code of `value` (Rice and Plaunt, 1971): the quotient by 2^`parameter` in ones, a zero, then the
    /// remainder.
    pub(crate) fn rice(&mut self, value: u64, parameter: u32) {
        let mut ones = value >> parameter;
        // All of it at once as a rule: at the parameter that a run has, there are 1 or 2 ones on average. A gap whose
        // quotient is 2^50 is over the budget, and `IdWriter` refuses it before it gets here.
        while ones >= u64::from(64 - parameter) {
            self.bits(1, 1);
            ones -= 1;
        }
        let remainder = value & ((1 << parameter) - 1);
        self.bits((remainder << ones << 1) | ((1 << ones) - 1), ones as u32 + 1 + parameter);
    }

    /// Writes the low `count` bits of `value`, at most 64; the others are zero.
    pub(crate) fn bits(&mut self, value: u64, count: u32) {
        self.pending |= value << self.bits;
        let bits = self.bits + count;
        // A word at a time: byte by byte, the codes of 1 000 ids took four times as many instructions.
        if bits >= 64 {
            self.out.extend_from_slice(&self.pending.to_le_bytes());
            self.pending = value.checked_shr(64 - self.bits).unwrap_or(0);
        }
        self.bits = bits % 64;
    }

    /// Ends the stream: its bytes, the last one padded with zeros.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let len = self.bits.div_ceil(8) as usize;
        self.out.extend_from_slice(&self.pending.to_le_bytes()[..len]);
        self.out
    }
}

/// Length in bits of the code that [`BitWriter::rice`] writes; saturates.
pub(crate) fn rice_bits(value: u64, parameter: u32) -> u64 {
    // At parameter 0 the code of 2^64 − 1 has 2^64 bits, one more than the type counts.
    (value >> parameter).saturating_add(1 + u64::from(parameter))
}

/// Reader of the streams of [`BitWriter`].
#[derive(Clone, Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Reads a Rice code; `None` if the stream ends first, or the number is above 2^64 − 1.
    #[inline]
    pub(crate) fn rice(&mut self, parameter: u32) -> Option<u64> {
        // As a rule a code is within 64 bits, and 128 are there: those of 1 000 ids have 56 on average.
        let rest = self.bytes.get(self.at / 8..).unwrap_or_default();
        if let Some(bits) = rest.first_chunk() {
            let ahead = (u128::from_le_bytes(*bits) >> (self.at % 8)) as u64;
            let ones = ahead.trailing_ones();
            if ones + parameter < 64 {
                self.at += (ones + 1 + parameter) as usize;
                return Some(u64::from(ones) << parameter | lowest(ahead >> ones >> 1, parameter));
            }
        }
        self.long_rice(parameter)
    }

    /// The same, of a code of any length, and at the end of the stream.
    fn long_rice(&mut self, parameter: u32) -> Option<u64> {
        let (mut quotient, mut ahead) = (0, self.ahead());
        // Bounded by the stream: each one of the quotient is a bit that was sent, and zeros follow its end.
        while ahead == u64::MAX {
            self.skip(64)?;
            (quotient, ahead) = (quotient + 64, self.ahead());
        }
        let ones = ahead.trailing_ones();
        quotient += u64::from(ones);
        self.skip(ones + 1)?;
        let remainder = self.bits(parameter)?;
        // The shift would lose its upper bits, and two codes would be read as one number.
        if quotient.leading_zeros() < parameter {
            return None;
        }
        Some(quotient << parameter | remainder)
    }

    /// Reads `count` bits, at most 64; `None` if fewer are left.
    pub(crate) fn bits(&mut self, count: u32) -> Option<u64> {
        let value = lowest(self.ahead(), count);
        self.skip(count)?;
        Some(value)
    }

    /// The next 64 bits, zeros behind the end.
    fn ahead(&self) -> u64 {
        let rest = self.bytes.get(self.at / 8..).unwrap_or_default();
        let bits = match rest.first_chunk() {
            Some(bits) => u128::from_le_bytes(*bits),
            None => rest.iter().rev().fold(0, |bits, &byte| bits << 8 | u128::from(byte)),
        };
        (bits >> (self.at % 8)) as u64
    }

    /// Passes over so many bits; `None` if fewer are left.
    fn skip(&mut self, count: u32) -> Option<()> {
        self.at += count as usize;
        (self.at <= 8 * self.bytes.len()).then_some(())
    }

    /// Ends the stream: the number of bytes that were read, in whole or in part; `None` unless the rest of the last one
    /// is zeros.
    pub(crate) fn finish(mut self) -> Option<usize> {
        let len = self.at.div_ceil(8);
        // Any other padding would be a second form of the same run.
        let padding = self.bits((8 * len - self.at) as u32)?;
        (padding == 0).then_some(len)
    }
}

/// The lowest `count` bits, at most 64.
const fn lowest(bits: u64, count: u32) -> u64 {
    if count < 64 { bits & ((1 << count) - 1) } else { bits }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
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
    fn long_forms_are_refused() {
        assert_eq!(BitReader::new(&[0xff; 8]).rice(0), None);
        assert_eq!(BitReader::new(&[0b11, 0, 0, 0, 0, 0, 0, 0, 0]).rice(63), None);
        let mut padded = BitReader::new(&[0b10]);
        assert_eq!(padded.rice(0), Some(0));
        assert_eq!(padded.finish(), None);
    }
}
