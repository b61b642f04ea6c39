//! `Repair`: the exchange of a known difference, elements for the peer and wishes for its own.

use alloc::boxed::Box;

use crate::codec::Encode;
use crate::config::Room;
use crate::digest::{Digest, State};
use crate::kind::Kind;
use crate::message::Asks;
use crate::set::{Causal, Claim};
use crate::wire::{Bound, Dots, Elements, Ids, Place, WISH};

/// State of a repair. It goes out in bursts of up to a window of messages. The messages of a burst together wish for
/// what one answer can hold, and the last of them asks where that answer ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Repair {
    claim: Claim,
    /// The peer's state when it sent its sketch.
    theirs: State,
    /// How many dots that are gone here the peer has been told of.
    told: usize,
    /// Those that the last message tells.
    gone: Dots,
    /// Our marks, if the last message tells them, and whether they fit none.
    marks: Dots,
    cuts_marks: bool,
    /// How many names of our own part have gone out.
    sent: usize,
    /// How many wishes the burst has sent, of those that are still wanted.
    asked: usize,
    /// How many messages the burst may still have; 0 between two bursts.
    remaining: u16,
    /// How many dots and names had gone out, and how many wishes were wanted, when the burst began.
    before: (usize, usize, usize),
    /// Whether the burst so far is a single message.
    single: bool,
    /// Whether each burst was a single message: an answer then acknowledges all elements that went out.
    acknowledged: bool,
    /// The bound of the burst's first wish.
    begins: Bound,
    /// Where the answer ends, once its end has come.
    answered: Option<Bound>,
    /// The peer's state at the end of the answer.
    peer_state: Option<State>,
    /// Our digest as the verdict was asked for, once it was.
    digest: Option<Digest>,
}

/// What an answer means for a repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// Nothing new.
    Nothing,
    /// More of the answer is under way.
    InPart,
    /// The answer is complete: time for the next burst.
    Burst,
    /// The repair is complete, or a burst has moved nothing. The peer's state then, if it told it.
    Done(Option<State>),
}

impl Repair {
    /// A repair of the claimed difference from a peer of this state.
    pub(crate) fn new(claim: Claim, theirs: State) -> Self {
        Self {
            claim,
            theirs,
            told: 0,
            gone: Dots::default(),
            marks: Dots::default(),
            cuts_marks: false,
            sent: 0,
            asked: 0,
            remaining: 0,
            before: (0, 0, 0),
            single: false,
            acknowledged: true,
            begins: Bound::START,
            answered: None,
            peer_state: None,
            digest: None,
        }
    }

    /// The peer's state when it sent its sketch.
    pub(crate) const fn theirs(&self) -> State {
        self.theirs
    }

    /// What both sides hold once it is complete, if nothing of it was lost: how many elements, and the end of our log
    /// that has them, which ends at `end` now.
    pub(crate) fn common(&self, end: Place) -> (u64, Place) {
        let count = self.theirs.digest.count() + self.claim.ours.len() as u64;
        // Nothing was fetched, so our log had just these as the sketch was read.
        let place = if self.claim.unconfirmed.is_none() { Place::of_count(count) } else { end };
        (count, place)
    }

    /// Our digest as the verdict was asked for; `None` before that, so that no proof is taken for one.
    pub(crate) const fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Whether both digests are as they were when the sketch was read: then it was misread, and nothing was repaired.
    pub(crate) fn was_in_vain(&self, ours: Digest, theirs: Digest) -> bool {
        self.claim.unconfirmed == Some([ours, theirs])
    }

    /// Whether an answer acknowledges all elements that went out.
    pub(crate) const fn is_acknowledged(&self) -> bool {
        // One answer is for a whole burst, and says nothing of messages of it that were lost.
        self.acknowledged
    }

    /// How many wishes are left.
    pub(crate) const fn wanted(&self) -> usize {
        self.claim.wanted.len()
    }

    /// Whether the next message begins a burst.
    pub(crate) const fn begins_burst(&self) -> bool {
        self.remaining == 0
    }

    /// The next message of a burst: what it asks, its wishes and its elements, within the room. An answer can have
    /// `answer` bytes. The burst ends with the message that asks for anything.
    pub(crate) fn next(
        &mut self,
        set: &impl Kind,
        room: impl Into<Room>,
        window: u16,
        answer: u64,
    ) -> (Asks, Ids, Elements) {
        let room = room.into();
        self.single = self.remaining == 0;
        if self.single {
            self.remaining = window.max(1);
            self.before = (self.told, self.sent, self.claim.wanted.len());
            (self.begins, self.asked, self.answered, self.peer_state) = (Bound::START, 0, None, None);
        }
        self.tell(room.of_many / 2);
        let room = if self.gone.count() > 0 { room.less(self.gone.encoded_len()) } else { room };
        let (elements, taken) = set.named(&self.claim.ours[self.sent..], self.claim.width.unnamed_bits(), room);
        self.sent += taken;
        let all_sent = self.has_sent_all();
        let fitting = self.fitting(answer);
        // Wishes after all elements: so the state at the end of the last answer is that of a peer that has merged them.
        let room_for_wishes = room.of_many.saturating_sub(elements.encoded_len());
        let wanted = if all_sent { self.wish(fitting, room_for_wishes) } else { Ids::NONE };
        self.acknowledged &= self.single;
        self.remaining -= 1;
        let waits =
            all_sent && self.claim.wanted.is_empty() && !self.take_marks(set, room_for_wishes, elements.count() > 0);
        let asks = if waits {
            Asks::Nothing
        } else if all_sent && self.claim.wanted.is_empty() {
            // Nothing is wished for, so the peer has all of ours after this, and may say so without an answer of
            // elements.
            self.digest = Some(set.digest());
            Asks::Verdict(set.digest().tag())
        } else if all_sent && self.asked == self.claim.wanted.len() {
            Asks::State
        } else if self.remaining == 0 || (all_sent && self.asked == fitting) {
            Asks::End
        } else {
            Asks::Nothing
        };
        if asks != Asks::Nothing {
            self.remaining = 0;
        }
        (asks, wanted, elements)
    }

    /// How many wishes one answer of so many bytes can grant, at the peer's bytes an element: all others would have to be
    /// sent again.
    fn fitting(&self, answer: u64) -> usize {
        let state = &self.theirs;
        let fitting = u128::from(answer) * u128::from(state.digest.count()) / u128::from(state.bytes.max(1));
        usize::try_from(fitting).unwrap_or(usize::MAX).max(1).min(self.claim.wanted.len())
    }

    /// The next wishes of the burst, of the first `fitting`, within so many bytes.
    fn wish(&mut self, fitting: usize, room: usize) -> Ids {
        let wishes = &self.claim.wanted[..fitting];
        let wanted = Ids::fill(&wishes[self.asked.min(wishes.len())..], room);
        if self.asked == 0
            && let Some(&first) = wishes.first().filter(|_| wanted.count() > 0)
        {
            self.begins = Bound::of_name(first, WISH);
        }
        self.asked += wanted.count();
        wanted
    }

    /// Dots that are gone here and that the last message tells.
    pub(crate) const fn gone(&self) -> &Dots {
        &self.gone
    }

    /// Has the next message tell as many dots that are gone here as fit so many bytes.
    fn tell(&mut self, room: usize) {
        let left = self.claim.causal.as_ref().map_or(&[][..], |causal| &causal.gone_here[self.told..]);
        self.gone = if left.is_empty() { Dots::default() } else { Dots::fill(left.iter().copied(), room) };
        self.told += self.gone.count();
    }

    /// Our marks, which the last message tells with its question for a verdict.
    pub(crate) const fn marks(&self) -> &Dots {
        &self.marks
    }

    /// Takes our marks along with the question for a verdict, if they fit so many bytes. Returns false where the next message
    /// has room for them: then that asks.
    fn take_marks(&mut self, set: &impl Kind, room: usize, has_elements: bool) -> bool {
        let Some(causal) = &self.claim.causal else { return true };
        let marks = set.marks_above(&causal.theirs);
        let count = marks.len();
        self.marks = Dots::fill(marks.iter().copied(), room);
        let fits = self.marks.count() == count;
        let is_next = !fits && self.remaining > 0 && (has_elements || self.gone.count() > 0);
        self.cuts_marks = !fits && !is_next;
        if !fits {
            // Some of them raise nothing: the digest with them is not ours. One says that there are more.
            self.marks = Dots::fill(marks.into_iter().take(usize::from(self.cuts_marks)), room);
        }
        !is_next
    }

    /// Whether its marks fit no message. The peer, which is told one, reads them in a round of its own.
    pub(crate) const fn cuts_marks(&self) -> bool {
        self.cuts_marks
    }

    /// Whether it has asked for the peer's state, since something was wished for.
    pub(crate) const fn asked_state(&self) -> bool {
        self.digest.is_none()
    }

    /// What goes by dots; `None` the second time.
    pub(crate) const fn take_causal(&mut self) -> Option<Box<Causal>> {
        self.claim.causal.take()
    }

    /// Whether all that the peer lacks has gone out, and all that it is to be told.
    fn has_sent_all(&self) -> bool {
        let told = self.claim.causal.as_ref().is_none_or(|causal| self.told == causal.gone_here.len());
        told && self.sent == self.claim.ours.len()
    }

    /// Rewinds a burst that has no answer. A single message goes out again. Of several, most have come; the verdict
    /// finds what has not, and a sketch of that costs less than the burst.
    pub(crate) fn again(&mut self) {
        if self.single {
            (self.told, self.sent) = (self.before.0, self.before.1);
        }
        self.remaining = 0;
    }

    /// Takes in a part of an answer, which covers the wishes in an interval; `last` if the answer ends there, perhaps
    /// with a state.
    pub(crate) fn cover(&mut self, from: Bound, to: Bound, last: bool, state: Option<State>) -> Answered {
        let wanted = &mut self.claim.wanted;
        let before = |bound: Bound| wanted.partition_point(|&wish| Bound::of_name(wish, WISH) < bound);
        let (start, end) = (before(from), before(to).max(before(from)));
        wanted.drain(start..end);
        self.asked = self.asked.saturating_sub(end - start);
        // The end of an earlier answer lies before the first wish of this burst. Taken for the end of this answer, the
        // rest would be asked for again while it is under way.
        if last && (to > self.begins || self.begins == Bound::START) {
            (self.answered, self.peer_state) = (Some(to), state);
        }
        let in_part = if end > start { Answered::InPart } else { Answered::Nothing };
        let Some(answered) = self.answered else { return in_part };
        // The end may overtake parts before it.
        if self.claim.wanted.first().is_some_and(|&wish| Bound::of_name(wish, WISH) < answered) {
            return in_part;
        }
        // A burst that has moved nothing would be sent for ever: the peer does not have what is wanted.
        let left = !self.has_sent_all() || !self.claim.wanted.is_empty();
        let progress = self.before != (self.told, self.sent, self.claim.wanted.len());
        if left && progress { Answered::Burst } else { Answered::Done(self.peer_state) }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::config::Config;
    use crate::element::Fingerprinter;
    use crate::set::Set;

    /// A replica of so many numbers, and their ids, ascending.
    fn replica(count: u64) -> (Set<u64>, Vec<u64>) {
        let config = Config::default();
        let (mut replica, fingerprinter) = (Set::new(&config), Fingerprinter::new(&config.key));
        (0..count).for_each(|number| assert_eq!(replica.insert(number), Ok(true)));
        let mut ids: Vec<u64> = (0..count).map(|number| fingerprinter.fingerprint((&number).into(), &[]).id).collect();
        ids.sort_unstable();
        (replica, ids)
    }

    /// Of a peer that holds ten elements of 8 bytes.
    fn repair(ours: Vec<u64>, wanted: Vec<u64>) -> Repair {
        let theirs = State { digest: Digest::from_parts(10, 1), bytes: 80 };
        Repair::new(Claim { ours, wanted, ..Claim::default() }, theirs)
    }

    /// What an answer has from the first of these wishes to the last.
    fn cover(repair: &mut Repair, first: u64, end: u64, last: bool) -> Answered {
        repair.cover(Bound::of_name(first, WISH), Bound::after_name(end, WISH), last, None)
    }

    #[test]
    fn what_the_peer_lacks_goes_out_in_bursts_of_a_window() {
        let (replica, ids) = replica(500);
        let mut repair = repair(ids, Vec::new());
        let (mut given, mut asked) = (0, Vec::new());
        loop {
            let first = repair.begins_burst();
            let (asks, wanted, elements) = repair.next(&replica, 1_000, 2, 40);
            assert!(wanted.count() == 0 && elements.encoded_len() <= 1_000);
            given += elements.count();
            asked.push((first, asks));
            match asks {
                Asks::Nothing => continue,
                Asks::End => {}
                _ => break,
            }
            assert_eq!(repair.cover(Bound::START, Bound::START, true, None), Answered::Burst);
        }
        let verdict = Asks::Verdict(replica.digest().tag());
        assert_eq!(asked, [(true, Asks::Nothing), (false, Asks::End), (true, Asks::Nothing), (false, verdict)]);
        assert_eq!((given, repair.digest()), (500, Some(replica.digest())));
    }

    #[test]
    fn what_went_out_in_one_message_goes_out_again() {
        let (replica, ids) = replica(500);
        let mut few = repair(ids[..3].to_vec(), Vec::new());
        for _ in 0..2 {
            assert_eq!(few.next(&replica, 1_000, 2, 40).2.count(), 3);
            few.again();
        }
        let mut many = repair(ids, Vec::new());
        let sent = many.next(&replica, 1_000, 2, 40).2.count() + many.next(&replica, 1_000, 2, 40).2.count();
        many.again();
        let (mut rest, mut messages) = (0, 0);
        while many.digest().is_none() {
            rest += many.next(&replica, 1_000, 2, 40).2.count();
            messages += 1;
        }
        assert_eq!((sent + rest, messages), (500, 2), "of several messages most have come");
    }

    #[test]
    fn wishes_go_out_as_an_answer_can_hold_what_they_stand_for() {
        let (replica, _) = replica(3);
        let mut repair = repair(Vec::new(), (1..=12).collect());
        let next = |repair: &mut Repair| {
            let (asks, wanted, _) = repair.next(&replica, 1_000, 2, 40);
            (asks, wanted.iter().collect::<Vec<_>>())
        };
        assert_eq!(next(&mut repair), (Asks::End, (1..=5).collect()));
        assert_eq!(cover(&mut repair, 1, 5, true), Answered::Burst);
        assert_eq!(next(&mut repair), (Asks::End, (6..=10).collect()));
        // The end of the first answer once more, and the second in two parts, the last of which comes first.
        assert_eq!(cover(&mut repair, 1, 5, true), Answered::Nothing);
        assert_eq!(cover(&mut repair, 9, 10, true), Answered::InPart);
        assert_eq!(cover(&mut repair, 9, 10, false), Answered::Nothing);
        assert_eq!(cover(&mut repair, 6, 8, false), Answered::Burst);
        assert_eq!(next(&mut repair), (Asks::State, (11..=12).collect()));
        let state = State { digest: Digest::from_parts(12, 2), bytes: 96 };
        let (from, to) = (Bound::of_name(11, WISH), Bound::after_name(12, WISH));
        assert_eq!(repair.cover(from, to, true, Some(state)), Answered::Done(Some(state)));
    }

    #[test]
    fn elements_go_before_wishes_and_both_share_the_room() {
        let (replica, ids) = replica(100);
        let mut repair = repair(ids, (1..=1_000).collect());
        let (asks, wanted, elements) = repair.next(&replica, 1_000, 3, u64::MAX);
        assert_eq!(asks, Asks::Nothing);
        assert!(elements.count() == 100 && (1..1_000).contains(&wanted.count()), "{}", wanted.count());
        assert!((990..=1_000).contains(&(elements.encoded_len() + wanted.encoded_len())));
        // The next message of the burst goes on from there.
        let first = wanted.count() as u64 + 1;
        let (_, wanted, elements) = repair.next(&replica, 1_000, 3, u64::MAX);
        assert_eq!((elements.count(), wanted.iter().next()), (0, Some(first)));
    }

    #[test]
    fn of_bursts_of_several_messages_part_may_be_lost_unnoticed() {
        let (replica, ids) = replica(500);
        let mut repair = repair(ids, Vec::new());
        let mut whole = Vec::new();
        for window in [1, 2, 2, 1] {
            assert!(repair.next(&replica, 800, window, 40).2.count() > 0);
            whole.push(repair.is_acknowledged());
            if repair.begins_burst() {
                repair.cover(Bound::START, Bound::START, true, None);
            }
        }
        assert_eq!(whole, [true, true, false, false]);
    }

    #[test]
    fn a_burst_of_elements_alone_is_answered_at_the_very_beginning() {
        let (replica, ids) = replica(100);
        let mut repair = repair(ids, (1..=5).collect());
        let all = repair.next(&replica, 10_000, 1, u64::MAX);
        assert_eq!((all.0, all.1.count(), all.2.count()), (Asks::State, 5, 100));
        let room = all.2.encoded_len();
        repair.again();
        let (asks, wanted, elements) = repair.next(&replica, room, 1, u64::MAX);
        assert_eq!((asks, wanted.count(), elements.count()), (Asks::End, 0, 100));
        assert_eq!(repair.cover(Bound::START, Bound::START, true, None), Answered::Burst);
    }

    #[test]
    fn wishes_that_are_answered_early_are_not_asked_for_again() {
        let (replica, _) = replica(3);
        let mut repair = repair(Vec::new(), (1..=12).map(|wish| wish << 20).collect());
        let room = Ids::fill(&[1 << 20, 2 << 20, 3 << 20, 4 << 20], usize::MAX).encoded_len() + 1;
        let next = |repair: &mut Repair| {
            let (_, wanted, _) = repair.next(&replica, room, 3, u64::MAX);
            wanted.iter().map(|wish| wish >> 20).collect::<Vec<_>>()
        };
        assert_eq!(next(&mut repair), [1, 2, 3, 4]);
        assert_eq!(cover(&mut repair, 2 << 20, 3 << 20, false), Answered::InPart);
        assert_eq!(next(&mut repair), [5, 6, 7, 8]);
        assert_eq!(cover(&mut repair, 1 << 20, 8 << 20, false), Answered::InPart);
        assert_eq!(next(&mut repair), [9, 10, 11, 12]);
    }

    #[test]
    fn it_was_in_vain_if_both_digests_are_as_they_were() {
        let (one, other) = (Digest::from_parts(1, 1), Digest::from_parts(2, 2));
        let claim = Claim { unconfirmed: Some([one, other]), ..Claim::default() };
        let repair = Repair::new(claim, State { digest: other, bytes: 8 });
        let seen = [(one, other), (one, one), (other, other)].map(|(ours, theirs)| repair.was_in_vain(ours, theirs));
        assert_eq!(seen, [true, false, false]);
    }
}
