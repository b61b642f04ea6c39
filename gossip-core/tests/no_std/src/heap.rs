//! The program's allocator: takes from the front of a fixed block and gives nothing back.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

const BYTES: usize = 16 << 20;

/// A block of memory and how much of it is taken.
pub struct Heap {
    block: UnsafeCell<[u8; BYTES]>,
    taken: AtomicUsize,
}

// SAFETY: `alloc` hands out each part of the block once, since `taken` only grows and is moved on atomically.
unsafe impl Sync for Heap {}

impl Heap {
    pub const fn new() -> Self {
        Self { block: UnsafeCell::new([0; BYTES]), taken: AtomicUsize::new(0) }
    }
}

// SAFETY: what `alloc` returns is null, or aligned, inside the block, and disjoint from all that it returned before;
// nothing is ever given out again.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.block.get().cast::<u8>();
        let place = |taken: usize| {
            let start = (base.addr() + taken).checked_next_multiple_of(layout.align())? - base.addr();
            let end = start.checked_add(layout.size())?;
            (end <= BYTES).then_some((start, end))
        };
        let moved = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| Some(place(taken)?.1));
        match moved.ok().and_then(place) {
            // SAFETY: `start` is within the block.
            Some((start, _)) => unsafe { base.add(start) },
            None => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
