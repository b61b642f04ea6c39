//! What a link does when its time has come, and when something is heard of its peer.

use core::time::Duration;

use super::attach::REJOIN;
use super::link::{Arrival, LONGEST_SILENCE, SILENCE, TRIES};
use super::{About, Common, Link, LinkTurn, Task, Wishes};
use crate::time::Time;
use crate::wire::Place;

impl<P: Clone + Ord> Common<P> {
    /// The log ends here at `now`: those that nobody has noted were inserted here.
    pub(super) fn stamp(&mut self, end: Place, now: Time) {
        self.origins.note(end, None);
        if self.origins.are_stamped() {
            return;
        }
        for (from, born) in self.origins.stamp(now) {
            if from.is_none() || from != self.parent.as_ref() {
                self.schedule.add_up(now, born);
            }
            self.schedule.add_down(now, born);
        }
    }

    /// When what waits to go up goes, if there is a parent.
    pub(super) fn up_at(&self) -> Option<Time> {
        self.schedule.up_at().filter(|_| self.parent.is_some())
    }

    /// When what waits to go down goes, if there are children, and whether that is in its turn.
    pub(super) fn down_at(&self) -> Option<(Time, bool)> {
        self.schedule.down_at().filter(|_| !self.children.is_empty())
    }
}

impl<P: Clone + Ord> LinkTurn<'_, P> {
    pub(crate) fn perform(&mut self, task: Task) -> Wishes {
        match task {
            Task::TimeOut => self.on_timeout(),
            Task::TakeTurn { timed } => self.take_turn(timed),
            Task::Ask => self.ask(),
            Task::Detach => self.detach(),
            Task::Attach => self.attach(),
        }
    }

    fn take_turn(&mut self, timed: bool) -> Wishes {
        let About { end, window, .. } = self.about;
        let send = self.slot.as_mut().is_some_and(|link| link.take_turn(end, window, timed));
        Wishes { send, ..Wishes::default() }
    }

    /// A message came from the peer: it is there.
    pub(crate) fn on_message(&mut self) -> Wishes {
        let Some(link) = self.slot else { return Wishes::default() };
        link.arrival.get_or_insert_default();
        if !link.lost {
            return Wishes::default();
        }
        (link.timeouts, link.due) = (0, true);
        link.catching_up |= link.sent < self.about.end;
        self.set_lost(false);
        self.count_own();
        Wishes { send: true, ..Wishes::default() }
    }

    /// It is `now`, for what has come since the last poll.
    pub(crate) fn on_time(&mut self) -> Wishes {
        let now = self.about.now;
        let mut wishes = Wishes::default();
        let Some(link) = self.slot else { return wishes };
        if core::mem::take(&mut link.listens) && link.brings() {
            (link.silence_limit, link.idle_at) = (SILENCE, Some(now + SILENCE));
        }
        if let Some(arrival) = link.arrival.take() {
            wishes.sample = Self::on_arrival(link, arrival, self.common.schedule.every(), now);
            if self.common.parent.as_ref() == Some(self.peer) {
                self.common.schedule.set_round_trip(link.round_trip(self.common.schedule.every()));
                if let Some(lead) = arrival.lead {
                    self.common.schedule.set_phase(now, lead);
                }
            }
            self.answer_search();
        }
        self.reschedule();
        wishes
    }

    /// Tells a link the time of what came; how long a round trip took, if that can be told.
    fn on_arrival(link: &mut Link, arrival: Arrival, every: Duration, now: Time) -> Option<Duration> {
        if arrival.pushed {
            let silence = link.last_heard_at.map_or(Duration::ZERO, |heard| now.saturating_since(heard));
            link.silence_limit = (4 * silence.max(every)).min(LONGEST_SILENCE);
            link.idle_at = link.idle_at.map(|_| now + link.silence_limit);
        }
        link.last_heard_at = Some(now);
        if arrival.has_elements {
            link.last_elements_at = Some(now);
            link.ack_due_since.get_or_insert(now);
        }
        let sample = arrival.sample.map(|(sent_at, held)| now.saturating_since(sent_at + held));
        sample.inspect(|&sample| link.measure(sample))
    }

    /// A round with the peer has brought over all that it had at `theirs` and, unless that is not sure, all that we had at
    /// `ours`.
    pub(crate) fn on_reconciled(&mut self, ours: Option<Place>, theirs: Place) -> Wishes {
        let About { now, end, .. } = self.about;
        let Some(link) = self.slot else { return Wishes::default() };
        self.known.receive(theirs);
        link.idle_at = link.idle_at.map(|_| now + link.silence_limit);
        if let Some(ours) = ours.filter(|&ours| ours <= end) {
            if self.known.acknowledge(ours) {
                link.acknowledge(ours, now);
            }
            link.catching_up = false;
            self.count_own();
        }
        let send = self.slot.as_mut().is_some_and(|link| {
            let sends = link.carries() && link.pending(end) > 0;
            link.due |= sends;
            sends
        });
        self.reschedule();
        Wishes { send, ..Wishes::default() }
    }

    /// Our round with the peer is over: its silence is news again, and sooner where the round leaves something undone.
    pub(crate) fn on_round_end(&mut self, proven: bool, interval: Duration) -> Wishes {
        let Some(link) = self.slot else { return Wishes::default() };
        if !proven {
            link.idle_at = link.idle_at.map(|at| at.min(self.about.now + interval));
        }
        let listens = link.brings() && link.idle_at.is_none();
        link.listens |= listens;
        self.reschedule();
        Wishes { time: listens, ..Wishes::default() }
    }

    /// A deadline has come: what is not acknowledged goes out again, acknowledgements go alone, and a silence makes a round.
    fn on_timeout(&mut self) -> Wishes {
        let About { now, in_round, .. } = self.about;
        let (patience, every) = (self.patience(), self.common.schedule.every());
        let Some(link) = self.slot else { return Wishes::default() };
        let is_due = |at: Time| at <= now;
        if link.overdue_at(patience, every).is_some_and(is_due) {
            let heard = link.last_heard_at > link.in_flight_since;
            link.timeouts = link.timeouts.saturating_add(1);
            link.rewind(self.known.acked());
            if link.timeouts >= TRIES && !heard && link.carries() {
                return self.on_unreachable();
            }
            link.due = link.carries();
        }
        if link.ack_at().is_some_and(is_due) {
            link.due = true;
            // Where it cannot be sent, it waits for a turn.
            link.ack_due_since = None;
        }
        let mut round = false;
        if link.idle_at.is_some_and(is_due) {
            if link.lost {
                (link.asks, link.due, link.idle_at) = (true, true, Some(now + REJOIN));
            } else {
                // While a round is under way a silence is no news: it counts again from the round's end on.
                round = !in_round;
                link.silence_limit = (8 * link.silence_limit).min(LONGEST_SILENCE);
                link.idle_at = round.then(|| now + link.silence_limit);
            }
        }
        let send = link.due;
        self.reschedule();
        Wishes { send, round, ..Wishes::default() }
    }

    /// How long to wait for the peer.
    fn patience(&self) -> Duration {
        self.about.pacing.patience(self.about.answer_within, 0)
    }

    /// Counts anew how many of the elements that the peer is yet to be sent came from it.
    pub(super) fn count_own(&mut self) {
        if let Some(link) = self.slot {
            let own = self.common.origins.since(link.sent).filter(|(_, from, _)| *from == Some(self.peer));
            link.own = own.map(|(count, ..)| count).sum();
        }
    }

    /// Sets the link's deadline anew.
    pub(super) fn reschedule(&mut self) {
        let (patience, every) = (self.patience(), self.common.schedule.every());
        if let Some(link) = self.slot {
            let at = link.next_deadline(patience, every);
            self.common.deadlines.set(self.peer, &mut link.deadline, at);
        }
    }
}
