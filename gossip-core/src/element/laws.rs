//! Check of the laws of [`Element`], for users' tests.

use alloc::vec::Vec;
use core::iter;

use super::Element;

/// Broken law of [`Element`]. Numbers are indices of samples.
///
/// ```
/// use gossip_core::{BrokenElementLaw, Element, TypeTag, element_laws};
///
/// #[derive(Clone, PartialEq, Eq)]
/// struct Name(String);
///
/// impl Element for Name {
///     const TYPE: TypeTag = TypeTag::new("shop.name.1");
///
///     fn encode(&self, out: &mut Vec<u8>) {
///         self.0.encode(out);
///     }
///
///     fn decode(input: &mut &[u8]) -> Option<Self> {
///         String::decode(input).map(|text| Self(text.trim().into())) // two encodings of one name
///     }
/// }
///
/// let broken = element_laws(&[Name("a".into())]).unwrap_err();
/// assert_eq!(broken, BrokenElementLaw::Lax { sample: 0, bytes: vec![1, b' '] });
/// assert_eq!(broken.to_string(), "near sample 0, [01, 20] decode to what encodes to other bytes");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BrokenElementLaw {
    /// `decode` does not return the encoded value.
    #[error("sample {0} does not decode to itself")]
    RoundTrip(usize),
    /// `decode` does not take exactly the bytes of the encoding.
    #[error("sample {0} is not self-delimiting: decoding takes other bytes than encoding wrote")]
    SelfDelimiting(usize),
    /// Part of an encoding decodes.
    #[error("sample {sample} is not self-delimiting: its first {len} bytes alone decode")]
    Prefix {
        /// The sample's index.
        sample: usize,
        /// Number of its bytes that decoded.
        len: usize,
    },
    /// Two samples are equal but their bytes are not, or the other way round.
    #[error("samples {0} and {1} are not canonical: equality of values and of bytes disagree")]
    Canonical(usize, usize),
    /// [`Numbers::from`](super::Numbers::from) does not invert [`Numbers::to`](super::Numbers::to).
    #[error("sample {0} is not what its number stands for")]
    Number(usize),
    /// `decode` takes bytes that `encode` does not write: it trims spaces, say, or takes a varint that is longer than it
    /// need be. Or `encode` does not write the same each time, as that of a hash map with an order of its own.
    #[error("near sample {sample}, {bytes:02x?} decode to what encodes to other bytes")]
    Lax {
        /// The sample's index.
        sample: usize,
        /// Its encoding, changed in one place, as far as `decode` takes it.
        bytes: Vec<u8>,
    },
    /// Different bytes decode to equal values, or the same bytes to different ones: `Eq` leaves a field out, or it is that
    /// of numbers with a NaN and two zeros.
    #[error("near sample {sample}, equality of values and of bytes disagree on what {bytes:02x?} decode to")]
    Equality {
        /// The sample's index.
        sample: usize,
        /// Its encoding, changed in one place, as far as `decode` takes it.
        bytes: Vec<u8>,
    },
    /// `decode` panics. Without the feature `std` the panic goes on to the caller of [`element_laws`].
    #[error("near sample {sample}, decoding {bytes:02x?} panics")]
    Panic {
        /// The sample's index.
        sample: usize,
        /// Its encoding, cut or changed in one place.
        bytes: Vec<u8>,
    },
}

/// Checks the laws of [`Element`] on samples, each against each, and on what a stranger might send in place of their
/// encodings: these cut anywhere, and changed in any one place.
///
/// Good samples differ in each field once, are empty once, and once longer than 255. Of a sample of n bytes, 260 n encodings
/// are decoded; where it has more than 256 bytes, 64 of these evenly spaced are changed. A `decode` that panics ends the
/// test where it does, or with the feature `std` as [`BrokenElementLaw::Panic`], which tells the bytes.
///
/// # Errors
///
/// The first law that a sample breaks.
///
/// ```
/// gossip_core::element_laws(&["".to_string(), "a".into(), "ab".into()]).unwrap();
/// ```
pub fn element_laws<E: Element>(samples: &[E]) -> Result<(), BrokenElementLaw> {
    let encodings: Vec<Vec<u8>> = samples.iter().map(encoding).collect();
    let samples =
        || samples.iter().zip(&encodings).enumerate().map(|(i, (value, bytes))| Sample { index: i, value, bytes });
    for sample in samples() {
        sample.is_delimited()?;
        sample.is_numbered()?;
        for other in samples().take(sample.index) {
            if (other.value == sample.value) != (other.bytes == sample.bytes) {
                return Err(BrokenElementLaw::Canonical(other.index, sample.index));
            }
        }
    }
    // Afterwards: what a sample shows by itself is plainer than what is found near it.
    samples().try_for_each(|sample| changed(sample.bytes).try_for_each(|bytes| sample.has_neighbour(&bytes)))
}

/// Up to so many bytes each is changed, and of more bytes so many.
const SHORT: usize = 256;
const PLACES: usize = 64;

/// An encoding as it is, and changed in one place: each byte to each other one; a byte to two, as of a varint with a zero
/// for its end; all from there on to zeros, or to ones, of which a float is a NaN.
fn changed(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let step = if bytes.len() > SHORT { bytes.len() / PLACES } else { 1 };
    let places = || (0..bytes.len()).step_by(step);
    let replaced = move |at: usize, from: usize, by: &[u8]| [&bytes[..at], by, &bytes[from..]].concat();
    let others = move |at: usize| (1..=u8::MAX).map(move |flipped| replaced(at, at + 1, &[bytes[at] ^ flipped]));
    let filled = move |at: usize| [0, 0xff].map(|fill| replaced(at, bytes.len(), &alloc::vec![fill; bytes.len() - at]));
    let overlong = move |at: usize| replaced(at, at + 1, &[bytes[at] | 0x80, 0]);
    iter::once(bytes.to_vec())
        .chain(places().flat_map(others))
        .chain(places().map(overlong))
        .chain(places().flat_map(filled))
}

fn encoding<E: Element>(element: &E) -> Vec<u8> {
    let mut bytes = Vec::new();
    element.encode(&mut bytes);
    bytes
}

/// A sample and its encoding.
struct Sample<'a, E> {
    index: usize,
    value: &'a E,
    bytes: &'a [u8],
}

impl<E: Element> Sample<'_, E> {
    fn is_delimited(&self) -> Result<(), BrokenElementLaw> {
        // A decoder that reads on shows by what it meets: zeros, or ones, 9 of them as a varint of 10 bytes may take.
        for tail in [&[][..], &[0; 9], &[0xff; 9]] {
            let padded = [self.bytes, tail].concat();
            let mut rest = &padded[..];
            if self.decode(&mut rest)?.as_ref() != Some(self.value) {
                return Err(BrokenElementLaw::RoundTrip(self.index));
            }
            if rest != tail {
                return Err(BrokenElementLaw::SelfDelimiting(self.index));
            }
        }
        // A prefix that decodes would move the border between two elements of a message.
        for len in 0..self.bytes.len() {
            if self.decode(&mut &self.bytes[..len])?.is_some() {
                return Err(BrokenElementLaw::Prefix { sample: self.index, len });
            }
        }
        Ok(())
    }

    fn is_numbered(&self) -> Result<(), BrokenElementLaw> {
        let inverted =
            E::NUMBERS.is_none_or(|numbers| (numbers.from)((numbers.to)(self.value)).as_ref() == Some(self.value));
        if inverted { Ok(()) } else { Err(BrokenElementLaw::Number(self.index)) }
    }

    /// Whether these bytes are nothing, or another encoding of another value.
    fn has_neighbour(&self, bytes: &[u8]) -> Result<(), BrokenElementLaw> {
        let mut rest = bytes;
        let Some(value) = self.decode(&mut rest)? else { return Ok(()) };
        let taken = bytes.strip_suffix(rest).ok_or(BrokenElementLaw::SelfDelimiting(self.index))?;
        if encoding(&value) != taken {
            return Err(BrokenElementLaw::Lax { sample: self.index, bytes: taken.to_vec() });
        }
        let equals_itself = self.decode(&mut &taken[..])?.as_ref() == Some(&value);
        if !equals_itself || (value == *self.value) != (taken == self.bytes) {
            return Err(BrokenElementLaw::Equality { sample: self.index, bytes: taken.to_vec() });
        }
        Ok(())
    }

    #[cfg(not(feature = "std"))]
    fn decode(&self, input: &mut &[u8]) -> Result<Option<E>, BrokenElementLaw> {
        Ok(E::decode(input))
    }

    #[cfg(feature = "std")]
    fn decode(&self, input: &mut &[u8]) -> Result<Option<E>, BrokenElementLaw> {
        use std::panic::{AssertUnwindSafe, catch_unwind};

        let bytes = *input;
        // Nothing that it leaves in disorder is looked at again.
        catch_unwind(AssertUnwindSafe(|| E::decode(input)))
            .map_err(|_| BrokenElementLaw::Panic { sample: self.index, bytes: bytes.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec;
    use core::time::Duration;

    use super::*;
    use crate::{Numbers, TypeTag};

    #[test]
    fn the_types_given_obey() {
        element_laws(&[0_u8, 1, u8::MAX]).unwrap();
        element_laws(&[0_u16, 1, u16::MAX]).unwrap();
        element_laws(&[0_u32, 1, u32::MAX]).unwrap();
        element_laws(&[0_u64, 1, u64::MAX]).unwrap();
        element_laws(&[0_u128, 1, u128::MAX]).unwrap();
        element_laws(&[i8::MIN, -1, 0, i8::MAX]).unwrap();
        element_laws(&[i16::MIN, -1, 0, i16::MAX]).unwrap();
        element_laws(&[i32::MIN, -1, 0, i32::MAX]).unwrap();
        element_laws(&[i64::MIN, -1, 0, i64::MAX]).unwrap();
        element_laws(&[i128::MIN, -1, 0, i128::MAX]).unwrap();
        element_laws(&[false, true]).unwrap();
        element_laws(&['\0', 'a', char::MAX]).unwrap();
        element_laws(&["".into(), String::from("a"), "é".into(), "x".repeat(200)]).unwrap();
        element_laws(&[vec![], vec![0_u8], vec![0, 0], vec![255; 300]]).unwrap();
        element_laws(&[[]]).unwrap();
        element_laws(&[[0_u8; 3], [1, 2, 3]]).unwrap();
        element_laws(&[[0_u8; 8], [255; 8]]).unwrap();
        element_laws(&[[0_u8; 32], [7; 32]]).unwrap();
        element_laws(&[(0_u8,), (1,)]).unwrap();
        element_laws(&[(1_u8, String::from("a")), (1, "".into())]).unwrap();
        element_laws(&[(String::from("a"), String::from("b"), 'c', true, 1_u8, [2_u8])]).unwrap();
        element_laws(&[(1_u8, 2_u8, 3_u8, 4_u8, 5_u8, 6_u8, 7_u8, 8_u8, 9_u8, 10_u8, 11_u8, 12_u8)]).unwrap();
        element_laws(&[Duration::ZERO, Duration::new(1, 999_999_999), Duration::MAX]).unwrap();
    }

    #[test]
    fn hostile_lengths_decode_to_nothing() {
        let mut claim = Vec::new();
        crate::codec::Sink::put_varint(&mut claim, u64::MAX);
        assert_eq!(Vec::<u8>::decode(&mut &claim[..]), None);
        assert_eq!(String::decode(&mut &claim[..]), None);
        assert_eq!(String::decode(&mut &[1, 0xff][..]), None);
        assert_eq!(char::decode(&mut &[0, 0xd8, 0, 0][..]), None);
        assert_eq!(bool::decode(&mut &[2][..]), None);
        let full = [&u64::MAX.to_le_bytes()[..], &1_000_000_000_u32.to_le_bytes()].concat();
        assert_eq!(Duration::decode(&mut &full[..]), None);
    }

    /// A type whose laws are broken one at a time.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Broken<const LAW: u8>(u8);

    impl<const LAW: u8> Element for Broken<LAW> {
        const TYPE: TypeTag = TypeTag::new("broken");
        const NUMBERS: Option<Numbers<Self>> = if LAW == 4 {
            Some(Numbers { to: |value| u64::from(value.0) + 1, from: |number| u8::try_from(number).ok().map(Self) })
        } else {
            None
        };

        fn encode(&self, out: &mut Vec<u8>) {
            match LAW {
                3 => out.push(self.0 / 2),
                _ => out.extend([self.0, 0]),
            }
        }

        fn decode(input: &mut &[u8]) -> Option<Self> {
            let len = [2, 2, 2, 1, 2][usize::from(LAW)];
            let first = *input.first()?;
            if LAW != 2 {
                input.get(..len)?;
            }
            let taken = if LAW == 1 { input.len() } else { len.min(input.len()) };
            *input = &input[taken..];
            Some(Self(if LAW == 0 {
                first ^ 1
            } else if LAW == 3 {
                first * 2
            } else {
                first
            }))
        }
    }

    #[test]
    fn each_broken_law_is_named() {
        use BrokenElementLaw as Law;
        assert_eq!(element_laws(&[Broken::<0>(0)]), Err(Law::RoundTrip(0)));
        assert_eq!(element_laws(&[Broken::<1>(0)]), Err(Law::SelfDelimiting(0)));
        assert_eq!(element_laws(&[Broken::<2>(0)]), Err(Law::Prefix { sample: 0, len: 1 }));
        assert_eq!(element_laws(&[Broken::<3>(0), Broken(1)]), Err(Law::RoundTrip(1)));
        assert_eq!(element_laws(&[Broken::<4>(0)]), Err(Law::Number(0)));
    }

    /// A text with one fault.
    macro_rules! faulty {
        ($name:ident, $encode:expr, $decode:expr) => {
            #[derive(Clone, Debug, PartialEq, Eq)]
            struct $name(String);

            impl Element for $name {
                const TYPE: TypeTag = TypeTag::new("faulty");

                fn encode(&self, out: &mut Vec<u8>) {
                    $encode(&self.0, out);
                }

                fn decode(input: &mut &[u8]) -> Option<Self> {
                    $decode(input).map(Self)
                }
            }
        };
    }

    fn decode_short(input: &mut &[u8]) -> Option<String> {
        let (&len, rest) = input.split_first()?;
        let (text, rest) = rest.split_at_checked(len.into())?;
        *input = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    #[test]
    fn a_decode_that_trims_is_lax() {
        faulty!(Trimmed, String::encode, |input: &mut &[u8]| String::decode(input).map(|text| text.trim().into()));
        let lax = Err(BrokenElementLaw::Lax { sample: 0, bytes: b"\x03 ea".to_vec() });
        assert_eq!(element_laws(&[Trimmed("tea".into())]), lax);
    }

    #[test]
    fn a_decode_of_long_varints_is_lax() {
        /// Takes a zero at the end of a varint, as most readers of LEB128 do.
        fn decode(input: &mut &[u8]) -> Option<String> {
            let last = input.iter().position(|byte| *byte < 0x80)?;
            let len = input[..=last].iter().rev().fold(0, |len, byte| len << 7 | usize::from(byte & 0x7f));
            let (text, rest) = input[last + 1..].split_at_checked(len)?;
            *input = rest;
            String::from_utf8(text.to_vec()).ok()
        }

        faulty!(Leb, String::encode, decode);
        let lax = Err(BrokenElementLaw::Lax { sample: 0, bytes: b"\x83\x00tea".to_vec() });
        assert_eq!(element_laws(&[Leb("tea".into())]), lax);
    }

    #[test]
    fn a_length_that_is_cut_is_found_by_a_long_sample() {
        faulty!(
            Short,
            |text: &String, out: &mut Vec<u8>| {
                out.push(text.len() as u8);
                out.extend_from_slice(text.as_bytes());
            },
            decode_short
        );
        assert_eq!(element_laws(&["".into(), "x".repeat(255)].map(Short)), Ok(()));
        assert_eq!(element_laws(&["".into(), "x".repeat(256)].map(Short)), Err(BrokenElementLaw::RoundTrip(1)));
    }

    #[test]
    fn a_field_that_equality_leaves_out_is_found() {
        #[derive(Clone, Debug)]
        struct Price(u8, u16);

        impl PartialEq for Price {
            fn eq(&self, other: &Self) -> bool {
                self.0 == other.0
            }
        }

        impl Eq for Price {}

        impl Element for Price {
            const TYPE: TypeTag = TypeTag::new("price");

            fn encode(&self, out: &mut Vec<u8>) {
                (self.0, self.1).encode(out);
            }

            fn decode(input: &mut &[u8]) -> Option<Self> {
                <(u8, u16)>::decode(input).map(|(article, cents)| Self(article, cents))
            }
        }

        let equality = Err(BrokenElementLaw::Equality { sample: 0, bytes: [1, 3, 0].into() });
        assert_eq!(element_laws(&[Price(1, 2)]), equality);
        assert_eq!(element_laws(&[Price(1, 2), Price(1, 3)]), Err(BrokenElementLaw::Canonical(0, 1)));
    }

    /// A float with an `Eq` that it has no right to.
    #[derive(Clone, Debug, PartialEq)]
    struct Float(f64);

    impl Eq for Float {}

    impl Element for Float {
        const TYPE: TypeTag = TypeTag::new("float");

        fn encode(&self, out: &mut Vec<u8>) {
            self.0.to_bits().encode(out);
        }

        fn decode(input: &mut &[u8]) -> Option<Self> {
            u64::decode(input).map(f64::from_bits).map(Self)
        }
    }

    #[test]
    fn floats_are_found_whatever_the_sample() {
        let equality = |bits: u64| Err(BrokenElementLaw::Equality { sample: 0, bytes: bits.to_le_bytes().into() });
        assert_eq!(element_laws(&[Float(f64::NAN)]), Err(BrokenElementLaw::RoundTrip(0)));
        assert_eq!(element_laws(&[Float(0.0)]), equality((-0.0_f64).to_bits()));
        assert_eq!(element_laws(&[Float(1.0)]), equality(u64::MAX));
    }

    #[test]
    fn an_encode_of_another_order_each_time_is_lax() {
        /// What a hash map with a seed does.
        #[derive(Clone, Debug)]
        struct Pair([u8; 2]);

        impl PartialEq for Pair {
            fn eq(&self, other: &Self) -> bool {
                let [one, two] = other.0;
                self.0 == other.0 || self.0 == [two, one]
            }
        }

        impl Eq for Pair {}

        impl Element for Pair {
            const TYPE: TypeTag = TypeTag::new("pair");

            fn encode(&self, out: &mut Vec<u8>) {
                self.0.encode(out);
            }

            fn decode(input: &mut &[u8]) -> Option<Self> {
                <[u8; 2]>::decode(input).map(|[one, two]| Self([two, one]))
            }
        }

        let lax = Err(BrokenElementLaw::Lax { sample: 0, bytes: [1, 2].into() });
        assert_eq!(element_laws(&[Pair([1, 2])]), lax);
    }

    /// Trusts the length that it reads.
    fn decode_trusting(input: &mut &[u8]) -> Option<String> {
        let (&len, rest) = input.split_first()?;
        let (text, rest) = rest.split_at(len.into());
        *input = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    faulty!(Trusting, String::encode, decode_trusting);

    #[test]
    #[cfg(feature = "std")]
    fn a_decode_that_panics_is_told_with_the_bytes() {
        let panic = Err(BrokenElementLaw::Panic { sample: 1, bytes: vec![3] });
        assert_eq!(element_laws(&["".into(), "tea".into()].map(Trusting)), panic);
    }

    #[test]
    #[cfg(not(feature = "std"))]
    #[should_panic(expected = "mid > len")]
    fn a_decode_that_panics_ends_the_test() {
        _ = element_laws(&["".into(), "tea".into()].map(Trusting));
    }
}
