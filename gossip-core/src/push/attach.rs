//! Who stands where: attaching to a parent, losing a peer, and looking for another.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use super::link::Standing;
use super::{Common, Link, LinkTurn, Task, Wishes};
use crate::time::Time;

/// A search for a parent, or for a better one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Search<P> {
    /// When to look again.
    pub(super) at: Option<Time>,
    /// Whether some are asked now, and who of all peers was heard since those were asked first.
    pub(super) asked: bool,
    pub(super) heard: BTreeSet<P>,
    /// How many candidates, from the second on, were asked since there was no parent.
    next_candidate: usize,
    /// How long the last parent took to answer, at the longest.
    patience: Option<Duration>,
}

/// How many candidates are asked at once.
const WAVE: usize = 4;

/// How often a better parent is looked for, and any where there is none.
pub(super) const REJOIN: Duration = Duration::from_secs(2);

/// The shortest pause between two looks for a parent: whoever answers within it is compared with who answered first.
pub(super) const SOON: Duration = Duration::from_millis(10);

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

    /// No look is due until one is set: the overlay is another.
    pub(super) const fn pause(&mut self) {
        self.at = None;
    }

    /// Nobody is asked any more.
    pub(super) fn stop(&mut self) {
        (self.at, self.asked) = (None, false);
        self.heard.clear();
    }
}

impl<P: Clone + Ord> Common<P> {
    /// Looks for a parent: attaches to the best of those who answered, or asks others.
    pub(super) fn seek(&mut self, now: Time) {
        let candidates = self.overlay.upstream();
        let search = &mut self.search;
        let is_better = |candidate: &&P| self.parent.as_ref() != Some(*candidate);
        let better = candidates.iter().take_while(is_better).find(|candidate| search.heard.contains(candidate));
        if let Some(better) = better.filter(|_| search.asked) {
            self.tasks.extend(self.parent.take().map(|parent| (parent, Task::Detach)));
            self.tasks.push_back((better.clone(), Task::Attach));
            return;
        }
        // The best is asked each time, and others in turn while there is none.
        let has_parent = self.parent.is_some();
        let others = if has_parent { 0 } else { candidates.len().saturating_sub(1) };
        let wave: Vec<P> = (0..others.min(WAVE - 1))
            .map(|step| 1 + (search.next_candidate + step) % others)
            .chain([0])
            .filter_map(|place| candidates.get(place))
            .filter(is_better)
            .cloned()
            .collect();
        self.tasks.extend(wave.into_iter().map(|candidate| (candidate, Task::Ask)));
        search.next_candidate += WAVE - 1;
        let all_asked = has_parent || search.next_candidate >= others;
        if all_asked {
            search.next_candidate = 0;
        }
        let pause = if all_asked && search.asked { REJOIN } else { SOON };
        (search.at, search.asked) = (Some(now + pause), true);
        search.heard.clear();
    }
}

impl<P: Clone + Ord> LinkTurn<'_, P> {
    /// The link, which there is from now on.
    pub(super) fn link_or_new(&mut self) -> &mut Link {
        self.slot.get_or_insert_with(|| Box::new(Link::new(Standing::Detached)))
    }

    /// Gives the peer its standing, if the overlay names it.
    pub(crate) fn settle(&mut self) -> Wishes {
        let overlay = &self.common.overlay;
        if overlay.upstream().first() == Some(self.peer) {
            self.stand(Standing::Parent)
        } else if overlay.downstream().contains(self.peer) {
            self.stand(if overlay.is_graph() { Standing::Neighbour } else { Standing::Child })
        } else {
            Wishes::default()
        }
    }

    fn stand(&mut self, standing: Standing) -> Wishes {
        self.set_lost(false);
        let (end, every) = (self.about.end, self.common.schedule.every());
        let link = self.link_or_new();
        link.standing = standing;
        // What was there before is no news: it may well be there.
        link.catching_up |= link.sent < end;
        link.idle_at = None;
        let listens = link.brings();
        link.listens |= listens;
        let round_trip = link.round_trip(every);
        match standing {
            Standing::Child | Standing::Neighbour => drop(self.common.children.insert(self.peer.clone())),
            Standing::Parent | Standing::Detached => drop(self.common.children.remove(self.peer)),
        }
        if standing == Standing::Parent {
            self.common.parent = Some(self.peer.clone());
            self.common.schedule.attach(round_trip);
        }
        self.reschedule();
        Wishes { time: listens, ..Wishes::default() }
    }

    /// Notes that the peer answers no more, or does again.
    pub(super) fn set_lost(&mut self, lost: bool) {
        let Some(link) = self.slot else { return };
        link.lost = lost;
        if lost {
            self.common.lost.insert(self.peer.clone());
        } else {
            self.common.lost.remove(self.peer);
        }
    }

    /// The peer does not answer: nothing is pushed to it, and if it was the parent, another is looked for.
    pub(crate) fn on_unreachable(&mut self) -> Wishes {
        let Some(link) = self.slot.as_mut().filter(|link| link.carries()) else { return Wishes::default() };
        link.rewind(self.known.acked());
        (link.due, link.ack_due_since) = (false, None);
        link.idle_at = (link.standing == Standing::Neighbour).then(|| self.about.now + REJOIN);
        if self.common.parent.as_ref() == Some(self.peer) {
            link.standing = Standing::Detached;
            self.common.parent = None;
            self.common.schedule.detach();
            let search = &mut self.common.search;
            search.stop();
            // Others will take about as long.
            search.patience = Some(self.about.pacing.patience(self.about.answer_within, 0));
            search.next_candidate = 0;
        } else {
            self.set_lost(true);
        }
        self.reschedule();
        Wishes { lost: true, ..Wishes::default() }
    }

    /// The peer may be a parent: asks it for a sign of life, and waits for that as long as it may take.
    pub(super) fn ask(&mut self) -> Wishes {
        let first = self.common.search.patience.unwrap_or(self.about.answer_within);
        let until = self.about.now + self.about.pacing.patience(first, 0);
        self.common.search.at = self.common.search.at.max(Some(until));
        let link = self.link_or_new();
        (link.asks, link.due) = (true, true);
        Wishes { send: true, ..Wishes::default() }
    }

    /// The peer is not our parent any more.
    pub(super) fn detach(&mut self) -> Wishes {
        self.stand(Standing::Detached)
    }

    /// The peer is our parent from now on; a better one is looked for unless it is the best.
    pub(super) fn attach(&mut self) -> Wishes {
        let wishes = self.stand(Standing::Parent);
        let best = self.common.overlay.upstream().first() == Some(self.peer);
        self.common.search.stop();
        self.common.search.at = (!best).then(|| self.about.now + REJOIN);
        self.count_own();
        let link = self.link_or_new();
        (link.asks, link.due) = (true, true);
        Wishes { send: true, ..wishes }
    }

    /// The peer was heard: it answers the search, if there is one. Whoever is best is attached to about now; where there
    /// is no parent, so is whoever else answers first.
    pub(super) fn answer_search(&mut self) {
        let Common { overlay, parent, search, .. } = &mut *self.common;
        if !search.asked || parent.as_ref() == Some(self.peer) {
            return;
        }
        search.heard.insert(self.peer.clone());
        let upstream = overlay.upstream();
        if upstream.first() == Some(self.peer) || (parent.is_none() && upstream.contains(self.peer)) {
            search.at = search.at.map(|at| at.min(self.about.now + SOON));
        }
    }
}
