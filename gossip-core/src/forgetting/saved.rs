//! A set that forgets as bytes, to keep over a restart.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::{Change, Forgetting, Item};
use crate::codec::{Encode, Sink, take_varint};
use crate::config::Config;
use crate::element::{ClusterTag, Dot, Element, Named, ReplicaId, decode};
use crate::error::RestoreError;
use crate::wire::{Dots, Place};

/// Form of all that is saved, and of what has changed.
const WHOLE: u8 = 1;
const CHANGES: u8 = 2;

/// Most dots of a run.
const RUN: usize = 1 << 12;

impl<K: Element + Ord, V: Element> Forgetting<K, V> {
    /// All of it: the form, the cluster tag, the marks, the exceptions that are gone, and the entries in the order of the
    /// log.
    pub(crate) fn save(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put_head(WHOLE, &mut out);
        put_dots(self.context.gone_from(Dot::new(ReplicaId::from_bits(0), 0)), &mut out);
        put_items(self.changes.items(), &mut out);
        out
    }

    /// Whether this is all of a set, and not what has changed of one.
    pub(crate) fn is_whole(saved: &[u8]) -> bool {
        saved.first() == Some(&WHOLE)
    }

    /// What has changed since the log ended at `place`: the form, the cluster tag, the marks, the dots that went, and the
    /// entries that came and are there. `None` if what went since then is known no more.
    pub(crate) fn save_since(&self, place: Place) -> Option<Vec<u8>> {
        let (from, end) = (place.index(), self.changes.end());
        if from < self.changes.known_from() {
            return None;
        }
        let changes = || (from..end).map(|place| self.changes.get(place));
        let mut out = Vec::new();
        self.put_head(CHANGES, &mut out);
        let went = changes().filter_map(|change| if let Change::Went(dot) = change { Some(*dot) } else { None });
        put_dots(went.collect::<BTreeSet<_>>().into_iter(), &mut out);
        put_items(
            changes().filter_map(|change| if let Change::Came(item) = change { Some(item) } else { None }),
            &mut out,
        );
        Some(out)
    }

    fn put_head(&self, form: u8, out: &mut Vec<u8>) {
        out.put(&[form]);
        out.put(&self.tag.bytes());
        put_dots(self.context.marks_from(ReplicaId::from_bits(0)), out);
    }

    /// A set of what was saved, whose own inserts are counted under this id.
    pub(crate) fn restore(config: &Config, own: ReplicaId, seed: u64, mut saved: &[u8]) -> Result<Self, RestoreError> {
        let mut set = Self::new(config, own, seed);
        let Saved { marks, gone, items } = set.read_saved(WHOLE, &mut saved)?;
        set.raise(&marks);
        for dot in gone {
            if set.context.has_seen(dot) {
                return Err(RestoreError::Malformed);
            }
            set.see_gone(dot);
        }
        for (item, len) in items {
            set.put_back(item, len)?;
        }
        set.resume();
        Ok(set)
    }

    /// Takes in what had changed since the state that it is. All of it or nothing.
    pub(crate) fn restore_since(&mut self, mut saved: &[u8]) -> Result<(), RestoreError> {
        let Saved { marks, gone, items } = self.read_saved(CHANGES, &mut saved)?;
        // One that has gone with the others, or before, is not there as well.
        let went: BTreeSet<Dot> = gone.iter().copied().collect();
        if items.iter().any(|(item, _)| went.contains(&item.dot) || self.is_gone_beyond(item.dot)) {
            return Err(RestoreError::Malformed);
        }
        self.raise(&marks);
        gone.into_iter().for_each(|dot| drop(self.see_gone(dot)));
        for (item, len) in items {
            // What is taken in twice is there already.
            if !self.holds(Named::live(item.dot)) {
                self.add(item, len);
            }
        }
        self.resume();
        Ok(())
    }

    /// Goes on from what was saved. On the way there were marks over entries that had not come yet: this is the state of those
    /// who have seen them go, and none that this set ever had.
    fn resume(&mut self) {
        self.past.begin_anew(self.changes.end());
    }

    /// Reads what was saved in this form, which is this cluster's.
    fn read_saved(&mut self, form: u8, input: &mut &[u8]) -> Result<Saved<K, V>, RestoreError> {
        if take(input, 1)? != [form] {
            return Err(RestoreError::Malformed);
        }
        let tag = take(input, 4)?.try_into().map(ClusterTag::from_bytes).map_err(|_| RestoreError::Malformed)?;
        if let Some(difference) = self.tag.difference(tag) {
            return Err(RestoreError::Foreign(difference));
        }
        let (marks, gone, mut items) = (take_dots(input)?, take_dots(input)?, Vec::new());
        for _ in 0..take_varint(input).ok_or(RestoreError::Malformed)? {
            let len = take_varint(input).and_then(|len| usize::try_from(len).ok()).ok_or(RestoreError::Malformed)?;
            let item = decode(take(input, len)?, &mut self.scratch).filter(|_| len <= self.element_limit);
            items.push((item.ok_or(RestoreError::Malformed)?, len));
        }
        if input.is_empty() { Ok(Saved { marks, gone, items }) } else { Err(RestoreError::Malformed) }
    }

    fn put_back(&mut self, item: Item<K, V>, len: usize) -> Result<(), RestoreError> {
        // One that is gone by what was saved before it cannot be there as well.
        if self.holds(Named::live(item.dot)) || self.is_gone_beyond(item.dot) {
            return Err(RestoreError::Malformed);
        }
        self.add(item, len);
        Ok(())
    }

    /// Whether a dot beyond its mark is gone.
    fn is_gone_beyond(&self, dot: Dot) -> bool {
        self.context.gone_from(dot).next() == Some(dot)
    }
}

/// What was saved. Items have their lengths.
struct Saved<K, V> {
    marks: Vec<Dot>,
    gone: Vec<Dot>,
    items: Vec<(Item<K, V>, usize)>,
}

/// How many items there are, and each behind its length.
fn put_items<'a, K: Element + 'a, V: Element + 'a>(
    items: impl Iterator<Item = &'a Item<K, V>> + Clone,
    out: &mut Vec<u8>,
) {
    out.put_varint(items.clone().count() as u64);
    let mut encoding = Vec::new();
    for item in items {
        encoding.clear();
        item.encode(&mut encoding);
        out.put_varint(encoding.len() as u64);
        out.put(&encoding);
    }
}

/// Dots in runs, and an empty run.
fn put_dots(dots: impl Iterator<Item = Dot>, out: &mut Vec<u8>) {
    let dots: Vec<Dot> = dots.collect();
    dots.chunks(RUN).for_each(|run| Dots::fill(run.iter().copied(), usize::MAX).put(out));
    Dots::default().put(out);
}

fn take_dots(input: &mut &[u8]) -> Result<Vec<Dot>, RestoreError> {
    let mut dots = Vec::new();
    loop {
        let run = Dots::take(input).ok_or(RestoreError::Malformed)?;
        if run.count() == 0 {
            return Ok(dots);
        }
        dots.extend_from_slice(run.as_slice());
    }
}

fn take<'a>(input: &mut &'a [u8], len: usize) -> Result<&'a [u8], RestoreError> {
    let (taken, rest) = input.split_at_checked(len).ok_or(RestoreError::Malformed)?;
    *input = rest;
    Ok(taken)
}
