//! `Owed`: an answer we owe, as a cursor and never as bytes.

use alloc::vec::Vec;

use crate::digest::Digest;
use crate::element::Fingerprint;
use crate::message::{Asks, Nonce};
use crate::set::Lacks;
use crate::wire::{Bound, Place};

/// An answer we owe: what the request said, and how far the answer has got. Its messages are built when they are sent,
/// so whatever a peer asks for, it makes us keep at most 16 times the bytes of its request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owed {
    /// Whether both digests are equal; if not, what differs, by a `sketch` unless the peer has no use for cells.
    Verdict { nonce: Nonce, on: Question, sketch: bool },
    /// What the peer lacks, which its digest has told, in at most `window` messages; and our state.
    Lacking { nonce: Nonce, lacks: Lacks, window: u16 },
    /// `count` cells from `next` on, of the state with this tag. The state is looked up when the answer is built.
    // That takes up to 1 024 hashes. In `receive` each request would cost them; here the last one of a flood does.
    Sketch { nonce: Nonce, state: u64, next: usize, count: usize },
    /// Our cells at `place` of our log, from `next` to `end`, in at most `window` messages.
    Cells { nonce: Nonce, place: Place, next: usize, end: usize, window: u16 },
    /// Our elements of these wishes, from the one at index `next` on, in at most `window` messages; then what the burst
    /// `asks`. The wishes ascend, unless `more` have come since the last message.
    Wanted { nonce: Nonce, wishes: Vec<u64>, more: bool, next: usize, window: u16, asks: Asks },
    /// To a page: our elements between `cursor` and `to` that are not in `held`, in at most `window` messages; and our
    /// state, if the peer wants it.
    Page { nonce: Nonce, cursor: Bound, to: Bound, held: Vec<Fingerprint>, window: u16, wants_state: bool },
}

/// The request that a verdict answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    /// A probe of this digest, in whose place a round of ours may begin if it `turns`.
    Probe { digest: Digest, turns: bool },
    /// A repair, after which the peer's digest has this tag.
    Repair(u64),
    /// A request for cells of a state that we have forgotten.
    Cells,
}
