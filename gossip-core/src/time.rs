//! Instants on the embedder's clock.

use core::ops::Add;
use core::time::Duration;

/// Instant on the embedder's clock: whole microseconds since an origin of the embedder's choice.
///
/// The machine reads no clock; time enters through [`AntiEntropy::poll`](crate::AntiEntropy::poll) alone. Use a
/// monotonic clock; one that runs backwards counts as standing still. The range is 584 000 years.
///
/// ```
/// use core::time::Duration;
/// use gossip_core::Time;
///
/// let start = Time::from_millis(1_500);
/// assert_eq!(start + Duration::from_micros(250), Time::from_micros(1_500_250));
/// assert_eq!(start.saturating_since(Time::ZERO), Duration::from_millis(1_500));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The origin.
    pub const ZERO: Self = Self(0);
    /// The latest instant.
    pub const MAX: Self = Self(u64::MAX);

    /// The instant this many microseconds after the origin.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The instant this many milliseconds after the origin; saturates at [`Time::MAX`].
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Microseconds since the origin.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the origin, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// Returns whether this time has come by `now`. [`Time::MAX`] never comes, so that a later deadline always exists.
    pub(crate) fn is_due(self, now: Self) -> bool {
        // Sums saturate at `MAX`: what is put off that far is put off for ever.
        self <= now && self < Self::MAX
    }

    /// Time since `earlier`; zero if that is later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// Saturates at [`Time::MAX`].
impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }
}

/// Whole microseconds of `duration`, saturating.
pub(crate) fn micros(duration: Duration) -> u64 {
    // A `Duration` reaches to 2^64 seconds, a million times as far.
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Time::MAX + Duration::from_micros(1), Time::MAX);
        assert_eq!(Time::ZERO + Duration::MAX, Time::MAX);
        assert_eq!(Time::from_millis(u64::MAX), Time::MAX);
        assert_eq!(Time::ZERO.saturating_since(Time::MAX), Duration::ZERO);
        assert_eq!(Time::from_micros(1_999).as_millis(), 1);
    }
}
