//! `Evidence`: an estimate of the number of differences, from deep bits and cells.

use alloc::vec::Vec;

use super::deep::{DeepBits, LEVELS};
use super::likelihood::{LN_2, OCTAVE, ONE, bit_logs, cell_logs, rate, round_power, scale_of};
use super::parameters::{CHECK_BITS, MAX_CELLS, POSITION_BITS};
use super::peel::census;
use super::prefix::Prefix;
use super::sketch_key::SketchKey;

/// Range of the estimate: a quarter to 2^21 differences, on the scale of the likelihoods.
const LOWEST: i32 = -2 * OCTAVE;
const HIGHEST: i32 = POSITION_BITS.cast_signed() * OCTAVE;

/// Variance of rounding to the scale, in 2^-32: steps of 2.2 % are a standard error of 0.63 %.
const ROUNDING: u128 = 170_000;

/// Number of elements with its standard error. One in three is further off, one in twenty more than twice as far.
///
/// ```
/// use gossip_core::sketch::Estimate;
///
/// let estimate = Estimate { differences: 100, sigma: 10 };
/// assert_eq!([-500, 0, 1_000].map(|permille| estimate.shifted(permille)), [95, 100, 110]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Estimate {
    /// The likeliest number of differences: 0 to about 2^21.
    pub differences: u64,
    /// Its standard error, in differences.
    pub sigma: u64,
}

impl Estimate {
    /// `differences + permille / 1000 · sigma`, no less than 0; saturates. With 1 000 it is a bound that holds in 84 %
    /// of cases.
    #[must_use]
    pub fn shifted(self, permille: i64) -> u64 {
        let shift = i128::from(self.sigma) * i128::from(permille) / 1_000;
        u64::try_from((i128::from(self.differences) + shift).max(0)).unwrap_or(u64::MAX)
    }
}

/// Evidence of the size of a symmetric difference: gather it, then [`estimate`](Self::estimate).
///
/// Each part must come from other cells than the others.
///
/// ```
/// use gossip_core::sketch::{DeepWidth, Evidence, SketchKey, Table};
///
/// let key = SketchKey::new(1, 2);
/// let difference = Table::rebuild(key, 10, 0..100);
/// let [mut bits, mut cells] = [Evidence::default(), Evidence::default()];
/// bits.deep_bits(&difference.deep_bits(DeepWidth::Narrow), 0);
/// cells.deep_bits(&difference.deep_bits(DeepWidth::Narrow), 64);
/// cells.prefix(&difference.prefix(64).expect("the table is longer"), &key);
/// let [bits, cells] = [bits, cells].map(|evidence| evidence.estimate());
/// assert!(cells.sigma < bits.sigma && cells.differences.abs_diff(100) < 2 * cells.sigma);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    at_least: u64,
    bits: Vec<Bits>,
    seen: Vec<Seen>,
}

/// Check bits of cells of one size: how many are set, and how many clear.
#[derive(Clone, Copy, Debug)]
struct Bits {
    rate: i32,
    odd: i32,
    even: i32,
}

/// Other observations.
#[derive(Clone, Copy, Debug)]
enum Seen {
    /// A number of differences, on the scale, and how fast likelihood falls with the square of the distance from it.
    Told { scale: i32, weight: i64 },
    /// Numbers of cells of one size: of no element, of one, and of several.
    Cells { rate: i32, none: i64, one: i64, several: i64 },
}

impl Evidence {
    /// Evidence that at least `count` elements differ: the difference of the counts of both sets.
    #[must_use]
    pub fn at_least(count: u64) -> Self {
        Self { at_least: count, ..Self::default() }
    }

    /// Adds deep bits, less one's own, of the levels from cell `from` on: 0, or the number of cells that are added by
    /// themselves.
    pub fn deep_bits(&mut self, bits: &DeepBits, from: usize) {
        self.bits.reserve(LEVELS);
        for (level, odd, count) in bits.counts() {
            // The bits of a level are checks of its first cells: these would be counted twice.
            if from <= 1 << level {
                self.parities(level, odd, count);
            }
        }
    }

    /// Adds what another has estimated from the deep bits of both sides, if this evidence has none of them: a number
    /// with a standard error of a quarter and, where it is small, of about its root.
    pub fn seen(&mut self, differences: u64) {
        let count = usize::try_from(differences).unwrap_or(MAX_CELLS).clamp(1, MAX_CELLS);
        // Squares of 46 steps, a factor of e: log-likelihoods fall with the square of the distance, halved, by
        // 1/16 + 5/(4 count) of them, the measured variance.
        let weight = ONE * 16 * signed(count) / (2 * 46 * 46 * (signed(count) + 20));
        self.seen.push(Seen::Told { scale: scale_of(count), weight });
    }

    /// Adds a prefix, less one's own: the numbers of cells of no element and of one, of whole and split cells apart.
    /// About 3 ns a cell.
    pub fn prefix(&mut self, prefix: &Prefix, key: &SketchKey) {
        let cells = prefix.cells();
        let Some(bits) = cells.len().checked_ilog2() else { return };
        let half = 1 << bits;
        let split = cells.len() - half;
        // Split slots share the positions of a whole one, so they are half as full: another rate.
        let parts = [(bits + 1, 0..split), (bits, split..half), (bits + 1, half..cells.len())];
        for (bits, range) in parts {
            // A table of one cell takes every position, and tells nothing.
            let Some(rate) = rate(bits) else { continue };
            let len = range.len();
            let (none, one) = census(cells, range, key);
            let several = signed(len - none - one);
            self.seen.push(Seen::Cells { rate, none: signed(none), one: signed(one), several });
        }
    }

    /// The likeliest number of differences with its standard error. A few microseconds.
    #[must_use]
    pub fn estimate(&self) -> Estimate {
        let peak = self.peak();
        let found = match self.curve(peak) {
            // Nothing was seen to differ: the curve is still rising at the end of the scale.
            _ if peak == LOWEST => Estimate { differences: 0, sigma: self.reach() },
            Some(curve) => curve,
            // All is as likely, so the error is as large as the guess.
            None => Estimate { differences: whole(peak), sigma: whole(peak) },
        };
        // Counts do not err.
        Estimate { differences: found.differences.max(self.at_least), ..found }
    }

    fn parities(&mut self, level: u32, odd: u32, count: u32) {
        if let Some(rate) = rate(level + 1) {
            // Of 64 at the most.
            let even = count.saturating_sub(odd);
            self.bits.push(Bits { rate, odd: odd.cast_signed(), even: even.cast_signed() });
        }
    }

    /// Logarithm of the likelihood of all evidence, times [`ONE`], at 2^(`scale` / [`OCTAVE`]) differences.
    fn likelihood(&self, scale: i32) -> i64 {
        let log = |seen: &Seen| match *seen {
            Seen::Told { scale: told, weight } => {
                let distance = i64::from(scale - told);
                -weight * distance * distance
            }
            Seen::Cells { rate, none, one, several } => {
                let logs = cell_logs(scale + rate);
                // Several elements look like one where check and place agree by chance.
                let chance = LN_2 * (i64::from(rate) / i64::from(OCTAVE) - i64::from(CHECK_BITS));
                none * logs.none + one * logs.one.max(chance) + several * logs.several
            }
        };
        let bits = self.bits.iter().map(|&Bits { rate, odd, even }| {
            let logs = bit_logs(scale + rate);
            i64::from(odd) * logs.odd + i64::from(even) * logs.even
        });
        // Far off the peak sums of others are beyond 63 bits: there it is enough that they are low.
        self.seen.iter().map(log).fold(bits.sum(), i64::saturating_add)
    }

    /// Scale of the highest likelihood: uphill by octaves from where the bits point, then in halving steps around the
    /// best. About 14 of 737 points on the scale.
    fn peak(&self) -> i32 {
        let start = self.start();
        let mut best = (self.likelihood(start), start);
        for step in [-OCTAVE, OCTAVE] {
            let mut next = best.1 + step;
            while (LOWEST..=HIGHEST).contains(&next) {
                let likelihood = self.likelihood(next);
                // Level where all cells are empty: it may rise behind that.
                if likelihood < best.0 {
                    break;
                }
                best = better(best, (likelihood, next));
                next += step;
            }
        }
        let mut step = OCTAVE;
        while step > 1 {
            step /= 2;
            for scale in [best.1 - step, best.1 + step] {
                if (LOWEST..=HIGHEST).contains(&scale) {
                    best = better(best, (self.likelihood(scale), scale));
                }
            }
        }
        best.1
    }

    /// Where to look for the peak from. A quarter of the bits of a level are odd at some 0.35 elements a bit: it is where
    /// the largest level points that has as many; or what another has estimated; or what cells tell by how many are free.
    fn start(&self) -> i32 {
        let odd = self.bits.iter().filter(|bits| bits.odd * 3 >= bits.even).map(|bits| -bits.rate - OCTAVE * 3 / 2);
        let others = self.seen.iter().filter_map(|seen| match *seen {
            Seen::Told { scale, .. } => Some(scale),
            // Where few cells are taken there are as many elements in a cell as taken ones for each that is not.
            Seen::Cells { rate, none, one, several } => {
                let [taken, free] = [one + several, none.max(1)].map(|count| usize::try_from(count).ok());
                let taken = taken.filter(|&taken| taken > 0)?;
                Some((scale_of(taken) - scale_of(free?)).min(2 * OCTAVE) - rate)
            }
        });
        odd.chain(others).max().unwrap_or(LOWEST).clamp(LOWEST, HIGHEST)
    }

    /// Estimate by a parabola around the peak; `None` if the likelihood is flat.
    fn curve(&self, peak: i32) -> Option<Estimate> {
        let top = self.likelihood(peak);
        let falls =
            |width: i32| [peak - width, peak + width].map(|scale| top.saturating_sub(self.likelihood(scale)).max(0));
        // A standard error on either side of a peak the logarithm has fallen by a half. Nearer, rounding decides; much
        // further, it is no parabola. Deep bits alone end at a width of 16.
        let ends = |[left, right]: [i64; 2]| left.saturating_add(right) >= ONE;
        let mut width = 16;
        let mut fallen = falls(width);
        while ends(fallen)
            && width > 1
            && let nearer = falls(width / 2)
            && ends(nearer)
        {
            (width, fallen) = (width / 2, nearer);
        }
        while !ends(fallen) && width < 2 * OCTAVE {
            width *= 2;
            fallen = falls(width);
        }
        let [left, right] = fallen;
        let bend = u128::try_from(left.saturating_add(right)).ok().filter(|&bend| bend > 0)?;
        let width = i128::from(width);
        // Squares of a step of the scale, (ln 2 / 32)^2, in 2^-32.
        let variance = u128::try_from(width * width).ok()? * 2_015_172 * u128::from(ONE.unsigned_abs()) / bend;
        // ln 2 / 32, in 2^-32, times the offset of the parabola's peak, which is within `width / 2`.
        let offset = width * 93_032_640 * i128::from(left - right) / i128::try_from(2 * bend).ok()?;
        let middle = i128::from(round_power(peak, 16));
        let differences = u128::try_from(middle + ((middle * offset) >> 32)).ok()?;
        // Elements have 3 positions or 17: over `d` of them that adds `d` to the variance, by measurement.
        let squares = ((differences * differences) >> 32) * (variance + ROUNDING) + (differences << 16);
        Some(Estimate {
            differences: u64::try_from((differences + (1 << 15)) >> 16).ok()?,
            sigma: u64::try_from((squares.isqrt() + (1 << 15)) >> 16).ok()?.max(1),
        })
    }

    /// Standard error where nothing was seen to differ: the number at which the likelihood has fallen by `e^-1/2`.
    fn reach(&self) -> u64 {
        let top = self.likelihood(LOWEST);
        let mut scale = LOWEST;
        while scale < HIGHEST && top.saturating_sub(self.likelihood(scale)) < ONE / 2 {
            scale += OCTAVE / 4;
        }
        whole(scale).max(1)
    }
}

fn better(a: (i64, i32), b: (i64, i32)) -> (i64, i32) {
    if b.0 > a.0 { b } else { a }
}

/// Bounded by 2^20, so that products with logarithms, below 2^41, fit 63 bits.
fn signed(count: usize) -> i64 {
    i64::try_from(count.min(MAX_CELLS)).unwrap_or(0)
}

fn whole(scale: i32) -> u64 {
    round_power(scale, 0).unsigned_abs()
}

const _: () = assert!(MAX_CELLS <= 1 << (HIGHEST / OCTAVE));

#[cfg(test)]
mod tests {
    use super::super::{DeepWidth, Table};
    use super::*;

    fn id(index: u64) -> u64 {
        let z = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (z ^ z >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    /// For 50 sets, the mean of the estimate of `count` in percent, and how often it is within two standard errors.
    fn estimates(count: u64, cells: usize) -> (u64, usize) {
        let (mut sum, mut near) = (0, 0);
        for trial in 0..50 {
            let key = SketchKey::new(trial, 11);
            let table = Table::rebuild(key, 12, (trial << 32..(trial << 32) + count).map(id));
            let mut evidence = Evidence::at_least(0);
            evidence.deep_bits(&table.deep_bits(DeepWidth::Narrow), cells);
            evidence.prefix(&table.prefix(cells).expect("the table is longer"), &key);
            let estimate = evidence.estimate();
            sum += estimate.differences;
            near += usize::from(estimate.differences.abs_diff(count) <= 2 * estimate.sigma);
        }
        (sum * 2 / count, near)
    }

    #[test]
    fn estimates_are_near_and_know_how_near() {
        for (count, cells) in [(10, 16), (100, 32), (1_000, 32), (5_000, 32), (100, 100), (1_000, 800), (3_000, 3_000)]
        {
            let (percent, near) = estimates(count, cells);
            assert!((85..=118).contains(&percent), "{count} from {cells} cells: {percent} %");
            assert!(near >= 42, "{count} from {cells} cells: {near} of 50");
        }
        let nothing = Evidence::at_least(0).estimate();
        assert_eq!(nothing.differences, 0);
        let mut evidence = Evidence::at_least(7);
        evidence.deep_bits(&Table::new(SketchKey::new(1, 11), 6).deep_bits(DeepWidth::Wide), 0);
        assert_eq!(evidence.estimate(), Estimate { differences: 7, sigma: evidence.estimate().sigma });
        assert!(evidence.estimate().sigma <= 2);
    }

    /// What is estimated of so many differences, by deep bits of this width and so many cells.
    fn estimated(count: u64, width: Option<DeepWidth>, cells: usize) -> [u64; 2] {
        let key = SketchKey::new(5, 11);
        let table = Table::rebuild(key, 13, (0..count).map(id));
        let mut evidence = Evidence::at_least(0);
        if let Some(width) = width {
            evidence.deep_bits(&table.deep_bits(width), cells);
        }
        evidence.prefix(&table.prefix(cells).expect("the table is longer"), &key);
        let Estimate { differences, sigma } = evidence.estimate();
        [differences, sigma]
    }

    /// Integers alone: whoever follows the protocol elsewhere may follow these too.
    #[test]
    fn estimates_are_these_everywhere() {
        let counts = [0, 1, 2, 5, 20, 100, 700, 3_000, 20_000];
        let estimates = |width, cells| counts.map(|count| estimated(count, width, cells));
        assert_eq!(
            estimates(Some(DeepWidth::Narrow), 16),
            [[0, 1], [0, 1], [0, 1], [3, 2], [15, 4], [107, 27], [752, 176], [2934, 674], [20286, 4825]]
        );
        assert_eq!(
            estimates(Some(DeepWidth::Wide), 32),
            [[0, 1], [0, 1], [1, 1], [3, 2], [16, 4], [118, 21], [705, 116], [2221, 357], [18622, 3078]]
        );
        // Cells that are all full tell that there are many, and not how many.
        assert_eq!(
            estimates(None, 100),
            [[0, 1], [0, 1], [1, 1], [3, 2], [17, 5], [91, 13], [1556, 4608], [1556, 4608], [1556, 4608]]
        );
        assert_eq!(
            estimates(Some(DeepWidth::Narrow), 2_900),
            [[0, 1], [0, 1], [1, 1], [3, 2], [16, 4], [97, 11], [703, 30], [2864, 80], [20333, 4865]]
        );
        // Where nothing is known, all numbers are as likely.
        let unknown = [0, 1, 5].map(|least| Evidence::at_least(least).estimate());
        assert_eq!(unknown, [0, 1, 5].map(|differences| Estimate { differences, sigma: 1 << 21 }));
    }

    /// All estimates by bits that no set has, folded to one number.
    #[test]
    fn noise_is_estimated_the_same_everywhere() {
        let mut folded = 0_u64;
        for trial in 0..200 {
            // Levels are nearly empty, half full and nearly full in any order.
            let bytes = (0..DeepWidth::Narrow.encoded_len() as u64).map(|at| {
                let noise = [0, 1, 2].map(|part| id((trial << 20) + (at << 4) + part).to_le_bytes()[5]);
                match id((trial << 8) + at / 4) % 4 {
                    0 => 0,
                    1 => noise[0] & noise[1] & noise[2],
                    2 => noise[0],
                    _ => noise[0] | noise[1] | noise[2],
                }
            });
            let bits =
                DeepBits::decode(DeepWidth::Narrow, &bytes.collect::<Vec<u8>>()).expect("any bits are deep bits");
            let mut evidence = Evidence::at_least(0);
            evidence.deep_bits(&bits, 0);
            let Estimate { differences, sigma } = evidence.estimate();
            folded = folded.rotate_left(7) ^ differences << 24 ^ sigma;
        }
        assert_eq!(folded, 12_012_913_243_516_945_801);
    }

    /// The peak is sought uphill from where the evidence points. Of sets there is no higher one elsewhere.
    #[test]
    fn no_number_is_likelier_than_the_one_that_is_found() {
        let counts = (0..40).chain((6..120).map(|eighth| (1 << (eighth / 8)) * (8 + eighth % 8) / 8));
        for (trial, count) in counts.enumerate() {
            let (key, first) = (SketchKey::new(trial as u64, 11), (trial as u64) << 32);
            let table = Table::rebuild(key, 15, (first..first + count).map(id));
            for (width, cells) in [(Some(DeepWidth::Narrow), 0), (Some(DeepWidth::Wide), 32), (None, 700)] {
                let mut evidence = Evidence::at_least(0);
                width.iter().for_each(|&width| evidence.deep_bits(&table.deep_bits(width), cells));
                evidence.prefix(&table.prefix(cells).expect("the table is longer"), &key);
                let highest = (LOWEST..=HIGHEST).map(|scale| evidence.likelihood(scale)).max();
                let found = evidence.likelihood(evidence.peak());
                assert!(highest.is_some_and(|highest| highest - found < ONE / 16), "{count}, {width:?}, {cells} cells");
            }
        }
    }

    #[test]
    fn bounds_are_so_many_standard_errors_away() {
        let estimate = Estimate { differences: 100, sigma: 30 };
        assert_eq!(
            [0, 1_000, 1_500, -1_000, -4_000].map(|permille| estimate.shifted(permille)),
            [100, 130, 145, 70, 0]
        );
        assert_eq!(Estimate { differences: u64::MAX, sigma: 1 }.shifted(1_000), u64::MAX);
    }
}
