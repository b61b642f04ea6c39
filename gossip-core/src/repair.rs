//! A repair under way: what the peer is still to get, and what it is still to give.

use crate::digest::Digest;
use crate::element::Element;
use crate::elements::Elements;
use crate::ids::Ids;
use crate::message::{Asks, State};
use crate::replica::{Claim, Replica, WISH};
use crate::wire::Bound;

/// Where a repair stands. It goes out in bursts of up to a window of messages, which together ask for what one answer
/// can hold; the last of them asks where that ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Repair {
    claim: Claim,
    /// The peer's, when it sent its sketch.
    theirs: State,
    /// How many of ours went out.
    sent: usize,
    /// How many of those wanted the burst has asked for.
    asked: usize,
    /// How many messages the burst may still have; 0 before the next one.
    left: u16,
    /// What had gone out, and what was wanted, when the burst began, and whether it is of one message.
    before: (usize, usize),
    single: bool,
    /// Whether each burst was: what is answered then has come whole.
    whole: bool,
    /// Where what the burst asks for begins.
    begins: Bound,
    /// Where the answer ends, once its end has come.
    answered: Option<Bound>,
    /// The peer's digest at the end of the answer.
    told: Option<Digest>,
    /// Ours, as the verdict was asked for, once it was.
    digest: Option<Digest>,
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
    Done(Option<Digest>),
}

impl Repair {
    /// A repair of what differs from a peer of this state.
    pub(crate) const fn new(claim: Claim, theirs: State) -> Self {
        Self {
            claim,
            theirs,
            sent: 0,
            asked: 0,
            left: 0,
            before: (0, 0),
            single: false,
            whole: true,
            begins: Bound::START,
            answered: None,
            told: None,
            digest: None,
        }
    }

    /// The peer's state when it sent its sketch.
    pub(crate) const fn theirs(&self) -> State {
        self.theirs
    }

    /// Our digest, as sent with the request of a verdict.
    pub(crate) const fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Whether nothing has come of it, if these are our digest and the peer's at its end: the sketch was misread.
    pub(crate) fn was_in_vain(&self, ours: Digest, theirs: Digest) -> bool {
        self.claim.unconfirmed == Some([ours, theirs])
    }

    /// Whether all that went out has come, once it is answered.
    pub(crate) const fn arrived_whole(&self) -> bool {
        self.whole
    }

    /// Whether the next message begins a burst.
    pub(crate) const fn begins_burst(&self) -> bool {
        self.left == 0
    }

    /// The next message of a burst, in at most `room` bytes, where an answer can have `answer` bytes. The burst ends
    /// where it asks for more than elements.
    pub(crate) fn next<E: Element>(
        &mut self,
        replica: &Replica<E>,
        room: usize,
        window: u16,
        answer: u64,
    ) -> (Asks, Ids, Elements) {
        if self.left == 0 {
            self.left = window.max(1);
            self.before = (self.sent, self.claim.wanted.len());
            (self.begins, self.asked, self.answered, self.told) = (Bound::START, 0, None, None);
        }
        let (elements, taken) = replica.named(&self.claim.ours[self.sent..], self.claim.width, room);
        self.sent += taken;
        let all_sent = self.sent == self.claim.ours.len();
        let fitting =
            u128::from(answer) * u128::from(self.theirs.digest.count()) / u128::from(self.theirs.bytes.max(1));
        let fitting = usize::try_from(fitting).unwrap_or(usize::MAX).max(1);
        let wishes = &self.claim.wanted[..fitting.min(self.claim.wanted.len())];
        let mut wanted = Ids::NONE;
        if all_sent {
            wanted = Ids::fill(&wishes[self.asked.min(wishes.len())..], room.saturating_sub(elements.encoded_len()));
            if self.asked == 0
                && let Some(&first) = wishes.first().filter(|_| wanted.count() > 0)
            {
                self.begins = Bound::of_name(first, WISH);
            }
            self.asked += wanted.count();
        }
        self.single = self.left == window.max(1);
        self.whole &= self.single;
        self.left -= 1;
        let asks = if all_sent && self.claim.wanted.is_empty() {
            self.digest = Some(replica.digest());
            Asks::Verdict(replica.digest().tag())
        } else if all_sent && self.asked == self.claim.wanted.len() {
            Asks::State
        } else if self.left == 0 || (all_sent && self.asked == wishes.len()) {
            Asks::End
        } else {
            Asks::Nothing
        };
        if asks != Asks::Nothing {
            self.left = 0;
        }
        (asks, wanted, elements)
    }

    /// No answer came. What went out in one message goes out again; of several, most have come, and if not, the verdict
    /// says so and a sketch of what is missing costs less.
    pub(crate) fn again(&mut self) {
        if self.single {
            self.sent = self.before.0;
        }
        self.left = 0;
    }

    /// An answer covers the ids wanted in an interval; `last` if it ends there, perhaps with a state.
    pub(crate) fn cover(&mut self, from: Bound, to: Bound, last: bool, state: Option<State>) -> Answered {
        let wanted = &mut self.claim.wanted;
        let before = |bound: Bound| wanted.partition_point(|&wish| Bound::of_name(wish, WISH) < bound);
        let (start, end) = (before(from), before(to).max(before(from)));
        wanted.drain(start..end);
        self.asked = self.asked.saturating_sub(end - start);
        // Where an earlier answer ended says nothing of the one that is awaited.
        if last && (to > self.begins || self.begins == Bound::START) {
            (self.answered, self.told) = (Some(to), state.map(|state| state.digest));
        }
        let in_part = if end > start { Answered::InPart } else { Answered::Nothing };
        let Some(answered) = self.answered else { return in_part };
        if self.claim.wanted.first().is_some_and(|&wish| Bound::of_name(wish, WISH) < answered) {
            return in_part;
        }
        let left = self.sent < self.claim.ours.len() || !self.claim.wanted.is_empty();
        let progress = self.before != (self.sent, self.claim.wanted.len());
        if left && progress { Answered::Burst } else { Answered::Done(self.told) }
    }
}
