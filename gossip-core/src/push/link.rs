//! What is kept about pushing to a peer and being pushed to: two places in two logs, and times.

use core::time::Duration;

use crate::time::Time;

/// How a peer stands to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Ours go up to it.
    Above,
    /// It gets what comes from elsewhere.
    Below,
    /// A neighbour in a graph: the same, and nobody else may see to it.
    Beside,
    /// Nothing is pushed.
    Apart,
}

/// What was pushed is read from the log again if it has to be sent again, so a link takes the same memory whatever its
/// peer is yet to get.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) standing: Standing,
    /// The peer's name for its log, once it is known.
    pub(crate) log: Option<u32>,
    /// Up to where we have the peer's log.
    pub(crate) received: usize,
    /// Up to where the peer has ours, and up to where it was sent.
    pub(crate) acked: usize,
    pub(crate) sent: usize,
    /// How many elements of our log after what was sent came from the peer.
    pub(crate) own: usize,
    /// How many messages with elements are not acknowledged, and of one of them: where it ends, and how many there are up
    /// to it.
    pub(crate) unacked: u32,
    mark: Option<(usize, u32)>,
    /// When the first of them went out, or the last time that it was sent again.
    pub(crate) in_flight: Option<Time>,
    /// How often in a row no acknowledgement came.
    pub(crate) in_vain: u32,
    /// Whether something was lost, or is older than the link: it is to go in a few messages, or by a round.
    pub(crate) behind: bool,
    /// The end of the last message with elements, and when it was sent.
    pub(crate) measured: Option<(usize, Time)>,
    /// How long round trips take, at the shortest and at the longest of late: an eighth of what one is not so short, or so
    /// long, is forgotten with it.
    round_trips: Option<(Duration, Duration)>,
    /// Whether it is to be sent a message, and whether that is in its time.
    pub(crate) due: bool,
    pub(crate) timed: bool,
    /// Whether to ask for what is missing, or for a sign of life; and when that was last asked.
    pub(crate) asks: bool,
    pub(crate) asked_at: Option<Time>,
    /// Since when elements of the peer's are not acknowledged, and how many messages brought them.
    pub(crate) owes: Option<Time>,
    pub(crate) unanswered: u32,
    /// What came since the last poll, which tells the time.
    pub(crate) arrived: Option<Arrival>,
    pub(crate) heard: Option<Time>,
    /// When elements of the peer's came last.
    pub(crate) came: Option<Time>,
    /// When it will have been silent for too long, and how long that was.
    pub(crate) idle_at: Option<Time>,
    pub(crate) quiet: Duration,
    /// Whether it does not answer. Nothing is pushed to it then.
    pub(crate) lost: bool,
    /// When something is to be done about it.
    pub(crate) deadline: Option<Time>,
}

/// A message that came, and that the next poll tells the time of.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Arrival {
    /// Whether it was a push.
    pub(crate) pushed: bool,
    /// If it was sent in its time: how long before the next one the peer wants ours.
    pub(crate) lead: Option<Duration>,
    /// Whether it had elements, which are to be acknowledged.
    pub(crate) owes: bool,
    /// How long the peer had the message of ours that it acknowledges, and when that was sent.
    pub(crate) sample: Option<(Time, Duration)>,
}

impl Link {
    pub(crate) const fn new(standing: Standing) -> Self {
        Self {
            standing,
            log: None,
            received: 0,
            acked: 0,
            sent: 0,
            own: 0,
            unacked: 0,
            mark: None,
            in_flight: None,
            in_vain: 0,
            behind: false,
            measured: None,
            round_trips: None,
            due: false,
            timed: false,
            asks: false,
            asked_at: None,
            owes: None,
            unanswered: 0,
            arrived: None,
            heard: None,
            came: None,
            idle_at: None,
            quiet: QUIET,
            lost: false,
            deadline: None,
        }
    }

    /// Whether fresh elements go to it.
    pub(crate) const fn carries(&self) -> bool {
        !self.lost && !matches!(self.standing, Standing::Apart)
    }

    /// Whether elements may go to it now: not too much is under way.
    pub(crate) const fn has_room(&self, window: u32) -> bool {
        self.carries() && (self.behind || self.unacked < window)
    }

    /// How many elements it is yet to be sent, of a log of `len`.
    pub(crate) const fn pending(&self, len: usize) -> usize {
        (len - self.sent).saturating_sub(self.own)
    }

    /// The peer has our log up to here.
    pub(crate) fn acknowledge(&mut self, place: usize, now: Time) {
        if place <= self.acked {
            return;
        }
        (self.acked, self.in_vain) = (place, 0);
        if self.acked >= self.sent {
            self.sent = self.acked;
            (self.unacked, self.mark, self.in_flight) = (0, None, None);
        } else {
            self.in_flight = self.in_flight.map(|_| now);
            if let Some((_, count)) = self.mark.take_if(|(end, _)| *end <= place) {
                self.unacked -= count;
            }
        }
    }

    /// A message with elements goes out, up to here.
    pub(crate) fn send(&mut self, to: usize, now: Time) {
        self.in_flight.get_or_insert(now);
        self.measured = Some((to, now));
        self.unacked += 1;
        self.mark.get_or_insert((to, self.unacked));
    }

    /// What was sent and is not acknowledged is to be sent again.
    pub(crate) fn go_back(&mut self) {
        self.behind |= self.acked < self.sent;
        (self.sent, self.unacked, self.mark) = (self.acked, 0, None);
        (self.in_flight, self.measured) = (None, None);
    }

    /// The peer tells the name of its log, up to where it knows that we have it, and up to where it has ours. Whether that
    /// is less than we thought.
    ///
    /// Without a name there were proofs alone, and those may have been of a log that the peer has forgotten.
    pub(crate) fn meet(&mut self, log: u32, received: usize, acked: usize) -> bool {
        let knew_more = received < self.received || acked < self.acked;
        self.log = Some(log);
        self.received = self.received.min(received);
        if acked < self.acked {
            self.acked = acked;
            self.go_back();
        }
        knew_more
    }

    /// The peer has begun another log, and knows ours no more.
    pub(crate) fn forget(&mut self, log: u32) {
        (self.log, self.received, self.acked) = (Some(log), 0, 0);
        self.go_back();
    }

    /// A round trip took so long.
    pub(crate) fn measure(&mut self, sample: Duration) {
        let (shortest, longest) = self.round_trips.unwrap_or((sample, sample));
        let shortest = sample.min(shortest + sample.saturating_sub(shortest) / 8);
        let longest = sample.max(longest - longest.saturating_sub(sample) / 8);
        self.round_trips = Some((shortest, longest));
    }

    /// How long a round trip takes at the longest, unless that is too uncertain to meet a turn by, where one comes `every` so
    /// often.
    pub(crate) fn round_trip(&self, every: Duration) -> Option<Duration> {
        let (shortest, longest) = self.round_trips?;
        (longest - shortest <= every / 4).then_some(longest)
    }

    /// Its turn has come: whether there is anything to send. An acknowledgement alone goes down only, where it is what a
    /// peer of ours waits for.
    pub(crate) const fn take_turn(&mut self, len: usize, window: u32, down: bool) -> bool {
        if self.has_room(window) && (self.pending(len) > 0 || (down && self.owes.is_some())) {
            (self.due, self.timed) = (true, down);
        }
        self.due
    }

    /// When an acknowledgement is to be sent alone, for want of anything to go with it.
    pub(crate) fn ack_at(&self) -> Option<Time> {
        self.owes.map(|since| since + ACK_WITHIN)
    }

    /// When an acknowledgement is overdue, where an answer takes `patience` and batches go out `every` so often.
    pub(crate) fn overdue_at(&self, patience: Duration, every: Duration) -> Option<Time> {
        let within = if self.standing == Standing::Above { 2 * every } else { ACK_WITHIN };
        let within = (patience + within).saturating_mul(1 << self.in_vain.saturating_sub(TRIES).min(MOST_DOUBLINGS));
        self.in_flight.map(|since| since + within)
    }

    /// When something is to be done about it: one of these, or the peer has been silent for too long.
    pub(crate) fn next_deadline(&self, patience: Duration, every: Duration) -> Option<Time> {
        self.ack_at().into_iter().chain(self.overdue_at(patience, every)).chain(self.idle_at).min()
    }
}

/// How long an acknowledgement waits for a message that would go anyway.
pub(crate) const ACK_WITHIN: Duration = Duration::from_secs(2);

/// How many messages it waits for at the most: so that short intervals do not fill the sender's window.
pub(crate) const ACK_AFTER: u32 = 8;

/// How long a silence makes a round with the peer worth while, at first: four times as long as the one before it, which
/// is as long as four intervals at the least; then eight times as long as that; and never longer than the second. A peer
/// that has lost its memory while nothing is pushed is found out by this.
pub(crate) const QUIET: Duration = Duration::from_secs(2);
pub(crate) const LONGEST_QUIET: Duration = Duration::from_secs(10);

/// How often what nobody acknowledges is sent before the peer is taken to be gone.
pub(crate) const TRIES: u32 = 2;

const MOST_DOUBLINGS: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_opens_as_far_as_it_is_acknowledged() {
        let mut link = Link::new(Standing::Below);
        for to in [10, 20, 30] {
            link.send(to, Time::ZERO);
            link.sent = to;
        }
        assert!(!link.has_room(3) && link.has_room(4));
        // Of the messages under way one is remembered, which is the first.
        link.acknowledge(9, Time::ZERO);
        assert_eq!(link.unacked, 3);
        link.acknowledge(12, Time::from_millis(5));
        assert_eq!((link.unacked, link.in_flight), (2, Some(Time::from_millis(5))));
        link.send(40, Time::from_millis(6));
        link.sent = 40;
        link.acknowledge(40, Time::from_millis(7));
        assert_eq!((link.unacked, link.in_flight, link.behind), (0, None, false));
        link.go_back();
        assert!(!link.behind, "nothing is missing");
        link.send(50, Time::from_millis(8));
        link.sent = 50;
        link.go_back();
        assert_eq!((link.sent, link.unacked, link.behind), (40, 0, true));
        link.forget(7);
        assert_eq!((link.log, link.received, link.acked, link.sent), (Some(7), 0, 0, 0));
    }

    #[test]
    fn a_peer_that_has_less_than_was_proven_has_forgotten_it() {
        let meet = |received, acked| {
            let mut link = Link::new(Standing::Below);
            (link.received, link.acked, link.sent) = (5, 7, 9);
            let has_forgotten = link.meet(3, received, acked);
            assert_eq!(link.log, Some(3));
            (has_forgotten, link.received, link.acked, link.sent)
        };
        assert_eq!([meet(5, 7), meet(6, 8)], [(false, 5, 7, 9); 2]);
        assert_eq!(meet(4, 7), (true, 4, 7, 9));
        assert_eq!(meet(5, 6), (true, 5, 6, 6));
    }

    #[test]
    fn round_trips_that_differ_too_much_meet_no_turn() {
        let every = Duration::from_millis(400);
        let mut link = Link::new(Standing::Above);
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
    fn round_trips_are_forgotten_by_eighths() {
        let mut link = Link::new(Standing::Above);
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
            (Standing::Above, false, true),
            (Standing::Below, false, true),
            (Standing::Beside, false, true),
            (Standing::Apart, false, false),
            (Standing::Below, true, false),
        ] {
            let mut link = Link::new(standing);
            link.lost = lost;
            assert_eq!([link.carries(), link.has_room(1)], [carries; 2], "{standing:?}, lost: {lost}");
            (link.unacked, link.behind) = (1, true);
            assert_eq!(link.has_room(1), carries, "what is behind goes in a few messages, whatever is under way");
        }
    }

    #[test]
    fn a_turn_is_for_what_is_pending_and_going_down_for_acknowledgements() {
        let turn = |sent, own, unacked, owes, down| {
            let mut link = Link::new(Standing::Below);
            (link.sent, link.own, link.unacked, link.owes) = (sent, own, unacked, owes);
            (link.take_turn(20, 2, down), link.timed)
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
        let mut link = Link::new(Standing::Below);
        assert_eq!(link.next_deadline(patience, every), None);
        link.idle_at = Some(Time::from_millis(9_000));
        assert_eq!(link.next_deadline(patience, every), link.idle_at);
        link.owes = Some(Time::from_millis(5_000));
        assert_eq!(link.ack_at(), Some(Time::from_millis(7_000)));
        assert_eq!(link.next_deadline(patience, every), link.ack_at());
        link.in_flight = Some(Time::from_millis(1_000));
        assert_eq!(link.next_deadline(patience, every), Some(Time::from_millis(3_300)));
        let mut overdue = |standing, in_vain| {
            (link.standing, link.in_vain) = (standing, in_vain);
            link.overdue_at(patience, every).expect("something is under way").as_millis() - 1_000
        };
        assert_eq!(
            [0, 2, 3, 6, 99].map(|in_vain| overdue(Standing::Below, in_vain)),
            [2_300, 2_300, 4_600, 36_800, 36_800]
        );
        assert_eq!([0, 3].map(|in_vain| overdue(Standing::Above, in_vain)), [1_100, 2_200]);
    }
}
