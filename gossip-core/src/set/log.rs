//! `Log`: an append-only list whose items never move.

use alloc::vec::Vec;
use core::ops::{Index, Range};

/// Items in order, in chunks. It takes 24 bytes a chunk beside them, and at most one chunk is not full; a `Vec` that
/// doubles leaves a third unused on average and copies megabytes at a time.
#[derive(Clone, Debug)]
pub(crate) struct Log<T> {
    chunks: Vec<Vec<T>>,
    len: usize,
}

/// Items in a chunk, a power of two.
const CHUNK: usize = 1_024;

impl<T> Log<T> {
    pub(crate) const fn new() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }

    pub(crate) fn push(&mut self, item: T) {
        if self.len.is_multiple_of(CHUNK) {
            // The first grows by doubling: of a thousand small sets each would take 1 024 items otherwise.
            self.chunks.push(if self.len == 0 { Vec::new() } else { Vec::with_capacity(CHUNK) });
        }
        let last = self.chunks.len() - 1;
        self.chunks[last].push(item);
        self.len += 1;
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Items from one on, in order; none if there are fewer.
    pub(crate) fn from(&self, place: usize) -> impl DoubleEndedIterator<Item = &T> {
        let chunks = self.chunks.get(place / CHUNK..).unwrap_or_default();
        // Only the first chunk begins in the middle; a place beyond the end has no chunk.
        let (first, rest) = chunks.split_first().map_or((&[][..], chunks), |(first, rest)| (&first[..], rest));
        first.get(place % CHUNK..).unwrap_or_default().iter().chain(rest.iter().flatten())
    }

    /// Items of a range, in order.
    pub(crate) fn range(&self, range: Range<usize>) -> impl Iterator<Item = &T> {
        self.from(range.start).take(range.len())
    }
}

impl<T> Index<usize> for Log<T> {
    type Output = T;

    fn index(&self, place: usize) -> &T {
        &self.chunks[place / CHUNK][place % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_list_takes_little_and_a_large_one_moves_nothing() {
        let mut log = Log::new();
        log.push(0);
        assert!(log.chunks[0].capacity() < 16);
        (1..=CHUNK).for_each(|item| log.push(item));
        assert_eq!((log.chunks.len(), log.chunks[1].capacity()), (2, CHUNK));
    }

    #[test]
    fn it_reads_like_a_list() {
        let mut log = Log::new();
        for item in 0..3 * CHUNK + 5 {
            assert_eq!(log.len(), item);
            log.push(item);
            assert_eq!(log[item], item);
        }
        for place in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 4, 3 * CHUNK + 5, 9 * CHUNK] {
            assert!(log.from(place).copied().eq(place..log.len().max(place)));
            assert!(log.from(place).rev().copied().eq((place..log.len().max(place)).rev()));
        }
    }
}
