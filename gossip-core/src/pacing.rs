//! `Pacing`: when to begin a round with a peer, and how long to wait for its answers.

use alloc::vec::Vec;
use core::time::Duration;

use crate::message::Nonce;
use crate::time::{Time, micros};

/// When to begin a round with a peer, and how long to wait for its answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Pacing {
    /// Rounds in a row that had no answer.
    failures: u32,
    /// The earliest time at which chance may choose the peer.
    next_round: Time,
    /// The nonce and sending time of our last request, until it is answered.
    request: Option<(Nonce, Time)>,
    /// The same of earlier ones without an answer, latest first; of most peers there are none.
    earlier: Vec<(Nonce, Time)>,
    /// The sending time of a request that was answered since the last poll.
    unmeasured: Option<Time>,
    /// How many times waits have doubled since a round trip was last measured.
    doublings: u32,
    /// Smoothed round-trip time (RFC 6298: SRTT).
    smoothed: Option<Duration>,
    /// Mean deviation of round-trip times (RFC 6298: RTTVAR).
    variation: Duration,
}

/// How many times a request is sent at most, where answers do not take long.
const TRIES: u32 = 3;

/// The most requests of which an answer is measured: more than one round sends without an answer, so that late answers
/// to a round that was given up count too.
const MEASURED: usize = 8;

/// The longest wait before a request goes out again; the second time twice as long, and then four times.
const AGAIN: Duration = Duration::from_secs(5);

/// The number of rounds in a row without an answer that makes a peer unreachable.
const FAILURES: u32 = 2;

impl Pacing {
    /// Notes that a request with this nonce goes out, or another message of its burst.
    pub(crate) fn asked(&mut self, nonce: Nonce, now: Time) {
        // A burst is one request, whose answer comes after its last message.
        if let Some(before) = self.request.replace((nonce, now))
            && before.0 != nonce
        {
            self.earlier.truncate(MEASURED - 2);
            self.earlier.insert(0, before);
        }
    }

    /// Notes an answer to the request with this nonce. Returns whether it is the first, so that it can be measured.
    ///
    /// A request that is sent again has a nonce of its own, so its round trip is measured as well as any (unlike TCP's,
    /// by Karn's rule).
    pub(crate) fn answered(&mut self, nonce: Nonce) -> bool {
        let latest = self.request.take_if(|(of, _)| *of == nonce);
        let earlier = || self.earlier.iter().position(|(of, _)| *of == nonce).map(|at| self.earlier.remove(at));
        let answered = latest.or_else(earlier);
        self.unmeasured = answered.map(|(_, sent_at)| sent_at).or(self.unmeasured);
        answered.is_some()
    }

    /// Whether the answer to our last request takes longer than answers do.
    pub(crate) fn is_overdue(&self, first: Duration, now: Time) -> bool {
        self.request.is_some_and(|(_, sent_at)| now.saturating_since(sent_at) >= self.usual(first))
    }

    /// The longest time that an answer usually takes.
    fn usual(&self, first: Duration) -> Duration {
        let usual = self.smoothed.map_or(first, |smoothed| smoothed + (4 * self.variation).max(MARGIN));
        usual.clamp(MARGIN, LONGEST)
    }

    /// How long an answer may take: the smoothed round-trip time and four times its mean deviation (Jacobson, "Congestion
    /// avoidance and control", SIGCOMM 1988; RFC 6298), from 10 ms to one minute.
    pub(crate) fn patience(&self, first: Duration) -> Duration {
        self.usual(first).saturating_mul(1 << self.doublings).min(LONGEST)
    }

    /// The wait for an answer to a request that has gone out again so many times: the time that it may take, doubled each
    /// time, but not so long that a round waits for what is long over.
    ///
    /// Round trips of 15 s that had been, or a clock that was set, had rounds wait for minutes, and all that differed with
    /// them. A request of 27 bytes that goes out while its answer is under way costs less.
    pub(crate) fn wait(&self, first: Duration, retries: u32) -> Duration {
        self.patience(first).saturating_mul(1 << retries.min(TRIES)).min(AGAIN * (1 << retries.min(2)))
    }

    /// How many times a request is sent at most: three times, or as many as wait no shorter in all than those would.
    pub(crate) fn tries(&self, first: Duration) -> u32 {
        let all = self.patience(first) * ((1 << TRIES) - 1);
        let (mut tries, mut waited) = (0, Duration::ZERO);
        while tries < TRIES || waited < all {
            waited += self.wait(first, tries);
            tries += 1;
        }
        tries
    }

    /// Notes a late answer that cannot be measured, to a round that was given up. Waits stay longer until a round trip
    /// is measured.
    pub(crate) fn came_late(&mut self) {
        // By as much as three tries double it: at 200 ms of latency and a first wait of 1 ms no round trip would be
        // measured otherwise, for ever.
        self.doublings = (self.doublings + TRIES).min(MOST_DOUBLINGS);
    }

    /// Notes that a request went out again while its answer was under way: on a slow link the parts of an answer come further
    /// apart than a round trip takes. At 1 MB a second, with messages of 64 KiB, a walk asked 114 times more than it had to.
    pub(crate) fn wait_longer(&mut self) {
        self.doublings = (self.doublings + 1).min(MOST_DOUBLINGS);
    }

    /// The earliest time at which chance may choose the peer.
    pub(crate) const fn next_round_at(&self) -> Time {
        self.next_round
    }

    /// Has chance leave the peer alone until then.
    pub(crate) const fn leave_alone(&mut self, until: Time) {
        self.next_round = until;
    }

    /// The same, unless it is left alone for longer already.
    pub(crate) fn put_off(&mut self, until: Time) {
        self.next_round = self.next_round.max(until);
    }

    /// Lets chance choose the peer from then on, if not before.
    pub(crate) fn bring_forward(&mut self, to: Time) {
        self.next_round = self.next_round.min(to);
    }

    /// Notes that something came from the peer.
    pub(crate) const fn succeed(&mut self) {
        self.failures = 0;
    }

    /// Notes a round without an answer. Returns how long to leave the peer alone.
    pub(crate) fn fail(&mut self, interval: Duration) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.backoff(interval)
    }

    /// Whether the last round without an answer makes the peer unreachable.
    pub(crate) const fn has_failed(&self) -> bool {
        // Equal and not more, so that the embedder hears of it once.
        self.failures == FAILURES
    }

    /// The backoff after `failures` rounds in a row without an answer: up to 8 intervals, so that the end of a long cut
    /// is noticed soon.
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
        self.request.iter_mut().chain(&mut self.earlier).for_each(|(_, sent_at)| *sent_at = past(*sent_at));
    }

    /// The smoothed round-trip time; `None` before the first.
    pub(crate) const fn round_trip(&self) -> Option<Duration> {
        self.smoothed
    }

    /// Takes a sample of a round trip into the smoothed time.
    pub(crate) fn measure(&mut self, sample: Duration) {
        // A wait before the first retry takes a minute at most: a longer sample means that the clock was set.
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
        // Gains of 1/4 and 1/8, as RFC 6298 has them. Whole microseconds, as all times here.
        self.smoothed = Some(Duration::from_micros(micros(smoothed)));
    }
}

/// The least part of a wait beyond the round-trip time: a steady link would have none.
const MARGIN: Duration = Duration::from_millis(10);

/// The most doublings: 2^13 times the margin of 10 ms is more than the longest wait of a minute.
const MOST_DOUBLINGS: u32 = 13;

/// The longest time that an answer may take.
const LONGEST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

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
        (pacing.round_trip(), pacing.patience(FIRST))
    }

    #[test]
    fn waits_follow_the_round_trips() {
        let mut pacing = Pacing::default();
        let waits = |pacing: &Pacing| [0, 1, 2, 3, 4].map(|retries| pacing.wait(FIRST, retries));
        assert_eq!(waits(&pacing), [100, 200, 400, 800, 800].map(millis));
        assert_eq!(pacing.patience(millis(1)), millis(10));
        assert_eq!(pacing.patience(millis(100_000)), millis(60_000));
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
        assert_eq!(steady.patience(FIRST), millis(30));
    }

    #[test]
    fn no_request_waits_long_to_go_out_again_and_none_is_given_up_sooner_for_that() {
        let pacing = Pacing::default();
        let of = |first: u64| {
            let (first, tries) = (millis(first), pacing.tries(millis(first)));
            let waits: Vec<_> = (0..tries).map(|retries| pacing.wait(first, retries).as_millis()).collect();
            (waits.iter().sum::<u128>() >= 7 * u128::from(pacing.patience(first).as_millis() as u64), waits)
        };
        assert_eq!(of(100), (true, vec![100, 200, 400]));
        assert_eq!(of(4_000), (true, vec![4_000, 8_000, 16_000]));
        assert_eq!(of(15_000), (true, vec![5_000, 10_000, 20_000, 20_000, 20_000, 20_000, 20_000]));
        assert_eq!(of(60_000).1.len(), 23);
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
