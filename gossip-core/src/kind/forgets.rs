//! A set that forgets, as the machine sees it.

use alloc::vec::Vec;
use core::ops::Range;

#[cfg(feature = "model")]
use super::KindModel;
use super::{Compared, Content, Kind};
use crate::config::Room;
use crate::digest::{Digest, State};
use crate::element::{ClusterTag, Dot, Element, Fingerprint, ReplicaId};
use crate::error::Reject;
use crate::event::{Event, MapEvent};
use crate::forgetting::{Forgetting, Item};
use crate::message::Remarks;
use crate::set::{Causal, Claim};
use crate::set::{Excerpt, Held, Lacks, Merged, Stretch};
use crate::sketch::{Cell, IdWidth, Prefix, Tables, WideName};
use crate::wire::{Bound, Dots, Elements, Ids, Place};

impl<K: Element + Ord, V: Element> Kind for Forgetting<K, V> {}

impl<K, V> Content for Forgetting<K, V> {
    type Element = Item<K, V>;
    type Event<P> = MapEvent<P, K>;
}

impl<K: Element + Ord, V: Element> Compared for Forgetting<K, V> {
    type Name = WideName;
    const WIDTH: IdWidth = Self::WIDTH;
    const FORGETS: bool = true;

    fn report<P>(event: Event<P, Item<K, V>>) -> Option<MapEvent<P, K>> {
        Some(match event {
            Event::Learned { element, from } => MapEvent::Changed { key: element.key, from },
            Event::InSync { peer, digest, again } => MapEvent::InSync { peer, digest, again },
            Event::Unreachable { peer } => MapEvent::Unreachable { peer },
            Event::Reachable { peer } => MapEvent::Reachable { peer },
            // Nothing of a map is held undecoded, and nobody watches places.
            Event::Undecoded { .. } | Event::Decoded { .. } | Event::Reached { .. } => return None,
        })
    }

    fn news<P>(&mut self) -> Option<MapEvent<P, K>> {
        self.take_fork().map(|replica| MapEvent::Forked { replica })
    }

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

    fn shares_fingerprints(&self) -> bool {
        false
    }

    #[cfg(feature = "model")]
    fn model(&self) -> KindModel<Item<K, V>> {
        KindModel::Forgets(self.model())
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

    fn lacks(&self, theirs: Digest) -> Option<Lacks> {
        self.lacks(theirs)
    }

    fn lacked(&self, _: Digest) -> Option<u64> {
        None
    }

    fn lacking(&self, lacks: Lacks, room: Room) -> (Elements, Dots, Option<Lacks>) {
        self.lacking(lacks, room)
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

    fn known_claim(&self, theirs: Digest) -> Option<Claim> {
        self.known_claim(theirs)
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

    fn adopt_if(&mut self, marks: &[Dot], tag: u64) -> usize {
        self.adopt_if(marks, tag)
    }

    fn adopt_told(&mut self, marks: &[Dot], gone: &[Dot], theirs: Digest) {
        self.adopt_told(marks, gone, theirs);
    }

    fn marks(&self, room: usize) -> Dots {
        self.marks(room)
    }

    fn drop_seen(&mut self, from: Bound, to: Bound, held: &[Fingerprint], marks: &[Dot]) -> (Vec<Item<K, V>>, usize) {
        self.drop_seen(from, to, held, marks)
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
