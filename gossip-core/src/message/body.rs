//! `Body`: the content of a message.

use alloc::boxed::Box;

use super::{Batch, Nonce};
use crate::digest::{Digest, State};
use crate::element::ClusterTag;
use crate::sketch::DeepBits;
use crate::wire::{Bound, Cells, Elements, Ids};

/// Content of a message: requests are answered, answers and pushes never are. `tag` is the cluster's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Body {
    Request {
        tag: ClusterTag,
        nonce: Nonce,
        request: Request,
    },
    /// Answer to the request with this nonce.
    Answer {
        nonce: Nonce,
        answer: Answer,
    },
    Push {
        tag: ClusterTag,
        // Boxed: with seven numbers and two log ids it is the largest, and all bodies would take as much.
        batch: Box<Batch>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Request {
    /// Asks whether digests are equal; if not, for the receiver's sketch or all its elements.
    Probe { digest: Digest },
    /// The same, for a sender without a sketch, which has no use for cells.
    PlainProbe { digest: Digest },
    /// The same, with deep bits of the sender's sketch, which tell how many cells it takes.
    // Boxed: deep bits are 128 bytes in memory.
    DeepProbe { digest: Digest, deep: Box<DeepBits> },
    /// Asks for `count` cells from cell `from` on, of the state with this tag.
    WantCells { state: u64, from: usize, count: usize },
    /// Gives `elements`, and asks for those that begin with the ids `wanted`.
    Repair { asks: Asks, wanted: Ids, elements: Elements },
    /// Lists all elements of the sender in an interval. Asks for the others there and in the intervals of the pages before it,
    /// in at most `window` messages; and, if `wants_state`, for the receiver's state at the end of the answer. With a
    /// window of 0 it asks for nothing yet: another page follows at once, whose interval begins where this one ends.
    Page { window: u16, wants_state: bool, from: Bound, to: Bound, listed: Listed },
}

/// How a page lists elements.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Listed {
    Whole(Elements),
    /// By the first 32 bits of their ids. The answer says which of them the receiver wants.
    Ids(Ids),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// Both digests are equal, and have the tag `state`.
    Proof { state: u64 },
    /// Cells of the sender's sketch.
    Cells { part: Part, cells: Cells },
    /// All elements of the sender.
    Whole { tag: ClusterTag, elements: Elements },
    /// Missing or wanted elements between two bounds, and those `wanted` of what a page listed there by ids; `last` at the
    /// end of an answer.
    // Boxed: few have wishes, and all bodies would take as much.
    Give {
        tag: ClusterTag,
        from: Bound,
        to: Bound,
        last: bool,
        state: Told,
        wanted: Option<Box<Ids>>,
        elements: Elements,
    },
}

/// What an answer of elements tells of its sender's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Told {
    Nothing,
    State(State),
    /// The tag of it. It is what the probe told, with these elements: who has probed can tell the rest.
    Tag(u64),
}

/// Position of cells in the sequence.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// The first cells, with the state that they are of.
    // Boxed: deep bits are 128 bytes in memory.
    Head(Box<Head>),
    /// Cells from cell `from` on; `last` at the end of an answer.
    After { from: usize, last: bool },
}

/// Beginning of a sketch: the state that it is of, and what it tells of the difference.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Head {
    pub(crate) state: State,
    pub(crate) tells: Tells,
}

/// What a head tells of the difference, beside its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tells {
    /// Nothing: the cells alone do.
    Nothing,
    Bits(DeepBits),
    /// By the deep bits of the probe so many elements seem to differ. The cells are as many as that takes, and so many
    /// of them follow in further messages of the same answer.
    Seen {
        differences: u64,
        follow: usize,
    },
}

/// Question of a repair, beside its wishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Asks {
    /// Nothing: more of the burst follows at once.
    Nothing,
    /// Where the answer ends: another burst follows then.
    End,
    /// The receiver's state, at the end of the answer.
    State,
    /// Whether the receiver's digest has this tag by now, and its cells if not.
    Verdict(u64),
}

impl Answer {
    /// Whether no message of the same answer follows.
    pub(crate) fn ends(&self) -> bool {
        match self {
            Self::Cells { part: Part::Head(head), .. } => !matches!(head.tells, Tells::Seen { follow: 1.., .. }),
            Self::Cells { part: Part::After { last, .. }, .. } | Self::Give { last, .. } => *last,
            Self::Proof { .. } | Self::Whole { .. } => true,
        }
    }
}

impl Body {
    /// Cluster tag, of kinds with one.
    pub(crate) const fn tag(&self) -> Option<ClusterTag> {
        match self {
            Self::Request { tag, .. }
            | Self::Answer { answer: Answer::Whole { tag, .. } | Answer::Give { tag, .. }, .. }
            | Self::Push { tag, .. } => Some(*tag),
            // Their nonce tells whose they are, for 4 bytes less.
            Self::Answer { answer: Answer::Proof { .. } | Answer::Cells { .. }, .. } => None,
        }
    }

    /// Nonce of a round; `None` for a push.
    pub(crate) const fn nonce(&self) -> Option<Nonce> {
        match self {
            Self::Request { nonce, .. } | Self::Answer { nonce, .. } => Some(*nonce),
            Self::Push { .. } => None,
        }
    }

    /// Elements of the message, of whatever kind.
    pub(crate) const fn elements(&self) -> &Elements {
        // By reference, so that receivers merge whatever comes in one way.
        const NONE: &Elements = &Elements::NONE;
        match self {
            Self::Request {
                request: Request::Repair { elements, .. } | Request::Page { listed: Listed::Whole(elements), .. },
                ..
            }
            | Self::Answer { answer: Answer::Whole { elements, .. } | Answer::Give { elements, .. }, .. } => elements,
            Self::Push { batch, .. } => &batch.elements,
            Self::Request { .. } | Self::Answer { .. } => NONE,
        }
    }
}
