//! `Past`: the latest changes of names, to toggle back.

use alloc::collections::VecDeque;

use super::context::Toggle;
use crate::set::RECENT;

/// The latest changes of names. With them a state of the last 1 024 changes is known: it is toggled back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Past {
    /// Each with the end of the log before it.
    toggles: VecDeque<(usize, Toggle)>,
    /// All toggles from this place on are here.
    since: usize,
}

/// The most toggles that are kept: an update has four, and a mark that is raised over many exceptions as many as these.
const MOST: usize = 4 * RECENT;

impl Past {
    pub(super) const fn new() -> Self {
        Self { toggles: VecDeque::new(), since: 0 }
    }

    /// Forgets all of it: the log ends at `end`.
    pub(super) fn begin_anew(&mut self, end: usize) {
        self.toggles.clear();
        self.since = end;
    }

    /// Notes a toggle while the log ends at `end`.
    pub(super) fn push(&mut self, end: usize, toggle: Toggle) {
        self.toggles.push_back((end, toggle));
        let first = end.saturating_sub(RECENT);
        while self.toggles.len() > MOST || self.toggles.front().is_some_and(|(place, _)| *place < first) {
            if let Some((place, _)) = self.toggles.pop_front() {
                self.since = place + 1;
            }
        }
    }

    /// The first place that is remembered.
    pub(super) const fn since(&self) -> usize {
        self.since
    }

    /// The toggles since the log ended at `place`, each with the end of the log before it, latest first.
    pub(super) fn back_to(&self, place: usize) -> impl Iterator<Item = (usize, Toggle)> {
        self.toggles.iter().rev().copied().take_while(move |(before, _)| *before >= place)
    }
}
