//! `Share`: the parts of our log that came from one peer.

use alloc::collections::VecDeque;
use core::ops::Range;

/// Parts of the log that came from one peer, in order. Between two of them lies an element at least that did not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Share {
    parts: VecDeque<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Part {
    begins: usize,
    end: usize,
    /// How many elements the parts before it have.
    // A sum, so that they are counted from any place on without a pass over them.
    before: usize,
}

impl Share {
    pub(super) const NOTHING: Self = Self { parts: VecDeque::new() };

    /// Adds the newest elements of the log, up to `end`.
    pub(super) fn add(&mut self, Range { start: begins, end }: Range<usize>) {
        let before = self.len();
        match self.parts.back_mut() {
            Some(last) if last.end == begins => last.end = end,
            _ => self.parts.push_back(Part { begins, end, before }),
        }
    }

    /// Forgets all elements before an index. Amortized O(1).
    pub(super) fn forget(&mut self, index: usize) {
        while self.parts.front().is_some_and(|first| first.end <= index) {
            self.parts.pop_front();
        }
        if let Some(first) = self.parts.front_mut().filter(|first| first.begins < index) {
            first.before += index - first.begins;
            first.begins = index;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether it has the element with this index. O(log parts).
    pub(super) fn has(&self, index: usize) -> bool {
        self.from(index).next().is_some_and(|part| part.begins <= index)
    }

    /// How many elements it has from an index on. O(log parts).
    pub(super) fn since(&self, index: usize) -> usize {
        let first = self.from(index).next();
        first.map_or(0, |part| self.len() - part.before - index.saturating_sub(part.begins))
    }

    /// The parts of the log between two indices that did not come from the peer. O(log parts), and O(1) each.
    pub(super) fn others(&self, from: usize, to: usize) -> impl Iterator<Item = Range<usize>> + Clone {
        let ends = self.from(from).map(|part| part.begins).chain([to]);
        let begins = [from].into_iter().chain(self.from(from).map(|part| part.end));
        let gaps = begins.zip(ends).map(move |(begins, end)| begins..end.min(to));
        gaps.take_while(move |gap| gap.start < to).filter(|gap| !gap.is_empty())
    }

    fn from(&self, index: usize) -> impl Iterator<Item = &Part> + Clone {
        self.parts.range(self.parts.partition_point(|part| part.end <= index)..)
    }

    /// How many elements it has, and has forgotten.
    fn len(&self) -> usize {
        self.parts.back().map_or(0, |last| last.before + (last.end - last.begins))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// As told by a list of whether each element is the peer's.
        #[test]
        fn parts_tell_what_a_list_would(
            steps in prop::collection::vec((any::<bool>(), 1..5_usize), 0..30),
            forgotten in 0..80_usize,
        ) {
            let (mut share, mut list) = (Share::NOTHING, Vec::new());
            for (is_theirs, more) in steps {
                if is_theirs {
                    share.add(list.len()..list.len() + more);
                }
                list.resize(list.len() + more, is_theirs);
            }
            let end = list.len();
            let forgotten = forgotten.min(end);
            share.forget(forgotten);
            list[..forgotten].fill(false);
            prop_assert_eq!(share.is_empty(), !list.contains(&true));
            for from in 0..=end {
                prop_assert_eq!(share.since(from), list[from..].iter().filter(|theirs| **theirs).count());
                prop_assert_eq!(share.has(from), list.get(from) == Some(&true));
                for to in [from, end.min(from + 3), end] {
                    let others: Vec<usize> = share.others(from, to).flatten().collect();
                    prop_assert_eq!(others, (from..to).filter(|&index| !list[index]).collect::<Vec<_>>());
                }
            }
        }
    }
}
