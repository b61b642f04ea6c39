//! A peer's budget of work: a bucket that time fills, and that whatever is done for the peer empties.

use core::time::Duration;

use crate::time::Time;

/// What is done for a message beside its bytes. The unit is a byte of an answer, 3 to 20 ns; what takes longer than the
/// bytes it comes to counts as so many as have that time.
pub(crate) const MESSAGE: u64 = 256;

/// An element looked for by its id, which waits for memory.
pub(crate) const LOOKED_FOR: u64 = 32;

/// An element passed by, one after the other.
pub(crate) const PASSED: u64 = 8;

/// A cell of a peer's sketch that is read, in up to four orders.
pub(crate) const CELL: u64 = 32;

/// So many cells of our own sketch that are folded for others, and count one.
pub(crate) const FOLDED: usize = 8;

/// How long a bucket takes to fill.
const FILLS_IN: Duration = Duration::from_secs(4);

/// What is left of a budget, as the time at which it will be full.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Budget {
    full: Time,
}

impl Budget {
    /// Takes `work` out, if there is as much or not: it is done already.
    pub(crate) fn spend(&mut self, work: u64, per_second: u64, now: Time) {
        let micros = work.saturating_mul(1_000_000).div_ceil(per_second);
        self.full = self.full.max(now) + Duration::from_micros(micros);
    }

    /// Until when it is overdrawn; `None` if it is not.
    pub(crate) fn overdrawn_until(self, now: Time) -> Option<Time> {
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
