//! Standings: attaching to a parent, losing a peer, and looking for another parent.

use alloc::vec::Vec;
use core::time::Duration;

use super::overlay::Standing;
use super::{Common, Link, LinkTurn, Task, Wishes};
use crate::time::Time;

/// The most candidates that are asked at once.
const WAVE: usize = 4;

/// The pause between two searches: for a better parent, or for any while there is none.
pub(super) const REJOIN: Duration = Duration::from_secs(2);

/// The shortest pause between two looks. Candidates that answer within it are compared, and the best one is taken.
pub(super) const SOON: Duration = Duration::from_millis(10);

impl<P: Clone + Ord> Common<P> {
    /// Looks for a parent: attaches to the best candidate that has answered, or asks more of them.
    pub(super) fn seek(&mut self, now: Time) {
        let candidates = self.overlay.upstream();
        let search = &mut self.search;
        // Candidates behind the present parent are no better than it.
        let is_better = |candidate: &&P| self.parent.as_ref() != Some(*candidate);
        let better = candidates.iter().take_while(is_better).find(|candidate| search.heard.contains(candidate));
        if let Some(better) = better.filter(|_| search.asked) {
            // First the old parent, so that there are never two.
            self.tasks.extend(self.parent.take().map(|parent| (parent, Task::Detach)));
            self.tasks.push_back((better.clone(), Task::Attach));
            return;
        }
        // The best is asked each time. Others are asked three at a time while there is no parent, so that the orphans
        // of a hub do not all ask everybody at once.
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
        // Once all have been asked in vain, this replica is cut off: two seconds until the next search. `ask` puts the
        // time off further, for as long as an answer may take.
        let pause = if all_asked && search.asked { REJOIN } else { SOON };
        (search.at, search.asked) = (Some(now + pause), true);
        search.heard.clear();
    }
}

impl<P: Clone + Ord> LinkTurn<'_, P> {
    /// The link, which is made if there is none.
    pub(super) fn link_or_new(&mut self) -> &mut Link {
        self.slot.get_or_insert_with(|| Link::new(Standing::Detached, self.common.log).into())
    }

    /// Gives the peer its standing, if the overlay names it.
    pub(crate) fn settle(&mut self) -> Wishes {
        let overlay = &self.common.overlay;
        if overlay.upstream().first() == Some(self.peer) {
            self.stand(Standing::Parent)
        } else if overlay.downstream().binary_search(self.peer).is_ok() {
            self.stand(if overlay.is_graph() { Standing::Neighbour } else { Standing::Child })
        } else {
            Wishes::default()
        }
    }

    /// Gives the peer this standing.
    fn stand(&mut self, standing: Standing) -> Wishes {
        self.set_lost(false);
        let (end, every) = (self.about.end, self.common.schedule.every());
        let link = self.link_or_new();
        link.standing = standing;
        // Elements that are older than the link may well be there, by rounds: they are not pushed one window after
        // another.
        link.catching_up |= link.sent < end;
        // Here is no time: the idle timer and the audits start at the next poll.
        (link.idle_at, link.audit_at) = (None, None);
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
            // A better one is looked for unless it is the best.
            let best = self.common.overlay.upstream().first() == Some(self.peer);
            self.common.search.stop();
            self.common.search.at = (!best).then(|| self.about.now + REJOIN);
        }
        self.reschedule();
        Wishes { time: listens, ..Wishes::default() }
    }

    /// Marks the peer as lost, or as found.
    pub(super) fn set_lost(&mut self, lost: bool) {
        let Some(link) = self.slot else { return };
        link.lost = lost;
        if lost {
            self.common.lost.insert(self.peer.clone());
        } else {
            self.common.lost.remove(self.peer);
        }
    }

    /// Acts on a peer that does not answer: nothing is pushed to it any more. If it was the parent, another one is
    /// looked for.
    pub(crate) fn on_unreachable(&mut self) -> Wishes {
        let Some(link) = self.slot.as_mut().filter(|link| link.carries()) else { return Wishes::default() };
        link.rewind(self.known.acked());
        (link.due, link.ack_due_since) = (false, None);
        // Both ends of an edge of a graph may be waiting for the other to speak, so it is asked now and then. Children
        // look for us themselves, and a former parent is a candidate.
        link.idle_at = (link.standing == Standing::Neighbour).then(|| self.about.now + REJOIN);
        if self.common.parent.as_ref() == Some(self.peer) {
            (link.standing, link.audit_at) = (Standing::Detached, None);
            self.common.parent = None;
            self.common.schedule.detach();
            let search = &mut self.common.search;
            search.stop();
            // A candidate without a measured round trip will take about as long as the parent did.
            search.patience = Some(self.about.pacing.patience(self.about.answer_within));
            search.next_candidate = 0;
        } else {
            self.set_lost(true);
        }
        self.reschedule();
        Wishes { lost: true, ..Wishes::default() }
    }

    /// Asks a candidate for a sign of life, and has the search wait for it as long as that may take.
    pub(super) fn ask(&mut self) -> Wishes {
        let first = self.common.search.patience.unwrap_or(self.about.answer_within);
        let until = self.about.now + self.about.pacing.patience(first);
        self.common.search.at = self.common.search.at.max(Some(until));
        let link = self.link_or_new();
        (link.asks, link.due) = (true, true);
        Wishes { send: true, ..Wishes::default() }
    }

    /// Detaches from the peer.
    pub(super) fn detach(&mut self) -> Wishes {
        // Nothing is sent for this: the next batch to the peer, if only an acknowledgement, has the flag.
        self.stand(Standing::Detached)
    }

    /// Attaches to the peer as our parent.
    pub(super) fn attach(&mut self) -> Wishes {
        let wishes = self.stand(Standing::Parent);
        self.count_own();
        // It is told at once, and asked for all that it has beyond what we have of its log.
        let link = self.link_or_new();
        (link.asks, link.due) = (true, true);
        Wishes { send: true, ..wishes }
    }

    /// Takes a message of the peer's for an answer to the search, if there is one. The search attaches to the best
    /// candidate about now and, while there is no parent, to whichever candidate answers first.
    pub(super) fn answer_search(&mut self) {
        let Common { overlay, parent, search, .. } = &mut *self.common;
        // Any message is a sign of life, so a peer that has nothing to say need not be asked twice.
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
