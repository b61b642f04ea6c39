//! `Queue`: events in order of time and, at one time, of scheduling.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::{Ordering, Reverse};

use crate::Time;

/// Events to come.
#[derive(Debug)]
pub(super) struct Queue<T> {
    heap: BinaryHeap<Reverse<Scheduled<T>>>,
    scheduled: u64,
}

#[derive(Debug)]
struct Scheduled<T> {
    at: Time,
    order: u64,
    what: T,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::new(), scheduled: 0 }
    }

    pub(super) fn push(&mut self, at: Time, what: T) {
        self.heap.push(Reverse(Scheduled { at, order: self.scheduled, what }));
        // A heap keeps no order among equals: without a number, runs of one seed would differ by its layout.
        self.scheduled += 1;
    }

    pub(super) fn pop(&mut self) -> Option<(Time, T)> {
        self.heap.pop().map(|Reverse(next)| (next.at, next.what))
    }

    /// Events to come, in order.
    pub(super) fn in_order(&self) -> Vec<(Time, &T)> {
        let mut events: Vec<_> = self.heap.iter().map(|Reverse(scheduled)| scheduled).collect();
        events.sort_unstable();
        events.into_iter().map(|scheduled| (scheduled.at, &scheduled.what)).collect()
    }

    /// Keeps events by their place in order.
    pub(super) fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        let mut events = core::mem::take(&mut self.heap).into_sorted_vec();
        // The first is the greatest of those that are reversed.
        events.reverse();
        let kept = events.into_iter().enumerate().filter(|(place, _)| keep(*place));
        self.heap = kept.map(|(_, event)| event).collect();
    }

    pub(super) fn next_time(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse(next)| next.at)
    }
}

impl<T> Ord for Scheduled<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl<T> PartialOrd for Scheduled<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Eq for Scheduled<T> {}

impl<T> PartialEq for Scheduled<T> {
    fn eq(&self, other: &Self) -> bool {
        // No two have one number, so events themselves need not be compared.
        self.cmp(other) == Ordering::Equal
    }
}
