//! The answers to a peer's requests, built when they are sent.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::budget::{FOLDED, LOOKED_FOR, MEASURED, MESSAGE, PASSED};
use super::owed::{Owed, Question, Use};
use super::turn::Turn;
use crate::codec::Encode;
use crate::config::Room;
use crate::digest::Digest;
use crate::kind::Kind;
use crate::message::{Answer, Asks, Body, Head, Message, Nonce, Part, Tells, Told, longest};
use crate::round::need;
use crate::round::policy::DEEP_BITS;
use crate::round::strategy::{self, MOST_NAMES, cells_for_known_difference};
use crate::set::{Held, RECENT};
use crate::sketch::Tables;
use crate::wire::{Bound, Cells, Dots, Elements, Ids, Place, WISH};

/// The most listed ids that are looked for at once: 2 to 3 ms.
const MOST_LOOKED_FOR: usize = 1 << 15;

/// The fewest bytes that a wished-for element takes in a message, save for a few.
const WISHED: usize = 4;

impl<P: Clone + Ord, S: Kind> Turn<'_, P, S> {
    /// The next message to the peer, if there is one. The peer queues again while there is more.
    pub(super) fn next_message(&mut self) -> Option<Message<S::Element>> {
        self.peer.ready.hand_back();
        // What waits is no bytes yet. It goes once the transport is free, built from what is held by then.
        if self.peer.flow.is_full() {
            return None;
        }
        // Where an answer is owed, this message is that, and a request keeps until the next one.
        if !self.peer.owed.as_deref().is_some_and(Owed::is_due) {
            self.ask_again();
        }
        // An overdrawn peer is sent nothing at all, requests of ours included: what we would ask draws us into work
        // too.
        if self.rests() {
            self.await_answer();
            return None;
        }
        // An answer first, since the peer waits for it. Then fresh elements: a probe before them would find a
        // difference that is about to vanish.
        let (body, is_fresh) = match self.owed() {
            Some(owed) => (Some(self.answer(owed)), false),
            None => match self.push() {
                Some((body, is_fresh)) => (Some(body), is_fresh),
                None => (self.ask(), false),
            },
        };
        // To the end of the queue, so that a long answer takes turns with the messages to other peers.
        if self.has_to_send() {
            self.enqueue();
        } else {
            self.await_answer();
        }
        let message = Message::with(body?, self.remarks());
        let (kind, len) = (message.kind(), message.encoded_len());
        self.count(|ledger| ledger.sent.count(kind, len));
        // What is pushed for the first time is our own doing, whoever gets it.
        if !is_fresh {
            self.spend(MESSAGE + len as u64);
        }
        let limit =
            if message.body.elements().count() == 1 { self.config.single_limit() } else { self.config.message_limit() };
        debug_assert!(len <= limit, "{message:?} is over the budget");
        Some(message)
    }

    /// The batch that is due to the peer, if there is one, and whether its elements go out for the first time.
    fn push(&mut self) -> Option<(Body, bool)> {
        let room = self.room(longest::PUSH);
        let (config, now, end) = (self.config, self.now, self.set.end());
        let mut link = Self::link_of(self.hand.as_mut(), self.peer, config, now, end)?;
        let (pushed, wishes) = link.next_batch(self.set, room)?;
        self.grant(wishes);
        self.gone.extend(pushed.gone.as_slice());
        let is_bare = pushed.batch.elements.count() + pushed.gone.count() == 0;
        let is_fresh = pushed.is_fresh();
        if !is_fresh {
            self.spend(MEASURED * pushed.measured as u64 + PASSED * pushed.tried as u64);
        }
        self.count(|ledger| {
            ledger.bare_pushes += u64::from(is_bare);
            ledger.resent += u64::from(pushed.again);
        });
        Some((Body::Push { tag: self.set.tag(), batch: pushed.batch.into() }, is_fresh))
    }

    /// Takes the answer that we owe, as far as digests decide what it is: a probe may tell what the peer lacks, or that a
    /// round of ours costs less than an answer. `None` if there is none, or a round of ours begins instead.
    fn owed(&mut self) -> Option<Owed> {
        let owed = *self.peer.owed.take_if(|owed| owed.is_due())?;
        let Owed::Verdict { nonce, on: Question::Probe { digest: theirs, turns }, ref use_of_cells } = owed else {
            return Some(owed);
        };
        if self.fits_an_answer(self.set.digest().count().saturating_sub(theirs.count()))
            && let Some(lacks) = self.lacks(theirs)
        {
            return Some(Owed::Lacking { nonce, lacks, window: self.config.window.get() });
        }
        if turns && self.peer.round.is_none() && self.turns_round(nonce, theirs, *use_of_cells != Use::None) {
            self.want_round();
            return None;
        }
        Some(owed)
    }

    /// The next message of an answer that we owe. The rest stays owed.
    fn answer(&mut self, owed: Owed) -> Body {
        let (nonce, answer, rest) = match owed {
            Owed::Verdict { nonce, on, use_of_cells } => {
                let answer = self.verdict(nonce, on, &use_of_cells);
                let mut rest = None;
                if let Answer::Cells { part: Part::Head(head), cells } = &answer {
                    self.tell();
                    let (place, next, window) = (self.set.end(), cells.count(), self.config.window.get() - 1);
                    if let Tells::Seen { follow: follow @ 1.., .. } = head.tells {
                        rest = Some(Owed::Cells { nonce, place, next, end: next + follow, window });
                    }
                }
                (nonce, answer, rest)
            }
            Owed::Lacking { nonce, lacks, window } => {
                let (elements, gone, left) = self.set.lacking(lacks, self.room(longest::GIVE + longest::STATE));
                self.gone.extend(gone.as_slice());
                let last = window <= 1 || left.is_none();
                let is_first = window == self.config.window.get();
                let state = match left {
                    _ if !last => Told::Nothing,
                    // 14 bytes fewer of 44: the peer adds up what it has probed and what this message has. Of a map that would
                    // not do.
                    None if is_first && !S::FORGETS => Told::Tag(self.set.digest().tag()),
                    _ => Told::State(self.set.state()),
                };
                if last {
                    self.tell();
                }
                let rest = left.map(|lacks| Owed::Lacking { nonce, lacks, window: window.saturating_sub(1) });
                let (from, to) = (Bound::START, Bound::START);
                (
                    nonce,
                    Answer::Give { tag: self.set.tag(), from, to, last, state, wanted: None, elements },
                    rest.filter(|_| !last),
                )
            }
            Owed::Sketch { nonce, state, next, count } => {
                // Once per request: after this the place stands for the state, however many messages its cells take.
                let found = self.look_for(nonce, state, next, count);
                return self.answer(found);
            }
            Owed::Cells { nonce, place, next, end, window } => {
                let (answer, reached, last) = self.cells(place, next, end, window);
                let rest = Owed::Cells { nonce, place, next: reached, end, window: window.saturating_sub(1) };
                (nonce, answer, (!last).then_some(rest))
            }
            Owed::Wanted { nonce, wishes, more, next, window, asks } => {
                self.wanted(nonce, wishes, more, next, window, asks)
            }
            Owed::Page { nonce, cursor, to, held, window, wants_state } => {
                let (answer, covered, last) = self.page(cursor, to, held.as_held(), window, wants_state);
                let rest = Owed::Page { nonce, cursor: covered, to, held, window: window - 1, wants_state };
                (nonce, answer, (!last).then_some(rest))
            }
        };
        self.peer.owed = rest.map(Box::new);
        Body::Answer { nonce, answer }
    }

    /// Notes that the peer is told our state, of which it may want cells.
    fn tell(&mut self) {
        self.peer.told = Some((self.set.digest().tag(), self.set.end()));
    }

    /// Our state, if the answer is to tell it.
    fn tell_state(&mut self, wanted: bool) -> Told {
        if !wanted {
            return Told::Nothing;
        }
        self.tell();
        Told::State(self.set.state())
    }

    /// Cells of our sketch at `place`, from `next` on, as many as fit. Returns the cell that they end before, and
    /// whether the answer ends with them.
    fn cells(&mut self, place: Place, next: usize, end: usize, window: u16) -> (Answer, usize, bool) {
        let room = self.room(longest::CELLS).of_many;
        let fitting = Cells::within(S::WIDTH, room).min(end.saturating_sub(next));
        self.lengthen(next + fitting);
        let cells = self.set.cells(next..next + fitting, place).unwrap_or_default();
        // Each message folds the table anew: a cursor is kept between two of them, never cells.
        let folded = self.set.tables().map_or(0, |tables| tables.covering(next + fitting).len() / FOLDED);
        self.spend(folded as u64 + PASSED * self.set.end().since(place) as u64);
        let reached = next + cells.len();
        // Without cells there is nothing to go on with: the end tells the peer not to wait.
        let last = window <= 1 || cells.is_empty() || reached >= end;
        (Answer::Cells { part: Part::After { from: next, last }, cells: Cells::new(S::WIDTH, &cells) }, reached, last)
    }

    /// Our elements of these wishes, from the one at `next` on, as many as fit; and what of the answer stays owed.
    fn wanted(
        &mut self,
        nonce: Nonce,
        mut wishes: Vec<u64>,
        more: bool,
        mut next: usize,
        window: u16,
        asks: Asks,
    ) -> (Nonce, Answer, Option<Owed>) {
        let limit = self.config.message_limit();
        let mut work = 0;
        if more {
            // Sorted here and not in `receive`: a burst may bring 2^17 wishes in many messages, and one sort does for
            // all.
            wishes.drain(..next);
            wishes.sort_unstable();
            wishes.dedup();
            next = 0;
            work += PASSED * wishes.len() as u64;
        }
        let remaining = wishes.get(next..).unwrap_or_default();
        // Wishes that nobody fills leave no bytes, so room alone would not end the search: a burst of 2^20 of them took
        // 0.1 to 0.7 s in one poll.
        let most = remaining.len().min(limit / WISHED);
        let room = self.room(longest::GIVE + longest::STATE);
        let mut room = self.tell_stale(room);
        if S::FORGETS {
            let gone = Dots::fill(self.set.went(&remaining[..most]), room.of_many / 4);
            room = self.say_gone(&gone, room);
        }
        let (elements, taken) = self.set.named(&remaining[..most], WISH, room);
        // The interval says which wishes are answered, those that have no element here included.
        let from = remaining.first().map_or(Bound::START, |&wish| Bound::of_name(wish, WISH));
        let end = taken.checked_sub(1).and_then(|last| remaining.get(last));
        let to = end.map_or(from, |&wish| Bound::after_name(wish, WISH));
        let all = taken == remaining.len();
        self.spend(work + LOOKED_FOR * taken as u64);
        let last = window <= 1 || all;
        let state = self.tell_state(last && asks == Asks::State);
        let (next, window) = (next + taken, window.saturating_sub(1));
        let rest = (!last).then_some(Owed::Wanted { nonce, wishes, more: false, next, window, asks });
        // Where the window ends before the wishes, what remains has to be wished for again.
        let last = last && (asks != Asks::Nothing || !all);
        (nonce, Answer::Give { tag: self.set.tag(), from, to, last, state, wanted: None, elements }, rest)
    }

    /// Our elements in an interval that are not `held` there, and what of that we lack, as many as fit. Returns the bound
    /// that they reach, and whether the answer ends with them.
    fn page(
        &mut self,
        cursor: Bound,
        to: Bound,
        held: Held<'_>,
        window: u16,
        wants_state: bool,
    ) -> (Answer, Bound, bool) {
        let end = if wants_state { longest::STATE } else { 0 };
        let whole = self.room(longest::GIVE);
        let whole = self.tell_stale(whole);
        let room = whole.less(if window == 1 { end } else { 0 });
        let (mut wanted, reach) = match held {
            Held::Ids(ids) => self.wanted_of(ids, cursor, to, room),
            Held::Elements(_) => (Ids::NONE, to),
        };
        let (mut beside, reach) = self.context_beside(cursor, reach, room);
        let (mut elements, mut covered) = self.set.page(cursor, reach, held, room.less(beside + wanted.encoded_len()));
        if S::FORGETS && covered == cursor && cursor < reach {
            // One that is too large beside marks goes with those of its own place, which are hardly any.
            let alone = cursor.next().min(reach);
            (beside, _) = self.context_beside(cursor, alone, room);
            (elements, covered) = self.set.page(cursor, alone, held, room.less(beside));
        }
        if S::FORGETS {
            let (marks, gone, _) = self.set.context_between(cursor, covered, true, room.of_many / 2);
            self.say_marks(&marks, room);
            self.say_gone(&gone, room);
        }
        if covered < reach {
            let ids: Vec<u64> = wanted.iter().take_while(|&id| Bound::of_name(id, WISH) < covered).collect();
            wanted = Ids::fill(&ids, room.of_many / 2);
        }
        // Elements that both hold leave no bytes either, and a page may list thousands.
        self.spend(PASSED * held.before(covered).saturating_sub(held.before(cursor)) as u64);
        // An answer that has to end with the state goes on in another message if the state does not fit behind this
        // page.
        let len = beside + wanted.encoded_len() + elements.encoded_len() + cursor.excess() + covered.excess();
        let last = window == 1 || (covered == to && len + end <= whole.of_many);
        let state = self.tell_state(last && wants_state);
        let wanted = (wanted.count() > 0).then(|| wanted.into());
        (Answer::Give { tag: self.set.tag(), from: cursor, to: covered, last, state, wanted, elements }, covered, last)
    }

    /// The bytes of marks and gone dots of an interval, and the bound up to which they fit half of the room.
    fn context_beside(&self, cursor: Bound, reach: Bound, room: Room) -> (usize, Bound) {
        if !S::FORGETS {
            return (0, reach);
        }
        let (marks, gone, reach) = self.set.context_between(cursor, reach, true, room.of_many / 2);
        (marks.encoded_len() + gone.encoded_len(), reach)
    }

    /// Those of the listed ids in an interval that none of our elements has, as many as fit half of the room. Returns them
    /// with the bound up to which they are complete.
    fn wanted_of(&mut self, ids: &[u64], cursor: Bound, to: Bound, room: Room) -> (Ids, Bound) {
        // No further than elements reach in one message: a page lists tens of thousands, and to look for all of them in each
        // message of its answer took four fifths of the work of a first meeting of 10^6 elements of 32 bytes.
        let (_, reach) = self.set.page(cursor, to, Held::Ids(ids), room);
        let held = Held::Ids(ids);
        // One whose interval an earlier message has begun may be wanted once more.
        let ids = &ids[ids.partition_point(|&id| Bound::after_name(id, WISH) <= cursor)..held.before(reach)];
        let looked_for = ids.len().min(MOST_LOOKED_FOR);
        self.spend(LOOKED_FOR * looked_for as u64);
        let unknown = self.set.unknown(ids, looked_for);
        let wanted = Ids::fill(&unknown, room.of_many / 2);
        let reach = match (unknown.get(wanted.count()), ids.get(looked_for)) {
            (Some(&next), _) | (None, Some(&next)) => Bound::of_name(next, WISH).max(cursor).min(reach),
            (None, None) => reach,
        };
        (wanted, reach)
    }

    /// Looks up the state whose cells are asked for. Returns what is owed: those cells or, if we have forgotten the
    /// state, a verdict, which begins a new sketch.
    fn look_for(&mut self, nonce: Nonce, state: u64, next: usize, count: usize) -> Owed {
        let longest = self.policy().map(|_| Tables::longest_for(self.set.len()));
        // At 2 000 inserts a second and half a second of round trip, a state is 1 024 inserts old when more of its cells
        // are asked for: without this, each request would begin another sketch and none be read.
        let end = self.set.end();
        let told = self.peer.told.filter(|&(tag, place)| tag == state && end.since(place) <= MOST_NAMES);
        let place = told.map(|(_, place)| place).or_else(|| self.set.place_of(state));
        let looked_at = place.map_or(RECENT, |place| self.set.end().since(place));
        self.spend(PASSED * looked_at as u64);
        // The end is clipped to the cells that sets as large as ours may take, so a peer's numbers size nothing.
        match (longest, place) {
            (Some(longest), Some(place)) => {
                let (end, window) = ((next + count).min(longest), self.config.window.get());
                self.lengthen(end);
                Owed::Cells { nonce, place, next, end, window }
            }
            _ => Owed::Verdict { nonce, on: Question::Cells, use_of_cells: Use::Some },
        }
    }

    /// A proof if both digests are equal; else whatever may cost least: our whole set, first cells or, where pages do,
    /// our state alone.
    pub(super) fn verdict(&mut self, nonce: Nonce, on: Question, use_of_cells: &Use) -> Answer {
        let state = self.set.state();
        let (theirs, equal) = match on {
            Question::Probe { digest, .. } => (Some(digest), digest == state.digest),
            Question::Repair(theirs) => (None, theirs == state.digest.tag()),
            Question::Cells => (None, false),
        };
        // To a probe even if both digests are equal: what inserts and pushes have left to do is done before anything differs.
        if theirs.is_some() {
            self.set.settle();
        }
        if equal {
            return Answer::Proof { state: state.digest.tag() };
        }
        // Only a probe may earn the whole set: in any other step the peer would ignore it.
        if theirs.is_some() && self.is_tiny() {
            let room = self.config.room(longest::PAGE);
            let (elements, to) = self.set.page(Bound::START, Bound::End, Held::NONE, room);
            if to == Bound::End {
                return Answer::Whole { tag: self.set.tag(), elements };
            }
        }
        if let Some(answer) = self.first_cells(nonce, theirs, use_of_cells) {
            return answer;
        }
        // The peer sees our bytes and count, and walks.
        Answer::Give {
            tag: self.set.tag(),
            from: Bound::START,
            to: Bound::START,
            last: true,
            state: Told::State(state),
            wanted: None,
            elements: Elements::NONE,
        }
    }

    /// The first cells of our sketch: as many as it seems to take, if a peer with this digest has told that; else a few,
    /// with deep bits that tell how many more. `None` where pages cost less.
    fn first_cells(&mut self, nonce: Nonce, theirs: Option<Digest>, use_of_cells: &Use) -> Option<Answer> {
        let (policy, state, width) = (self.policy()?, self.set.state(), S::WIDTH);
        let seen = match (use_of_cells, theirs) {
            (Use::None, _) => return None,
            (Use::Told(deep), Some(theirs)) => Some(self.estimate(deep, theirs)?),
            _ => None,
        };
        let may_be = |theirs| strategy::may_be_sketched(state, theirs, seen, width, Some(policy));
        if !theirs.is_none_or(may_be) {
            // What is seen decides what the pages list.
            let part =
                Part::Head(Head { state, tells: Tells::Seen { differences: seen?.differences, follow: 0 } }.into());
            return Some(Answer::Cells { part, cells: Cells::new(width, &[]) });
        }
        let head = policy.head(state.digest.count());
        // A known difference needs no deep bits, which are 64 of the 372 bytes of a first answer.
        let known = theirs.and_then(|theirs| self.cells_for_known_difference(nonce, theirs));
        // A peer that tells deep bits knows nothing of us: what we know is of a former life of it.
        let known = known.filter(|_| seen.is_none());
        // No cells where the counts alone say that these cannot be read: it may yet come to pages, and they would be
        // lost.
        let floor = theirs.map_or(0, |theirs| theirs.count().abs_diff(state.digest.count()));
        let few = if need(floor) > head { 0 } else { head };
        let likely = || Some(strategy::first_answer(policy, state, theirs?, width, seen?));
        let whole = known.or_else(likely).unwrap_or(few);
        self.lengthen(whole);
        let tables = self.set.tables()?;
        let (mut tells, len) = match (known, seen) {
            (Some(_), _) => (Tells::Nothing, 0),
            (None, Some(seen)) => (Tells::Seen { differences: seen.differences, follow: 0 }, longest::SEEN),
            (None, None) => (Tells::Bits(tables.covering(whole).deep_bits(DEEP_BITS)), DEEP_BITS.encoded_len()),
        };
        let room = self.room(longest::HEAD_OF_CELLS + len).of_many;
        let count = whole.min(Cells::within(width, room));
        if let Tells::Seen { follow, .. } = &mut tells
            && self.config.window.get() > 1
        {
            *follow = whole - count;
        }
        let cells = tables.covering(count).sequence(0..count).unwrap_or_default();
        Some(Answer::Cells { part: Part::Head(Head { state, tells }.into()), cells: Cells::new(width, &cells) })
    }

    /// The number of cells of a first answer to a peer that had a proof with us and so knows all but few of our
    /// elements. `None` for other peers, and in the middle of a round, where these cells were not enough.
    pub(super) fn cells_for_known_difference(&self, nonce: Nonce, theirs: Digest) -> Option<usize> {
        let policy = self.policy().filter(|_| !S::FORGETS)?;
        let (place, learned) = self.peer.known.since_proof(theirs.count()).filter(|_| nonce.begins_round())?;
        let inserted = self.set.end().checked_since(place)? as u64;
        cells_for_known_difference(policy, S::WIDTH, self.set.digest().count(), inserted, learned)
    }

    /// Whether our set goes out whole in answer to a probe of another digest.
    pub(super) fn is_tiny(&self) -> bool {
        // A whole map would tell no marks.
        !S::FORGETS && strategy::is_tiny(self.set.state(), S::WIDTH, self.policy(), self.config.message_limit())
    }
}
