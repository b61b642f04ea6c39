//! `Schedule`: the turns in which fresh elements go up and down.

use core::time::Duration;

use crate::time::{Time, micros};

/// Elements that wait to go up and down, and the times of their turns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Schedule {
    /// The interval between batches.
    every: Duration,
    /// When the parent's last batch in its turn came, and how long before the next one the parent wants ours.
    phase: Option<(Time, Duration)>,
    /// The longest round trip to the parent of late; `None` if it is too uncertain to meet a turn by.
    round_trip: Option<Duration>,
    up: Waiting,
    down: Waiting,
    /// Until when batches that went down out of turn have to be made up for, at four intervals each.
    early: Option<Time>,
}

/// Elements that wait to go one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Waiting {
    /// Since when elements wait here, and since when the oldest of them has waited anywhere; `None` if none wait.
    since: Option<(Time, Time)>,
    /// When elements last went, in their turn.
    went: Option<Time>,
}

/// How long before the parent's turn our batch should arrive.
const MARGIN: Duration = Duration::from_millis(10);

/// How many intervals there are to a batch out of turn.
const RARELY: u32 = 4;

/// How many batches may go out of turn in a row. After a start pushes miss turns until round trips are known: while
/// those took 200 ms and twice an exponential time of 100 ms, an element at an interval of 1.5 s took 3.1 s at most in
/// the mean, and 2.5 s with three.
const AT_ONCE: u32 = 3;

/// For how many intervals the parent's last turn tells the next one: after more, clocks and routes may have changed.
const PHASE_HOLDS: u32 = 3;

impl Waiting {
    /// Adds an element that was born at this time, here or elsewhere.
    fn add(&mut self, now: Time, born: Time) {
        self.since = match self.since {
            None => Some((now, born)),
            Some((since, oldest)) => Some((since, oldest.min(born))),
        };
    }

    /// Sends all elements that wait.
    fn go(&mut self, now: Time) {
        *self = Self { since: None, went: Some(now) };
    }
}

impl Schedule {
    pub(super) fn new(every: Duration) -> Self {
        let (up, down) = (Waiting::default(), Waiting::default());
        Self { every, phase: None, round_trip: None, up, down, early: None }
    }

    pub(super) const fn every(&self) -> Duration {
        self.every
    }

    /// Adds an element that waits to go up and was born at this time.
    pub(super) fn add_up(&mut self, now: Time, born: Time) {
        self.up.add(now, born);
    }

    /// Adds an element that waits to go down and was born at this time.
    pub(super) fn add_down(&mut self, now: Time, born: Time) {
        self.down.add(now, born);
    }

    /// Sends up all elements that wait for it.
    pub(super) fn go_up(&mut self, now: Time) {
        self.up.go(now);
    }

    /// Sends down all elements that wait for it, in their turn (`timed`) or out of turn.
    pub(super) fn go_down(&mut self, now: Time, timed: bool) {
        if timed {
            self.down.go(now);
        } else {
            // The time of the turns stays: children expect the next one an interval after the last.
            let until = self.early.map_or(now, |until| until.max(now)) + RARELY * self.every;
            (self.down.since, self.early) = (None, Some(until));
        }
    }

    /// Goes by another parent, with a round trip of this length.
    pub(super) const fn attach(&mut self, round_trip: Option<Duration>) {
        (self.phase, self.round_trip) = (None, round_trip);
    }

    /// Goes without a parent.
    pub(super) const fn detach(&mut self) {
        self.attach(None);
    }

    /// Sets the longest round trip to the parent of late.
    pub(super) const fn set_round_trip(&mut self, round_trip: Option<Duration>) {
        self.round_trip = round_trip;
    }

    /// Sets the phase: a batch of the parent's came in its turn, and the parent wants ours `lead` before its next one.
    pub(super) const fn set_phase(&mut self, now: Time, lead: Duration) {
        self.phase = Some((now, lead));
    }

    /// Has times count from the last poll.
    #[cfg(feature = "model")]
    pub(super) fn rebase(&mut self, now: Time) {
        let past = |time: Time| Time::ZERO + now.saturating_since(time);
        for waiting in [&mut self.up, &mut self.down] {
            waiting.since = waiting.since.map(|(since, oldest)| (past(since), past(oldest)));
            waiting.went = waiting.went.map(past);
        }
        self.phase = self.phase.map(|(came, lead)| (past(came), lead));
        // Once it has passed, it says nothing more.
        self.early =
            self.early.map(|until| Time::ZERO + until.saturating_since(now)).filter(|&until| until > Time::ZERO);
    }

    /// Since when elements wait to go up and down, and since when the oldest of them has waited anywhere.
    #[cfg(test)]
    pub(super) const fn waiting(&self) -> [Option<(Time, Time)>; 2] {
        [self.up.since, self.down.since]
    }

    #[cfg(test)]
    pub(super) const fn last_phase(&self) -> Option<(Time, Duration)> {
        self.phase
    }

    /// The phase, if it is recent enough to tell when the parent's next batch comes after `since`.
    fn phase(&self, since: Time) -> Option<(Time, Duration)> {
        self.phase.filter(|&(came, _)| since.saturating_since(came) <= PHASE_HOLDS * self.every)
    }

    /// The longest time that an element waits in all before it goes out of turn: nine eighths of an interval. An
    /// element that waits here and at its parent would wait two otherwise.
    fn limit(&self) -> Duration {
        // Going up by then costs up to 1 % of all messages. With batches every 1 500 ms and two children each, 25 nodes
        // take 3 916 ms at most, and 4 838 ms if all waits for the turn; at 370 ms, 1 566 and 1 667 ms. A star, of one
        // level, needs none of it.
        self.every + self.every / 8
    }

    /// How long before the parent's turn our batch has to leave; `None` if that is not known.
    pub(super) fn lead(&self, since: Time) -> Option<Duration> {
        let (_, lead) = self.phase(since)?;
        Some(self.round_trip? + MARGIN + lead)
    }

    /// How long before an interval from `now` elements of children have to come to be in our turn up.
    pub(super) fn lead_of_children(&self, now: Time) -> Duration {
        // Where our turn is not known elements go on at once, and half an interval is taken to do: with none, all of
        // them missed the turn of the root in the first interval of a tree.
        let lead = self.lead(now).unwrap_or(self.every / 2);
        // The parent's batch may have had nothing to go down with it, so that ours goes later in the interval.
        let late = self.phase(now).map_or(Duration::ZERO, |(came, _)| now.saturating_since(came));
        Duration::from_micros(micros(lead + late) % micros(self.every))
    }

    /// The time at which the elements that wait to go up to a parent go.
    pub(super) fn up_at(&self) -> Option<Time> {
        let (since, oldest) = self.up.since?;
        let turn = match (self.phase(since), self.lead(since)) {
            (Some((came, _)), Some(lead)) => {
                // The first of the times came - lead + k · every that is not before `since`.
                let [every, lead] = [self.every, lead].map(micros);
                // Rounded up to whole intervals: an element that has just missed a turn goes with the next.
                let past = since.as_micros().saturating_add(lead).saturating_sub(came.as_micros());
                let wait = past.div_ceil(every).saturating_mul(every);
                Time::from_micros(came.as_micros().saturating_add(wait).saturating_sub(lead))
            }
            // The turn is not known before the first acknowledgement, or where round trips differ too much. Then
            // elements go at once, an eighth of an interval apart: with exponential latency, 627 ms in the median
            // instead of 748.
            _ => self.up.went.map_or(since, |went| went + self.every / 8),
        };
        Some(turn.min(oldest + self.limit()).max(since))
    }

    /// The time at which the elements that wait to go down go, and whether that is in their turn.
    pub(super) fn down_at(&self) -> Option<(Time, bool)> {
        let (since, oldest) = self.down.since?;
        if let Some((came, _)) = self.phase(since) {
            // Together with what has come from the parent, so each edge carries one message an interval. If nothing
            // comes for half an interval more, without.
            let has_gone = self.down.went.is_some_and(|went| went >= came);
            let turn = if has_gone { came + self.every + self.every / 2 } else { came };
            return Some((turn.max(since), true));
        }
        // The root, and whoever has no turn of a parent's to go by.
        let turn = self.down.went.map_or(since, |went| since.max(went + self.every));
        // A batch out of turn costs as many messages as one in turn, so it may go every fourth interval or a few in a
        // row, and only if that saves an eighth of an interval. With four children each, 25 nodes take 670 ms in the median
        // with batches every 370 ms and 1 316 at 1 500 ms, and 736 and 1 945 ms if all goes in turn. On a star none goes
        // where round trips are alike. Where they are exponential these batches cost more than they save: 629 ms at 1.41
        // messages an operation, where turns alone, every 340 ms, take 1.33.
        let ahead = Time::ZERO + (AT_ONCE - 1) * RARELY * self.every;
        let again = self.early.map_or(since, |until| Time::ZERO + until.saturating_since(ahead));
        let early = since.max(again).max(oldest + self.limit());
        Some(if early + self.every / 8 < turn { (early, false) } else { (turn, true) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_millis(400);

    fn ms(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    /// Of one whose parent's last batch came at this time, and wants ours so long before the next; a limit is 450 ms.
    fn of_a_spoke(came: u64, lead: u64) -> Schedule {
        let mut spoke = Schedule::new(EVERY);
        spoke.set_phase(ms(came), Duration::from_millis(lead));
        spoke
    }

    #[test]
    fn what_goes_up_leaves_a_round_trip_before_those_above_send() {
        let mut spoke = of_a_spoke(1_000, 20);
        spoke.set_round_trip(Some(Duration::from_millis(200)));
        assert_eq!(spoke.up_at(), None, "nothing waits");
        let mut up_at = |since, oldest| {
            spoke.up.since = Some((ms(since), ms(oldest)));
            spoke.up_at().expect("it waits")
        };
        // 230 ms before 1 400, 1 800 and so on, unless that would be too late.
        assert_eq!([1_100, 1_170, 1_171].map(|since| up_at(since, since)), [ms(1_170), ms(1_170), ms(1_570)]);
        assert_eq!([up_at(1_171, 900), up_at(1_500, 900)], [ms(1_350), ms(1_500)]);
        assert_eq!(up_at(2_200, 2_200), ms(2_370));
        assert_eq!(up_at(2_201, 2_201), ms(2_201), "what came last is too long ago");
    }

    #[test]
    fn what_goes_up_goes_soon_where_the_turn_is_not_known() {
        let mut spoke = of_a_spoke(1_000, 20);
        spoke.up.since = Some((ms(1_100), ms(1_100)));
        assert_eq!(spoke.lead(ms(1_100)), None);
        assert_eq!(spoke.up_at(), Some(ms(1_100)));
        spoke.up.went = Some(ms(1_090));
        assert_eq!(spoke.up_at(), Some(ms(1_140)), "an eighth of an interval apart");
        spoke.set_round_trip(Some(Duration::from_millis(200)));
        assert_eq!(spoke.lead(ms(1_100)), Some(Duration::from_millis(230)));
        spoke.detach();
        assert_eq!((spoke.lead(ms(1_100)), spoke.up_at()), (None, Some(ms(1_140))), "there is no parent any more");
    }

    #[test]
    fn children_are_told_a_lead_that_meets_the_turn_of_their_parent() {
        let mut spoke = of_a_spoke(1_000, 20);
        let lead = |spoke: &Schedule, now| spoke.lead_of_children(ms(now)).as_millis();
        assert_eq!(lead(&spoke, 1_000), 200, "half an interval, before the round trip is known");
        spoke.set_round_trip(Some(Duration::from_millis(100)));
        // It goes up at 1 270: 130 ms before 1 400, and 170 before what goes down at 1 040 does again.
        assert_eq!([1_000, 1_040].map(|now| lead(&spoke, now)), [130, 170]);
        assert_eq!(lead(&spoke, 1_300), 30, "an interval later is after the turn that follows");
    }

    #[test]
    fn what_goes_down_goes_with_what_comes_from_above() {
        let mut spoke = of_a_spoke(1_000, 0);
        spoke.down.since = Some((ms(900), ms(900)));
        assert_eq!(spoke.down_at(), Some((ms(1_000), true)));
        spoke.down.since = Some((ms(1_100), ms(1_100)));
        assert_eq!(spoke.down_at(), Some((ms(1_100), true)));
        spoke.down.went = Some(ms(999));
        assert_eq!(spoke.down_at(), Some((ms(1_100), true)));
        // The next comes at 1 400; after half an interval more it goes without.
        spoke.down.went = Some(ms(1_000));
        assert_eq!(spoke.down_at(), Some((ms(1_600), true)));
        spoke.down.since = None;
        assert_eq!(spoke.down_at(), None, "nothing waits");
    }

    #[test]
    fn who_has_nobody_above_goes_down_once_an_interval_and_seldom_out_of_turn() {
        let mut hub = Schedule::new(EVERY);
        let mut down_at = |since, oldest, went: Option<u64>, early: Option<u64>| {
            hub.down = Waiting { since: Some((ms(since), ms(oldest))), went: went.map(ms) };
            hub.early = early.map(ms);
            hub.down_at().expect("it waits")
        };
        assert_eq!(down_at(1_100, 1_100, None, None), (ms(1_100), true));
        assert_eq!(down_at(1_500, 1_500, Some(1_000), None), (ms(1_500), true));
        assert_eq!(down_at(1_100, 1_000, Some(1_000), None), (ms(1_400), true));
        // It has waited elsewhere: longer than an interval and an eighth in all, if it waited for the turn.
        assert_eq!(down_at(1_100, 600, Some(1_000), None), (ms(1_100), false));
        assert_eq!(down_at(1_100, 800, Some(1_000), None), (ms(1_250), false));
        assert_eq!(down_at(1_100, 900, Some(1_000), None), (ms(1_400), true), "a moment before the turn is no use");
        assert_eq!(down_at(1_100, 899, Some(1_000), None), (ms(1_349), false));
        // Three in a row, which are made up for at 5 900 then.
        assert_eq!(down_at(1_100, 600, Some(1_000), Some(4_300)), (ms(1_100), false));
        assert_eq!(down_at(1_100, 600, Some(1_000), Some(4_301)), (ms(1_101), false));
        assert_eq!(down_at(1_100, 600, Some(1_000), Some(5_900)), (ms(1_400), true), "not that soon again");
    }
}
