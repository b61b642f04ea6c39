//! `Network`: latency and faults of messages.

use core::time::Duration;

use crate::rng::Rng;
use crate::time::micros;

/// Probability in millionths.
///
/// ```
/// use gossip_core::sim::Chance;
///
/// assert_eq!(Chance::percent(5), Chance::per_million(50_000));
/// assert_eq!([0, 100, 200].map(Chance::percent), [Chance::NEVER, Chance::ALWAYS, Chance::ALWAYS]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chance(u32);

impl Chance {
    /// Never.
    pub const NEVER: Self = Self(0);
    /// Always.
    pub const ALWAYS: Self = Self(1_000_000);

    /// Probability in percent, 100 at the most.
    pub const fn percent(percent: u32) -> Self {
        Self::per_million(percent.saturating_mul(10_000))
    }

    /// Probability in millionths, a million at the most.
    pub const fn per_million(parts: u32) -> Self {
        if parts < Self::ALWAYS.0 { Self(parts) } else { Self::ALWAYS }
    }

    /// Draws an outcome.
    pub(super) fn strikes(self, rng: &mut Rng) -> bool {
        // `NEVER` draws nothing, so a fault that is off leaves other draws of a seed as they were.
        self.0 > 0 && rng.below(u64::from(Self::ALWAYS.0)) < u64::from(self.0)
    }
}

/// Latency of messages from replica to replica, in whole microseconds.
///
/// ```
/// use core::time::Duration;
/// use gossip_core::sim::{Latency, Rng};
///
/// let [low, high] = [20, 80].map(Duration::from_millis);
/// let drawn = Latency::Uniform(low, high).draw(&mut Rng::new(7));
/// assert!(low <= drawn && drawn <= high);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Always the same: messages stay in order.
    Constant(Duration),
    /// Any time between the two, equally likely.
    Uniform(Duration, Duration),
    /// Exponentially distributed with this mean: most messages are fast and some very slow.
    Exponential(Duration),
}

impl Latency {
    /// Draws the latency of a message.
    pub fn draw(self, rng: &mut Rng) -> Duration {
        match self {
            Self::Constant(latency) => latency,
            Self::Uniform(low, high) => {
                let span = micros(high).saturating_sub(micros(low));
                low + Duration::from_micros(rng.below(span.saturating_add(1)))
            }
            Self::Exponential(mean) => {
                let scaled = (u128::from(micros(mean)) * exponential(rng)) >> 64;
                Duration::from_micros(u64::try_from(scaled).unwrap_or(u64::MAX))
            }
        }
    }
}

/// Latency and faults of the network. By default messages take 10 ms, without faults.
///
/// ```
/// use core::time::Duration;
/// use gossip_core::sim::{Chance, Latency, Network};
///
/// let mobile = Network {
///     latency: Latency::Exponential(Duration::from_millis(80)),
///     loss: Chance::percent(5),
///     ..Network::default()
/// };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Latency of messages.
    pub latency: Latency,
    /// Share of messages that get lost.
    pub loss: Chance,
    /// Share of messages that come twice, each copy with a latency of its own.
    pub duplication: Chance,
    /// Share of messages that take up to four times as long again, so that later ones overtake them.
    pub reordering: Chance,
    /// Share of messages that lose their end.
    pub truncation: Chance,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            latency: Latency::Constant(Duration::from_millis(10)),
            loss: Chance::NEVER,
            duplication: Chance::NEVER,
            reordering: Chance::NEVER,
            truncation: Chance::NEVER,
        }
    }
}

impl Network {
    pub(super) fn delay(&self, rng: &mut Rng) -> Duration {
        let delay = self.latency.draw(rng);
        if self.reordering.strikes(rng) {
            delay.saturating_add(Duration::from_micros(rng.below(micros(delay).saturating_mul(4))))
        } else {
            delay
        }
    }
}

/// ln 2, in units of 2^-64.
const LN_2: u128 = 0xb172_17f7_d1cf_79ab;

/// First partial sums of ln 2 + (ln 2)²/2! + … = 1, in units of 2^-64. The rest is below 2^-60.
const PARTIAL_SUMS: [u128; 16] = {
    let mut sums = [LN_2; 16];
    let mut term = LN_2;
    let mut i = 1;
    while i < sums.len() {
        term = ((term * LN_2) >> 64) / (i as u128 + 1);
        sums[i] = sums[i - 1] + term;
        i += 1;
    }
    sums
};

/// Draws an exponentially distributed number of mean 1, in units of 2^-64, by integers alone (Knuth, TAOCP vol. 2,
/// 3.4.1, Algorithm S).
fn exponential(rng: &mut Rng) -> u128 {
    // 64 at the most, so no latency is above 65 ln 2 = 45.1 means; longer ones have a probability of 2^-65.
    let whole = u128::from(rng.next_u64().leading_ones());
    let part = u128::from(rng.next_u64());
    // 69 in 100 draws end here, with two numbers.
    let least = if part < LN_2 {
        return whole * LN_2 + part;
    } else {
        let draws = 1 + PARTIAL_SUMS.iter().take_while(|&&sum| part >= sum).count();
        (0..draws).map(|_| u128::from(rng.next_u64())).min().unwrap_or(0)
    };
    whole * LN_2 + ((least * LN_2) >> 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_latency_has_the_mean_and_the_quantiles_of_its_kind() {
        let mut rng = Rng::new(1);
        let latency = Latency::Exponential(Duration::from_secs(1));
        let mut draws: alloc::vec::Vec<u64> = (0..100_000).map(|_| micros(latency.draw(&mut rng))).collect();
        draws.sort_unstable();
        let mean = draws.iter().sum::<u64>() / 100_000;
        assert!((990_000..1_010_000).contains(&mean), "{mean}");
        // -ln(1 - q) for q = 0.1, 0.5, 0.9, 0.99, to 2 %.
        for (at, expected) in [(10_000, 105_361), (50_000, 693_147), (90_000, 2_302_585), (99_000, 4_605_170)] {
            assert!(draws[at].abs_diff(expected) < expected / 50, "{} at {at}", draws[at]);
        }
    }

    #[test]
    fn chances_strike_as_often_as_they_say() {
        let mut rng = Rng::new(1);
        let hits = (0..100_000).filter(|_| Chance::percent(30).strikes(&mut rng)).count();
        assert!((29_500..30_500).contains(&hits), "{hits}");
        assert!(!Chance::NEVER.strikes(&mut rng));
        assert!(Chance::percent(200).strikes(&mut rng));
    }

    #[test]
    fn uniform_latency_stays_within() {
        let mut rng = Rng::new(1);
        let (low, high) = (Duration::from_micros(5), Duration::from_micros(9));
        for _ in 0..1_000 {
            let draw = Latency::Uniform(low, high).draw(&mut rng);
            assert!(low <= draw && draw <= high);
            assert_eq!(Latency::Uniform(high, low).draw(&mut rng), high);
        }
    }
}
