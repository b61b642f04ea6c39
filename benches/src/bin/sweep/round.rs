//! `Exchange`: a difference, and what rounds of one policy or another take to read it.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use benches::SplitMix;
use gossip_core::sketch::{DeepWidth, Estimate, Evidence, LevelBits, SketchKey, Table, Tables};

use crate::wire;

/// The deep bits of an answer: so many of each of some levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deep {
    pub(crate) bits: u32,
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) step: u32,
}

impl Deep {
    pub(crate) const NONE: Self = Self { bits: 0, ..Self::NARROW };
    pub(crate) const NARROW: Self = Self { bits: 32, first: 5, last: 20, step: 1 };
    pub(crate) const WIDE: Self = Self { bits: 64, ..Self::NARROW };

    fn levels(self) -> impl Iterator<Item = (u32, usize)> {
        // The first level has half as many cells as bits of another.
        let count = move |level| if level == 5 { self.bits.min(32) } else { self.bits };
        (self.first..=self.last).step_by(self.step as usize).map(move |level| (level, count(level) as usize))
    }

    pub(crate) fn encoded_len(self) -> usize {
        self.levels().map(|(_, bits)| bits).sum::<usize>().div_ceil(8)
    }
}

/// Numbers behind requests: those of the library have the same names there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) head: usize,
    pub(crate) deep: Deep,
    /// What comes with the second answer, if none came with the first.
    pub(crate) late: Deep,
    pub(crate) first: u64,
    pub(crate) sigmas: [i64; 4],
    pub(crate) least: [usize; 4],
    pub(crate) shares: [usize; 4],
    /// Bytes of a probe beyond those it has.
    pub(crate) hint: usize,
}

impl Policy {
    pub(crate) const FEWEST_BYTES: Self =
        Self { head: 16, first: 750, sigmas: [1_000, 1_500, 2_000, 3_000], least: [8, 24, 96, 192], ..Self::BALANCED };

    pub(crate) const BALANCED: Self = Self {
        head: 32,
        deep: Deep::NARROW,
        late: Deep::NARROW,
        first: 900,
        sigmas: [1_500, 2_000, 2_000, 3_000],
        least: [16, 48, 96, 192],
        shares: [30, 100, 200, 400],
        hint: 0,
    };

    pub(crate) const FEWEST_ROUND_TRIPS: Self =
        Self { deep: Deep::WIDE, late: Deep::WIDE, first: 1_000, least: [8, 24, 96, 192], ..Self::BALANCED };

    pub(crate) const ALL: [(&str, Self); 3] =
        [("bytes", Self::FEWEST_BYTES), ("balanced", Self::BALANCED), ("trips", Self::FEWEST_ROUND_TRIPS)];
}

/// The cells that decode so many differences, in most cases.
pub(crate) fn need(differences: u64) -> usize {
    let differences = usize::try_from(differences).expect("estimates are below 2^22");
    differences + differences.isqrt() + differences * 13 / 100 + 1
}

/// What rounds took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) rounds: usize,
    pub(crate) bytes: usize,
    pub(crate) trips: f64,
    /// Rounds of more than two top-ups.
    pub(crate) many: usize,
    /// Rounds that were not read before top-ups ended: it takes pages.
    pub(crate) failed: usize,
    /// Cells, all in all.
    pub(crate) cells: usize,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.rounds += other.rounds;
        self.bytes += other.bytes;
        self.trips += other.trips;
        self.many += other.many;
        self.failed += other.failed;
        self.cells += other.cells;
    }
}

impl Cost {
    pub(crate) fn mean_bytes(&self) -> f64 {
        self.bytes as f64 / self.rounds.max(1) as f64
    }

    pub(crate) fn mean_trips(&self) -> f64 {
        self.trips / self.rounds.max(1) as f64
    }
}

/// A random difference, half of it on either side.
#[derive(Debug)]
pub(crate) struct Exchange {
    key: SketchKey,
    table: Table,
    ids: Vec<u64>,
    /// For each number of cells that a round came to: whether they are read right.
    read: BTreeMap<usize, bool>,
    estimates: BTreeMap<(usize, Deep), Estimate>,
}

impl Exchange {
    pub(crate) fn new(d: usize, random: &mut SplitMix) -> Self {
        let key = SketchKey::new(random.next(), random.next());
        let mut ids: Vec<u64> = (0..d).map(|_| random.next()).collect();
        let log2 = (8 * d + 500).next_power_of_two().ilog2().min(Tables::MAIN_LOG2);
        let table = Table::rebuild(key, log2, ids.iter().copied());
        ids.sort_unstable();
        Self { key, table, ids, read: BTreeMap::new(), estimates: BTreeMap::new() }
    }

    /// How many elements the initiator has that the responder lacks: an odd one is the responder's.
    fn own(&self) -> usize {
        self.ids.len() / 2
    }

    fn reads(&mut self, cells: usize) -> bool {
        let Self { key, table, ids, read, .. } = self;
        *read.entry(cells).or_insert_with(|| {
            let prefix = table.prefix(cells).expect("no more is asked for than there is");
            cells > 0 && prefix.decodings(key).any(|claim| claim == *ids)
        })
    }

    /// What these deep bits and so many cells tell.
    fn estimate(&mut self, cells: usize, deep: Deep) -> Estimate {
        let Self { key, table, estimates, .. } = self;
        *estimates.entry((cells, deep)).or_insert_with(|| {
            let mut evidence = Evidence::at_least(0);
            if deep == Deep::NARROW {
                evidence.deep_bits(&table.deep_bits(DeepWidth::Narrow), cells);
            } else if deep == Deep::WIDE {
                evidence.deep_bits(&table.deep_bits(DeepWidth::Wide), cells);
            } else {
                let mut bytes = vec![];
                table.deep_bits(DeepWidth::Wide).encode(&mut bytes);
                for (level, count) in deep.levels().filter(|&(level, _)| cells <= 1 << level) {
                    let from = if level == 5 { 0 } else { 4 + (level as usize - 6) * 8 };
                    let mut bits = bytes[from..from + count.div_ceil(8)].to_vec();
                    if let Some(last) = bits.last_mut().filter(|_| count % 8 > 0) {
                        *last &= (1 << (count % 8)) - 1;
                    }
                    evidence.level_bits(&LevelBits::decode(level, count, &bits).expect("the length is right"));
                }
            }
            evidence.prefix(&table.prefix(cells).expect("it is as long"), key);
            evidence.estimate()
        })
    }

    pub(crate) fn differences(&self) -> usize {
        self.ids.len()
    }

    /// A round whose first answer tells the difference, without cells or bits.
    pub(crate) fn told(&self, hint: usize) -> Cost {
        if self.ids.is_empty() {
            return Cost { rounds: 1, bytes: wire::PROBE + hint + wire::PROOF, trips: 1.0, ..Cost::default() };
        }
        self.ended(wire::PROBE + hint + wire::HEAD + 1, 1.0, 0, 0, false)
    }

    fn ended(&self, bytes: usize, trips: f64, top_ups: usize, cells: usize, failed: bool) -> Cost {
        let bytes = bytes + wire::ending(self.own());
        let trips = trips + wire::ending_trips(self.own());
        Cost { rounds: 1, bytes, trips, many: usize::from(top_ups > 2), failed: failed.into(), cells }
    }

    /// A round by this policy. One that fails ends as if the last cells had been read.
    pub(crate) fn round(&mut self, policy: &Policy) -> Cost {
        let mut bytes = wire::PROBE + policy.hint;
        if self.ids.is_empty() {
            return Cost { rounds: 1, bytes: bytes + wire::PROOF, trips: 1.0, ..Cost::default() };
        }
        let mut have = policy.head;
        let mut deep = policy.deep;
        bytes += wire::HEAD + deep.encoded_len() + wire::cells(have);
        let mut trips = 1.0;
        let mut requests = 0_usize;
        while !self.reads(have) {
            let longest = self.table.len();
            if requests > 4 || have == longest {
                return self.ended(bytes, trips, requests.saturating_sub(1), have, true);
            }
            let target = if deep.bits == 0 && policy.late.bits > 0 {
                // As much as a first answer has, or what these cells seem to take, and the bits.
                let seen = self.estimate(have, deep);
                deep = policy.late;
                bytes += deep.encoded_len();
                let most = (2 * have).max(32);
                if have == 0 { most } else { need(seen.differences).clamp(have + 8, most) }
            } else {
                let estimate = self.estimate(have, deep);
                let target = match requests {
                    0 => need(estimate.differences * policy.first / 1_000).max(have + 8),
                    _ => {
                        let (sigmas, least) = (policy.sigmas[requests - 1], policy.least[requests - 1]);
                        need(estimate.shifted(sigmas)).max(have + have * policy.shares[requests - 1] / 1_000 + least)
                    }
                };
                requests += 1;
                target
            };
            bytes += wire::more(have, target.min(longest));
            have = target.min(longest);
            trips += 1.0;
        }
        self.ended(bytes, trips, requests.saturating_sub(1), have, false)
    }
}
