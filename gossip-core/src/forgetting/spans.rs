//! Items for messages, and the marks and gone dots of an interval.

use alloc::vec::Vec;
use core::ops::Range;

use super::changes::Change;
use super::{Forgetting, Item, Rule};
use crate::codec::Encode;
use crate::config::Room;
use crate::digest::Digest;
use crate::element::{Dot, Element, Entry, Fingerprint, Named, Rank, ReplicaId, Says};
use crate::set::{Held, Lacks, Stretch};
use crate::wire::{Bound, Dots, Elements, Place, WISH};

impl<K: Element + Ord, V: Element> Forgetting<K, V> {
    /// Fills a run with the entries of an interval, but for those `held`, as many as fit the room. Returns it with the bound
    /// up to which it is complete.
    pub(crate) fn page(&self, from: Bound, to: Bound, held: Held<'_>, room: Room) -> (Elements, Bound) {
        let is_held = |fingerprint: Fingerprint| match held {
            Held::Elements(held) => held.binary_search(&fingerprint).is_ok(),
            // Pages of maps list no ids.
            Held::Ids(_) => false,
        };
        let entries = self.between(from, to).filter(|(fingerprint, _)| !is_held(*fingerprint));
        let filled = Elements::fill(entries.map(|(_, entry)| entry), room);
        let rank = |entry: Entry<'_, Item<K, V>>| {
            let dot = entry.element.value().map(|item| item.dot);
            Rank::first(dot.map_or(Fingerprint::default(), |dot| self.fingerprint(Named::live(dot))))
        };
        let covered = match (filled.last, filled.left_out) {
            (_, None) => to,
            // Up to the one that does not fit beside the rest of the message: it goes alone then.
            (None, Some(next)) => Bound::At(rank(next)).max(from),
            (Some(last), Some(next)) => Bound::between(rank(last), rank(next)),
        };
        (filled.elements, covered)
    }

    /// As [`page`](Self::page) up to `reach`, but complete up to the next entry before `end`.
    pub(crate) fn page_to(&self, from: Bound, reach: Bound, end: Bound, room: Room) -> (Elements, Bound) {
        let (elements, covered) = self.page(from, reach, Held::NONE, room);
        let (Bound::At(reached), true) = (covered, covered >= reach && covered < end) else {
            return (elements, covered);
        };
        let next = self.between(covered, end).next().map(|(fingerprint, _)| Rank::first(fingerprint));
        (elements, next.map_or(end, |next| Bound::between(reached, next).min(Bound::At(next))))
    }

    /// Fills a run with the entries of these names, which have `width` bits less than ids, as many as fit the room. Returns
    /// it with the number of names that it completes: none where the first does not fit beside the rest of the message.
    pub(crate) fn named(&self, names: &[u64], width: u32, room: Room) -> (Elements, usize) {
        let filled = Elements::fill(names.iter().flat_map(|&name| self.of_name(name, width)), room);
        let taken = match filled.left_out {
            None => names.len(),
            Some(entry) => names.partition_point(|&name| name < entry.id >> width),
        };
        (filled.elements, taken)
    }

    /// Dots that went of late and that these wishes may have been for; ascending.
    pub(crate) fn went(&self, wishes: &[u64]) -> Vec<Dot> {
        let lacking = wishes.iter().copied().filter(|&wish| self.of_name(wish, WISH).next().is_none());
        let lacking: Vec<u64> = lacking.collect();
        if lacking.is_empty() {
            return Vec::new();
        }
        let id = |dot: Dot| self.fingerprint(Named::live(dot)).id;
        let mut went: Vec<Dot> =
            self.changes.went().filter(|&dot| lacking.binary_search(&(id(dot) >> WISH)).is_ok()).collect();
        went.sort_unstable();
        went
    }

    /// The marks in an interval, if they are asked for, and the exceptions that are gone, as many as fit so many bytes.
    /// Returns them with the bound up to which they are complete. A replica's id says where they are.
    pub(crate) fn context_between(&self, from: Bound, to: Bound, with_marks: bool, room: usize) -> (Dots, Dots, Bound) {
        let Bound::At(at) = from else { return (Dots::default(), Dots::default(), to) };
        let first = ReplicaId::from_bits(at.fingerprint.id >> 2);
        let marks =
            self.context.marks_from(first).filter(|_| with_marks).map(|dot| Named::mark(dot.replica, dot.counter));
        let gone = self.context.gone_from(Dot::new(first, 0)).map(Named::gone);
        let is_in = |named: &Named| from <= position(*named) && position(*named) < to;
        // Each takes a byte at least.
        let (marks, gone) =
            (marks.take_while(|named| position(*named) < to), gone.take_while(|named| position(*named) < to));
        let mut names: Vec<Named> =
            marks.filter(is_in).take(room + 1).chain(gone.filter(is_in).take(room + 1)).collect();
        names.sort_unstable_by_key(|named| position(*named));
        let of = |says: Says, names: &[Named]| {
            let dots: Vec<Dot> = names.iter().filter(|named| named.says == says).map(|named| named.dot).collect();
            let count = dots.len();
            let run = Dots::fill(dots, room / 2);
            (run.count() == count).then_some(run)
        };
        let mut taken = names.len();
        loop {
            if let (Some(marks), Some(gone)) = (of(Says::Mark, &names[..taken]), of(Says::Gone, &names[..taken])) {
                let reach = names.get(taken).map_or(to, |next| position(*next));
                return (marks, gone, reach);
            }
            taken -= (taken / 8).max(1);
        }
    }

    /// Our marks, as many as fit so many bytes.
    pub(crate) fn marks(&self, room: usize) -> Dots {
        let room = if self.breaks(Rule::TellGone) { 0 } else { room };
        Dots::fill(self.context.marks_from(ReplicaId::from_bits(0)), room)
    }

    /// Drops what is live here in an interval, is not among the entries that a peer holds there, and was seen by the peer,
    /// whose marks these are: so it is gone there. Returns the entries that went, and how many it looked at.
    pub(crate) fn drop_seen(
        &mut self,
        from: Bound,
        to: Bound,
        held: &[Fingerprint],
        marks: &[Dot],
    ) -> (Vec<Item<K, V>>, usize) {
        let has_seen = |dot: Dot| {
            let found = marks.binary_search_by_key(&dot.replica, |mark| mark.replica);
            found.is_ok_and(|found| dot.counter <= marks[found].counter)
        };
        let (mut looked_at, mut gone) = (0, Vec::new());
        for (fingerprint, entry) in self.between(from, to) {
            looked_at += 1;
            let dot = entry.element.value().map(|item| item.dot);
            let dot = dot.filter(|&dot| has_seen(dot) && held.binary_search(&fingerprint).is_err());
            gone.extend(dot.filter(|_| !self.breaks(Rule::Drop)));
        }
        (gone.into_iter().filter_map(|dot| self.see_gone(dot)).collect(), looked_at)
    }

    /// Entries of a name, which has `width` bits less than ids.
    fn of_name(&self, name: u64, width: u32) -> impl Iterator<Item = Entry<'_, Item<K, V>>> + Clone {
        let end = Bound::after_name(name, width);
        self.between(Bound::of_name(name, width), end).map(|(_, entry)| entry)
    }

    fn between(&self, from: Bound, to: Bound) -> impl Iterator<Item = (Fingerprint, Entry<'_, Item<K, V>>)> + Clone {
        let first = match from {
            // A bound with a tiebreak lies behind the only entry of its fingerprint.
            Bound::At(Rank { fingerprint, tie: 0 }) => Some(fingerprint),
            Bound::At(Rank { fingerprint, .. }) => {
                fingerprint.sort_key().checked_add(1).map(Fingerprint::from_sort_key)
            }
            Bound::End => None,
        };
        let entries = first.map(|first| self.live.range(first..)).into_iter().flatten();
        let entries = entries.take_while(move |(fingerprint, _)| Bound::At(Rank::first(**fingerprint)) < to);
        entries.filter_map(|(&fingerprint, &place)| {
            let element = self.changes.item(place)?.into();
            Some((fingerprint, Entry { id: fingerprint.id, element }))
        })
    }

    /// Fills a run with what has come in these parts of the log and is still there, and dots that went, in the order of the
    /// log, as much as fits the room.
    pub(crate) fn batch(&self, from: Place, parts: impl Iterator<Item = Range<usize>>, room: Room) -> Stretch {
        let (mut entries, mut went, mut bytes, mut to) = (Vec::new(), Vec::new(), 0, self.changes.end());
        for place in parts.flatten() {
            let change = self.changes.get(place);
            let (len, is_first) = (length(change), entries.is_empty() && went.is_empty());
            if len > 0 && bytes + len > room.of_many.saturating_sub(FRAME) && !is_first {
                to = place;
                break;
            }
            bytes += len;
            match change {
                Change::Came(item) => entries.push(Entry { id: 0, element: item.into() }),
                Change::Went(_) if self.breaks(Rule::PushGone) => {}
                Change::Went(dot) => went.push(*dot),
                Change::Hole => {}
            }
            // One that is too large for others beside it goes alone.
            if is_first && bytes > room.of_many.saturating_sub(FRAME) {
                to = place + 1;
                break;
            }
        }
        let tried = entries.len() + went.len();
        went.sort_unstable();
        let gone = Dots::fill(went, usize::MAX);
        let beside = if gone.count() > 0 { gone.encoded_len() } else { 0 };
        let elements = Elements::fill(entries.into_iter(), room.less(beside)).elements;
        Stretch { to: Place::new(to.max(from.index())), elements, tried, gone }
    }

    /// What another map lacks of ours, if it is as ours was some changes ago, and all that went since is known.
    pub(crate) fn lacks(&self, theirs: Digest) -> Option<Lacks> {
        let place = self.place_of(theirs.tag())?;
        (self.known_from() <= place && place < self.end()).then_some(Lacks::Since(place))
    }

    /// Fills a run with the entries that another map lacks, as many as fit the room. Returns it with the dots that went
    /// beside them, and what is left to give.
    pub(crate) fn lacking(&self, lacks: Lacks, room: Room) -> (Elements, Dots, Option<Lacks>) {
        let Lacks::Since(place) = lacks else { return (Elements::NONE, Dots::default(), None) };
        let Stretch { elements, gone, to, .. } =
            self.batch(place, core::iter::once(place.index()..self.end().index()), room);
        let left = (place < to && to < self.end()).then_some(Lacks::Since(to));
        (elements, gone, left)
    }

    /// Whether what has come and gone in these parts of the log takes at most `budget` bytes, and how many changes it took
    /// to know.
    pub(crate) fn fits(&self, parts: impl Iterator<Item = Range<usize>>, budget: usize) -> (bool, usize) {
        let (mut bytes, mut count) = (FRAME, 0);
        for place in parts.flatten() {
            (bytes, count) = (bytes + length(self.changes.get(place)), count + 1);
            if bytes > budget {
                return (false, count);
            }
        }
        (true, count)
    }

    /// From where on the log can be pushed.
    pub(crate) const fn known_from(&self) -> Place {
        Place::new(self.changes.known_from())
    }
}

/// What a run takes beside its entries at most, and a run of dots beside these.
const FRAME: usize = 16;

/// The most bytes that a change takes in a message.
fn length<K: Element, V: Element>(change: &Change<Item<K, V>>) -> usize {
    match change {
        Change::Came(item) => {
            let mut encoding = Vec::new();
            item.encode(&mut encoding);
            encoding.len() + 3
        }
        // Its replica, how many dots of it there are, and its counter.
        Change::Went(_) => 8 + 3 + 5,
        Change::Hole => 0,
    }
}

/// Where a mark or an exception is among intervals.
fn position(named: Named) -> Bound {
    let rest = if named.says == Says::Gone { u64::from(named.dot.counter) << 32 } else { 0 };
    let id = named.dot.replica.bits() << 2 | named.says as u64;
    Bound::At(Rank::first(Fingerprint { id, rest }))
}
