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
    /// How long a round trip takes, at the longest of late: an eighth of what it is shorter is forgotten with each.
    pub(crate) round_trip: Option<Duration>,
    /// Whether it is to be sent a message, and whether that is in its time.
    pub(crate) due: bool,
    pub(crate) timed: bool,
    /// Whether to ask for what is missing, or for a sign of life; and when that was last asked.
    pub(crate) asks: bool,
    pub(crate) asked_at: Option<Time>,
    /// Since when elements of the peer's are not acknowledged.
    pub(crate) owes: Option<Time>,
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
            round_trip: None,
            due: false,
            timed: false,
            asks: false,
            asked_at: None,
            owes: None,
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

    /// The peer has begun another log, and knows ours no more.
    pub(crate) fn forget(&mut self, log: u32) {
        (self.log, self.received, self.acked) = (Some(log), 0, 0);
        self.go_back();
    }

    /// A round trip took so long.
    pub(crate) fn measure(&mut self, sample: Duration) {
        let longest = self.round_trip.unwrap_or(sample);
        self.round_trip = Some(if sample < longest { longest - (longest - sample) / 8 } else { sample });
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

/// How long a silence makes a round with the peer worth while, at first: four times as long as the one before it, which
/// is as long as four intervals at the least; then eight times as long as that; and never longer than the second. A peer
/// that has lost its memory while nothing is pushed is found out by this.
pub(crate) const QUIET: Duration = Duration::from_secs(2);
pub(crate) const LONGEST_QUIET: Duration = Duration::from_secs(10);

/// How often what nobody acknowledges is sent before the peer is taken to be gone.
pub(crate) const TRIES: u32 = 2;

const MOST_DOUBLINGS: u32 = 4;
