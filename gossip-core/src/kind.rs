//! `Kind`: what the machine asks of a set, whichever kind it is.

use alloc::vec::Vec;
use core::ops::Range;

use crate::config::Room;
use crate::digest::{Digest, State};
use crate::element::{ClusterTag, Element, Fingerprint};
use crate::error::Reject;
use crate::forgetting::{Causal, Dot, Forgetting, Item, ReplicaId};
use crate::message::Remarks;
use crate::round::claim::Claim;
use crate::set::{Excerpt, Held, Lacks, Merged, Set, Stretch};
use crate::sketch::{Cell, IdWidth, Name, Prefix, Tables, WideName};
use crate::wire::{Bound, Dots, Elements, Ids, Place};

/// A kind of set: all that the machine, its rounds and its pushes ask of what they compare.
///
/// [`Set`] only grows, [`Forgetting`] forgets. There is one protocol and one machine, over this. What one kind alone can do has an answer here
/// for the others: nothing.
pub(crate) trait Kind {
    /// What its messages hold.
    type Element: Element;
    /// What its sketch knows an element by.
    type Name: Name;
    /// Width of names.
    const WIDTH: IdWidth;
    /// Whether it forgets: its messages end with remarks, and its counts are no places.
    const FORGETS: bool = false;

    /// How many elements are held.
    fn len(&self) -> usize;
    /// End of the log.
    fn end(&self) -> Place;
    fn digest(&self) -> Digest;
    fn state(&self) -> State;
    fn tag(&self) -> ClusterTag;
    /// Whether some elements share an id.
    fn shares_ids(&self) -> bool;

    /// The sketch, if there is one.
    fn tables(&self) -> Option<&Tables<Self::Name>>;
    /// Brings the sketch up to date, before it is sent or read.
    fn settle(&mut self);
    /// Has a sketch of at least so many cells at hand. Returns whether it had to be built, of all elements.
    fn lengthen(&mut self, cells: usize) -> bool;
    /// Gives up a sketch that is longer than the one it keeps.
    fn shorten(&mut self);

    /// Merges the elements of a message. If one of them is refused, none is merged.
    fn merge(&mut self, elements: &Elements, remarks: &Remarks) -> Result<Merged<Self::Element>, Reject>;
    /// Inserts the numbers with these names, and returns those that were not held.
    fn insert_numbers(&mut self, names: &[u64]) -> Vec<Self::Element>;

    /// What a set of this digest lacks of ours, if the digest tells.
    fn lacks(&self, theirs: Digest) -> Option<Lacks>;
    /// The name of the number that a set of this digest has and ours lacks, if that is all that the two differ by.
    fn lacked(&self, theirs: Digest) -> Option<u64>;
    /// Fills a run with what another set lacks, as much as fits the room. Returns it with what is left to give.
    fn lacking(&self, lacks: Lacks, room: Room) -> (Elements, Option<Lacks>);
    /// Names of what another set lacks, ascending.
    fn names_lacking(&self, lacks: Lacks) -> Vec<u64>;

    /// End of the log when the digest had this tag; `None` if that is too long ago, or never was.
    fn place_of(&self, tag: u64) -> Option<Place>;
    /// Cells of the sketch as they were when the log ended at `place`; `None` if there are not as many.
    fn cells(&self, range: Range<usize>, place: Place) -> Option<Vec<Cell>>;
    /// Subtracts the set, as it was when the log ended at `place`, from a peer's first cells.
    fn subtract(&self, cells: &[Cell], place: Place) -> Option<Prefix>;
    /// Names of what has changed since the log ended at `place`.
    fn names_since(&self, place: Place) -> impl Iterator<Item = Self::Name>;
    /// Names of what was inserted since then, but for elements of these fingerprints; all ascend.
    fn names_since_but(&self, place: Place, held: &[Fingerprint]) -> Vec<u64>;
    /// The claim that these names differ, if our set with that difference has the peer's digest.
    fn confirm(&self, names: &[Self::Name], width: IdWidth, theirs: Digest) -> Option<Claim>;

    /// Fills a run with the elements of an interval, but for those `held`.
    fn page(&self, from: Bound, to: Bound, held: Held<'_>, room: Room) -> (Elements, Bound);
    /// As [`page`](Self::page) up to `reach`, but complete up to the next element before `end`.
    fn page_to(&self, from: Bound, reach: Bound, end: Bound, room: Room) -> (Elements, Bound);
    /// The first 32 bits of the ids from a bound to `reach`, as many as fit so many bytes.
    fn listed(&self, from: Bound, reach: Bound, end: Bound, room: usize) -> (Ids, Bound);
    /// Those of such ids that no element has, of the first `most`.
    fn unknown(&self, ids: &[u64], most: usize) -> Vec<u64>;
    /// Names of the elements of such ids, ascending.
    fn names_of(&self, ids: &[u64]) -> Vec<u64>;
    /// Names of the elements, but for those that a peer holds, which has listed all its elements.
    fn names_except(&self, held: &[Fingerprint]) -> Vec<u64>;
    /// Of the fingerprints of all elements that a peer holds in an interval: those that no further element has there.
    fn told_apart(&self, held: Vec<Fingerprint>, from: Bound, to: Bound) -> Vec<Fingerprint>;
    /// Fills a run with the elements of these names, which have `width` bits less than ids. Returns it with the number of
    /// names that it completes.
    fn named(&self, names: &[u64], width: u32, room: Room) -> (Elements, usize);

    /// Goes on with an excerpt, by these parts of the log, until its encodings take more than `most` bytes.
    fn look_on(&self, excerpt: &mut Excerpt, parts: impl Iterator<Item = Range<usize>>, most: usize);
    /// Fills a run with the elements of these parts of the log.
    fn batch(
        &self,
        from: Place,
        parts: impl Iterator<Item = Range<usize>> + Clone,
        room: Room,
        shared: &Excerpt,
    ) -> Stretch;
    /// Whether the elements of these parts of the log take at most `budget` bytes, and how many it took to know.
    fn fits(&self, parts: impl Iterator<Item = Range<usize>>, budget: usize) -> (bool, usize);

    /// Takes over what is gone at a peer, by a claim. Returns the elements that went.
    fn take_over(&mut self, _causal: &Causal) -> Vec<Self::Element> {
        Vec::new()
    }
    /// Raises marks to those of a state that was read, once each dot that was wished for is seen.
    fn adopt(&mut self, _causal: &Causal) {}
    /// Raises marks to those that came with a question for a verdict, if the digest with them has the asker's tag.
    fn adopt_if(&mut self, _marks: &[Dot], _tag: u64) {}
    /// Raises marks to those that a walk was told, if what is live here is what is live there.
    fn adopt_told(&mut self, _marks: &[Dot], _gone: &[Dot], _theirs: Digest) {}
    /// Our marks of these replicas that are above those of a peer.
    fn marks_above(&self, _theirs: &[(ReplicaId, u32)]) -> Vec<Dot> {
        Vec::new()
    }
    /// The marks of a peer that has told all, with 0 for each replica of ours that it has none of.
    fn beside(&self, _told: &[Dot]) -> Vec<(ReplicaId, u32)> {
        Vec::new()
    }
    /// From where on the log can be pushed: of what went before, another peer is told by a round.
    fn known_from(&self) -> Place {
        Place::START
    }
    /// Dots that went of late and that these wishes may have been for.
    fn went(&self, _wishes: &[u64]) -> Vec<Dot> {
        Vec::new()
    }
    /// The marks, if asked for, and the gone dots beyond them in an interval, as many as fit so many bytes.
    fn context_between(&self, _from: Bound, to: Bound, _with_marks: bool, _room: usize) -> (Dots, Dots, Bound) {
        (Dots::default(), Dots::default(), to)
    }
}

impl<E: Element> Kind for Set<E> {
    type Element = E;
    type Name = u64;
    const WIDTH: IdWidth = Self::WIDTH;

    #[inline]
    fn len(&self) -> usize {
        self.len()
    }

    #[inline]
    fn end(&self) -> Place {
        self.end()
    }

    #[inline]
    fn digest(&self) -> Digest {
        self.digest()
    }

    #[inline]
    fn state(&self) -> State {
        self.state()
    }

    #[inline]
    fn tag(&self) -> ClusterTag {
        self.tag()
    }

    #[inline]
    fn shares_ids(&self) -> bool {
        self.shares_ids()
    }

    #[inline]
    fn tables(&self) -> Option<&Tables<u64>> {
        self.tables()
    }

    #[inline]
    fn settle(&mut self) {
        self.settle()
    }

    #[inline]
    fn lengthen(&mut self, cells: usize) -> bool {
        self.lengthen(cells)
    }

    #[inline]
    fn shorten(&mut self) {
        self.shorten()
    }

    #[inline]
    fn merge(&mut self, elements: &Elements, _: &Remarks) -> Result<Merged<E>, Reject> {
        self.merge(elements)
    }

    #[inline]
    fn insert_numbers(&mut self, names: &[u64]) -> Vec<E> {
        self.insert_numbers(names)
    }

    #[inline]
    fn lacks(&self, theirs: Digest) -> Option<Lacks> {
        self.lacks(theirs)
    }

    #[inline]
    fn lacked(&self, theirs: Digest) -> Option<u64> {
        self.lacked(theirs)
    }

    #[inline]
    fn lacking(&self, lacks: Lacks, room: Room) -> (Elements, Option<Lacks>) {
        self.lacking(lacks, room)
    }

    #[inline]
    fn names_lacking(&self, lacks: Lacks) -> Vec<u64> {
        self.names_lacking(lacks)
    }

    #[inline]
    fn place_of(&self, tag: u64) -> Option<Place> {
        self.place_of(tag)
    }

    #[inline]
    fn cells(&self, range: Range<usize>, place: Place) -> Option<Vec<Cell>> {
        self.cells(range, place)
    }

    #[inline]
    fn subtract(&self, cells: &[Cell], place: Place) -> Option<Prefix> {
        self.subtract(cells, place)
    }

    #[inline]
    fn names_since(&self, place: Place) -> impl Iterator<Item = u64> {
        self.names_since(place)
    }

    #[inline]
    fn names_since_but(&self, place: Place, held: &[Fingerprint]) -> Vec<u64> {
        self.names_since_but(place, held)
    }

    #[inline]
    fn confirm(&self, names: &[u64], width: IdWidth, theirs: Digest) -> Option<Claim> {
        Claim::confirm(self, names, width, theirs)
    }

    #[inline]
    fn page(&self, from: Bound, to: Bound, held: Held<'_>, room: Room) -> (Elements, Bound) {
        self.page(from, to, held, room)
    }

    #[inline]
    fn page_to(&self, from: Bound, reach: Bound, end: Bound, room: Room) -> (Elements, Bound) {
        self.page_to(from, reach, end, room)
    }

    #[inline]
    fn listed(&self, from: Bound, reach: Bound, end: Bound, room: usize) -> (Ids, Bound) {
        self.listed(from, reach, end, room)
    }

    #[inline]
    fn unknown(&self, ids: &[u64], most: usize) -> Vec<u64> {
        self.unknown(ids, most)
    }

    #[inline]
    fn names_of(&self, ids: &[u64]) -> Vec<u64> {
        self.names_of(ids)
    }

    #[inline]
    fn names_except(&self, held: &[Fingerprint]) -> Vec<u64> {
        self.names_except(held)
    }

    #[inline]
    fn told_apart(&self, held: Vec<Fingerprint>, from: Bound, to: Bound) -> Vec<Fingerprint> {
        self.told_apart(held, from, to)
    }

    #[inline]
    fn named(&self, names: &[u64], width: u32, room: Room) -> (Elements, usize) {
        self.named(names, width, room)
    }

    #[inline]
    fn look_on(&self, excerpt: &mut Excerpt, parts: impl Iterator<Item = Range<usize>>, most: usize) {
        self.look_on(excerpt, parts, most)
    }

    #[inline]
    fn batch(
        &self,
        from: Place,
        parts: impl Iterator<Item = Range<usize>> + Clone,
        room: Room,
        shared: &Excerpt,
    ) -> Stretch {
        self.batch(from, parts, room, shared)
    }

    #[inline]
    fn fits(&self, parts: impl Iterator<Item = Range<usize>>, budget: usize) -> (bool, usize) {
        self.fits(parts, budget)
    }
}

impl<K: Element + Ord, V: Element> Kind for Forgetting<K, V> {
    type Element = Item<K, V>;
    type Name = WideName;
    const WIDTH: IdWidth = Self::WIDTH;
    const FORGETS: bool = true;

    fn len(&self) -> usize {
        self.live_count()
    }

    fn end(&self) -> Place {
        self.end()
    }

    fn digest(&self) -> Digest {
        self.digest()
    }

    fn state(&self) -> State {
        self.state()
    }

    fn tag(&self) -> ClusterTag {
        self.tag()
    }

    fn shares_ids(&self) -> bool {
        false
    }

    fn tables(&self) -> Option<&Tables<WideName>> {
        self.tables()
    }

    fn settle(&mut self) {
        self.settle();
    }

    fn lengthen(&mut self, cells: usize) -> bool {
        self.lengthen(cells)
    }

    fn shorten(&mut self) {
        self.shorten();
    }

    fn merge(&mut self, elements: &Elements, remarks: &Remarks) -> Result<Merged<Item<K, V>>, Reject> {
        self.merge(elements, remarks)
    }

    fn insert_numbers(&mut self, _: &[u64]) -> Vec<Item<K, V>> {
        Vec::new()
    }

    fn lacks(&self, _: Digest) -> Option<Lacks> {
        None
    }

    fn lacked(&self, _: Digest) -> Option<u64> {
        None
    }

    fn lacking(&self, _: Lacks, _: Room) -> (Elements, Option<Lacks>) {
        (Elements::NONE, None)
    }

    fn names_lacking(&self, _: Lacks) -> Vec<u64> {
        Vec::new()
    }

    fn place_of(&self, tag: u64) -> Option<Place> {
        self.place_of(tag)
    }

    fn cells(&self, range: Range<usize>, place: Place) -> Option<Vec<Cell>> {
        self.cells(range, place)
    }

    fn subtract(&self, cells: &[Cell], place: Place) -> Option<Prefix> {
        self.subtract(cells, place)
    }

    fn names_since(&self, place: Place) -> impl Iterator<Item = WideName> {
        self.names_since(place)
    }

    fn names_since_but(&self, _: Place, _: &[Fingerprint]) -> Vec<u64> {
        Vec::new()
    }

    fn confirm(&self, names: &[WideName], width: IdWidth, theirs: Digest) -> Option<Claim> {
        self.confirm(names, width, theirs)
    }

    fn page(&self, from: Bound, to: Bound, held: Held<'_>, room: Room) -> (Elements, Bound) {
        self.page(from, to, held, room)
    }

    fn page_to(&self, from: Bound, reach: Bound, end: Bound, room: Room) -> (Elements, Bound) {
        self.page_to(from, reach, end, room)
    }

    fn listed(&self, _: Bound, reach: Bound, _: Bound, _: usize) -> (Ids, Bound) {
        (Ids::NONE, reach)
    }

    fn unknown(&self, _: &[u64], _: usize) -> Vec<u64> {
        Vec::new()
    }

    fn names_of(&self, _: &[u64]) -> Vec<u64> {
        Vec::new()
    }

    fn names_except(&self, held: &[Fingerprint]) -> Vec<u64> {
        self.names_except(held)
    }

    fn told_apart(&self, held: Vec<Fingerprint>, _: Bound, _: Bound) -> Vec<Fingerprint> {
        held
    }

    fn named(&self, names: &[u64], width: u32, room: Room) -> (Elements, usize) {
        self.named(names, width, room)
    }

    fn look_on(&self, _: &mut Excerpt, _: impl Iterator<Item = Range<usize>>, _: usize) {}

    fn batch(
        &self,
        from: Place,
        parts: impl Iterator<Item = Range<usize>> + Clone,
        room: Room,
        _: &Excerpt,
    ) -> Stretch {
        self.batch(from, parts, room)
    }

    fn fits(&self, parts: impl Iterator<Item = Range<usize>>, budget: usize) -> (bool, usize) {
        self.fits(parts, budget)
    }

    fn take_over(&mut self, causal: &Causal) -> Vec<Item<K, V>> {
        self.take_over(causal)
    }

    fn adopt(&mut self, causal: &Causal) {
        self.adopt(causal);
    }

    fn adopt_if(&mut self, marks: &[Dot], tag: u64) {
        self.adopt_if(marks, tag);
    }

    fn adopt_told(&mut self, marks: &[Dot], gone: &[Dot], theirs: Digest) {
        self.adopt_told(marks, gone, theirs);
    }

    fn marks_above(&self, theirs: &[(ReplicaId, u32)]) -> Vec<Dot> {
        self.marks_above(theirs)
    }

    fn beside(&self, told: &[Dot]) -> Vec<(ReplicaId, u32)> {
        self.beside(told)
    }

    fn known_from(&self) -> Place {
        self.known_from()
    }

    fn went(&self, wishes: &[u64]) -> Vec<Dot> {
        self.went(wishes)
    }

    fn context_between(&self, from: Bound, to: Bound, _withmarks: bool, room: usize) -> (Dots, Dots, Bound) {
        self.context_between(from, to, _withmarks, room)
    }
}
