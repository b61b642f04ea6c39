//! `Search`: a search for a parent.

use alloc::collections::BTreeSet;
use core::time::Duration;

use crate::time::Time;

/// A search for a parent, or for a better one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Search<P> {
    /// The time of the next look.
    pub(super) at: Option<Time>,
    /// Whether candidates are being asked.
    pub(super) asked: bool,
    /// The peers that were heard since candidates were asked.
    pub(super) heard: BTreeSet<P>,
    /// How many candidates, from the second on, were asked since there was no parent.
    pub(super) next_candidate: usize,
    /// How long the last parent took to answer at most.
    pub(super) patience: Option<Duration>,
}

impl<P> Default for Search<P> {
    fn default() -> Self {
        Self { at: None, asked: false, heard: BTreeSet::new(), next_candidate: 0, patience: None }
    }
}

impl<P> Search<P> {
    pub(super) const fn at(&self) -> Option<Time> {
        self.at
    }

    /// Has times count from the last poll.
    #[cfg(feature = "model")]
    pub(super) fn rebase(&mut self, now: Time) {
        self.at = self.at.map(|at| Time::ZERO + at.saturating_since(now));
    }

    /// Drops the time of the next look, since the overlay is another.
    pub(super) const fn pause(&mut self) {
        self.at = None;
    }

    /// Ends the search.
    pub(super) fn stop(&mut self) {
        (self.at, self.asked) = (None, false);
        self.heard.clear();
    }
}
