//! Numbers with three decimals.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// A number from 0 on, to a thousandth. As text, and in JSON, it has no more decimals than it needs.
///
/// Sums and means are exact, so that equal seeds give equal figures in whatever order they are added up; it becomes a float
/// only to be shown.
///
/// ```
/// use gossip_node::lab::trial::Decimal;
///
/// assert_eq!(Decimal::ratio(10, 4).to_string(), "2.5");
/// assert_eq!(Decimal::mean([Decimal::whole(1), Decimal::whole(2), Decimal::whole(2)]).unwrap().to_string(), "1.667");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal {
    thousandths: u64,
}

impl Decimal {
    /// A whole number, up to 2^64 / 1 000.
    pub const fn whole(number: u64) -> Self {
        Self { thousandths: number.saturating_mul(1_000) }
    }

    /// A time in milliseconds.
    pub fn millis(time: Duration) -> Self {
        Self { thousandths: u64::try_from(time.as_micros()).unwrap_or(u64::MAX) }
    }

    /// One number divided by another, to the nearest thousandth; 0 if that is 0.
    pub const fn ratio(number: u64, by: u64) -> Self {
        if by == 0 { Self::whole(0) } else { Self::whole(number).over(by) }
    }

    /// The mean, to the nearest thousandth; `None` of nothing.
    pub fn mean(numbers: impl IntoIterator<Item = Self>) -> Option<Self> {
        let (mut sum, mut count) = (0_u64, 0);
        for number in numbers {
            sum = sum.saturating_add(number.thousandths);
            count += 1;
        }
        (count > 0).then(|| Self { thousandths: sum }.over(count))
    }

    /// The sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { thousandths: self.thousandths.saturating_add(other.thousandths) }
    }

    /// This less a number that is not greater; 0 if it is.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self { thousandths: self.thousandths.saturating_sub(other.thousandths) }
    }

    /// The float that is nearest.
    #[expect(clippy::float_arithmetic, reason = "nothing is computed with it here")]
    pub const fn to_f64(self) -> f64 {
        self.thousandths as f64 / 1e3
    }

    const fn over(self, by: u64) -> Self {
        // Half of the divisor first: to the nearest, and not down.
        Self { thousandths: self.thousandths.saturating_add(by / 2) / by }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_f64().fmt(f)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.thousandths.is_multiple_of(1_000) {
            // As a float it would be written as 2000.0 where 2000 is meant.
            serializer.serialize_u64(self.thousandths / 1_000)
        } else {
            serializer.serialize_f64(self.to_f64())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_rounded_to_the_nearest_and_shown_as_short_as_can_be() {
        let shown = [(0, 1), (1, 3), (2, 3), (100, 10), (1_007, 1_000), (2_001, 2_000), (7, 0)];
        let shown = shown.map(|(number, by)| Decimal::ratio(number, by).to_string());
        assert_eq!(shown, ["0", "0.333", "0.667", "10", "1.007", "1.001", "0"]);
        assert_eq!(Decimal::millis(Duration::from_micros(100_050)).to_string(), "100.05");
        assert_eq!(format!("{:>6}|{:<6}|", Decimal::ratio(5, 2), Decimal::whole(70)), "   2.5|70    |");
        assert_eq!(Decimal::mean([]), None);
    }
}
