//! `Staleness`: how long the fleet's holes have been open, for law 10.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use crate::Time;

/// Holes of the fleet: elements that some of its replicas hold, and not all.
#[derive(Debug, Default)]
pub(super) struct Staleness {
    /// By when they opened, and number of the element.
    holes: BTreeSet<(Time, usize)>,
    /// When that of an element opened, by number.
    opened: Vec<Time>,
    /// End of the last fault. Whatever befell replicas before, the law gives them its time from then on.
    calm_since: Time,
    /// Whether a fault is in force.
    disturbed: bool,
}

impl Staleness {
    /// Notes how many of the `members` hold an element now, and how many held it before.
    pub(super) fn note(&mut self, now: Time, number: usize, before: usize, after: usize, members: usize) {
        let is_hole = |holders| (1..members).contains(&holders);
        if self.opened.len() <= number {
            self.opened.resize(number + 1, Time::ZERO);
        }
        if is_hole(before) && !is_hole(after) {
            self.holes.remove(&(self.opened[number], number));
        } else if !is_hole(before) && is_hole(after) {
            self.opened[number] = now;
            self.holes.insert((now, number));
        }
    }

    /// Notes that an element is to go: if it is a hole, that opens anew, since what was late until now has another end.
    pub(super) fn reopen(&mut self, now: Time, number: usize) {
        if let Some(opened) = self.opened.get_mut(number)
            && self.holes.remove(&(*opened, number))
        {
            *opened = now;
            self.holes.insert((now, number));
        }
    }

    /// Notes that a fault begins or ends, and whether one is in force then. A clock that was set back stands still for a
    /// while, so `until` may be later than now.
    pub(super) fn disturb(&mut self, until: Time, disturbed: bool) {
        self.disturbed = disturbed;
        self.calm_since = self.calm_since.max(until);
    }

    /// The oldest hole: how long it has been open in calm times, and number of the element.
    pub(super) fn oldest(&self, now: Time) -> Option<(Duration, usize)> {
        let &(opened, number) = self.holes.first().filter(|_| !self.disturbed)?;
        Some((now.saturating_since(opened.max(self.calm_since)), number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age(staleness: &Staleness, now: u64) -> Option<(u64, usize)> {
        let (age, number) = staleness.oldest(Time::from_millis(now))?;
        Some((age.as_millis() as u64, number))
    }

    #[test]
    fn a_hole_is_as_old_as_what_one_replica_holds_and_another_lacks_in_calm_times() {
        let mut staleness = Staleness::default();
        let note = |staleness: &mut Staleness, now, number, before, after| {
            staleness.note(Time::from_millis(now), number, before, after, 3);
        };
        assert_eq!(age(&staleness, 5), None);
        note(&mut staleness, 10, 1, 0, 1);
        note(&mut staleness, 20, 0, 0, 1);
        note(&mut staleness, 30, 1, 1, 2);
        assert_eq!(age(&staleness, 40), Some((30, 1)));
        note(&mut staleness, 40, 1, 2, 3);
        assert_eq!(age(&staleness, 40), Some((20, 0)));
        // The other is removed: that it is gone everywhere takes its own time. Of what is no hole nothing opens.
        staleness.reopen(Time::from_millis(35), 1);
        assert_eq!(age(&staleness, 40), Some((20, 0)));
        staleness.reopen(Time::from_millis(38), 0);
        assert_eq!(age(&staleness, 40), Some((2, 0)));
        // One loses its memory: what all held is a hole from now on, and what nobody holds is none.
        note(&mut staleness, 50, 1, 3, 2);
        note(&mut staleness, 50, 0, 1, 0);
        assert_eq!(age(&staleness, 60), Some((10, 1)));
        staleness.disturb(Time::from_millis(70), true);
        assert_eq!(age(&staleness, 70), None);
        staleness.disturb(Time::from_millis(80), false);
        assert_eq!(age(&staleness, 100), Some((20, 1)));
        // A clock is set back by 50 ms.
        staleness.disturb(Time::from_millis(150), false);
        assert_eq!([100, 160].map(|now| age(&staleness, now)), [Some((0, 1)), Some((10, 1))]);
    }
}
