//! Permutations of 64 bits, from numbers to ids and back.
//!
//! They are part of the wire form, and vectors pin them. The crate `speck-cipher` (0.1) gives the same blocks in about the same
//! time, but brings five more crates along, and this crate depends on three in all.

/// The finalizer of SplitMix64, a bijection of 64 bits, after its increment, so that 0 does not stay 0.
pub(super) fn open_mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Undoes [`open_mix`]: the multipliers are the inverses modulo 2^64, and a shift is undone by repeating it.
pub(super) fn open_unmix(id: u64) -> u64 {
    // A shift by 31 comes undone after two more: 93 bits are beyond 64. So for 27 and 30 below.
    let mut z = id ^ (id >> 31) ^ (id >> 62);
    z = z.wrapping_mul(0x3196_42b2_d24d_8ec3);
    z = z ^ (z >> 27) ^ (z >> 54);
    z = z.wrapping_mul(0x96de_1b17_3f11_9089);
    z = z ^ (z >> 30) ^ (z >> 60);
    z.wrapping_sub(0x9e37_79b9_7f4a_7c15)
}

/// Speck64/128 (Beaulieu et al., "The Simon and Speck families of lightweight block ciphers", 2013): a permutation of
/// 64 bits under a key of 128, without which nobody can choose ids. 27 round keys.
#[derive(Clone)]
pub(crate) struct Speck([u32; 27]);

impl Speck {
    pub(super) fn new(key: u128) -> Self {
        // Words from the lowest up, as the paper numbers them; the vectors pin it.
        let word = |i: u32| (key >> (32 * i)) as u32;
        let (mut k, mut l) = (word(0), [word(1), word(2), word(3)]);
        let mut keys = [0; 27];
        for (i, slot) in (0_u32..).zip(&mut keys) {
            *slot = k;
            let [first, second, third] = l;
            let next = k.wrapping_add(first.rotate_right(8)) ^ i;
            k = k.rotate_left(3) ^ next;
            l = [second, third, next];
        }
        Self(keys)
    }

    pub(super) fn encrypt(&self, block: u64) -> u64 {
        let (mut x, mut y) = ((block >> 32) as u32, block as u32);
        for k in self.0 {
            x = x.rotate_right(8).wrapping_add(y) ^ k;
            y = y.rotate_left(3) ^ x;
        }
        u64::from(x) << 32 | u64::from(y)
    }

    pub(super) fn decrypt(&self, block: u64) -> u64 {
        let (mut x, mut y) = ((block >> 32) as u32, block as u32);
        for k in self.0.into_iter().rev() {
            y = (y ^ x).rotate_right(3);
            x = (x ^ k).wrapping_sub(y).rotate_left(8);
        }
        u64::from(x) << 32 | u64::from(y)
    }
}

impl core::fmt::Debug for Speck {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // The first round key is the first quarter of the key itself.
        f.write_str("Speck(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speck_gives_the_published_vector() {
        let speck = Speck::new(0x1b1a_1918_1312_1110_0b0a_0908_0302_0100);
        assert_eq!(speck.encrypt(0x3b72_6574_7475_432d), 0x8c6f_a548_454e_028b);
    }
}
