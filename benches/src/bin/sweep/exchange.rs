//! `Exchange`: a difference, and what rounds of one policy or another take to read it.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use benches::SplitMix;
use gossip_core::sketch::{DeepWidth, Estimate, Evidence, SketchKey, Table, Tables};

use crate::wire;

/// The bytes of an answer's deep bits, if it has any.
fn deep_len(deep: Option<DeepWidth>) -> usize {
    deep.map_or(0, DeepWidth::encoded_len)
}

/// Numbers behind requests: those of the library have the same names there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) head: usize,
    pub(crate) deep: Option<DeepWidth>,
    /// What comes with the second answer, if none came with the first.
    pub(crate) late: Option<DeepWidth>,
    pub(crate) first: u64,
    pub(crate) sigmas: [i64; 4],
    pub(crate) least: [usize; 4],
    pub(crate) shares: [usize; 4],
    /// Whether bits are left out of the second answer too where the cells of the first tell that few more will do.
    pub(crate) near: bool,
    /// Whether the initiator also tries what is left once all of its own part is taken away: it inserted that since the
    /// two were last equal.
    pub(crate) assisted: bool,
    /// Bytes of a probe beyond those it has.
    pub(crate) hint: usize,
    /// Whether the probe tells deep bits, and the first answer has as many cells as these seem to take, so many at the
    /// least, as the library has it at first meetings. The records are of answers that tell deep bits.
    pub(crate) aims: Option<usize>,
}

impl Policy {
    pub(crate) const FEWEST_BYTES: Self =
        Self { head: 16, first: 750, sigmas: [1_000, 1_500, 2_000, 3_000], least: [8, 24, 96, 192], ..Self::BALANCED };

    pub(crate) const BALANCED: Self = Self {
        head: 32,
        deep: Some(DeepWidth::Narrow),
        late: Some(DeepWidth::Narrow),
        first: 900,
        sigmas: [1_500, 2_000, 2_000, 3_000],
        least: [16, 48, 96, 192],
        shares: [30, 100, 200, 400],
        assisted: false,
        hint: 0,
        aims: None,
        near: true,
    };

    /// The library has no such economy: it would save 0.02 to 0.25 round trips, for up to 13 % of bytes.
    pub(crate) const FEWEST_ROUND_TRIPS: Self = Self {
        deep: Some(DeepWidth::Wide),
        late: Some(DeepWidth::Wide),
        first: 1_000,
        least: [8, 24, 96, 192],
        ..Self::BALANCED
    };

    pub(crate) const ALL: [(&str, Self); 3] =
        [("bytes", Self::FEWEST_BYTES), ("balanced", Self::BALANCED), ("trips", Self::FEWEST_ROUND_TRIPS)];
}

/// The cells that decode so many differences, in most cases.
pub(crate) fn need(differences: u64) -> usize {
    let differences = usize::try_from(differences).expect("estimates are below 2^22");
    differences + differences.isqrt() + differences * 13 / 100 + 1
}

/// The least cells of a top-up where they alone tell that few more will do.
const NEAR: usize = 4;

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
    /// What the responder alone has.
    theirs: Vec<u64>,
    /// For each number of cells that a round came to: whether they are read right.
    read: BTreeMap<(usize, bool), bool>,
    /// What so many cells and bytes of deep bits tell.
    estimates: BTreeMap<(usize, usize), Estimate>,
}

impl Exchange {
    pub(crate) fn new(d: usize, random: &mut SplitMix) -> Self {
        let key = SketchKey::new(random.next(), random.next());
        let mut ids: Vec<u64> = (0..d).map(|_| random.next()).collect();
        let log2 = (8 * d + 500).next_power_of_two().ilog2().min(Tables::MAIN_LOG2);
        let table = Table::rebuild(key, log2, ids.iter().copied());
        let mut theirs = ids[d / 2..].to_vec();
        theirs.sort_unstable();
        ids.sort_unstable();
        Self { key, table, ids, theirs, read: BTreeMap::new(), estimates: BTreeMap::new() }
    }

    /// How many elements the initiator has that the responder lacks: an odd one is the responder's.
    fn own(&self) -> usize {
        self.ids.len() - self.theirs.len()
    }

    fn reads(&mut self, cells: usize, assisted: bool) -> bool {
        let Self { key, table, ids, theirs, read, .. } = self;
        let claims = |table: &Table, ids: &Vec<u64>| {
            let prefix = table.prefix(cells).expect("no more is asked for than there is");
            cells > 0 && prefix.decodings(key).any(|claim| claim == *ids)
        };
        *read.entry((cells, assisted)).or_insert_with(|| {
            claims(table, ids)
                || assisted && claims(&Table::rebuild(*key, table.len().ilog2(), theirs.iter().copied()), theirs)
        })
    }

    /// What these deep bits and so many cells tell.
    fn estimate(&mut self, cells: usize, deep: Option<DeepWidth>) -> Estimate {
        let Self { key, table, estimates, .. } = self;
        *estimates.entry((cells, deep_len(deep))).or_insert_with(|| {
            let mut evidence = Evidence::at_least(0);
            if let Some(width) = deep {
                evidence.deep_bits(&table.deep_bits(width), cells);
            }
            evidence.prefix(&table.prefix(cells).expect("no more is asked for than there is"), key);
            evidence.estimate()
        })
    }

    /// What so many cells tell of a difference that was estimated before from deep bits.
    fn estimate_of_told(&self, cells: usize, told: u64) -> Estimate {
        let mut evidence = Evidence::at_least(0);
        evidence.seen(told);
        evidence.prefix(&self.table.prefix(cells).expect("no more is asked for than there is"), &self.key);
        evidence.estimate()
    }

    pub(crate) fn differences(&self) -> usize {
        self.ids.len()
    }

    /// How many elements the responder has that the initiator lacks.
    pub(crate) fn theirs(&self) -> usize {
        self.theirs.len()
    }

    /// A round whose first answer tells the difference in so many bytes, without cells or bits.
    pub(crate) fn told(&self, hint: usize, bytes: usize) -> Cost {
        if self.ids.is_empty() {
            return Cost { rounds: 1, bytes: wire::PROBE + hint + wire::PROOF, trips: 1.0, ..Cost::default() };
        }
        self.ended(wire::PROBE + hint + wire::HEAD + bytes, 1.0, 0, 0, false)
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
        let mut requests = 0_usize;
        let mut told = None;
        if let Some(least) = policy.aims {
            let seen = self.estimate(0, deep);
            let aim = if seen.differences < 32 { seen.shifted(1_000) } else { seen.differences * policy.first / 1_000 };
            have = need(aim).max(least).min(self.table.len());
            (told, requests) = (Some(seen.differences), 1);
            bytes += wire::seen(seen.differences);
        }
        bytes += wire::HEAD + deep_len(deep) + wire::cells(have);
        let mut trips = 1.0;
        while !self.reads(have, policy.assisted) {
            let longest = self.table.len();
            if requests > 4 || have == longest {
                return self.ended(bytes, trips, requests.saturating_sub(1), have, true);
            }
            let target = if deep.is_none() && policy.late.is_some() {
                let seen = self.estimate(have, deep);
                let near = need(seen.shifted(1_000));
                let most = (2 * have).max(32);
                if policy.near && have > 0 && near < most {
                    // These cells tell well enough.
                    near.max(have + NEAR)
                } else {
                    // As much as a first answer has, or what these cells seem to take, and the bits.
                    deep = policy.late;
                    bytes += deep_len(deep);
                    if have == 0 { most } else { need(seen.differences).clamp(have + 8, most) }
                }
            } else {
                let estimate = match told {
                    Some(told) => self.estimate_of_told(have, told),
                    None => self.estimate(have, deep),
                };
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

#[cfg(test)]
mod tests {
    use benches::{Pair, Sets, Side};
    use gossip_core::{AntiEntropy, Config};

    use super::*;

    #[test]
    fn rounds_take_what_those_of_machines_do() {
        let mut random = SplitMix::new(1);
        // Not at a difference of one, which digests tell.
        for (d, rounds, percent) in [(2, 30, 3), (10, 30, 3), (100, 30, 4), (1_000, 30, 4)] {
            let mut bytes = 0;
            let mut hops = 0;
            for seed in 0..rounds {
                let sets = Sets::<u64>::new(20_000, d, Side::Half, seed).expect("so many can differ");
                let mut pair = Pair::new([0, 1].map(|side| {
                    let mut machine = AntiEntropy::new(Config::default(), side as u64);
                    machine.extend(sets.side(side).copied()).expect("integers are small");
                    machine
                }));
                let counts = pair.round(0).counts;
                // One proof, and one verdict where there is something to give.
                bytes += counts.bytes + 2 * wire::LONGER;
                hops += counts.hops;
            }
            let mut cost = Cost::default();
            let policy = Policy { aims: Some(16), ..Policy::BALANCED };
            (0..300).for_each(|_| cost += Exchange::new(d, &mut random).round(&policy));
            let measured = bytes as f64 / rounds as f64;
            let off = (cost.mean_bytes() / measured - 1.0).abs() * 100.0;
            assert!(off < f64::from(percent), "{d}: {} bytes, machines {measured}", cost.mean_bytes());
            let trips = hops as f64 / 2.0 / rounds as f64;
            assert!((cost.mean_trips() - trips).abs() < 0.25, "{d}: {} trips, machines {trips}", cost.mean_trips());
        }
    }
}
