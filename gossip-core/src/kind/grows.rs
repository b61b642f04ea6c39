//! A set that only grows, as the machine sees it.

use alloc::vec::Vec;
use core::ops::Range;

#[cfg(feature = "model")]
use super::KindModel;
use super::{Compared, Content, Kind};
use crate::config::Room;
use crate::digest::{Digest, State};
use crate::element::{ClusterTag, Element, Fingerprint};
use crate::error::Reject;
use crate::event::Event;
use crate::message::Remarks;
use crate::set::Claim;
use crate::set::{Excerpt, Held, Lacks, Merged, Set, Stretch};
use crate::sketch::{Cell, IdWidth, Prefix, Tables};
use crate::wire::{Bound, Dots, Elements, Ids, Place};

impl<E: Element> Kind for Set<E> {}

impl<E> Content for Set<E> {
    type Element = E;
    type Event<P> = Event<P, E>;
}

impl<E: Element> Compared for Set<E> {
    type Name = u64;
    const WIDTH: IdWidth = Self::WIDTH;

    #[inline]
    fn report<P>(event: Event<P, E>) -> Option<Event<P, E>> {
        Some(event)
    }

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
    fn shares_fingerprints(&self) -> bool {
        self.shares_fingerprints()
    }

    #[inline]
    fn shares_ids(&self) -> bool {
        self.shares_ids()
    }

    #[cfg(feature = "model")]
    fn model(&self) -> KindModel<E> {
        KindModel::Grows(self.since(Place::START).map(|element| element.to_stored()).collect())
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
    fn lacking(&self, lacks: Lacks, room: Room) -> (Elements, Dots, Option<Lacks>) {
        let (elements, left) = self.lacking(lacks, room);
        (elements, Dots::default(), left)
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
    fn known_claim(&self, theirs: Digest) -> Option<Claim> {
        self.known_claim(theirs)
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
