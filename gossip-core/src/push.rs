//! When fresh elements go out, and along what.

pub(crate) mod link;
mod origins;
mod overlay;

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

pub use overlay::Overlay;

use crate::push::link::Link;
use crate::push::origins::Origins;
use crate::time::{Time, micros};

/// What pushing needs beside the [links](crate::link::Link).
///
/// Elements go up at once, or rather so that they come just before those above send theirs; and down once an interval,
/// from the root, and from others as soon as they come from above. So an element waits an interval at the most, wherever
/// it comes from, and every edge carries a message each way in an interval, with the other way's acknowledgement.
#[derive(Clone, Debug)]
pub(crate) struct Dissemination<P> {
    pub(crate) every: Duration,
    pub(crate) overlay: Overlay<P>,
    /// Names our log, as long as we remember it.
    pub(crate) log: u32,
    pub(crate) origins: Origins<P>,
    /// Whom we are attached to.
    pub(crate) above: Option<P>,
    /// When the last batch came from above that was sent in its time, and how long before the next one ours is wanted.
    pub(crate) phase: Option<(Time, Duration)>,
    /// Whom we pass on to what comes from elsewhere.
    pub(crate) below: BTreeSet<P>,
    /// Whose silence counts from the next poll on, which tells the time.
    pub(crate) silent: Vec<P>,
    /// Whom something came from since the last poll, which tells the time.
    pub(crate) arrived: Vec<P>,
    /// What waits to go up, and down.
    pub(crate) up: Waiting,
    pub(crate) down: Waiting,
    /// When something went down out of turn.
    pub(crate) early: Option<Time>,
    /// When to look for somebody above, or for somebody better.
    pub(crate) seek_at: Option<Time>,
    /// When those who are asked now were asked first, and who is to be asked next.
    pub(crate) sought: Option<Time>,
    pub(crate) next_candidate: usize,
    /// How long the last one above took to answer, at the longest.
    pub(crate) patience: Option<Duration>,
    /// How many of those who should carry do not.
    pub(crate) lost: usize,
    /// When something is to be done about a link.
    pub(crate) deadlines: BTreeSet<(Time, P)>,
}

/// Elements that wait to go one way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waiting {
    /// Since when there are any, and since when the oldest of them has been waiting anywhere.
    pub(crate) since: Option<(Time, Time)>,
    /// When the last went out, in their turn.
    pub(crate) went: Option<Time>,
}

impl Waiting {
    fn add(&mut self, now: Time, born: Time) {
        self.since = match self.since {
            None => Some((now, born)),
            Some((since, oldest)) => Some((since, oldest.min(born))),
        };
    }

    pub(crate) fn go(&mut self, now: Time) {
        *self = Self { since: None, went: Some(now) };
    }
}

impl<P: Clone + Ord> Dissemination<P> {
    pub(crate) fn new(every: Duration, overlay: Overlay<P>, log: u32) -> Self {
        Self {
            every,
            overlay,
            log,
            origins: Origins::new(),
            above: None,
            phase: None,
            below: BTreeSet::new(),
            silent: Vec::new(),
            arrived: Vec::new(),
            up: Waiting::default(),
            down: Waiting::default(),
            early: None,
            seek_at: None,
            sought: None,
            next_candidate: 0,
            patience: None,
            lost: 0,
            deadlines: BTreeSet::new(),
        }
    }

    /// The log has `end` elements at `now`: those that nobody has noted were inserted here.
    pub(crate) fn stamp(&mut self, end: usize, now: Time) {
        self.origins.note(end, None, Duration::ZERO);
        if self.origins.are_stamped() {
            return;
        }
        for (from, born) in self.origins.stamp(now) {
            if from.is_none() || from != self.above.as_ref() {
                self.up.add(now, born);
            }
            self.down.add(now, born);
        }
    }

    /// A peer is gone for good.
    pub(crate) fn forget(&mut self, name: &P, link: &Link) {
        self.lost -= usize::from(link.lost);
        self.below.remove(name);
        if let Some(deadline) = link.deadline {
            self.deadlines.remove(&(deadline, name.clone()));
        }
        if self.above.as_ref() == Some(name) {
            (self.above, self.phase, self.seek_at, self.sought) = (None, None, None, None);
        }
    }

    /// Whether somebody above is wanted, and there is none.
    pub(crate) fn is_orphan(&self) -> bool {
        self.above.is_none() && !self.overlay.upstream().is_empty()
    }

    /// Whether some peers are left to repair alone.
    pub(crate) fn leaves_to_repair(&self) -> bool {
        self.lost > 0 || self.is_orphan()
    }

    /// When the last batch came from above, unless that was too long before `since` to tell when the next will.
    fn phase(&self, since: Time) -> Option<(Time, Duration)> {
        self.phase.filter(|&(came, _)| since.saturating_since(came) <= 3 * self.every)
    }

    /// How long an element may wait in all before it goes out of turn: what comes just after a batch would wait for two
    /// intervals otherwise.
    fn limit(&self) -> Duration {
        self.every + self.every / 8
    }

    /// How long before those above send theirs ours has to leave, where a round trip takes so long; `None` where
    /// that is not known.
    pub(crate) fn lead(&self, round_trip: Option<Duration>, since: Time) -> Option<Duration> {
        let (_, lead) = self.phase(since)?;
        Some(round_trip? + MARGIN + lead)
    }

    /// When what waits to go up goes. `round_trip` is that to whoever is above.
    pub(crate) fn up_at(&self, round_trip: Option<Duration>) -> Option<Time> {
        let (since, oldest) = self.up.since.filter(|_| self.above.is_some())?;
        let turn = match (self.phase(since), self.lead(round_trip, since)) {
            (Some((came, _)), Some(lead)) => {
                // The first of the times came - lead + k · every that is not before `since`.
                let [every, lead] = [self.every, lead].map(micros);
                let past = since.as_micros().saturating_add(lead).saturating_sub(came.as_micros());
                let wait = past.div_ceil(every).saturating_mul(every);
                Time::from_micros(came.as_micros().saturating_add(wait).saturating_sub(lead))
            }
            // When is not known before the first acknowledgement, or where round trips differ too much: then they go soon.
            _ => self.up.went.map_or(since, |went| went + self.every / 8),
        };
        Some(turn.min(oldest + self.limit()).max(since))
    }

    /// When what waits to go down goes, and whether that is in its turn.
    pub(crate) fn down_at(&self) -> Option<(Time, bool)> {
        let (since, oldest) = self.down.since.filter(|_| !self.below.is_empty())?;
        if let Some((came, _)) = self.phase(since) {
            // With what has come from above; if nothing comes, without.
            let has_gone = self.down.went.is_some_and(|went| went >= came);
            let turn = if has_gone { came + self.every + self.every / 2 } else { came };
            return Some((turn.max(since), true));
        }
        let turn = self.down.went.map_or(since, |went| since.max(went + self.every));
        // Out of turn it costs as much as in turn, and those below keep the time of the turns: so it is to be rare.
        let early = self.early.map_or(since, |went| since.max(went + RARELY * self.every)).max(oldest + self.limit());
        Some(if early + self.every / 8 < turn { (early, false) } else { (turn, true) })
    }
}

/// How long before it is sent on a batch should come.
const MARGIN: Duration = Duration::from_millis(10);

/// How many intervals there are between two batches out of turn, at the least.
const RARELY: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::link::Standing;

    const EVERY: Duration = Duration::from_millis(400);

    fn ms(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    /// Of replica 1 in a star around 0; a limit is 450 ms.
    fn of_a_spoke() -> Dissemination<u8> {
        let mut spoke = Dissemination::new(EVERY, Overlay::star(&1, 0..4), 7);
        spoke.above = Some(0);
        spoke
    }

    #[test]
    fn what_goes_up_leaves_a_round_trip_before_those_above_send() {
        let mut spoke = of_a_spoke();
        assert_eq!(spoke.up_at(None), None, "nothing waits");
        spoke.phase = Some((ms(1_000), Duration::from_millis(20)));
        let mut up_at = |since, oldest| {
            spoke.up.since = Some((ms(since), ms(oldest)));
            spoke.up_at(Some(Duration::from_millis(200))).expect("it waits")
        };
        // 230 ms before 1 400, 1 800 and so on, unless that would be too late.
        assert_eq!([1_100, 1_170, 1_171].map(|since| up_at(since, since)), [ms(1_170), ms(1_170), ms(1_570)]);
        assert_eq!([up_at(1_171, 900), up_at(1_500, 900)], [ms(1_350), ms(1_500)]);
        assert_eq!(up_at(2_200, 2_200), ms(2_370));
        assert_eq!(up_at(2_201, 2_201), ms(2_201), "what came last is too long ago");
        spoke.above = None;
        assert_eq!(spoke.up_at(None), None, "there is nobody above");
    }

    #[test]
    fn what_goes_up_goes_soon_where_the_turn_is_not_known() {
        let mut spoke = of_a_spoke();
        spoke.phase = Some((ms(1_000), Duration::from_millis(20)));
        spoke.up.since = Some((ms(1_100), ms(1_100)));
        assert_eq!(spoke.lead(None, ms(1_100)), None);
        assert_eq!(spoke.lead(Some(Duration::from_millis(200)), ms(1_100)), Some(Duration::from_millis(230)));
        assert_eq!(spoke.up_at(None), Some(ms(1_100)));
        spoke.up.went = Some(ms(1_090));
        assert_eq!(spoke.up_at(None), Some(ms(1_140)), "an eighth of an interval apart");
    }

    #[test]
    fn what_goes_down_goes_with_what_comes_from_above() {
        let mut spoke = of_a_spoke();
        spoke.phase = Some((ms(1_000), Duration::ZERO));
        spoke.down.since = Some((ms(900), ms(900)));
        assert_eq!(spoke.down_at(), None, "there is nobody below");
        spoke.below.insert(2);
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
        let mut hub = Dissemination::new(EVERY, Overlay::star(&0, 0..4), 7);
        hub.below.insert(2);
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
        assert_eq!(down_at(1_100, 600, Some(1_000), Some(500)), (ms(1_400), true), "not that soon again");
    }

    #[test]
    fn elements_go_everywhere_but_where_they_came_from() {
        let mut spoke = of_a_spoke();
        spoke.origins.note(2, Some(&0), Duration::from_millis(30));
        spoke.stamp(2, ms(100));
        assert_eq!([spoke.up.since, spoke.down.since], [None, Some((ms(100), ms(70)))]);
        spoke.origins.note(3, Some(&2), Duration::from_millis(90));
        spoke.stamp(3, ms(110));
        assert_eq!([spoke.up.since, spoke.down.since], [Some((ms(110), ms(20))), Some((ms(100), ms(20)))]);
        // One that was inserted here; and there is nothing new the next time.
        spoke.stamp(4, ms(120));
        assert_eq!([spoke.up.since, spoke.down.since], [Some((ms(110), ms(20))), Some((ms(100), ms(20)))]);
        spoke.up.go(ms(130));
        spoke.stamp(4, ms(140));
        assert_eq!((spoke.up.since, spoke.up.went), (None, Some(ms(130))));
        spoke.above = None;
        spoke.stamp(5, ms(150));
        assert_eq!(spoke.up.since, Some((ms(150), ms(150))));
    }

    #[test]
    fn who_is_gone_leaves_nothing_behind() {
        let mut spoke = of_a_spoke();
        assert!(!spoke.is_orphan() && !spoke.leaves_to_repair());
        let mut links = [Standing::Above, Standing::Below].map(Link::new);
        (links[1].lost, links[1].deadline) = (true, Some(ms(5)));
        spoke.deadlines = [(ms(5), 2), (ms(5), 3)].into();
        (spoke.lost, spoke.below) = (1, [2, 3].into());
        spoke.seek_at = Some(ms(9));
        assert!(spoke.leaves_to_repair());
        spoke.forget(&2, &links[1]);
        assert_eq!((spoke.lost, spoke.above, spoke.seek_at), (0, Some(0), Some(ms(9))));
        assert_eq!((&spoke.below, &spoke.deadlines), (&[3].into(), &[(ms(5), 3)].into()));
        assert!(!spoke.leaves_to_repair());
        spoke.forget(&0, &links[0]);
        assert_eq!((spoke.above, spoke.seek_at), (None, None));
        assert!(spoke.is_orphan() && spoke.leaves_to_repair());
        let mut hub = Dissemination::<u8>::new(EVERY, Overlay::star(&0, 0..4), 7);
        assert!(!hub.is_orphan() && !hub.leaves_to_repair(), "it wants nobody above");
        hub.lost = 1;
        assert!(hub.leaves_to_repair());
    }
}
