//! `Changes`: what has happened to a set that forgets, in order.

use crate::element::Dot;
use crate::set::RECENT;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// A change of the set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Change<T> {
    /// An item came, and is there.
    Came(T),
    /// This dot went, among the last 1 024 changes. A peer that is to be told of what went before is told by a round.
    Went(Dot),
    /// Nothing is left of it.
    Hole,
}

/// Changes in order. What has become nothing leaves a hole, so a place stays what it is. A chunk of which three quarters
/// are holes is packed.
#[derive(Clone, Debug)]
pub(crate) struct Changes<T> {
    /// Those of which something is left, by number.
    chunks: BTreeMap<usize, Chunk<T>>,
    end: usize,
    /// The changes before this place that are no items are holes.
    forgotten: usize,
    /// The place behind the last of these that said what went.
    known_from: usize,
}

/// Changes in a chunk, a power of two.
const CHUNK: usize = 1_024;

#[derive(Clone, Debug)]
enum Chunk<T> {
    Open {
        changes: Vec<Change<T>>,
        holes: usize,
    },
    /// What is left, with its place within the chunk; ascending.
    Packed(Box<[(u16, Change<T>)]>),
}

impl<T> Chunk<T> {
    fn get(&self, at: usize) -> &Change<T> {
        match self {
            Self::Open { changes, .. } => &changes[at],
            Self::Packed(left) => match left.binary_search_by_key(&(at as u16), |(at, _)| *at) {
                Ok(found) => &left[found].1,
                Err(_) => &Change::Hole,
            },
        }
    }

    /// Makes a hole. Returns what was there.
    fn take(&mut self, at: usize) -> Change<T> {
        match self {
            Self::Open { changes, holes } => {
                *holes += 1;
                core::mem::replace(&mut changes[at], Change::Hole)
            }
            Self::Packed(left) => {
                let Ok(found) = left.binary_search_by_key(&(at as u16), |(at, _)| *at) else { return Change::Hole };
                let mut rest = core::mem::take(left).into_vec();
                let (_, taken) = rest.remove(found);
                *left = rest.into_boxed_slice();
                taken
            }
        }
    }

    fn pack(&mut self) {
        let Self::Open { changes, holes } = self else { return };
        if changes.len() == CHUNK && *holes >= CHUNK / 4 * 3 {
            let left = (0..).zip(core::mem::take(changes)).filter(|(_, change)| !matches!(change, Change::Hole));
            *self = Self::Packed(left.collect());
        }
    }
}

impl<T> Changes<T> {
    pub(crate) const fn new() -> Self {
        Self { chunks: BTreeMap::new(), end: 0, forgotten: 0, known_from: 0 }
    }

    /// How many changes there have been.
    pub(crate) const fn end(&self) -> usize {
        self.end
    }

    /// From here on all that went is known.
    pub(crate) const fn known_from(&self) -> usize {
        self.known_from
    }

    pub(crate) fn push(&mut self, change: Change<T>) {
        if self.end.is_multiple_of(CHUNK) {
            let changes = if self.end == 0 { Vec::new() } else { Vec::with_capacity(CHUNK) };
            self.chunks.insert(self.end / CHUNK, Chunk::Open { changes, holes: 0 });
        }
        let is_hole = matches!(change, Change::Hole);
        // The last one is open until it is full.
        if let Some(Chunk::Open { changes, holes }) = self.chunks.get_mut(&(self.end / CHUNK)) {
            changes.push(change);
            *holes += usize::from(is_hole);
        }
        self.pack(self.end / CHUNK);
        self.end += 1;
        let before = self.end.saturating_sub(RECENT);
        while self.forgotten < before {
            if matches!(self.get(self.forgotten), Change::Went(_)) {
                self.take(self.forgotten);
                self.known_from = self.forgotten + 1;
            }
            self.forgotten += 1;
        }
    }

    pub(crate) fn get(&self, place: usize) -> &Change<T> {
        self.chunks.get(&(place / CHUNK)).map_or(&Change::Hole, |chunk| chunk.get(place % CHUNK))
    }

    /// The item of a place, which is there.
    pub(crate) fn item(&self, place: usize) -> Option<&T> {
        match self.get(place) {
            Change::Came(item) => Some(item),
            Change::Went(_) | Change::Hole => None,
        }
    }

    /// Takes an item out, which leaves a hole.
    pub(crate) fn take(&mut self, place: usize) -> Option<T> {
        let taken = self.chunks.get_mut(&(place / CHUNK))?.take(place % CHUNK);
        self.pack(place / CHUNK);
        if let Change::Came(item) = taken { Some(item) } else { None }
    }

    /// Packs a chunk that is full and mostly holes, and drops one of which nothing is left.
    fn pack(&mut self, number: usize) {
        let Some(chunk) = self.chunks.get_mut(&number) else { return };
        chunk.pack();
        if matches!(chunk, Chunk::Packed(left) if left.is_empty()) {
            self.chunks.remove(&number);
        }
    }

    /// The items that are there, in order.
    pub(crate) fn items(&self) -> impl Iterator<Item = &T> + Clone {
        let changes = self.chunks.values().flat_map(|chunk| {
            let (open, packed) = match chunk {
                Chunk::Open { changes, .. } => (&changes[..], &[][..]),
                Chunk::Packed(left) => (&[][..], &left[..]),
            };
            open.iter().chain(packed.iter().map(|(_, change)| change))
        });
        changes.filter_map(|change| if let Change::Came(item) = change { Some(item) } else { None })
    }

    /// The dots that went of late, latest first.
    pub(crate) fn went(&self) -> impl Iterator<Item = Dot> {
        let recent = (self.forgotten..self.end).rev();
        recent.filter_map(|place| if let Change::Went(dot) = self.get(place) { Some(*dot) } else { None })
    }

    /// What chunks hold, holes included: what memory follows.
    #[cfg(test)]
    fn slots(&self) -> usize {
        let slots = self.chunks.values().map(|chunk| match chunk {
            Chunk::Open { changes, .. } => changes.len(),
            Chunk::Packed(left) => left.len(),
        });
        slots.sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::element::ReplicaId;

    fn dot(counter: usize) -> Dot {
        Dot::new(ReplicaId::from_bits(1), counter as u32 + 1)
    }

    proptest! {
        #[test]
        fn changes_are_a_list_with_holes(acts in prop::collection::vec((0_usize..4, any::<u16>()), 1..6_000)) {
            let (mut changes, mut list) = (Changes::new(), Vec::new());
            for (act, which) in acts {
                let place = usize::from(which) % list.len().max(1);
                match act {
                    0 => list.push(Change::Came(list.len())),
                    1 => list.push(Change::Went(dot(list.len()))),
                    2 => list.push(Change::Hole),
                    _ => {
                        if let Some(listed @ Change::Came(_)) = list.get_mut(place) {
                            *listed = Change::Hole;
                            prop_assert_eq!(changes.take(place), Some(place));
                        }
                        continue;
                    }
                }
                changes.push(list[list.len() - 1].clone());
            }
            prop_assert_eq!(changes.end(), list.len());
            let known = list.len().saturating_sub(RECENT);
            prop_assert_eq!(changes.forgotten, known);
            for (place, change) in list.iter().enumerate() {
                let is_forgotten = place < known && matches!(change, Change::Went(_));
                prop_assert_eq!(changes.get(place), if is_forgotten { &Change::Hole } else { change });
            }
            let went = list[known..].iter().rev().filter_map(|change| if let Change::Went(dot) = change { Some(*dot) } else { None });
            prop_assert!(changes.went().eq(went));
        }
    }

    #[test]
    fn a_million_updates_of_one_item_take_the_room_of_few() {
        let mut changes = Changes::new();
        changes.push(Change::Came(0));
        for update in 1..1_000_000 {
            changes.push(Change::Came(update));
            assert_eq!(changes.take(changes.end() - 2), Some(update - 1));
        }
        assert!(changes.slots() < 2 * CHUNK, "{}", changes.slots());
    }
}
