//! A repair under way: what the peer is still to get, and what it is still to give.

use crate::digest::Digest;
use crate::element::Element;
use crate::elements::Elements;
use crate::ids::Ids;
use crate::message::{Asks, State};
use crate::replica::{Claim, Replica, WISH};
use crate::wire::Bound;

/// Where a repair stands. It goes out in bursts of up to a window of messages, of which only the last asks for an answer: if
/// several did, each would earn a window of messages, and where it earns fewer than it asks for no end would be told.
#[derive(Clone, Debug)]
pub(crate) struct Repair {
    claim: Claim,
    /// How many of ours went out.
    sent: usize,
    /// How many messages the burst may still have; 0 before the next one.
    left: u16,
    /// What had gone out, and what was wanted, when the burst began, and whether it is of one message.
    before: (usize, usize),
    single: bool,
    /// Where what the burst asks for begins.
    begins: Bound,
    /// Where the answer ends, once its end has come.
    answered: Option<Bound>,
    /// The peer's digest at the end of the answer.
    told: Option<Digest>,
    /// Ours, as the verdict was asked for.
    digest: Digest,
}

/// What an answer means for a repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// Nothing new.
    Nothing,
    /// More is under way.
    InPart,
    /// It is complete: time for the next burst.
    Burst,
    /// All is repaired, and this was the peer's digest then.
    Done(Digest),
}

impl Repair {
    pub(crate) const fn new(claim: Claim) -> Self {
        Self {
            claim,
            sent: 0,
            left: 0,
            before: (0, 0),
            single: false,
            begins: Bound::START,
            answered: None,
            told: None,
            digest: Digest::EMPTY,
        }
    }

    /// Our digest, as sent with the request of a verdict.
    pub(crate) const fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether nothing has come of it, if these are our digest and the peer's at its end: the sketch was misread.
    pub(crate) fn was_in_vain(&self, ours: Digest, theirs: Digest) -> bool {
        self.claim.unconfirmed == Some([ours, theirs])
    }

    /// Whether the next message begins a burst.
    pub(crate) const fn begins_burst(&self) -> bool {
        self.left == 0
    }

    /// The next message of a burst, in at most `room` bytes; the burst ends where it asks for something.
    pub(crate) fn next<E: Element>(&mut self, replica: &Replica<E>, room: usize, window: u16) -> (Asks, Ids, Elements) {
        if self.left == 0 {
            self.left = window.max(1);
            self.before = (self.sent, self.claim.wanted.len());
            self.begins = Bound::START;
            (self.answered, self.told) = (None, None);
        }
        let (elements, taken) = replica.named(&self.claim.ours[self.sent..], self.claim.width, room);
        self.sent += taken;
        let mut wanted = Ids::NONE;
        let all_sent = self.sent == self.claim.ours.len();
        if let Some(&first) = self.claim.wanted.first().filter(|_| all_sent) {
            let fitting = Ids::fill(&self.claim.wanted, room.saturating_sub(elements.encoded_len()));
            // A few that fit beside elements are not worth a round trip of their own.
            if fitting.count() == self.claim.wanted.len() || elements.count() == 0 || self.left == 1 {
                wanted = fitting;
            }
            if wanted.count() > 0 {
                self.begins = Bound::of_name(first, WISH);
            }
        }
        self.single = self.left == window.max(1);
        self.left -= 1;
        let asks = if all_sent && self.claim.wanted.is_empty() {
            self.digest = replica.digest();
            Asks::Verdict(self.digest)
        } else if wanted.count() > 0 || self.left == 0 {
            Asks::State
        } else {
            Asks::Nothing
        };
        if asks != Asks::Nothing {
            self.left = 0;
        }
        (asks, wanted, elements)
    }

    /// No answer came. What went out in one message goes out again; of several, most have come, and if not, the verdict says
    /// so and a sketch of what is missing costs less.
    pub(crate) fn again(&mut self) {
        if self.single {
            self.sent = self.before.0;
        }
        self.left = 0;
    }

    /// An answer covers the ids wanted in an interval, and ends there if it tells a state.
    pub(crate) fn cover(&mut self, from: Bound, to: Bound, state: Option<State>) -> Answered {
        let wanted = &mut self.claim.wanted;
        let before = |bound: Bound| wanted.partition_point(|&wish| Bound::of_name(wish, WISH) < bound);
        let (start, end) = (before(from), before(to).max(before(from)));
        wanted.drain(start..end);
        // Where an earlier answer ended says nothing of the one that is awaited.
        if let Some(state) = state.filter(|_| to > self.begins || self.begins == Bound::START) {
            (self.answered, self.told) = (Some(to), Some(state.digest));
        }
        let in_part = if end > start { Answered::InPart } else { Answered::Nothing };
        let (Some(answered), Some(told)) = (self.answered, self.told) else { return in_part };
        if self.claim.wanted.first().is_some_and(|&wish| Bound::of_name(wish, WISH) < answered) {
            return in_part;
        }
        let left = self.sent < self.claim.ours.len() || !self.claim.wanted.is_empty();
        let progress = self.before != (self.sent, self.claim.wanted.len());
        if left && progress { Answered::Burst } else { Answered::Done(told) }
    }
}
