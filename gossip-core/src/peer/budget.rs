//! `Budget`: a bucket of work per peer, which time fills and whatever is done for the peer empties.

use core::time::Duration;

use crate::time::Time;

// The unit of work is a byte of an answer, which takes 1 to 19 ns to make. Work that leaves no bytes counts as many as
// could be made in the same time: tests/hostile/work.rs tells. At 16 MiB a second, 30 ns would be half a core.

/// Work for a message, beside its bytes.
pub(crate) const MESSAGE: u64 = 256;

/// Work for an element looked up by its id: the look-up waits for memory.
pub(crate) const LOOKED_FOR: u64 = 32;

/// Work for an element that a scan passes.
pub(crate) const PASSED: u64 = 8;

/// Work for an element that is encoded for its length alone, in the order of the log.
pub(crate) const MEASURED: u64 = 2;

/// Work for a cell of a peer's sketch that is peeled, in up to four orders.
pub(crate) const CELL: u64 = 32;

/// How many cells of our own sketch are folded for one unit of work.
pub(crate) const FOLDED: usize = 8;

/// How many wishes are moved for one unit of work.
pub(crate) const MOVED: usize = 32;

/// How long a bucket takes to fill: at the default of 16 MiB a second it holds 64 MiB, a full state of 10^6 elements of
/// 32 bytes two times over.
const FILLS_IN: Duration = Duration::from_secs(4);

/// The level of a bucket, kept as the time at which it will be full: so nothing has to be done as time passes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Budget {
    full: Time,
}

impl Budget {
    /// Takes `work` out, even if the bucket holds less: the work is done already.
    pub(crate) fn spend(&mut self, work: u64, per_second: u64, now: Time) {
        let micros = work.saturating_mul(1_000_000).div_ceil(per_second);
        self.full = self.full.max(now) + Duration::from_micros(micros);
    }

    /// The time at which it is no longer overdrawn; `None` if it is not overdrawn.
    pub(crate) fn overdrawn_until(self, now: Time) -> Option<Time> {
        // A bucket that is full later than one filling time from now holds less than nothing.
        let until = self.full.saturating_since(Time::ZERO + FILLS_IN);
        Some(Time::ZERO + until).filter(|&until| until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_with_time_and_no_further() {
        let (start, mut budget) = (Time::from_millis(10_000), Budget::default());
        budget.spend(4_000, 1_000, start);
        assert_eq!(budget.overdrawn_until(start), None);
        budget.spend(500, 1_000, start);
        assert_eq!(budget.overdrawn_until(start), Some(Time::from_millis(10_500)));
        assert_eq!(budget.overdrawn_until(Time::from_millis(10_500)), None);
        budget.spend(4_001, 1_000, Time::from_millis(60_000));
        assert_eq!(budget.overdrawn_until(Time::from_millis(60_000)), Some(Time::from_millis(60_001)));
        // A clock at its end fills nothing, and empties nothing.
        budget.spend(u64::MAX, 1, Time::MAX);
        assert_eq!(budget.overdrawn_until(Time::MAX), None);
    }
}
