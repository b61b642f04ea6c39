//! The turns of a link: what it does at its deadlines, and when something is heard of its peer.

use core::time::Duration;

use super::arrival::Arrival;
use super::attach::REJOIN;
use super::link::{AUDIT_AGAIN, LONGEST_SILENCE, SILENCE, TRIES};
use super::{About, Common, Link, LinkTurn, Task, Wishes};
use crate::round::Ending;
use crate::time::Time;
use crate::wire::Place;

impl<P: Clone + Ord> Common<P> {
    /// Stamps all elements of the log up to `end` that have no time yet. Those without an origin were inserted here.
    pub(super) fn stamp(&mut self, end: Place, now: Time) {
        self.origins.note_inserts(end);
        if self.origins.are_stamped() {
            return;
        }
        for (from, born) in self.origins.stamp(now) {
            // Elements that came from the parent do not go up again. They go down, and what a child sent goes to the
            // others.
            if from.is_none() || from != self.parent.as_ref() {
                self.schedule.add_up(now, born);
            }
            self.schedule.add_down(now, born);
        }
    }

    /// The time at which elements go up, if there is a parent.
    pub(super) fn up_at(&self) -> Option<Time> {
        self.schedule.up_at().filter(|_| self.parent.is_some())
    }

    /// How long before an interval from `now` elements have to come to be in our turn up; nothing without a parent. Only
    /// a batch that is `timed` tells it.
    pub(super) fn lead(&self, timed: bool, now: Time) -> Duration {
        match &self.parent {
            Some(_) if timed => self.schedule.lead_of_children(now),
            _ => self.schedule.lead(now).unwrap_or_default(),
        }
    }

    /// The time at which elements go down, if there are children, and whether that is in their turn.
    pub(super) fn down_at(&self) -> Option<(Time, bool)> {
        self.schedule.down_at().filter(|_| !self.children.is_empty())
    }
}

impl<P: Clone + Ord> LinkTurn<'_, P> {
    /// Carries out a task.
    pub(crate) fn perform(&mut self, task: Task) -> Wishes {
        match task {
            Task::TimeOut => self.on_timeout(),
            Task::TakeTurn { timed } => self.take_turn(timed),
            Task::Ask => self.ask(),
            Task::Detach => self.detach(),
            Task::Attach => self.attach(),
        }
    }

    /// Takes a turn to send, with whatever the window allows.
    fn take_turn(&mut self, timed: bool) -> Wishes {
        let About { end, window, .. } = self.about;
        let send = self.slot.as_mut().is_some_and(|link| link.take_turn(end, window, timed));
        Wishes { send, ..Wishes::default() }
    }

    /// Sends what the peer may lack without waiting for a turn, and has the peer say at once how far it has it: by pushes
    /// where these go, else by a round.
    pub(crate) fn flush(&mut self) -> Wishes {
        let Some(link) = self.slot.as_mut().filter(|link| link.carries()) else {
            return Wishes { round: true, ..Wishes::default() };
        };
        // An acknowledgement alone would wait for a turn of the peer's, or 2 s.
        (link.due, link.flushes) = (true, true);
        Wishes { send: true, ..Wishes::default() }
    }

    /// Notes that a message came from the peer. If it was lost, it is found.
    pub(crate) fn on_message(&mut self) -> Wishes {
        let Some(link) = self.slot else { return Wishes::default() };
        // Any message proves that the peer is there, which the next poll notes with its time.
        link.arrival.get_or_insert_default();
        if !link.lost {
            return Wishes::default();
        }
        (link.timeouts, link.due) = (0, true);
        // Rounds may have reached it meanwhile, so what it lacks is not pushed one window after another.
        link.catching_up |= link.sent < self.about.end;
        self.set_lost(false);
        self.count_own();
        Wishes { send: true, ..Wishes::default() }
    }

    /// Gives what came since the last poll its time: that of this poll.
    pub(crate) fn on_time(&mut self) -> Wishes {
        let now = self.about.now;
        let mut wishes = Wishes::default();
        let Some(link) = self.slot else { return wishes };
        if core::mem::take(&mut link.listens) && link.brings() {
            (link.silence_limit, link.idle_at) = (SILENCE, Some(now + SILENCE));
            // Who starts with others audits at another time than they: the first half of an interval is by chance.
            let (half, chance) = (self.about.audit_every / 2, link.log.bits() % 1_024);
            link.audit_at = Some(now + half + half * chance / 1_024);
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

    /// Enters the time of an arrival in a link. Returns the length of a round trip, if that can be measured.
    fn on_arrival(link: &mut Link, arrival: Arrival, every: Duration, now: Time) -> Option<Duration> {
        if arrival.pushed {
            // Links that are used often are suspect after a short silence, and idle ones after up to 10 s.
            let silence = link.last_heard_at.map_or(Duration::ZERO, |heard| now.saturating_since(heard));
            link.silence_limit = (4 * silence.max(every)).min(LONGEST_SILENCE);
            link.idle_at = link.idle_at.map(|_| now + link.silence_limit);
        }
        link.last_heard_at = Some(now);
        if arrival.has_elements {
            link.last_elements_at = Some(now);
            link.ack_due_since.get_or_insert(now);
        }
        // Less the time for which the peer held it: an acknowledgement may wait for the peer's turn.
        let sample = arrival.sample.map(|(sent_at, held)| now.saturating_since(sent_at + held));
        sample.inspect(|&sample| link.measure(sample))
    }

    /// Takes in that a round has brought over all of the peer's log that there was and, if that is certain, all of ours
    /// up to `ours`, which `is_news` or not.
    pub(crate) fn on_reconciled(&mut self, ours: Option<Place>, is_news: bool) -> Wishes {
        let About { now, end, .. } = self.about;
        let Some(link) = self.slot else { return Wishes::default() };
        link.idle_at = link.idle_at.map(|_| now + link.silence_limit);
        if let Some(ours) = ours {
            if is_news {
                link.acknowledge(ours, now);
            }
            link.catching_up = false;
            self.count_own();
        }
        // What was inserted during the round goes now: while the link caught up, its turn may have passed.
        let send = self.slot.as_mut().is_some_and(|link| {
            let sends = link.carries() && link.pending(end) > 0;
            link.due |= sends;
            sends
        });
        self.reschedule();
        Wishes { send, ..Wishes::default() }
    }

    /// Notes that digests have been compared, and what differed exchanged, whoever began the round.
    pub(crate) fn on_compared(&mut self) -> Wishes {
        let About { now, audit_every, .. } = self.about;
        if let Some(link) = self.slot {
            link.audit_at = link.audit_at.map(|_| now + audit_every);
        }
        self.reschedule();
        Wishes::default()
    }

    /// Stops the timers that begin rounds: one is under way.
    pub(crate) fn on_round_begin(&mut self) -> Wishes {
        self.reschedule();
        Wishes::default()
    }

    /// Has the timers that begin rounds run again after our round: the idle timer shorter if the round ended unproven, the
    /// audit soon if nothing is known to have come of it.
    pub(crate) fn on_round_end(&mut self, ending: Ending, interval: Duration) -> Wishes {
        let About { now, audit_every, .. } = self.about;
        if let Some(link) = self.slot {
            let proven = ending == Ending::Proven;
            let silence = if proven { link.silence_limit } else { link.silence_limit.min(interval) };
            link.idle_at = link.idle_at.map(|_| now + silence);
            let audit = if ending == Ending::Dropped { AUDIT_AGAIN.min(audit_every) } else { audit_every };
            link.audit_at = link.audit_at.map(|_| now + audit);
        }
        self.reschedule();
        Wishes::default()
    }

    /// Acts at a deadline: unacknowledged elements go out again, an acknowledgement goes alone, a silence begins a
    /// round.
    fn on_timeout(&mut self) -> Wishes {
        let About { now, window, audit_every, in_round, .. } = self.about;
        let (patience, every) = (self.patience(), self.common.schedule.every());
        let Some(link) = self.slot else { return Wishes::default() };
        let is_due = |at: Time| at <= now;
        if link.overdue_at(patience, every).is_some_and(is_due) {
            // A peer that speaks is there: then messages are lost, and it is not given up.
            let heard = link.last_heard_at > link.in_flight_since;
            link.timeouts = link.timeouts.saturating_add(1);
            link.is_kept_waiting |= link.flight.len() >= window;
            link.rewind(self.known.acked());
            if link.timeouts >= TRIES && !heard && link.carries() {
                return self.on_unreachable();
            }
            link.due = link.carries();
        }
        if link.ack_at().is_some_and(is_due) {
            link.due = true;
            // Dropped, or the deadline would stay due while it cannot be sent: then it waits for a turn.
            link.ack_due_since = None;
        }
        let mut round = false;
        let (is_idle, audits) = (link.idle_at.is_some_and(is_due), link.audit_at.is_some_and(is_due));
        if is_idle && link.lost {
            (link.asks, link.due, link.idle_at) = (true, true, Some(now + REJOIN));
        } else if (is_idle || audits) && !in_round {
            round = true;
            link.audit_at = link.audit_at.map(|_| now + audit_every);
            if is_idle {
                link.silence_limit = (8 * link.silence_limit).min(LONGEST_SILENCE);
                link.idle_at = Some(now + link.silence_limit);
            }
        }
        let send = link.due;
        self.reschedule();
        Wishes { send, round, ..Wishes::default() }
    }

    /// Has the link do nothing while nothing can be sent.
    pub(crate) fn hold(&mut self) -> Wishes {
        self.reschedule();
        Wishes::default()
    }

    /// Goes on after nothing could be sent for so long. Elements in flight are awaited as long again; silences and audits
    /// are as overdue as they are, since what they end with is elements that somebody lacks.
    pub(crate) fn resume(&mut self, stood: Duration) -> Wishes {
        if let Some(link) = self.slot {
            link.in_flight_since = link.in_flight_since.map(|since| since + stood);
            // A batch that was due then is late: it tells nobody the time of the next.
            link.timed = false;
        }
        self.reschedule();
        Wishes::default()
    }

    /// The wait for an answer of the peer.
    fn patience(&self) -> Duration {
        self.about.pacing.patience(self.about.answer_within)
    }

    /// Recounts how many of the elements that are to be sent to the peer came from it.
    pub(super) fn count_own(&mut self) {
        if let Some(link) = self.slot {
            link.own = self.common.origins.came_from(self.peer).count(link.sent);
        }
    }

    /// Sets the link's deadline to the first of its times.
    pub(super) fn reschedule(&mut self) {
        let (patience, every) = (self.patience(), self.common.schedule.every());
        if let Some(link) = self.slot {
            // All that a deadline leads to is a message.
            let at = link.next_deadline(patience, every, self.about.in_round).filter(|_| !self.about.is_full);
            self.common.deadlines.set(self.peer, &mut link.deadline, at);
        }
    }
}
