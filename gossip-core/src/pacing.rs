//! `Pacing`: when to ask a peer, and how long to wait for it.

use core::time::Duration;

use crate::message::Nonce;
use crate::time::{Time, micros};

/// When to ask a peer, and how long to wait for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Pacing {
    /// Rounds in a row that had no answer.
    failures: u32,
    /// The earliest time of the next round that chance may choose.
    next_round: Time,
    /// The nonces of our last requests that are not answered, latest first, and when they were sent.
    requests: [Option<(Nonce, Time)>; MEASURED],
    /// The sending time of a request that was answered since the last poll.
    unmeasured: Option<Time>,
    /// How often waits doubled since a round trip was last measured, up to a limit.
    doublings: u32,
    smoothed: Option<Duration>,
    variation: Duration,
}

/// How often a request is sent at the most.
pub(crate) const TRIES: u32 = 3;

/// How many requests back an answer is measured: those of a round that was given up among them.
const MEASURED: usize = 8;

/// How many rounds without an answer make a peer unreachable.
const FAILURES: u32 = 2;

impl Pacing {
    /// A request with this nonce goes out; or, where it has several messages, another of them.
    pub(crate) fn asked(&mut self, nonce: Nonce, now: Time) {
        if !matches!(self.requests[0], Some((last, _)) if last == nonce) {
            self.requests.rotate_right(1);
        }
        self.requests[0] = Some((nonce, now));
    }

    /// The answer to the request with this nonce came: it names the very message it answers, so that one that was
    /// resent is measured as well as any. Whether it is the first, and can be measured.
    pub(crate) fn answered(&mut self, nonce: Nonce) -> bool {
        let mut requests = self.requests.iter_mut();
        let Some(request) = requests.find(|request| matches!(request, Some((of, _)) if *of == nonce)) else {
            return false;
        };
        self.unmeasured = request.take().map(|(_, sent_at)| sent_at);
        true
    }

    /// Whether the answer to our last request takes longer than answers do.
    pub(crate) fn is_overdue(&self, first: Duration, now: Time) -> bool {
        self.requests[0].is_some_and(|(_, sent_at)| now.saturating_since(sent_at) >= self.usual(first))
    }

    /// How long an answer usually takes at the longest.
    fn usual(&self, first: Duration) -> Duration {
        let usual = self.smoothed.map_or(first, |smoothed| smoothed + (4 * self.variation).max(MARGIN));
        usual.clamp(MARGIN, LONGEST)
    }

    /// How long to wait for an answer: the smoothed round-trip time and four times its mean deviation, doubled with
    /// each retry (Jacobson, "Congestion avoidance and control", SIGCOMM 1988; RFC 6298). 10 ms to a minute before the
    /// first.
    pub(crate) fn patience(&self, first: Duration, retries: u32) -> Duration {
        let once = self.usual(first).saturating_mul(1 << self.doublings).min(LONGEST);
        once.saturating_mul(1 << retries.min(TRIES))
    }

    /// An answer came to a round that was given up. Waits stay longer until a round trip is measured, which none would
    /// be if all answers took longer than all tries.
    pub(crate) fn came_late(&mut self) {
        self.doublings = (self.doublings + TRIES).min(MOST_DOUBLINGS);
    }

    /// The earliest time of the next round that chance may choose.
    pub(crate) const fn next_round_at(&self) -> Time {
        self.next_round
    }

    /// Chance may choose the peer from this time on.
    pub(crate) const fn leave_alone(&mut self, until: Time) {
        self.next_round = until;
    }

    /// Chance may choose the peer not before this time.
    pub(crate) fn put_off(&mut self, until: Time) {
        self.next_round = self.next_round.max(until);
    }

    /// Chance may choose the peer from this time on, if not before.
    pub(crate) fn bring_forward(&mut self, to: Time) {
        self.next_round = self.next_round.min(to);
    }

    /// Something came from the peer.
    pub(crate) const fn succeed(&mut self) {
        self.failures = 0;
    }

    /// A round had no answer. Returns how long to leave the peer alone.
    pub(crate) fn fail(&mut self, interval: Duration) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.backoff(interval)
    }

    /// Whether just so many rounds in a row had no answer that the peer is unreachable.
    pub(crate) const fn has_failed(&self) -> bool {
        self.failures == FAILURES
    }

    /// How long to leave the peer alone after `failures` rounds in a row without an answer: up to 8 intervals, so that
    /// the end of a long cut is noticed soon.
    fn backoff(&self, interval: Duration) -> Duration {
        interval.saturating_mul(1 << self.failures.min(3))
    }

    /// It is `now`: what was answered since the last poll is measured.
    pub(crate) fn measure_answer(&mut self, now: Time) {
        if let Some(sent_at) = self.unmeasured.take() {
            self.measure(now.saturating_since(sent_at));
        }
    }

    /// Has times count from the last poll.
    #[cfg(feature = "model")]
    pub(crate) fn rebase(&mut self, now: Time) {
        let past = |time: Time| Time::ZERO + now.saturating_since(time);
        self.next_round = Time::ZERO + self.next_round.saturating_since(now);
        self.unmeasured = self.unmeasured.map(past);
        self.requests.iter_mut().flatten().for_each(|(_, sent_at)| *sent_at = past(*sent_at));
    }

    /// The smoothed round-trip time; `None` before the first.
    pub(crate) const fn round_trip(&self) -> Option<Duration> {
        self.smoothed
    }

    /// Takes a round trip into the smoothed time. One beyond the longest wait is none: the clock was set.
    pub(crate) fn measure(&mut self, sample: Duration) {
        if sample > LONGEST {
            return;
        }
        self.doublings = 0;
        let smoothed = match self.smoothed {
            None => {
                self.variation = sample / 2;
                sample
            }
            Some(smoothed) => {
                self.variation = (3 * self.variation + smoothed.abs_diff(sample)) / 4;
                (7 * smoothed + sample) / 8
            }
        };
        // Whole microseconds, like all of our time.
        self.smoothed = Some(Duration::from_micros(micros(smoothed)));
    }
}

/// The least there is to a wait beyond the round-trip time.
const MARGIN: Duration = Duration::from_millis(10);

/// From the margin to beyond the longest wait.
const MOST_DOUBLINGS: u32 = 13;

/// The longest wait before the first retry.
const LONGEST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn of(nonce: u32) -> Nonce {
        Nonce::from_bits(nonce)
    }

    /// The smoothed time and the first wait after a round trip.
    fn measure(pacing: &mut Pacing, sample: Duration) -> (Option<Duration>, Duration) {
        pacing.measure(sample);
        (pacing.round_trip(), pacing.patience(FIRST, 0))
    }

    #[test]
    fn waits_follow_the_round_trips() {
        let mut pacing = Pacing::default();
        let waits = |pacing: &Pacing| [0, 1, 2, 3, 4].map(|retries| pacing.patience(FIRST, retries));
        assert_eq!(waits(&pacing), [100, 200, 400, 800, 800].map(millis));
        assert_eq!(pacing.patience(millis(1), 0), millis(10));
        assert_eq!(pacing.patience(millis(100_000), 0), millis(60_000));
        // The mean, and four times how far round trips are from it.
        assert_eq!(measure(&mut pacing, millis(80)), (Some(millis(80)), millis(80 + 4 * 40)));
        assert_eq!(measure(&mut pacing, millis(160)), (Some(millis(90)), millis(90 + 4 * 50)));
        // The clock was set.
        assert_eq!(measure(&mut pacing, millis(60_001)), (Some(millis(90)), millis(290)));
        let seventh = Duration::from_micros((7 * 90_000 + 60_000_000) / 8);
        assert_eq!(measure(&mut pacing, millis(60_000)).0, Some(seventh));
        // Of a steady link a margin is left.
        let mut steady = Pacing::default();
        assert_eq!((0..40).map(|_| measure(&mut steady, millis(20)).0).last(), Some(Some(millis(20))));
        assert_eq!(steady.patience(FIRST, 0), millis(30));
    }

    #[test]
    fn the_last_eight_requests_are_measured_and_each_once() {
        let mut pacing = Pacing::default();
        for nonce in 0..9 {
            pacing.asked(of(nonce), Time::from_millis(nonce.into()));
        }
        assert!(!pacing.answered(of(0)) && !pacing.answered(of(9)));
        for nonce in 1..9 {
            assert!(pacing.answered(of(nonce)) && !pacing.answered(of(nonce)));
            assert_eq!(pacing.unmeasured, Some(Time::from_millis(nonce.into())));
        }
        // Messages of a burst share a nonce: the last of them counts, and takes no room of others.
        pacing.asked(of(1), Time::ZERO);
        (1..20).for_each(|millis| pacing.asked(of(2), Time::from_millis(millis)));
        assert!(pacing.answered(of(2)) && pacing.unmeasured == Some(Time::from_millis(19)) && pacing.answered(of(1)));
    }

    #[test]
    fn an_answer_is_overdue_once_it_takes_longer_than_usual() {
        let mut pacing = Pacing::default();
        assert!(!pacing.is_overdue(FIRST, Time::MAX));
        pacing.asked(of(1), Time::from_millis(1_000));
        assert!(
            !pacing.is_overdue(FIRST, Time::from_micros(1_099_999))
                && pacing.is_overdue(FIRST, Time::from_millis(1_100))
        );
        pacing.answered(of(1));
        assert!(!pacing.is_overdue(FIRST, Time::MAX));
    }

    #[test]
    fn a_silent_peer_is_left_alone_for_up_to_eight_intervals() {
        let backoffs =
            [0, 1, 2, 3, 4, u32::MAX].map(|failures| Pacing { failures, ..Pacing::default() }.backoff(FIRST));
        assert_eq!(backoffs, [1, 2, 4, 8, 8, 8].map(|intervals| intervals * FIRST));
    }
}
