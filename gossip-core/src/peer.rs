//! What is kept about a peer: pacing, one round of ours, one answer owed, statistics.

pub(crate) mod budget;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use crate::digest::Digest;
use crate::element::Fingerprint;
use crate::message::Asks;
use crate::peer::budget::Budget;
use crate::push::link::Link;
use crate::round::reception::Difference;
use crate::round::repair::Repair;
use crate::round::walk::Walk;
use crate::stats::PeerStats;
use crate::time::{Time, micros};
use crate::wire::Bound;

#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Whether it waits for its turn to send.
    pub(crate) queued: bool,
    /// Whether the embedder wants a round with it.
    pub(crate) wanted: bool,
    pub(crate) round: Option<Round>,
    /// The nonce of our last round.
    pub(crate) last_nonce: Option<u32>,
    /// How many of our last rounds ended for want of an answer, and none has come since.
    pub(crate) in_vain: u32,
    pub(crate) owed: Option<Owed>,
    /// Where the next walk begins: where the last one was cut off.
    pub(crate) resume: Bound,
    /// Whether that walk began because a sketch could not be read. The next would not be either: it costs steps that
    /// may be lost.
    pub(crate) unreadable: bool,
    /// Whether a round with it has ended for want of room for its cells, since the last walk or proof.
    pub(crate) put_off: bool,
    /// What is pushed to it, and what it pushes.
    pub(crate) link: Option<Box<Link>>,
    pub(crate) budget: Budget,
    /// Until when it is sent nothing, while something waits to be sent.
    pub(crate) rests: Option<Time>,
    pub(crate) pacing: Pacing,
    pub(crate) stats: PeerStats,
}

impl Peer {
    pub(crate) fn new() -> Self {
        Self {
            queued: false,
            wanted: false,
            round: None,
            last_nonce: None,
            in_vain: 0,
            owed: None,
            resume: Bound::START,
            unreadable: false,
            put_off: false,
            link: None,
            budget: Budget::default(),
            rests: None,
            pacing: Pacing::default(),
            stats: PeerStats::default(),
        }
    }

    /// An answer with this nonce came. One to a round that was given up, and none answered since, tells that the waits
    /// were too short.
    pub(crate) fn note_answer(&mut self, nonce: u32) {
        let Some(age) = self.last_nonce.map(|last| (last >> SENDS).wrapping_sub(nonce >> SENDS)) else { return };
        let under_way = u32::from(self.round.is_some());
        if age.checked_sub(under_way).is_some_and(|ended| ended < self.in_vain) {
            self.in_vain = 0;
            if !self.pacing.answered(nonce) {
                self.pacing.came_late();
            }
        }
    }

    /// The nonce of our next round: the next number above its low bits, which count messages; the first is `first`.
    pub(crate) fn next_nonce(&mut self, first: u32) -> u32 {
        let nonce = self.last_nonce.map_or(first, |last| last.wrapping_add(1 << SENDS)) & (u32::MAX << SENDS);
        self.last_nonce = Some(nonce);
        nonce
    }

    /// How many cells our round with it has asked for.
    pub(crate) fn cells_under_way(&self) -> usize {
        match self.round.as_ref().map(|round| &round.step) {
            Some(Step::Sketch(difference)) => difference.target(),
            _ => 0,
        }
    }

    /// How many elements both had at their last proof, and how many a peer of `count` has got since; `None` if there was
    /// none, or the peer has lost its memory.
    pub(crate) fn agreed(&self, count: u64) -> Option<(usize, u64)> {
        let agreed = self.stats.last_proof?.count();
        Some((usize::try_from(agreed).ok()?, count.checked_sub(agreed)?))
    }

    /// A walk is through, or a proof has made it needless.
    pub(crate) fn walked(&mut self) {
        (self.resume, self.unreadable, self.put_off) = (Bound::START, false, false);
    }

    /// Whether there is something to send to it.
    pub(crate) fn has_to_send(&self) -> bool {
        let asks = self.round.as_ref().map_or(self.wanted, |round| round.pending);
        self.owed.is_some() || asks || self.link.as_ref().is_some_and(|link| link.due)
    }

    /// Whether something should be pushed to it and is not, since it does not answer.
    pub(crate) fn is_lost(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.lost)
    }

    /// Whether there is no round of ours with it, nor one to begin.
    pub(crate) fn is_idle(&self) -> bool {
        self.round.is_none() && !self.wanted
    }
}

/// An answer we owe: what the request said, and how far the answer has got. Its messages are built when they are sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owed {
    /// Whether both have the same; if not, what differs, by a `sketch` unless cells are no use.
    Verdict { nonce: u32, on: Question, sketch: bool },
    /// `count` cells from `next` on, of a state with this tag, which is yet to be looked for.
    Sketch { nonce: u32, state: u64, next: usize, count: usize },
    /// Our cells as they were when we held `held` elements, from `next` to `end`, in at most `window` messages.
    Cells { nonce: u32, held: usize, next: usize, end: usize, window: u16 },
    /// Our elements of these wishes, from place `next` on, in at most `window` messages; then what else was asked for.
    /// They ascend, unless more came since the last message.
    Wanted { nonce: u32, wishes: Vec<u64>, more: bool, next: usize, window: u16, asks: Asks },
    /// To a page: what we have from the cursor to the end that is not in `held`, in at most `window` messages; and our
    /// state, if that was asked for.
    Page { nonce: u32, cursor: Bound, to: Bound, held: Vec<Fingerprint>, window: u16, state: bool },
}

/// What a verdict is asked for with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    /// A probe of this digest.
    Probe(Digest),
    /// A repair, after which digests have this tag.
    Repair(u64),
    /// A wish for cells of a state that is forgotten.
    Cells,
}

/// A round of ours.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Round {
    /// That of the last message sent: the number of the round above, the number of the message in the low bits.
    pub(crate) nonce: u32,
    pub(crate) step: Step,
    /// The nonce of the last message before this step, or of the 255th before the last.
    pub(crate) since: u32,
    /// How many steps there were, but for those of a walk.
    pub(crate) steps: u32,
    /// Whether its next message is yet to be sent; else an answer is awaited.
    pub(crate) pending: bool,
    /// How many times in a row the wait for an answer ended for nothing.
    pub(crate) retries: u32,
    /// Whether the peer asked something while an answer was awaited: it is there.
    pub(crate) heard: bool,
    /// When to stop waiting; set while an answer is awaited.
    pub(crate) deadline: Option<Time>,
    /// The bytes this round has cost, both ways.
    pub(crate) cost: u64,
    /// The bytes of both full states as it began, as far as they are known.
    pub(crate) full_state: u64,
    /// How many elements we held as it began.
    pub(crate) held: usize,
}

impl Round {
    /// Whether a message with this nonce answers one that this step sent.
    pub(crate) fn answers_step(&self, nonce: u32) -> bool {
        let age = |of: u32| of.wrapping_sub(self.since) & !(u32::MAX << SENDS);
        same_round(self.nonce, nonce) && age(nonce) > 0 && age(nonce) <= age(self.nonce)
    }

    /// The nonce of its next message.
    pub(crate) fn next_message(&mut self) -> u32 {
        let next = |nonce: u32| nonce & u32::MAX << SENDS | nonce.wrapping_add(1) & !(u32::MAX << SENDS);
        self.nonce = next(self.nonce);
        // The low bits wrap, so what was sent 256 messages ago is not waited for.
        if self.nonce == self.since {
            self.since = next(self.since);
        }
        self.nonce
    }

    /// No answer came: the last message is to go out again.
    pub(crate) fn again(&mut self) {
        self.pending = true;
        if let Step::Repair(repair) = &mut self.step {
            repair.again();
        }
    }

    /// Takes another step.
    pub(crate) fn take(&mut self, step: Step) {
        self.since = self.nonce;
        self.steps += u32::from(!matches!(step, Step::Walk(_) | Step::Close { .. }));
        self.step = step;
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// Our digest, as sent.
    Probe {
        digest: Digest,
    },
    Sketch(Box<Difference>),
    Repair(Box<Repair>),
    Walk(Walk),
    /// The digest that is proven; the peer is yet to be told.
    Close {
        digest: Digest,
    },
}

/// When to ask a peer, and how long to wait for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Pacing {
    /// Rounds in a row that had no answer.
    pub(crate) failures: u32,
    /// The earliest time of the next round that chance may choose.
    pub(crate) next_round: Time,
    /// The nonces of our last requests that are not answered, latest first, and when they were sent.
    pub(crate) requests: [Option<(u32, Time)>; MEASURED],
    /// The sending time of a request that was answered since the last poll.
    pub(crate) unmeasured: Option<Time>,
    /// How often waits doubled since a round trip was last measured, up to a limit.
    doublings: u32,
    smoothed: Option<Duration>,
    variation: Duration,
}

/// How many low bits of a nonce count the messages of a round.
pub(crate) const SENDS: u32 = 8;

/// Whether two nonces are of one round.
pub(crate) fn same_round(a: u32, b: u32) -> bool {
    a >> SENDS == b >> SENDS
}

/// Whether a probe with this nonce is the first message of its round, or that sent again: one in the middle comes after
/// a repair at least.
pub(crate) fn begins_round(nonce: u32) -> bool {
    nonce & !(u32::MAX << SENDS) <= 2
}

/// How many requests back an answer is measured: those of a round that was given up among them.
const MEASURED: usize = 8;

/// How many steps a round may take, those of a walk aside: more than the strategies need one after the other, so only
/// inserts that go on throughout use them up.
pub(crate) const STEPS: u32 = 12;

/// How often a request is sent at the most.
pub(crate) const TRIES: u32 = 3;

/// How many rounds without an answer make a peer unreachable.
pub(crate) const FAILURES: u32 = 2;

impl Pacing {
    /// A request with this nonce goes out; or, where it has several messages, another of them.
    pub(crate) fn asked(&mut self, nonce: u32, now: Time) {
        if !matches!(self.requests[0], Some((last, _)) if last == nonce) {
            self.requests.rotate_right(1);
        }
        self.requests[0] = Some((nonce, now));
    }

    /// The answer to the request with this nonce came: it names the very message it answers, so that one that was
    /// resent is measured as well as any. Whether it is the first, and can be measured.
    pub(crate) fn answered(&mut self, nonce: u32) -> bool {
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

    /// How long to leave the peer alone after `failures` rounds in a row without an answer: up to 8 intervals, so that
    /// the end of a long cut is noticed soon.
    pub(crate) fn backoff(&self, interval: Duration) -> Duration {
        interval.saturating_mul(1 << self.failures.min(3))
    }

    /// The smoothed round-trip time, once `sample` is taken in. One beyond the longest wait is not: the clock was set.
    pub(crate) fn measure(&mut self, sample: Duration) -> Option<Duration> {
        if sample > LONGEST {
            return self.smoothed;
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
        let smoothed = Duration::from_micros(micros(smoothed));
        self.smoothed = Some(smoothed);
        self.smoothed
    }
}

/// The least there is to a wait beyond the round-trip time.
const MARGIN: Duration = Duration::from_millis(10);

/// From the margin to beyond the longest wait.
const MOST_DOUBLINGS: u32 = 13;

/// The longest wait before the first retry.
const LONGEST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
