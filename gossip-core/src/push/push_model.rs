//! `PushModel`: all of a pusher that decides a machine's future.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Arrival, Common, Deadlines, Fresh, Link, Origins, Pusher};
use crate::time::Time;
use crate::wire::Place;

/// A pusher whose times count from the last poll: backwards for past times, forwards for deadlines.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PushModel<P> {
    links: Vec<(P, Option<Box<Link>>)>,
    common: Common<P>,
    origins: OriginsModel<P>,
}

/// Origins as they act, whatever runs they are kept in. Two machines that got the same elements in runs of other
/// lengths are one state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct OriginsModel<P> {
    /// Origin of each element.
    from: Vec<Option<P>>,
    /// For each peer and place: how long the oldest element from there on has waited that did not come from the peer.
    oldest: Vec<Option<Duration>>,
    /// The runs that the next poll will stamp, and how long each had waited elsewhere.
    unstamped: Vec<(Option<P>, Duration)>,
}

impl<P: Clone + Ord> Pusher<P> {
    /// The state that decides its future, with a log up to `end`.
    pub(crate) fn model(&self, end: Place, now: Time) -> PushModel<P> {
        let Self { mut links, mut common } = self.clone();
        links.values_mut().flatten().for_each(|link| link.rebase(now));
        let places = || (0..end.index()).map(Place::new);
        let origins = &common.origins;
        let age = |peer: &P, place| {
            let born = origins.clone().came_from(peer).oldest(place, end);
            born.map(|born| now.saturating_since(born))
        };
        // A run without a time yet has waited elsewhere alone. Stamped with the latest time there is, it tells how
        // long.
        let mut stamped = origins.clone();
        let elsewhere = |born: Time| Time::MAX.saturating_since(born);
        let origins = OriginsModel {
            from: places().map(|place| origins.of(place).cloned()).collect(),
            oldest: links.keys().flat_map(|peer| places().map(move |place| age(peer, place))).collect(),
            unstamped: stamped.stamp(Time::MAX).map(|(from, born)| (from.cloned(), elsewhere(born))).collect(),
        };
        common.schedule.rebase(now);
        common.search.rebase(now);
        // Origins stand above in their own form, and each link has its deadline. An excerpt spares a look at the log.
        (common.origins, common.deadlines, common.fresh) = (Origins::new(), Deadlines::new(), Fresh::default());
        PushModel { links: links.into_iter().collect(), common, origins }
    }
}

impl Link {
    /// Has times count from the last poll.
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
        for time in [&mut self.idle_at, &mut self.audit_at] {
            *time = time.map(|time| Time::ZERO + time.saturating_since(now));
        }
        self.deadline = self.deadline.rebased(now);
        // It spares a look at the log and decides nothing.
        self.exceeds = None;
        self.measured.iter_mut().flatten().for_each(|(_, sent_at)| *sent_at = past(*sent_at));
        self.arrival = self
            .arrival
            .map(|arrival| Arrival { sample: arrival.sample.map(|(sent_at, held)| (past(sent_at), held)), ..arrival });
    }
}
