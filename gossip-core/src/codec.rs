//! Varints, and the bit streams below.

pub(crate) mod bits;

use alloc::vec::Vec;

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
