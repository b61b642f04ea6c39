//! `Owed`: an answer we owe, as a cursor and never as bytes.

use alloc::vec::Vec;

use crate::digest::Digest;
use crate::element::Fingerprint;
use crate::message::{Asks, Nonce};
use crate::wire::{Bound, Place};

/// An answer we owe: what the request said, and how far the answer has got. Its messages are built when they are sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owed {
    /// Whether both have the same; if not, what differs, by a `sketch` unless cells are no use.
    Verdict { nonce: Nonce, on: Question, sketch: bool },
    /// `count` cells from `next` on, of a state with this tag, which is yet to be looked for.
    Sketch { nonce: Nonce, state: u64, next: usize, count: usize },
    /// Our cells as they were when our log ended at `place`, from `next` to `end`, in at most `window` messages.
    Cells { nonce: Nonce, place: Place, next: usize, end: usize, window: u16 },
    /// Our elements of these wishes, from place `next` on, in at most `window` messages; then what else was asked for.
    /// They ascend, unless more came since the last message.
    Wanted { nonce: Nonce, wishes: Vec<u64>, more: bool, next: usize, window: u16, asks: Asks },
    /// To a page: what we have from the cursor to the end that is not in `held`, in at most `window` messages; and our
    /// state, if that is wanted.
    Page { nonce: Nonce, cursor: Bound, to: Bound, held: Vec<Fingerprint>, window: u16, wants_state: bool },
}

/// What a verdict is asked for with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    /// A probe of this digest.
    Probe(Digest),
    /// A repair, after which digests have this tag.
    Repair(u64),
    /// A wish for cells of a state that is forgotten.
    Cells,
}
