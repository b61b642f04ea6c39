//! `Origins`: which peer the newest elements of the log came from, and when.

use alloc::collections::{BTreeMap, VecDeque};
use core::ops::Range;
use core::time::Duration;

use super::share::Share;
use crate::time::Time;
use crate::wire::Place;

/// Runs of the log's newest elements that came in together, oldest first. Nothing is known of older elements.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origins<P> {
    runs: VecDeque<Run<P>>,
    /// What came from each peer, so that a push to it passes over that in no time, however much it is. With a look at
    /// each element, 22 bytes that asked for a push cost 18 ms where the asker had given 10^6.
    shares: BTreeMap<P, Share>,
    /// The log is noted up to here.
    end: usize,
}

/// What came from one peer.
#[derive(Debug)]
pub(super) struct FromPeer<'a, P> {
    origins: &'a mut Origins<P>,
    peer: &'a P,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Run<P> {
    /// Its first index in the log, and the one behind its last.
    begins: usize,
    end: usize,
    /// The peer that sent its elements; `None` for our own inserts.
    from: Option<P>,
    /// The longest time that one of them had waited elsewhere.
    age: Duration,
    /// The time since which its oldest element has waited, here and elsewhere; set at the next poll.
    born: Option<Time>,
}

/// The most runs that are kept. The elements of a forgotten run may go back to the peer that they came from, which
/// costs bytes and nothing else.
const MOST_RUNS: usize = 4_096;

impl<P: Clone + Ord> Origins<P> {
    pub(super) const fn new() -> Self {
        Self { runs: VecDeque::new(), shares: BTreeMap::new(), end: 0 }
    }

    /// What came from a peer.
    pub(super) const fn came_from<'a>(&'a mut self, peer: &'a P) -> FromPeer<'a, P> {
        FromPeer { origins: self, peer }
    }

    /// How many elements of the log from a place on came from a peer. O(log runs).
    pub(super) fn count(&self, peer: &P, place: Place) -> usize {
        self.shares.get(peer).map_or(0, |share| share.since(place.index()))
    }

    /// Notes that the log's elements since the last note, up to `end`, were inserted here.
    pub(super) fn note_inserts(&mut self, end: Place) {
        let Some(part) = self.advance(end) else { return };
        if !self.extend_last(part.end, Duration::ZERO, |from| from.is_none()) {
            self.push(Run { begins: part.start, end: part.end, from: None, age: Duration::ZERO, born: None });
        }
    }

    /// The part of the log since the last note, unless nothing has come.
    fn advance(&mut self, end: Place) -> Option<Range<usize>> {
        let end = end.index();
        (end > self.end).then(|| core::mem::replace(&mut self.end, end)..end)
    }

    /// Extends the last run up to `end` if it has this origin, and came since the last poll: all arrivals from one peer
    /// get the same time then. Returns whether it does.
    fn extend_last(&mut self, end: usize, age: Duration, is_origin: impl Fn(Option<&P>) -> bool) -> bool {
        let last = self.runs.back_mut().filter(|last| last.born.is_none() && is_origin(last.from.as_ref()));
        last.map(|last| (last.end, last.age) = (end, last.age.max(age))).is_some()
    }

    fn push(&mut self, run: Run<P>) {
        if self.runs.len() == MOST_RUNS
            && let Some(Run { from: Some(from), end, .. }) = self.runs.pop_front()
        {
            self.came_from(&from).disown(Place::new(end));
        }
        self.runs.push_back(run);
    }

    /// Gives all runs that have no time the time `now`. Returns the origin of each, and since when it has waited.
    pub(super) fn stamp(&mut self, now: Time) -> impl Iterator<Item = (Option<&P>, Time)> {
        // Runs are stamped in order, so those without a time are the last ones.
        let first = self.runs.iter().rposition(|run| run.born.is_some()).map_or(0, |last| last + 1);
        let shares = &self.shares;
        self.runs.range_mut(first..).map(move |run| {
            // A peer may claim any age: what would be born before the clock began is born with it.
            let born = Time::ZERO + now.saturating_since(Time::ZERO + run.age);
            run.born = Some(born);
            (run.origin(shares), born)
        })
    }

    /// Whether all runs have a time.
    pub(super) fn are_stamped(&self) -> bool {
        self.runs.back().is_none_or(|run| run.born.is_some())
    }

    fn from(&self, place: Place) -> impl Iterator<Item = &Run<P>> {
        self.runs.range(self.runs.partition_point(|run| run.end <= place.index())..)
    }
}

impl<'a, P: Clone + Ord> FromPeer<'a, P> {
    /// Notes that the log's elements since the last note, up to `end`, came from it, and had waited elsewhere for so long.
    /// O(log peers).
    pub(super) fn note(self, end: Place, age: Duration) {
        let Self { origins, peer } = self;
        let Some(part) = origins.advance(end) else { return };
        if !origins.shares.contains_key(peer) {
            origins.shares.insert(peer.clone(), Share::NOTHING);
        }
        origins.shares.get_mut(peer).into_iter().for_each(|share| share.add(part.clone()));
        if !origins.extend_last(part.end, age, |from| from == Some(peer)) {
            origins.push(Run { begins: part.start, end: part.end, from: Some(peer.clone()), age, born: None });
        }
    }

    /// Forgets that elements before a place came from it: it has lost its memory, and needs them back.
    pub(super) fn disown(self, place: Place) {
        let Some(share) = self.origins.shares.get_mut(self.peer) else { return };
        share.forget(place.index());
        if share.is_empty() {
            self.origins.shares.remove(self.peer);
        }
    }

    /// How many elements of the log from a place on came from it. O(log runs).
    pub(super) fn count(self, place: Place) -> usize {
        self.share().since(place.index())
    }

    /// The parts of the log between two places that did not come from it, as indices. O(log runs), and O(1) each.
    pub(super) fn others(self, from: Place, to: Place) -> impl Iterator<Item = Range<usize>> + Clone + use<'a, P> {
        self.share().others(from.index(), to.index())
    }

    /// Since when the oldest element between two places has waited that did not come from it, if it has a time.
    /// O(runs between them).
    pub(super) fn oldest(self, from: Place, to: Place) -> Option<Time> {
        let Self { origins, peer } = self;
        let runs = origins.from(from).take_while(|run| run.begins < to.index());
        // Most are told by their origin alone, without a look at what is forgotten.
        let is_others = |run: &&Run<P>| run.from.as_ref() != Some(peer) || run.origin(&origins.shares).is_none();
        runs.filter(is_others).filter_map(|run| run.born).min()
    }

    fn share(self) -> &'a Share {
        const NOTHING: &Share = &Share::NOTHING;
        self.origins.shares.get(self.peer).unwrap_or(NOTHING)
    }
}

impl<P: Ord> Run<P> {
    /// The peer that it came from; `None` if it was inserted here, or its origin is forgotten.
    fn origin(&self, shares: &BTreeMap<P, Share>) -> Option<&P> {
        self.from.as_ref().filter(|from| shares.get(from).is_some_and(|share| share.has(self.begins)))
    }
}

#[cfg(any(test, feature = "model"))]
impl<P: Clone + Ord> Origins<P> {
    /// The peer that the element at this place of the log came from; `None` if it was inserted here, or forgotten.
    pub(super) fn of(&self, place: Place) -> Option<&P> {
        self.shares.iter().find(|(_, share)| share.has(place.index())).map(|(peer, _)| peer)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// As told by a list of where each element is from, and since when it waits.
        #[test]
        fn runs_tell_of_every_element_what_a_list_would(
            steps in prop::collection::vec((0..4_usize, 0..3_u8, 0..50_u64, any::<bool>()), 1..60),
        ) {
            let (mut origins, mut list, mut now) = (Origins::new(), Vec::new(), 100);
            for (more, from, age, polled) in steps {
                let from = (from > 0).then_some(from);
                let age = if from.is_some() { age } else { 0 };
                list.resize(list.len() + more, (from, age, None));
                let end = Place::new(list.len());
                match &from {
                    Some(from) => origins.came_from(from).note(end, Duration::from_millis(age)),
                    None => origins.note_inserts(end),
                }
                if polled {
                    now += 10;
                    let time = Time::from_millis(now);
                    let stamped: Vec<_> = origins.stamp(time).map(|(from, born)| (from.copied(), born)).collect();
                    let fresh = list.iter_mut().filter(|(_, _, born)| born.is_none());
                    for (from, age, born) in fresh {
                        *born = Some(Time::from_millis(now - *age));
                        prop_assert!(stamped.iter().any(|run| run.0 == *from && Some(run.1) <= *born));
                    }
                    prop_assert!(origins.are_stamped());
                }
            }
            for index in 0..=list.len() {
                let place = Place::new(index);
                prop_assert_eq!(origins.of(place), list.get(index).and_then(|(from, ..)| from.as_ref()));
                for peer in 1..3 {
                    let came = list[index..].iter().filter(|(from, ..)| *from == Some(peer)).count();
                    prop_assert_eq!(origins.came_from(&peer).count(place), came);
                    // Runs that came between two polls wait as long as their oldest.
                    let others = list[index..].iter().filter(|(from, ..)| *from != Some(peer));
                    let oldest = others.filter_map(|(.., born)| *born).min();
                    let told = origins.came_from(&peer).oldest(place, Place::new(list.len()));
                    prop_assert!(told <= oldest);
                    prop_assert_eq!(told.is_some(), oldest.is_some());
                }
            }
        }
    }

    #[test]
    fn what_is_forgotten_came_from_nobody() {
        let mut origins = Origins::new();
        for end in 1..=MOST_RUNS + 2 {
            origins.came_from(&(end % 2)).note(Place::new(end), Duration::ZERO);
        }
        let of = [0, 1, 2].map(|index| origins.of(Place::new(index)));
        assert_eq!(of, [None, None, Some(&1)]);
        assert_eq!(origins.came_from(&1).count(Place::START), MOST_RUNS / 2);
    }
}
