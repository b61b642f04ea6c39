//! A view of a file that can be written to and leaves the file as it is.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard};

use redb::StorageBackend;

// The pages of the database are as long, so most writes are of whole blocks.
const BLOCK: usize = 4_096;

/// Opening a database writes to its file, be it only that it is open; so does its repair after a crash. What is opened to
/// find out whether it is sound is opened through this: the blocks that were written to are held in memory.
#[derive(Debug)]
pub(super) struct View<B> {
    below: B,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    len: u64,
    /// How much of the file is still seen.
    seen: u64,
    written: BTreeMap<u64, Box<[u8; BLOCK]>>,
}

impl<B: StorageBackend> View<B> {
    pub(super) fn new(below: B) -> io::Result<Self> {
        let len = below.len()?;
        Ok(Self { below, state: Mutex::new(State { len, seen: len, written: BTreeMap::new() }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it is locked")
    }

    /// A block as it is seen, with zeros behind its end.
    fn block(&self, state: &State, number: u64) -> io::Result<Box<[u8; BLOCK]>> {
        if let Some(block) = state.written.get(&number) {
            return Ok(block.clone());
        }
        let mut block = Box::new([0; BLOCK]);
        let start = number * BLOCK as u64;
        let part = usize::try_from(state.seen.saturating_sub(start)).unwrap_or(BLOCK).min(BLOCK);
        // What is behind the end reads as zeros, as in a file that has grown.
        self.below.read(start, &mut block[..part])?;
        Ok(block)
    }
}

impl<B: StorageBackend> StorageBackend for View<B> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().len)
    }

    fn read(&self, offset: u64, mut out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > state.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut at = offset;
        while !out.is_empty() {
            let (number, from) = place(at);
            let (part, rest) = out.split_at_mut(out.len().min(BLOCK - from));
            part.copy_from_slice(&self.block(&state, number)?[from..from + part.len()]);
            at += part.len() as u64;
            out = rest;
        }
        Ok(())
    }

    fn write(&self, offset: u64, mut data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let mut at = offset;
        while !data.is_empty() {
            let (number, from) = place(at);
            let (part, rest) = data.split_at(data.len().min(BLOCK - from));
            // Copied on its first write; from then on it is read from memory, and the file is as it was.
            let mut block = self.block(&state, number)?;
            block[from..from + part.len()].copy_from_slice(part);
            state.written.insert(number, block);
            at += part.len() as u64;
            data = rest;
        }
        state.len = state.len.max(at);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        let (number, end) = place(len);
        // What is cut off is zero where the file grows again.
        state.seen = state.seen.min(len);
        state.written.split_off(&(number + 1));
        if let Some(block) = state.written.get_mut(&number) {
            block[end..].fill(0);
        }
        state.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
}

/// The block that holds an offset, and where in it.
fn place(offset: u64) -> (u64, usize) {
    (offset / BLOCK as u64, (offset % BLOCK as u64) as usize)
}
