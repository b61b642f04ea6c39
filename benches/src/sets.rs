//! Two sets that differ in a known way.

use core::fmt;
use core::str::FromStr;
use std::array;

use gossip_core::{Config, Economy, Element};

use crate::bytes::Bytes;
use crate::gossip::Gossip;
use crate::system::System;

/// Which side holds what the other lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Each holds half of the difference; an odd one is the responder's.
    Half,
    /// The initiator holds all of it.
    Left,
    /// The responder holds all of it.
    Right,
    /// As half, and the difference is the most recent of elements that begin with the time.
    Recent,
}

impl Side {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Half, Self::Left, Self::Right, Self::Recent];

    /// The largest difference that two sets can have, the larger of which has `n` elements.
    pub fn most(self, n: usize) -> usize {
        match self {
            Self::Half | Self::Recent => n.saturating_mul(2),
            Self::Left | Self::Right => n,
        }
    }

    /// Whose the `index`-th element of the difference is.
    fn owner(self, index: usize) -> usize {
        match self {
            Self::Half | Self::Recent => (index + 1) % 2,
            Self::Left => 0,
            Self::Right => 1,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Half => "half",
            Self::Left => "left",
            Self::Right => "right",
            Self::Recent => "recent",
        })
    }
}

impl FromStr for Side {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let side = Self::ALL.into_iter().find(|side| side.to_string() == text);
        side.ok_or_else(|| format!("a side is one of {}", Self::ALL.map(|side| side.to_string()).join(", ")))
    }
}

/// An element type that sets can be made of.
pub trait Sample: Element + Ord + 'static {
    /// Its name in the report.
    const NAME: &'static str;

    /// How many bytes its encoding has.
    const SIZE: usize;

    /// The largest set of it that is reported, so that all that is measured at a time fits in memory.
    const MOST: usize = usize::MAX;

    /// What peers reconcile.
    type Bytes: Bytes;

    /// Its bytes, whose order is its own; of one that is larger than what peers reconcile, a hash of them.
    fn to_bytes(&self) -> Self::Bytes;

    /// The next of a sequence of uniformly random elements, all distinct.
    fn random(random: &mut SplitMix) -> Self;

    /// An element that begins with a time in ms, below 2^42. Those of two times differ.
    fn recent(time: u64, random: &mut SplitMix) -> Self;

    /// The time that it begins with.
    fn time(&self) -> u64;

    /// The systems that reconcile sets of it.
    fn systems() -> Vec<Box<dyn System<Self>>> {
        let saving = |economy| {
            let mut config = Config::default();
            config.economy = economy;
            config.max_element_bytes = config.max_element_bytes.max(Self::SIZE as u32);
            config
        };
        let boxed = |gossip| Box::new(gossip) as Box<dyn System<Self>>;
        let ours = vec![
            boxed(Gossip::new("gossip", saving(Economy::default()))),
            boxed(Gossip::again("gossip-again", saving(Economy::default()))),
            boxed(Gossip::cold("gossip-cold", saving(Economy::default()))),
            boxed(Gossip::loaded("gossip-loaded", saving(Economy::default()))),
            boxed(Gossip::new("gossip-bytes", saving(Economy::FewestBytes))),
            boxed(Gossip::new("gossip-pages", saving(Economy::Pages))),
        ];
        #[cfg(feature = "peers")]
        let ours = ours.into_iter().chain(crate::peers::all()).collect();
        ours
    }
}

impl Sample for u64 {
    const NAME: &'static str = "u64";

    const SIZE: usize = 8;

    type Bytes = [u8; 8];

    fn to_bytes(&self) -> [u8; 8] {
        self.to_be_bytes()
    }

    fn random(random: &mut SplitMix) -> Self {
        random.next()
    }

    fn recent(time: u64, random: &mut SplitMix) -> Self {
        time << 22 | random.next() >> 42
    }

    fn time(&self) -> u64 {
        self >> 22
    }
}

impl Sample for [u8; 32] {
    const NAME: &'static str = "bytes32";

    const SIZE: usize = 32;

    type Bytes = Self;

    fn to_bytes(&self) -> Self {
        *self
    }

    fn random(random: &mut SplitMix) -> Self {
        let first = random.next();
        words(first, random)
    }

    fn recent(time: u64, random: &mut SplitMix) -> Self {
        words(time, random)
    }

    fn time(&self) -> u64 {
        self.first_chunk().map_or(0, |word| u64::from_be_bytes(*word))
    }
}

/// One word, big-endian, and three random ones.
fn words(first: u64, random: &mut SplitMix) -> [u8; 32] {
    let words = [first, random.next(), random.next(), random.next()].map(u64::to_be_bytes);
    array::from_fn(|i| words[i / 8][i % 8])
}

/// What two sides hold.
#[derive(Clone, Debug)]
pub struct Sets<E> {
    /// Which side holds what the other lacks.
    pub side: Side,
    /// What both hold.
    pub common: Vec<E>,
    /// What the initiator alone and the responder alone hold.
    pub own: [Vec<E>; 2],
}

/// When the first element was made, where elements begin with the time: ms since 1970.
const EPOCH: u64 = 1_700_000_000_000;

impl<E: Sample> Sets<E> {
    /// Two sets, the larger of `n` elements, with `d` that one side alone has; `None` if so many can't differ. Equal
    /// arguments give equal sets.
    pub fn new(n: usize, d: usize, side: Side, seed: u64) -> Option<Self> {
        let owned = |owner| (0..d).filter(move |&index| side.owner(index) == owner).count();
        let common = n.checked_sub(owned(0).max(owned(1)))?;
        let mut random = SplitMix::new(seed);
        let mut element = |index: usize| match side {
            Side::Recent => E::recent(EPOCH + index as u64, &mut random),
            Side::Half | Side::Left | Side::Right => E::random(&mut random),
        };
        let mut sets = Self { side, common: (0..common).map(&mut element).collect(), own: [vec![], vec![]] };
        for index in 0..d {
            sets.own[side.owner(index)].push(element(common + index));
        }
        Some(sets)
    }

    /// What the initiator, 0, or the responder, 1, holds.
    pub fn side(&self, side: usize) -> impl Iterator<Item = &E> {
        self.common.iter().chain(&self.own[side])
    }

    /// How many one side alone holds.
    pub fn d(&self) -> usize {
        self.own.iter().map(Vec::len).sum()
    }

    /// What both are to hold.
    pub fn union(&self) -> impl Iterator<Item = &E> {
        self.common.iter().chain(&self.own[0]).chain(&self.own[1])
    }
}

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014). It gives each
/// number once in 2^64 steps, so what is drawn from it is distinct: that is why it is no generator of the crate `rand`.
#[derive(Clone, Debug)]
pub struct SplitMix(u64);

impl SplitMix {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// The `index`-th of a sequence of well-spread distinct integers.
pub fn spread(index: u64) -> u64 {
    index.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::blob::Blob;

    fn sizes_are_as_stated<E: Sample + fmt::Debug>() {
        for side in Side::ALL {
            for (n, d) in [(1_000, 0), (1_000, 1), (1_000, 11), (1_000, 1_000), (1, 1), (0, 0)] {
                let sets = Sets::<E>::new(n, d, side, 7).expect("so many can differ");
                let sides = [0, 1].map(|side| sets.side(side).cloned().collect::<BTreeSet<E>>());
                assert_eq!(sets.side(0).count().max(sets.side(1).count()), n, "{side}: the larger set");
                assert_eq!(sides[0].len().max(sides[1].len()), n, "{side}: distinct");
                assert_eq!(sides[0].symmetric_difference(&sides[1]).count(), d, "{side}: the difference");
                assert_eq!(sets.union().collect::<BTreeSet<_>>().len(), sets.union().count(), "{side}: disjoint");
                let own = match side {
                    Side::Half | Side::Recent => [d / 2, d - d / 2],
                    Side::Left => [d, 0],
                    Side::Right => [0, d],
                };
                assert_eq!(sets.own.each_ref().map(Vec::len), own, "{side}");
            }
        }
    }

    #[test]
    fn sets_are_as_large_and_as_different_as_stated() {
        sizes_are_as_stated::<u64>();
        sizes_are_as_stated::<[u8; 32]>();
        sizes_are_as_stated::<Blob<100>>();
    }

    #[test]
    fn no_more_differ_than_can() {
        for side in Side::ALL {
            for n in [0, 1, 10] {
                assert!(Sets::<u64>::new(n, side.most(n), side, 1).is_some(), "{side}");
                assert!(Sets::<u64>::new(n, side.most(n) + 1, side, 1).is_none(), "{side}");
            }
        }
    }

    #[test]
    fn recent_differences_are_the_largest_elements() {
        fn check<E: Sample>() {
            let sets = Sets::<E>::new(1_000, 10, Side::Recent, 1).expect("so many can differ");
            let last = sets.common.iter().max();
            assert!(sets.own.iter().flatten().all(|element| Some(element) > last));
            assert!(sets.common.is_sorted());
            assert_eq!(sets.common[999 - 5].time(), EPOCH + 994);
        }
        check::<u64>();
        check::<[u8; 32]>();
        check::<Blob<100>>();
    }

    #[test]
    fn equal_seeds_give_equal_sets() {
        let sets = |seed| Sets::<u64>::new(100, 10, Side::Half, seed).expect("so many can differ");
        assert!(sets(1).union().eq(sets(1).union()));
        assert!(sets(1).union().ne(sets(2).union()));
    }
}
