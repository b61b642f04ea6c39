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

/// How long a bucket takes to fill, beside what a full state takes: at the default of 16 MiB a second it holds 64 MiB and
/// that. A first synchronization of 10^5 elements of 1 KiB waited for 2.1 s while it held 64 MiB alone.
const FILLS_IN: Duration = Duration::from_secs(4);

/// The level of a bucket, kept as the time at which it will be full: so nothing has to be done as time passes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Budget {
    full: Time,
}

impl Budget {
    /// Takes `work` out, even if the bucket holds less: the work is done already.
    pub(crate) fn spend(&mut self, work: u64, per_second: u64, now: Time) {
        self.full = self.full.max(now) + takes(work, per_second);
    }

    /// The time at which it is no longer overdrawn, for a set of so many bytes; `None` if it is not overdrawn.
    pub(crate) fn overdrawn_until(self, now: Time, full_state: u64, per_second: u64) -> Option<Time> {
        // A quarter more for messages and look-ups. A bucket that is full later than one filling time from now holds less
        // than nothing.
        let fills_in = FILLS_IN.saturating_add(takes(full_state.saturating_add(full_state / 4), per_second));
        let until = self.full.saturating_since(Time::ZERO + fills_in);
        Some(Time::ZERO + until).filter(|&until| until > now)
    }
}

fn takes(work: u64, per_second: u64) -> Duration {
    Duration::from_micros(work.saturating_mul(1_000_000).div_ceil(per_second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_with_time_and_no_further() {
        let (start, mut budget) = (Time::from_millis(10_000), Budget::default());
        let until = |budget: Budget, now| budget.overdrawn_until(now, 0, 1_000);
        budget.spend(4_000, 1_000, start);
        assert_eq!(until(budget, start), None);
        budget.spend(500, 1_000, start);
        assert_eq!(until(budget, start), Some(Time::from_millis(10_500)));
        assert_eq!(until(budget, Time::from_millis(10_500)), None);
        // It holds a full state besides, and a quarter more.
        assert_eq!(budget.overdrawn_until(start, 200, 1_000), Some(Time::from_millis(10_250)));
        assert_eq!(budget.overdrawn_until(start, 400, 1_000), None);
        assert_eq!(budget.overdrawn_until(start, u64::MAX, 1), None);
        budget.spend(4_001, 1_000, Time::from_millis(60_000));
        assert_eq!(until(budget, Time::from_millis(60_000)), Some(Time::from_millis(60_001)));
        // A clock at its end fills nothing, and empties nothing.
        budget.spend(u64::MAX, 1, Time::MAX);
        assert_eq!(until(budget, Time::MAX), None);
    }
}
