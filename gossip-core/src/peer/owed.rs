//! `Owed`: an answer we owe, as a cursor and never as bytes.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::digest::Digest;
use crate::element::Fingerprint;
use crate::message::{Asks, Nonce};
use crate::set::{Held, Lacks};
use crate::sketch::DeepBits;
use crate::wire::{Bound, Place};

/// An answer we owe: what the request said, and how far the answer has got. Its messages are built when they are sent,
/// so whatever a peer asks for, it makes us keep at most 16 times the bytes of its request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owed {
    /// Whether both digests are equal; if not, what differs, by a sketch unless the peer has no `use_of_cells`.
    Verdict { nonce: Nonce, on: Question, use_of_cells: Use },
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
    /// state, if the peer wants it. With a window of 0 more of the page is under way.
    Page { nonce: Nonce, cursor: Bound, to: Bound, held: Listing, window: u16, wants_state: bool },
}

/// What a page has listed, ascending.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Listing {
    Elements(Vec<Fingerprint>),
    /// The first 32 bits of ids.
    Ids(Vec<u64>),
}

impl Listing {
    pub(crate) fn as_held(&self) -> Held<'_> {
        match self {
            Self::Elements(held) => Held::Elements(held),
            Self::Ids(held) => Held::Ids(held),
        }
    }

    /// Joins what another message of the page lists, unless it lists otherwise or there is too much. Returns whether it
    /// does.
    pub(crate) fn join(&mut self, more: Self) -> bool {
        match (self, more) {
            (Self::Elements(held), Self::Elements(more)) => join(held, more),
            (Self::Ids(held), Self::Ids(more)) => join(held, more),
            _ => false,
        }
    }
}

/// Joins a list to one that it follows; else returns false. Each ascends, whatever the intervals say that they are of.
fn join<T: Ord>(held: &mut Vec<T>, more: Vec<T>) -> bool {
    let follows = held.last() <= more.first() || more.is_empty();
    let joins = follows && held.len() <= MOST_LISTED;
    if joins {
        held.extend(more);
    }
    joins
}

/// The most listed elements that are noted before another message of a page is taken in. They took a byte each at the
/// least, and take up to 16 here.
const MOST_LISTED: usize = 1 << 20;

impl Owed {
    /// Whether it can be sent.
    pub(crate) const fn is_due(&self) -> bool {
        !matches!(self, Self::Page { window: 0, .. })
    }
}

/// The use that a peer has of cells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Use {
    /// None: it keeps no sketch.
    None,
    /// It reads some, and asks for more.
    Some,
    /// The same, and its deep bits tell how many it takes.
    Told(Box<DeepBits>),
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
