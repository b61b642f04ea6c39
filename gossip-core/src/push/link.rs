//! `Link`: what it carries, what is in flight, and when it acts next.

use core::time::Duration;

use super::flight::MEASURED;
use super::overlay::Standing;
use super::{Flight, Link};
use crate::agenda::Deadline;
use crate::message::LogId;
use crate::time::Time;
use crate::wire::Place;

/// How long an acknowledgement waits for a message that would go anyway.
pub(super) const ACK_WITHIN: Duration = Duration::from_secs(2);

/// How many messages an acknowledgement waits for at most, and for half a window if that is less: the sender's window is
/// taken to be like ours. With 2 s alone, batches every 100 ms filled the sender's window: 917 ms in the median for 100
/// replicas on a star, and 253 ms with this.
pub(super) const ACK_AFTER: u32 = 8;

/// The first limit of a silence, after which a round with the peer is worth while.
///
/// Later limits are four times the silence before the last push, and four intervals at least; each limit that passes
/// makes the next one eight times as long. So a peer is found that has lost its memory while nothing is pushed.
pub(super) const SILENCE: Duration = Duration::from_secs(2);

/// The longest limit of a silence.
pub(super) const LONGEST_SILENCE: Duration = Duration::from_secs(10);

/// How long until digests are to be compared again if nothing is known to have come of a round. With audits every 25 s that
/// leaves 3 s of law 10's 30 for the round.
pub(super) const AUDIT_AGAIN: Duration = Duration::from_secs(2);

/// How many times elements go out without an acknowledgement before the peer is taken to be gone.
pub(super) const TRIES: u32 = 2;

/// How many times the wait for an acknowledgement doubles at most: up to 16 times as long, so that the end of a cut is
/// noticed soon.
const MOST_DOUBLINGS: u32 = 4;

impl Link {
    pub(super) fn new(standing: Standing, log: LogId) -> Self {
        Self {
            standing,
            log,
            sent: Place::START,
            own: 0,
            exceeds: None,
            flight: Flight::default(),
            in_flight_since: None,
            is_kept_waiting: false,
            timeouts: 0,
            catching_up: false,
            measured: [None; MEASURED],
            round_trips: None,
            due: false,
            timed: false,
            asks: false,
            flushes: false,
            asked_at: None,
            ack_due_since: None,
            unanswered: 0,
            arrival: None,
            listens: false,
            last_heard_at: None,
            last_elements_at: None,
            audit_at: None,
            idle_at: None,
            silence_limit: SILENCE,
            lost: false,
            deadline: Deadline::default(),
        }
    }

    /// Whether fresh elements go to the peer.
    pub(super) const fn carries(&self) -> bool {
        !self.lost && !matches!(self.standing, Standing::Detached)
    }

    /// Whether elements come from the peer that no other peer may bring, so that its silence is news.
    pub(super) const fn brings(&self) -> bool {
        // A child's silence is not: it acts on its own timer, since we are its parent.
        matches!(self.standing, Standing::Parent | Standing::Neighbour)
    }

    /// Whether elements may go to the peer now: it carries, and the window is open.
    pub(super) fn has_room(&self, window: u32) -> bool {
        // A link that catches up sends a few messages once, whatever is in flight: perhaps all of that is lost.
        self.carries() && (self.catching_up || self.flight.len() < window)
    }

    /// The number of elements that are to be sent, of a log that ends here.
    pub(super) const fn pending(&self, end: Place) -> usize {
        end.since(self.sent).saturating_sub(self.own)
    }

    /// Takes in that the peer has our log up to here, which is news.
    pub(super) fn acknowledge(&mut self, place: Place, now: Time) {
        self.timeouts = 0;
        if place >= self.sent {
            // A round may have brought over more than was pushed.
            self.sent = place;
            self.flight.clear();
            self.in_flight_since = None;
        } else {
            // The wait begins anew, as TCP's timer does.
            self.in_flight_since = self.in_flight_since.map(|_| now);
            self.flight.acknowledge(place);
        }
    }

    /// Notes a message with elements up to here.
    pub(super) fn send(&mut self, to: Place, window: u32, now: Time) {
        self.in_flight_since.get_or_insert(now);
        self.measured.rotate_right(1);
        self.measured[0] = Some((to, now));
        self.flight.add(to, window);
    }

    /// Notes a message without elements that covers the log up to here: an acknowledgement of that says how long the
    /// peer had the elements before it.
    pub(super) fn cover(&mut self, to: Place) {
        if let Some((end, sent_at)) = self.measured[0]
            && end < to
        {
            self.measured.rotate_right(1);
            self.measured[0] = Some((to, sent_at));
        }
    }

    /// Returns when the message up to here was sent, if it is measured, and forgets it and those before it.
    pub(super) fn take_measured(&mut self, ack: Place) -> Option<Time> {
        let sent_at = self.measured.iter().flatten().find(|(end, _)| *end == ack).map(|&(_, sent_at)| sent_at);
        for measured in &mut self.measured {
            measured.take_if(|(end, _)| *end <= ack);
        }
        sent_at
    }

    /// Goes back to what the peer has, so that all elements behind it are sent again.
    pub(super) fn rewind(&mut self, acked: Place) {
        self.catching_up |= acked < self.sent;
        // The sample is dropped: an acknowledgement may be of the first sending or of the second (Karn's rule).
        self.sent = acked;
        self.flight.clear();
        (self.in_flight_since, self.measured) = (None, [None; MEASURED]);
    }

    /// Takes in a sample of a round trip.
    pub(super) fn measure(&mut self, sample: Duration) {
        // Bounds and not a mean with a deviation: a batch that misses its turn waits an interval, so the worst case
        // counts.
        let (shortest, longest) = self.round_trips.unwrap_or((sample, sample));
        let shortest = sample.min(shortest + sample.saturating_sub(shortest) / 8);
        let longest = sample.max(longest - longest.saturating_sub(sample) / 8);
        self.round_trips = Some((shortest, longest));
    }

    /// The longest round trip of late; `None` if it is too uncertain to meet a turn by: round trips may differ by a
    /// quarter of the interval `every`.
    pub(super) fn round_trip(&self, every: Duration) -> Option<Duration> {
        let (shortest, longest) = self.round_trips?;
        (longest - shortest <= every / 4).then_some(longest)
    }

    /// Takes a turn. Returns whether a message is due. An acknowledgement goes alone only `down`, since a child waits
    /// for it two intervals.
    pub(super) fn take_turn(&mut self, end: Place, window: u32, down: bool) -> bool {
        if self.has_room(window) && (self.pending(end) > 0 || (down && self.ack_due_since.is_some())) {
            (self.due, self.timed) = (true, down);
        }
        self.due
    }

    /// The time at which an acknowledgement goes alone, if nothing has taken it along.
    pub(super) fn ack_at(&self) -> Option<Time> {
        self.ack_due_since.map(|since| since + ACK_WITHIN)
    }

    /// The time at which an acknowledgement is overdue. An answer takes up to `patience`, and batches go out with an
    /// interval of `every`.
    pub(super) fn overdue_at(&self, patience: Duration, every: Duration) -> Option<Time> {
        // A parent acknowledges with its next turn down, others after 2 s at the latest.
        let within = if self.standing == Standing::Parent { 2 * every } else { ACK_WITHIN };
        let doublings = self.timeouts.saturating_sub(TRIES).min(MOST_DOUBLINGS);
        let within = (patience + within).saturating_mul(1 << doublings);
        self.in_flight_since.map(|since| since + within)
    }

    /// The first time at which the link acts: to acknowledge, to send again, to compare digests, or since the peer is
    /// silent. While a round compares them, the latter two wait for its end.
    pub(super) fn next_deadline(&self, patience: Duration, every: Duration, in_round: bool) -> Option<Time> {
        let audit_at = self.audit_at.filter(|_| !in_round);
        let idle_at = self.idle_at.filter(|_| self.lost || !in_round);
        [self.ack_at(), self.overdue_at(patience, every), audit_at, idle_at].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(index: usize) -> Place {
        Place::new(index)
    }

    fn link(standing: Standing) -> Link {
        Link::new(standing, LogId::from_bits(7))
    }

    #[test]
    fn a_window_opens_as_far_as_it_is_acknowledged() {
        let mut link = link(Standing::Child);
        for to in [10, 20, 30].map(at) {
            link.send(to, 3, Time::ZERO);
            link.sent = to;
        }
        assert!(!link.has_room(3) && link.has_room(4));
        link.acknowledge(at(9), Time::ZERO);
        assert_eq!(link.flight.len(), 3);
        link.acknowledge(at(12), Time::from_millis(5));
        assert_eq!((link.flight.len(), link.in_flight_since), (2, Some(Time::from_millis(5))));
        link.send(at(40), 3, Time::from_millis(6));
        link.sent = at(40);
        link.acknowledge(at(40), Time::from_millis(7));
        assert_eq!((link.flight.len(), link.in_flight_since, link.catching_up), (0, None, false));
        link.rewind(at(40));
        assert!(!link.catching_up, "nothing is missing");
        link.send(at(50), 3, Time::from_millis(8));
        link.sent = at(50);
        link.rewind(at(40));
        assert_eq!((link.sent, link.flight.len(), link.catching_up), (at(40), 0, true));
    }

    #[test]
    fn round_trips_that_differ_too_much_meet_no_turn() {
        let every = Duration::from_millis(400);
        let mut link = link(Standing::Parent);
        assert_eq!(link.round_trip(every), None);
        link.measure(Duration::from_millis(200));
        assert_eq!(link.round_trip(every), Some(Duration::from_millis(200)));
        link.measure(Duration::from_millis(280));
        assert_eq!(link.round_trip(every), Some(Duration::from_millis(280)));
        link.measure(Duration::from_millis(120));
        assert_eq!(link.round_trip(every), None, "between 120 and 260");
        (0..8).for_each(|_| link.measure(Duration::from_millis(200)));
        assert!(link.round_trip(every).is_some(), "all that is long ago");
    }

    #[test]
    fn any_of_the_last_four_messages_measures_a_round_trip() {
        let mut link = link(Standing::Parent);
        for to in 1..=5 {
            link.send(at(to), 4, Time::from_millis(to as u64));
        }
        assert_eq!(link.take_measured(at(1)), None, "that is too long ago");
        assert_eq!(link.take_measured(at(3)), Some(Time::from_millis(3)));
        assert_eq!([2, 3].map(|to| link.take_measured(at(to))), [None, None], "once, and none before it");
        // A message without elements covers more of the log: whoever acknowledges that has had the elements as long.
        link.cover(at(9));
        link.cover(at(9));
        assert_eq!(link.take_measured(at(5)), Some(Time::from_millis(5)));
        assert_eq!(link.take_measured(at(9)), Some(Time::from_millis(5)));
        link.send(at(10), 4, Time::from_millis(10));
        link.rewind(at(9));
        assert_eq!(link.take_measured(at(10)), None, "of the first sending or of the second");
    }

    #[test]
    fn round_trips_are_forgotten_by_eighths() {
        let mut link = link(Standing::Parent);
        let mut measure = |millis| {
            link.measure(Duration::from_millis(millis));
            link.round_trips.map(|(shortest, longest)| (shortest.as_millis(), longest.as_millis()))
        };
        assert_eq!(measure(200), Some((200, 200)));
        assert_eq!(measure(280), Some((210, 280)));
        assert_eq!(measure(120), Some((120, 260)));
        assert_eq!(measure(260), Some((137, 260)));
    }

    #[test]
    fn what_is_lost_or_stands_apart_carries_nothing() {
        for (standing, lost, carries) in [
            (Standing::Parent, false, true),
            (Standing::Child, false, true),
            (Standing::Neighbour, false, true),
            (Standing::Detached, false, false),
            (Standing::Child, true, false),
        ] {
            let mut link = link(standing);
            link.lost = lost;
            assert_eq!([link.carries(), link.has_room(1)], [carries; 2], "{standing:?}, lost: {lost}");
            link.flight.add(at(1), 1);
            link.catching_up = true;
            assert_eq!(link.has_room(1), carries, "what is behind goes in a few messages, whatever is under way");
        }
    }

    #[test]
    fn a_turn_is_for_what_is_pending_and_going_down_for_acknowledgements() {
        let turn = |sent, own, unacked, ack_due_since, down| {
            let mut link = link(Standing::Child);
            (link.sent, link.own, link.ack_due_since) = (at(sent), own, ack_due_since);
            (0..unacked).for_each(|message| link.flight.add(at(message), 2));
            (link.take_turn(at(20), 2, down), link.timed)
        };
        let owes = Some(Time::ZERO);
        assert_eq!([turn(19, 0, 0, None, true), turn(19, 0, 0, None, false)], [(true, true), (true, false)]);
        assert_eq!(turn(15, 4, 0, None, true), (true, true));
        assert_eq!(turn(15, 5, 0, None, true), (false, false), "all of it came from the peer");
        assert_eq!([turn(20, 0, 0, owes, true), turn(20, 0, 0, owes, false)], [(true, true), (false, false)]);
        assert_eq!([turn(15, 0, 1, owes, true), turn(15, 0, 2, owes, true)], [(true, true), (false, false)]);
    }

    #[test]
    fn the_next_deadline_is_the_first_thing_to_do() {
        let [patience, every] = [300, 400].map(Duration::from_millis);
        let mut link = link(Standing::Child);
        assert_eq!(link.next_deadline(patience, every, false), None);
        (link.idle_at, link.audit_at) = (Some(Time::from_millis(9_000)), Some(Time::from_millis(25_000)));
        assert_eq!(link.next_deadline(patience, every, false), link.idle_at);
        assert_eq!(link.next_deadline(patience, every, true), None, "a round compares digests");
        link.lost = true;
        assert_eq!(link.next_deadline(patience, every, true), link.idle_at, "it is asked whether it is there");
        (link.idle_at, link.lost) = (None, false);
        assert_eq!(link.next_deadline(patience, every, false), link.audit_at);
        link.ack_due_since = Some(Time::from_millis(5_000));
        assert_eq!(link.ack_at(), Some(Time::from_millis(7_000)));
        assert_eq!(link.next_deadline(patience, every, true), link.ack_at());
        link.in_flight_since = Some(Time::from_millis(1_000));
        assert_eq!(link.next_deadline(patience, every, true), Some(Time::from_millis(3_300)));
        let mut overdue = |standing, timeouts| {
            (link.standing, link.timeouts) = (standing, timeouts);
            link.overdue_at(patience, every).expect("something is under way").as_millis() - 1_000
        };
        assert_eq!(
            [0, 2, 3, 6, 99].map(|timeouts| overdue(Standing::Child, timeouts)),
            [2_300, 2_300, 4_600, 36_800, 36_800]
        );
        assert_eq!([0, 3].map(|timeouts| overdue(Standing::Parent, timeouts)), [1_100, 2_200]);
    }
}
