//! When what is to be pushed goes out, and what is done when nothing comes back.

use core::mem;
use core::time::Duration;

use super::overlay::{REJOIN, SOON};
use super::{AntiEntropy, enqueue};
use crate::element::Element;
use crate::push::link::{LONGEST_QUIET, Link, QUIET, Standing, TRIES};
use crate::time::Time;

impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
    /// Does what it is time for, before messages are built.
    pub(super) fn spread_in_time(&mut self) {
        let (len, now) = (self.replica.len(), self.now);
        let Some(dissemination) = &mut self.dissemination else { return };
        dissemination.stamp(len, now);
        for name in mem::take(&mut dissemination.silent) {
            self.listen_to(&name);
        }
        let Some(dissemination) = &mut self.dissemination else { return };
        for name in mem::take(&mut dissemination.arrived) {
            self.hear_link(&name);
        }
        while let Some((_, name)) = self.overdue_link() {
            self.see_to(&name);
        }
        let Some(dissemination) = &self.dissemination else { return };
        if dissemination.up_at(self.round_trip_above()).is_some_and(|at| self.is_due(at)) {
            self.go_up();
        }
        let Some(dissemination) = &self.dissemination else { return };
        if let Some((_, timed)) = dissemination.down_at().filter(|&(at, _)| self.is_due(at)) {
            self.go_down(timed);
        }
        let Some(dissemination) = &self.dissemination else { return };
        if dissemination.seek_at.map_or(dissemination.is_orphan(), |at| self.is_due(at)) {
            self.seek();
        }
    }

    /// When there is something to do next.
    pub(super) fn spread_at(&self) -> Option<Time> {
        let dissemination = self.dissemination.as_ref()?;
        let link = dissemination.deadlines.first().map(|&(at, _)| at);
        let up = dissemination.up_at(self.round_trip_above());
        let down = dissemination.down_at().map(|(at, _)| at);
        link.into_iter().chain(up).chain(down).chain(dissemination.seek_at).min()
    }

    pub(super) fn round_trip_above(&self) -> Option<Duration> {
        let dissemination = self.dissemination.as_ref()?;
        let above = self.peers.get(dissemination.above.as_ref()?)?;
        above.link.as_ref()?.round_trip(dissemination.every)
    }

    fn go_up(&mut self) {
        let (len, window) = (self.replica.len(), u32::from(self.config.window.get()));
        let Some(dissemination) = &mut self.dissemination else { return };
        dissemination.up.go(self.now);
        let Some(name) = &dissemination.above else { return };
        let Some(peer) = self.peers.get_mut(name) else { return };
        if peer.link.as_mut().is_some_and(|link| link.take_turn(len, window, false)) {
            enqueue(&mut self.ready, name, peer);
        }
    }

    fn go_down(&mut self, timed: bool) {
        let (len, window) = (self.replica.len(), u32::from(self.config.window.get()));
        let Some(dissemination) = &mut self.dissemination else { return };
        if timed {
            dissemination.down.go(self.now);
        } else {
            (dissemination.down.since, dissemination.early) = (None, Some(self.now));
        }
        for name in &dissemination.below {
            let Some(peer) = self.peers.get_mut(name) else { continue };
            if peer.link.as_mut().is_some_and(|link| link.take_turn(len, window, timed)) {
                enqueue(&mut self.ready, name, peer);
            }
        }
    }

    fn overdue_link(&self) -> Option<(Time, P)> {
        let dissemination = self.dissemination.as_ref()?;
        dissemination.deadlines.first().filter(|(at, _)| self.is_due(*at)).cloned()
    }

    /// A link's deadline has come.
    fn see_to(&mut self, name: &P) {
        let (now, every) = (self.now, self.dissemination.as_ref().map_or(Duration::ZERO, |it| it.every));
        let first = self.config.answer_within;
        let Some(peer) = self.peers.get_mut(name) else {
            if let Some(dissemination) = &mut self.dissemination {
                dissemination.deadlines.pop_first();
            }
            return;
        };
        let patience = peer.pacing.patience(first, 0);
        let Some(link) = &mut peer.link else { return };
        let is_due = |at: Time| at <= now;
        if link.overdue_at(patience, every).is_some_and(is_due) {
            let heard = link.heard > link.in_flight;
            link.in_vain = link.in_vain.saturating_add(1);
            link.go_back();
            if link.in_vain >= TRIES && !heard && link.carries() {
                return self.lose(name);
            }
            link.due = link.carries();
        }
        if link.ack_at().is_some_and(is_due) {
            link.due = true;
            // Where it cannot be sent, it waits for a turn.
            link.owes = None;
        }
        let mut wanted = false;
        if link.idle_at.is_some_and(is_due) {
            if link.lost {
                (link.asks, link.due, link.idle_at) = (true, true, Some(now + REJOIN));
            } else {
                // While a round is under way a silence is no news: it counts again from the round's end on.
                wanted = peer.round.is_none();
                link.quiet = (8 * link.quiet).min(LONGEST_QUIET);
                link.idle_at = wanted.then(|| now + link.quiet);
            }
        }
        if link.due {
            enqueue(&mut self.ready, name, peer);
        }
        self.reschedule(name);
        if wanted {
            self.sync_now(name);
        }
    }

    /// Sets a link's deadline anew.
    pub(super) fn reschedule(&mut self, name: &P) {
        let first = self.config.answer_within;
        let (Some(dissemination), Some(peer)) = (&mut self.dissemination, self.peers.get_mut(name)) else { return };
        let patience = peer.pacing.patience(first, 0);
        let Some(link) = &mut peer.link else { return };
        let deadline = link.next_deadline(patience, dissemination.every);
        if deadline != link.deadline {
            if let Some(before) = link.deadline {
                dissemination.deadlines.remove(&(before, name.clone()));
            }
            if let Some(deadline) = deadline {
                dissemination.deadlines.insert((deadline, name.clone()));
            }
            link.deadline = deadline;
        }
    }

    /// A round with a peer is over: a silence is news again.
    pub(super) fn listen_again(&mut self, name: &P) {
        let (Some(dissemination), Some(peer)) = (&mut self.dissemination, self.peers.get(name)) else { return };
        let listens = |link: &Link| matches!(link.standing, Standing::Above | Standing::Beside);
        if peer.link.as_ref().is_some_and(|link| listens(link) && link.idle_at.is_none()) {
            dissemination.silent.push(name.clone());
        }
    }

    /// From now on a silence of this link counts.
    fn listen_to(&mut self, name: &P) {
        let link = self.peers.get_mut(name).and_then(|peer| peer.link.as_mut());
        if let Some(link) = link.filter(|link| matches!(link.standing, Standing::Above | Standing::Beside)) {
            (link.quiet, link.idle_at) = (QUIET, Some(self.now + QUIET));
        }
        self.reschedule(name);
    }

    /// Tells a link the time of what has come since the last poll.
    pub(super) fn hear_link(&mut self, name: &P) {
        let now = self.now;
        let (Some(dissemination), Some(peer)) = (&mut self.dissemination, self.peers.get_mut(name)) else { return };
        let Some(link) = &mut peer.link else { return };
        let Some(arrival) = link.arrived.take() else { return };
        if arrival.pushed {
            let silence = link.heard.map_or(Duration::ZERO, |heard| now.saturating_since(heard));
            link.quiet = (4 * silence.max(dissemination.every)).min(LONGEST_QUIET);
            link.idle_at = link.idle_at.map(|_| now + link.quiet);
        }
        link.heard = Some(now);
        if arrival.owes {
            link.came = Some(now);
            link.owes.get_or_insert(now);
        }
        if let Some((sent_at, held)) = arrival.sample {
            let sample = now.saturating_since(sent_at + held);
            link.measure(sample);
            peer.stats.round_trip = peer.pacing.measure(sample);
        }
        if let Some(lead) = arrival.lead
            && dissemination.above.as_ref() == Some(name)
        {
            dissemination.phase = Some((now, lead));
        }
        // Somebody better answers; where there is nobody, others may as well, about now.
        if dissemination.sought.is_some() && dissemination.above.as_ref() != Some(name) {
            let upstream = dissemination.overlay.upstream();
            if upstream.first() == Some(name) || (dissemination.above.is_none() && upstream.contains(name)) {
                dissemination.seek_at = dissemination.seek_at.map(|at| at.min(now + SOON));
            }
        }
        self.reschedule(name);
    }
}
