//! Bit streams, and Rice codes in them.

use alloc::vec::Vec;

/// Writes numbers bit by bit, the lowest bit of a byte first.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    out: Vec<u8>,
    // Up to 7 bits of a byte that is begun and 64 of the next number: more than a `u64` holds.
    pending: u128,
    bits: u32,
}

impl BitWriter {
    /// Writes the Rice code of `value` (Rice and Plaunt, 1971): the quotient by 2^`parameter` in ones, a zero, then the
    /// remainder.
    pub(crate) fn rice(&mut self, value: u64, parameter: u32) {
        // Short: at the parameter that a run has, 1 or 2 ones on average. A gap whose quotient is 2^50 is over the
        // budget, and `IdWriter` refuses it before it gets here.
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

    /// Ends the stream: its bytes, the last one padded with zeros.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.bits > 0 {
            self.out.push((self.pending & 0xff) as u8);
        }
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
    pub(crate) fn rice(&mut self, parameter: u32) -> Option<u64> {
        let mut quotient = 0_u64;
        // Bounded by the stream: each one of the quotient is a bit that was sent.
        while self.bits(1)? == 1 {
            quotient += 1;
        }
        let remainder = self.bits(parameter)?;
        // The shift would lose its upper bits, and two codes would be read as one number.
        if quotient.leading_zeros() < parameter {
            return None;
        }
        Some(quotient << parameter | remainder)
    }

    /// Reads `count` bits, at most 64; `None` if fewer are left.
    pub(crate) fn bits(&mut self, count: u32) -> Option<u64> {
        let mut value = 0;
        let mut got = 0;
        while got < count {
            let byte = *self.bytes.get(self.at / 8)?;
            let offset = (self.at % 8) as u32;
            // As much of a byte as is wanted: remainders are 7 to 63 bits, and one by one would take that many steps.
            let taken = (8 - offset).min(count - got);
            let bits = u64::from(byte) >> offset & ((1 << taken) - 1);
            value |= bits << got;
            got += taken;
            self.at += taken as usize;
        }
        Some(value)
    }

    /// Ends the stream: the number of bytes that were read, in whole or in part; `None` unless the rest of the last one
    /// is zeros.
    pub(crate) fn finish(mut self) -> Option<usize> {
        let len = self.at.div_ceil(8);
        // Any other padding would be a second form of the same run.
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
