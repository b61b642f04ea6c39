//! Check of the laws of [`Element`], for users' tests.

use alloc::vec::Vec;

use super::Element;

/// Broken law of [`Element`]. Numbers are indices of samples.
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
}

/// Checks the laws of [`Element`] on samples, each against each: O(samples²).
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
    for (i, (sample, bytes)) in samples.iter().zip(&encodings).enumerate() {
        delimiting(i, sample, bytes)?;
        numbered(i, sample)?;
        for (j, (other, others)) in samples.iter().zip(&encodings).enumerate().take(i) {
            if (sample == other) != (bytes == others) {
                return Err(BrokenElementLaw::Canonical(j, i));
            }
        }
    }
    Ok(())
}

fn encoding<E: Element>(element: &E) -> Vec<u8> {
    let mut bytes = Vec::new();
    element.encode(&mut bytes);
    bytes
}

fn delimiting<E: Element>(index: usize, sample: &E, bytes: &[u8]) -> Result<(), BrokenElementLaw> {
    // A decoder that reads on shows by what it meets: zeros, or ones, 9 of them as a varint of 10 bytes may take.
    for tail in [&[][..], &[0; 9], &[0xff; 9]] {
        let padded = [bytes, tail].concat();
        let mut rest = &padded[..];
        if E::decode(&mut rest).as_ref() != Some(sample) {
            return Err(BrokenElementLaw::RoundTrip(index));
        }
        if rest != tail {
            return Err(BrokenElementLaw::SelfDelimiting(index));
        }
    }
    // A prefix that decodes would move the border between two elements of a message.
    match (0..bytes.len()).find(|&len| E::decode(&mut &bytes[..len]).is_some()) {
        Some(len) => Err(BrokenElementLaw::Prefix { sample: index, len }),
        None => Ok(()),
    }
}

fn numbered<E: Element>(index: usize, sample: &E) -> Result<(), BrokenElementLaw> {
    let inverted = E::NUMBERS.is_none_or(|numbers| (numbers.from)((numbers.to)(sample)).as_ref() == Some(sample));
    if inverted { Ok(()) } else { Err(BrokenElementLaw::Number(index)) }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec;

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
}
