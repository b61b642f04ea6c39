//! Varints, and the sinks that values are encoded into.
//!
//! Varints are read here and not by a crate: a number has one form on the wire, so that longer ones are refused, and what is
//! refused leaves the input as it was.

pub(crate) mod bits;

use alloc::vec::Vec;

/// Destination of encoded bytes: a buffer, or a counter. So an encoding and its length come from one description.
pub(crate) trait Sink {
    /// Appends `bytes`.
    fn put(&mut self, bytes: &[u8]);

    /// Appends the `len` bytes that `write` produces; a counter does not call it.
    fn put_with(&mut self, len: usize, write: impl FnOnce(&mut Vec<u8>));

    /// Appends `value` as LEB128: seven bits a byte, the lowest first, the top bit set in all but the last; 1 to 10
    /// bytes.
    fn put_varint(&mut self, value: u64);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn put_with(&mut self, len: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.len();
        write(self);
        // `Counter` goes by `len` alone: a wrong one would be a message longer than its budget and the ledger say.
        debug_assert_eq!(self.len() - before, len, "as many as were announced");
    }

    fn put_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.push((value & 0x7f) as u8);
    }
}

/// Counter of bytes: O(1) a write, whatever its length.
#[derive(Debug)]
struct Counter(usize);

impl Sink for Counter {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn put_with(&mut self, len: usize, _: impl FnOnce(&mut Vec<u8>)) {
        self.0 += len;
    }

    fn put_varint(&mut self, value: u64) {
        self.0 += varint_len(value);
    }
}

/// A value with a wire form.
pub(crate) trait Encode {
    /// Writes the wire form.
    fn put(&self, out: &mut impl Sink);

    /// Length of the wire form in bytes.
    fn encoded_len(&self) -> usize {
        let mut counter = Counter(0);
        self.put(&mut counter);
        counter.0
    }
}

/// Takes a varint off the front of `input`; `None`, with `input` as it was, for one that is truncated, above 2^64 − 1
/// or overlong.
pub(crate) fn take_varint(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for (i, &byte) in input.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        // Nine bytes hold 63 bits, so the tenth adds one.
        if i == 9 && bits > 1 {
            return None;
        }
        value |= bits << (7 * i);
        if byte < 0x80 {
            *input = &input[i + 1..];
            // A zero byte at the end adds nothing: it would be a second form of the same number.
            return (byte != 0 || i == 0).then_some(value);
        }
    }
    None
}

/// Bytes of a varint, 1 to 10.
pub(crate) fn varint_len(value: u64) -> usize {
    // `| 1`, since 0 takes a byte as well.
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn varints_have_one_form(value in prop_oneof![any::<u64>(), 0_u64..300], bytes in vec(any::<u8>(), 0..12)) {
            let mut out = Vec::new();
            out.put_varint(value);
            prop_assert_eq!(out.len(), varint_len(value));
            prop_assert!((0..out.len()).all(|len| take_varint(&mut &out[..len]).is_none()));
            prop_assert_eq!(take_varint(&mut &out[..]), Some(value));
            let mut rest = &bytes[..];
            if let Some(value) = take_varint(&mut rest) {
                let mut again = Vec::new();
                again.put_varint(value);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - rest.len()]);
            }
        }
    }

    #[test]
    fn long_forms_are_refused() {
        assert_eq!(take_varint(&mut &[0x80, 0][..]), None);
        assert_eq!(take_varint(&mut &[0xff; 10][..]), None);
        let mut largest = vec![0xff; 9];
        largest.push(1);
        assert_eq!(take_varint(&mut &largest[..]), Some(u64::MAX));
        largest[9] = 2;
        assert_eq!(take_varint(&mut &largest[..]), None);
    }
}
