//! What of a pusher decides how a machine goes on.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Arrival, Common, Deadlines, Link, Origins, Pusher};
use crate::time::Time;
use crate::wire::Place;

/// A pusher whose times count from the last poll: backwards where they have been, forwards where they are to come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PushModel<P> {
    links: Vec<(P, Option<Box<Link>>)>,
    common: Common<P>,
    origins: OriginsModel<P>,
}

/// Origins as they can be told from outside: whom each element came from; since when the oldest of those from a place on
/// waits that did not come from a peer, for each of either; and what the next poll will tell the time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct OriginsModel<P> {
    from: Vec<Option<P>>,
    oldest: Vec<Option<Duration>>,
    unstamped: Vec<(Option<P>, Duration)>,
}

impl<P: Clone + Ord> Pusher<P> {
    /// What decides how it goes on, where the log ends here.
    pub(crate) fn model(&self, end: Place, now: Time) -> PushModel<P> {
        let Self { mut links, mut common } = self.clone();
        links.values_mut().flatten().for_each(|link| link.rebase(now));
        let places = || (0..end.index()).map(Place::new);
        let origins = &common.origins;
        let age = |peer: &P, place| {
            let others = origins.since(place).filter(|(_, from, _)| *from != Some(peer));
            others.filter_map(|(.., born)| born).min().map(|born| now.saturating_since(born))
        };
        // A run that is yet to be told the time has waited elsewhere alone; the latest time there is tells how long.
        let mut stamped = origins.clone();
        let elsewhere = |born: Time| Time::MAX.saturating_since(born);
        let origins = OriginsModel {
            from: places().map(|place| origins.of(place).cloned()).collect(),
            oldest: links.keys().flat_map(|peer| places().map(move |place| age(peer, place))).collect(),
            unstamped: stamped.stamp(Time::MAX).map(|(from, born)| (from.cloned(), elsewhere(born))).collect(),
        };
        common.schedule.rebase(now);
        common.search.rebase(now);
        // They are told above, and by the links.
        (common.origins, common.deadlines) = (Origins::new(), Deadlines::new());
        PushModel { links: links.into_iter().collect(), common, origins }
    }
}

impl Link {
    fn rebase(&mut self, now: Time) {
        let past = |time: Time| Time::ZERO + now.saturating_since(time);
        let pasts = [
            &mut self.in_flight_since,
            &mut self.asked_at,
            &mut self.ack_due_since,
            &mut self.last_heard_at,
            &mut self.last_elements_at,
        ];
        pasts.into_iter().for_each(|time| *time = time.map(past));
        self.idle_at = self.idle_at.map(|time| Time::ZERO + time.saturating_since(now));
        self.deadline = self.deadline.rebased(now);
        self.measured = self.measured.map(|(end, sent_at)| (end, past(sent_at)));
        self.arrival = self
            .arrival
            .map(|arrival| Arrival { sample: arrival.sample.map(|(sent_at, held)| (past(sent_at), held)), ..arrival });
    }
}
