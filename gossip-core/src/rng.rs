//! Seeded numbers, the machine's only source of randomness.
//!
//! Not of a crate: what a seed gives must stay what it is on every platform and in every version (law 9), and these are six
//! lines.

use core::time::Duration;

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014). Jitter, choices
/// of peers and nonces need spread, not secrecy. Equal seeds give equal numbers on every platform.
///
#[cfg_attr(feature = "sim", doc = "```")]
#[cfg_attr(not(feature = "sim"), doc = "```ignore")]
/// use gossip_core::sim::Rng;
///
/// let [mut one, mut other] = [7, 7].map(Rng::new);
/// assert_eq!(one.next_u64(), other.next_u64());
/// assert!(one.below(6) < 6);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(not(feature = "sim"), expect(unreachable_pub, reason = "`sim` lends it to tests"))]
pub struct Rng(u64);

#[cfg_attr(not(feature = "sim"), expect(unreachable_pub, reason = "`sim` lends it to tests"))]
impl Rng {
    /// Generator of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number of 64 bits, all equally likely.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    /// About `micros` microseconds: three to five quarters of it, all equally likely.
    pub(crate) fn about(&mut self, micros: u64) -> Duration {
        // Saturates, as intervals may be as long as a `Duration` can tell.
        Duration::from_micros((micros - micros / 4).saturating_add(self.below(micros / 2)))
    }

    /// A number below `bound`; 0 if `bound` is 0. Its bias is at most `bound` / 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        // One draw whatever the bound: a loop until a draw fits would shift all later numbers of a seed by chance.
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn equal_seeds_give_the_published_sequence() {
        let mut rng = Rng::new(1_234_567);
        assert_eq!(
            [rng.next_u64(), rng.next_u64(), rng.next_u64()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
        assert_eq!(Rng::new(1_234_567).next_u32(), 1_503_580_183);
    }

    #[test]
    fn about_is_a_quarter_more_or_less() {
        let mut rng = Rng::new(1);
        let times: Vec<u128> = (0..1_000).map(|_| rng.about(1_000_000).as_millis()).collect();
        assert_eq!((times.iter().min(), times.iter().max()), (Some(&750), Some(&1_248)));
        assert_eq!([rng.about(0), rng.about(1)], [0, 1].map(Duration::from_micros));
        assert!(rng.about(u64::MAX) >= Duration::from_micros(u64::MAX / 4 * 3));
    }

    #[test]
    fn below_stays_below() {
        let mut rng = Rng::new(1);
        assert_eq!(rng.below(0), 0);
        assert!((0..1_000).all(|_| rng.below(7) < 7));
    }
}
