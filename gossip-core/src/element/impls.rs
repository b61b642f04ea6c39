//! `Element` for integers, `bool`, `char`, durations, text, arrays and tuples.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Element, Numbers, TypeTag};
use crate::codec::{Sink, take_varint};

/// Takes so many bytes off the front of `input`.
pub(super) fn take<'a>(input: &mut &'a [u8], len: u64) -> Option<&'a [u8]> {
    // Checked before anything is allocated: a length of 2^60 is a stranger's word.
    let (front, rest) = input.split_at_checked(usize::try_from(len).ok()?)?;
    *input = rest;
    Some(front)
}

/// Takes a text off the front of `input`.
pub(super) fn take_text<'a>(input: &mut &'a [u8]) -> Option<&'a str> {
    let len = take_varint(input)?;
    // UTF-8 is checked in place, so refused text is never copied.
    core::str::from_utf8(take(input, len)?).ok()
}

/// Appends the length of bytes, then the bytes.
pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.put_varint(bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(super) fn take_array<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (front, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(*front)
}

/// Integers of up to 8 bytes: little-endian; as a number, the same bits without their sign.
macro_rules! small_integer {
    ($($type:ident as $unsigned:ident $({ $($of_lists:tt)* })?),*) => {$(
        impl Element for $type {
            const TYPE: TypeTag = TypeTag::new(stringify!($type));
            const NUMBERS: Option<Numbers<Self>> = Some(Numbers {
                // Without the sign: −1 of an `i8` is 255, a number below 2^8 as those of `u8` are.
                to: |value| u64::from($unsigned::from_ne_bytes(value.to_ne_bytes())),
                from: |number| $unsigned::try_from(number).ok().map(|bits| Self::from_ne_bytes(bits.to_ne_bytes())),
            });
            $($($of_lists)*)?

            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn decode(input: &mut &[u8]) -> Option<Self> {
                take_array(input).map(Self::from_le_bytes)
            }
        }
    )*};
}

small_integer!(u16 as u16, u32 as u32, u64 as u64, i8 as u8, i16 as u16, i32 as u32, i64 as u64);
small_integer!(u8 as u8 {
    const LIST: TypeTag = TypeTag::new("bytes");

    fn encode_list(list: &[Self], out: &mut Vec<u8>) {
        out.extend_from_slice(list);
    }

    fn decode_list(count: u64, input: &mut &[u8]) -> Option<Vec<Self>> {
        take(input, count).map(<[u8]>::to_vec)
    }
});

macro_rules! large_integer {
    ($($type:ident),*) => {$(
        impl Element for $type {
            const TYPE: TypeTag = TypeTag::new(stringify!($type));

            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn decode(input: &mut &[u8]) -> Option<Self> {
                take_array(input).map(Self::from_le_bytes)
            }
        }
    )*};
}

// 16 bytes are beyond a number: these are fetched by id, and travel encoded.
large_integer!(u128, i128);

/// One byte, 0 or 1.
impl Element for bool {
    const TYPE: TypeTag = TypeTag::new("bool");
    const NUMBERS: Option<Numbers<Self>> = Some(Numbers { to: |&value| u64::from(value), from: bool_of });

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        // By the number: bytes above 1 would be further forms of `true`.
        bool_of(u64::from(u8::decode(input)?))
    }
}

const fn bool_of(number: u64) -> Option<bool> {
    match number {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// The code point, 4 bytes little-endian.
impl Element for char {
    const TYPE: TypeTag = TypeTag::new("char");
    const NUMBERS: Option<Numbers<Self>> = Some(Numbers {
        to: |&value| u64::from(u32::from(value)),
        from: |number| Self::from_u32(u32::try_from(number).ok()?),
    });

    fn encode(&self, out: &mut Vec<u8>) {
        u32::from(*self).encode(out);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        // Refuses surrogates, and all above 0x10ffff.
        Self::from_u32(u32::decode(input)?)
    }
}

/// The seconds in 8 bytes, then the nanoseconds of the last one in 4, little-endian.
impl Element for Duration {
    const TYPE: TypeTag = TypeTag::new("duration");

    fn encode(&self, out: &mut Vec<u8>) {
        self.as_secs().encode(out);
        self.subsec_nanos().encode(out);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        let (seconds, nanos) = <(u64, u32)>::decode(input)?;
        // 10^9 nanoseconds are a second more: another form of it, and a panic where there is none after it.
        (nanos < 1_000_000_000).then(|| Self::new(seconds, nanos))
    }
}

/// The length in bytes as a varint, then UTF-8.
impl Element for String {
    const TYPE: TypeTag = TypeTag::new("string");

    fn encode(&self, out: &mut Vec<u8>) {
        put_bytes(self.as_bytes(), out);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        take_text(input).map(Self::from)
    }
}

/// The bytes alone. Up to 8 of them are a number too, little-endian.
impl<const N: usize> Element for [u8; N] {
    const TYPE: TypeTag = TypeTag::new("array").with(N as u64);
    const NUMBERS: Option<Numbers<Self>> = if N > 8 {
        None
    } else {
        Some(Numbers {
            to: |value| {
                let mut bytes = [0; 8];
                bytes.iter_mut().zip(value).for_each(|(to, from)| *to = *from);
                u64::from_le_bytes(bytes)
            },
            from: |number| {
                let bytes = number.to_le_bytes();
                let (front, rest) = bytes.split_first_chunk()?;
                // A number with more than N bytes is no array's.
                rest.iter().all(|&byte| byte == 0).then_some(*front)
            },
        })
    };

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        take_array(input)
    }
}

macro_rules! tuple {
    ($($name:ident . $index:tt),+) => {
        /// The parts, one after the other.
        impl<$($name: Element),+> Element for ($($name,)+) {
            const TYPE: TypeTag = TypeTag::new("tuple")$(.then($name::TYPE))+;

            fn encode(&self, out: &mut Vec<u8>) {
                $(self.$index.encode(out);)+
            }

            fn decode(input: &mut &[u8]) -> Option<Self> {
                Some(($($name::decode(input)?,)+))
            }
        }
    };
}

tuple!(A.0);
tuple!(A.0, B.1);
tuple!(A.0, B.1, C.2);
tuple!(A.0, B.1, C.2, D.3);
tuple!(A.0, B.1, C.2, D.3, F.4);
tuple!(A.0, B.1, C.2, D.3, F.4, G.5);
tuple!(A.0, B.1, C.2, D.3, F.4, G.5, H.6);
tuple!(A.0, B.1, C.2, D.3, F.4, G.5, H.6, I.7);
tuple!(A.0, B.1, C.2, D.3, F.4, G.5, H.6, I.7, J.8);
tuple!(A.0, B.1, C.2, D.3, F.4, G.5, H.6, I.7, J.8, K.9);
tuple!(A.0, B.1, C.2, D.3, F.4, G.5, H.6, I.7, J.8, K.9, L.10);
tuple!(A.0, B.1, C.2, D.3, F.4, G.5, H.6, I.7, J.8, K.9, L.10, M.11);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_eight_bytes_is_a_number() {
        assert_eq!([false, true].map(number), [Some(0), Some(1)]);
        assert_eq!(['a', '\u{10ffff}'].map(number), [Some(0x61), Some(0x10_ffff)]);
        assert_eq!([number([1_u8, 2, 3]), number([0_u8; 0])], [Some(0x03_0201), Some(0)]);
        assert_eq!([number(-1_i8), number(i64::MIN)], [Some(0xff), Some(1 << 63)]);
        assert_eq!([number([0_u8; 9]), number(1_u128), number(String::new())], [None; 3]);
    }

    fn number<E: Element>(value: E) -> Option<u64> {
        E::NUMBERS.map(|numbers| (numbers.to)(&value))
    }

    fn value<E: Element>(number: u64) -> Option<E> {
        (E::NUMBERS?.from)(number)
    }

    #[test]
    fn numbers_of_no_value_are_refused() {
        assert_eq!([0, 1, 2].map(value), [Some(false), Some(true), None]);
        assert_eq!([0x61, 0xd800, 0x11_0000, 1 << 32 | 0x61].map(value), [Some('a'), None, None, None]);
        assert_eq!([0x0201, 1 << 16].map(value), [Some([1_u8, 2]), None]);
        assert_eq!([0xff, 0x100].map(value), [Some(255_u8), None]);
        assert_eq!([0xff, 0x100].map(value), [Some(-1_i8), None]);
        assert_eq!(value::<String>(0), None);
    }
}
