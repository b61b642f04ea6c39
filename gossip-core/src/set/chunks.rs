//! `Chunks`: an append-only list whose items never move.

use alloc::vec::Vec;
use core::ops::Index;

/// Items in order, in chunks. It takes 24 bytes a chunk beside them, and at most one chunk is not full; a `Vec` that
/// doubles leaves a third unused on average and copies megabytes at a time.
#[derive(Clone, Debug)]
pub(super) struct Chunks<T> {
    chunks: Vec<Vec<T>>,
    len: usize,
}

/// Items in a chunk, a power of two.
const CHUNK: usize = 1_024;

impl<T> Chunks<T> {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }

    pub(super) fn push(&mut self, item: T) {
        if self.len.is_multiple_of(CHUNK) {
            // The first grows by doubling: of a thousand small sets each would take 1 024 items otherwise.
            self.chunks.push(if self.len == 0 { Vec::new() } else { Vec::with_capacity(CHUNK) });
        }
        let last = self.chunks.len() - 1;
        self.chunks[last].push(item);
        self.len += 1;
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }
}

impl<T> Index<usize> for Chunks<T> {
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
        let mut log = Chunks::new();
        log.push(0);
        assert!(log.chunks[0].capacity() < 16);
        (1..=CHUNK).for_each(|item| log.push(item));
        assert_eq!((log.chunks.len(), log.chunks[1].capacity()), (2, CHUNK));
    }

    #[test]
    fn it_reads_like_a_list() {
        let mut log = Chunks::new();
        for item in 0..3 * CHUNK + 5 {
            assert_eq!(log.len(), item);
            log.push(item);
            assert_eq!(log[item], item);
        }
        assert!((0..log.len()).all(|item| log[item] == item));
    }
}
