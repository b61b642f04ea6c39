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

    /// Notes where the log's elements since the last note, up to `end`, came from: a peer, and how long they had waited
    /// elsewhere; or our own inserts. O(log peers).
    pub(super) fn note(&mut self, end: Place, from: Option<(&P, Duration)>) {
        let end = end.index();
        if end <= self.end {
            return;
        }
        let begins = core::mem::replace(&mut self.end, end);
        let (from, age) = from.map_or((None, Duration::ZERO), |(from, age)| (Some(from), age));
        if let Some(from) = from {
            if !self.shares.contains_key(from) {
                self.shares.insert(from.clone(), Share::NOTHING);
            }
            self.shares.get_mut(from).into_iter().for_each(|share| share.add(begins..end));
        }
        // Between two polls all arrivals from one peer get the same time, so they make one run.
        if let Some(last) = self.runs.back_mut().filter(|last| last.born.is_none() && last.from.as_ref() == from) {
            (last.end, last.age) = (end, last.age.max(age));
            return;
        }
        if self.runs.len() == MOST_RUNS
            && let Some(Run { from: Some(from), end, .. }) = self.runs.pop_front()
        {
            self.forget(&from, end);
        }
        self.runs.push_back(Run { begins, end, from: from.cloned(), age, born: None });
    }

    /// Forgets that elements before a place came from a peer: it has lost its memory, and needs them back.
    pub(super) fn disown(&mut self, place: Place, peer: &P) {
        self.forget(peer, place.index());
    }

    fn forget(&mut self, peer: &P, index: usize) {
        let Some(share) = self.shares.get_mut(peer) else { return };
        share.forget(index);
        if share.is_empty() {
            self.shares.remove(peer);
        }
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

    /// How many elements of the log from a place on came from a peer. O(log runs).
    pub(super) fn count(&self, peer: &P, place: Place) -> usize {
        self.shares.get(peer).map_or(0, |share| share.since(place.index()))
    }

    /// The parts of the log between two places that did not come from a peer, as indices. O(log runs), and O(1) each.
    pub(super) fn others(&self, peer: &P, from: Place, to: Place) -> impl Iterator<Item = Range<usize>> + Clone {
        const NOTHING: &Share = &Share::NOTHING;
        self.shares.get(peer).unwrap_or(NOTHING).others(from.index(), to.index())
    }

    /// Since when the oldest element between two places has waited that did not come from a peer, if it has a time.
    /// O(runs between them).
    pub(super) fn oldest(&self, peer: &P, from: Place, to: Place) -> Option<Time> {
        let runs = self.from(from).take_while(|run| run.begins < to.index());
        runs.filter(|run| run.origin(&self.shares) != Some(peer)).filter_map(|run| run.born).min()
    }

    fn from(&self, place: Place) -> impl Iterator<Item = &Run<P>> {
        self.runs.range(self.runs.partition_point(|run| run.end <= place.index())..)
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
                origins.note(Place::new(list.len()), from.as_ref().map(|from| (from, Duration::from_millis(age))));
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
                    prop_assert_eq!(origins.count(&peer, place), came);
                    // Runs that came between two polls wait as long as their oldest.
                    let others = list[index..].iter().filter(|(from, ..)| *from != Some(peer));
                    let oldest = others.filter_map(|(.., born)| *born).min();
                    let told = origins.oldest(&peer, place, Place::new(list.len()));
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
            origins.note(Place::new(end), Some((&(end % 2), Duration::ZERO)));
        }
        let of = [0, 1, 2].map(|index| origins.of(Place::new(index)));
        assert_eq!(of, [None, None, Some(&1)]);
        assert_eq!(origins.count(&1, Place::START), MOST_RUNS / 2);
    }
}
