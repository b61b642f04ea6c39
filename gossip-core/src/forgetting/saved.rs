//! A set that forgets as bytes, to keep over a restart.

use alloc::vec::Vec;

use super::{Dot, Forgetting, Item, Named, ReplicaId};
use crate::codec::{Encode, Sink, take_varint};
use crate::config::Config;
use crate::element::{ClusterTag, Element, decode};
use crate::error::RestoreError;
use crate::wire::Dots;

/// Form of what is saved.
const FORM: u8 = 1;

/// Most dots of a run.
const RUN: usize = 1 << 12;

impl<K: Element + Ord, V: Element> Forgetting<K, V> {
    /// All of it: the form, the cluster tag, the marks, the exceptions that are gone, and the entries in the order of the
    /// log.
    pub(crate) fn save(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put(&[FORM]);
        out.put(&self.tag.bytes());
        let first = Dot::new(ReplicaId::from_bits(0), 0);
        put_dots(self.context.marks_from(first.replica), &mut out);
        put_dots(self.context.gone_from(first), &mut out);
        out.put_varint(self.live.len() as u64);
        let mut encoding = Vec::new();
        for item in self.changes.items() {
            encoding.clear();
            item.encode(&mut encoding);
            out.put_varint(encoding.len() as u64);
            out.put(&encoding);
        }
        out
    }

    /// A set of what was saved, whose own inserts are counted under this id.
    pub(crate) fn restore(config: &Config, own: ReplicaId, seed: u64, mut saved: &[u8]) -> Result<Self, RestoreError> {
        let mut set = Self::new(config, own, seed);
        let input = &mut saved;
        if take(input, 1)? != [FORM] {
            return Err(RestoreError::Malformed);
        }
        let tag = take(input, 4)?.try_into().map(ClusterTag::from_bytes).map_err(|_| RestoreError::Malformed)?;
        if let Some(difference) = set.tag.difference(tag) {
            return Err(RestoreError::Foreign(difference));
        }
        let marks = take_dots(input)?;
        set.raise(&marks);
        for dot in take_dots(input)? {
            if set.context.has_seen(dot) {
                return Err(RestoreError::Malformed);
            }
            set.see_gone(dot);
        }
        for _ in 0..take_varint(input).ok_or(RestoreError::Malformed)? {
            let len = take_varint(input).and_then(|len| usize::try_from(len).ok()).ok_or(RestoreError::Malformed)?;
            set.put_back(take(input, len)?)?;
        }
        if !input.is_empty() {
            return Err(RestoreError::Malformed);
        }
        set.settle();
        Ok(set)
    }

    fn put_back(&mut self, bytes: &[u8]) -> Result<(), RestoreError> {
        let item: Item<K, V> = decode(bytes, &mut self.scratch).ok_or(RestoreError::Malformed)?;
        if bytes.len() > self.element_limit || self.holds(Named::live(item.dot)) {
            return Err(RestoreError::Malformed);
        }
        // One that is gone by what was saved before it cannot be there as well.
        if self.context.gone_from(item.dot).next() == Some(item.dot) {
            return Err(RestoreError::Malformed);
        }
        self.add(item, bytes.len());
        Ok(())
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
