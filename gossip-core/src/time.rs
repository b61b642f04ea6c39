//! Time as the embedder tells it.

use core::ops::Add;
use core::time::Duration;

/// An instant on the embedder's clock: whole microseconds since an origin of the embedder's choice.
///
/// The machine reads no clock; time enters through [`AntiEntropy::poll`](crate::AntiEntropy::poll) alone. Use a
/// monotonic clock. One that runs backwards counts as standing still. The range is 584 000 years.
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
    /// The latest instant there is.
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

    /// Whether this time has come. The last there is never does, so that a deadline can always be later than now.
    pub(crate) fn is_due(self, now: Self) -> bool {
        self <= now && self < Self::MAX
    }

    /// How long after `earlier` this is; zero if it is not after it.
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
