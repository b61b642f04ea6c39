//! `Alike`: elements that are made to share one fingerprint, for tests.

use alloc::vec::Vec;

use super::{Element, Numbers, TypeTag};

/// Element of 16 bytes that claims to be the number 0, whatever it is. The law that it breaks is what the half of its
/// fingerprint that is no hash rests on; the other half can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alike(pub [u8; 16]);

impl Alike {
    /// One of 2^64 that have one fingerprint under the open key.
    pub fn new(number: u64) -> Self {
        Self(unhash(number.into()))
    }
}

/// The 16 bytes whose XXH3-128 this is: there is one of 16 bytes for each.
pub fn unhash(hash: u128) -> [u8; 16] {
    // The names are those of the specification of XXH3, whose steps this takes back.
    const PRIME32_2: u64 = 0x85eb_ca77;
    const PRIME64_1: u64 = 0x9e37_79b1_85eb_ca87;
    const PRIME64_2: u64 = 0xc2b2_ae3d_27d4_eb4f;
    const PRIME_MX1: u64 = 0x1656_6791_9e37_79f9;
    // Of the default secret: bytes 32 to 39 with 40 to 47, and 48 to 55 with 56 to 63.
    const FLIP_LOW: u64 = 0x78e5_c0cc_4ee6_79cb ^ 0x2172_ffcc_7dd0_5a82;
    const FLIP_HIGH: u64 = 0x8e24_43f7_7446_08b8 ^ 0x4c26_3a81_e690_35e0;
    let carry = |a: u64, b: u64| ((u128::from(a) * u128::from(b)) >> 64) as u64;
    let unmixed = |half: u64| {
        let half = (half ^ (half >> 32)).wrapping_mul(inverse(PRIME_MX1));
        half ^ (half >> 37)
    };
    let low = unmixed(hash as u64).wrapping_mul(inverse(PRIME64_2));
    let high = unmixed((hash >> 64) as u64).wrapping_sub(carry(low, PRIME64_2)).wrapping_mul(inverse(PRIME64_2));
    let both = (low ^ high.swap_bytes()).wrapping_sub(15 << 54).wrapping_mul(inverse(PRIME64_1));
    let sum = high.wrapping_sub(carry(both, PRIME64_1));
    let low_half = sum.wrapping_mul(inverse(PRIME32_2)) as u32;
    let last = sum.wrapping_sub(u64::from(low_half).wrapping_mul(PRIME32_2 - 1)) ^ FLIP_HIGH;
    let first = both ^ last ^ FLIP_LOW;
    (u128::from(last) << 64 | u128::from(first)).to_le_bytes()
}

impl Element for Alike {
    const TYPE: TypeTag = TypeTag::new("gossip.alike");
    const NUMBERS: Option<Numbers<Self>> = Some(Numbers { to: |_| 0, from: |_| None });

    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        <[u8; 16]>::decode(input).map(Self)
    }
}

/// The inverse of an odd number modulo 2^64, by Newton: each step doubles the bits that are right, 3 at first.
const fn inverse(odd: u64) -> u64 {
    let (mut inverse, mut steps) = (odd, 0);
    while steps < 5 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
        steps += 1;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_128;

    use super::*;
    use crate::element::Fingerprinter;
    use crate::key::Key;

    #[test]
    fn a_hash_of_16_bytes_is_undone() {
        for hash in (0..100_u128).chain([u128::MAX, 1 << 127, 0x0123_4567_89ab_cdef << 40]) {
            assert_eq!(xxh3_128(&unhash(hash)), hash);
        }
    }

    #[test]
    fn they_differ_in_their_bytes_and_tiebreaks_alone() {
        let open = Fingerprinter::new(&Key::open());
        let all: Vec<Alike> = (0..100).map(Alike::new).collect();
        for (index, one) in all.iter().enumerate() {
            assert_eq!(open.encode(one).0, open.encode(&all[0]).0);
            assert!(all[..index].iter().all(|other| one != other && open.rank(one) != open.rank(other)));
        }
    }
}
