//! What a message says.

use alloc::boxed::Box;

use super::{Batch, Nonce};
use crate::digest::{Digest, State};
use crate::sketch::DeepBits;
use crate::wire::{Bound, Cells, Elements, Ids};

/// What a message says: requests are answered, answers and pushes never are. `tag` is the cluster's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Body {
    Request {
        tag: [u8; 4],
        nonce: Nonce,
        request: Request,
    },
    /// To the request with this nonce.
    Answer {
        nonce: Nonce,
        answer: Answer,
    },
    Push {
        tag: [u8; 4],
        batch: Box<Batch>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Request {
    /// Whether the receiver's digest is this; if not, its sketch or all it has.
    Probe {
        digest: Digest,
    },
    /// The same, of a sender that has no use for cells.
    PlainProbe {
        digest: Digest,
    },
    /// `count` cells from cell `from` on, as they were when the digest had the tag `state`.
    WantCells {
        state: u64,
        from: usize,
        count: usize,
    },
    Repair {
        asks: Asks,
        wanted: Ids,
        elements: Elements,
    },
    /// All that the sender has in an interval. It wants what it lacks there, in at most `window` messages, 1 at the least;
    /// and, at the end of the answer, the receiver's state if it says so.
    Page {
        window: u16,
        wants_state: bool,
        from: Bound,
        to: Bound,
        elements: Elements,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// That the digest with the tag `state` is that of both.
    Proof {
        state: u64,
    },
    Cells {
        part: Part,
        cells: Cells,
    },
    /// All that the sender has.
    Whole {
        tag: [u8; 4],
        elements: Elements,
    },
    /// What the requester lacks, or wants, between two bounds; `last` if the answer ends with it.
    Give {
        tag: [u8; 4],
        from: Bound,
        to: Bound,
        last: bool,
        state: Option<State>,
        elements: Elements,
    },
}

/// Which part of a sketch cells are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// The first, of this state.
    Head(Box<Head>),
    /// Those after so many others; `last` if the answer ends with them.
    After { from: usize, last: bool },
}

/// What a sketch begins with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Head {
    pub(crate) state: State,
    /// None where so little differs that the cells tell how much.
    pub(crate) deep: Option<DeepBits>,
}

/// What a repair asks beside the elements it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Asks {
    /// Nothing: more of it follows at once.
    Nothing,
    /// That the answer says where it ends: more follows then.
    End,
    /// The receiver's state, at the end of the answer.
    State,
    /// Whether the receiver's digest has this tag now, and its cells if it has not.
    Verdict(u64),
}

impl Body {
    /// The cluster tag, where the kind has one.
    pub(crate) const fn tag(&self) -> Option<[u8; 4]> {
        match self {
            Self::Request { tag, .. }
            | Self::Answer { answer: Answer::Whole { tag, .. } | Answer::Give { tag, .. }, .. }
            | Self::Push { tag, .. } => Some(*tag),
            Self::Answer { answer: Answer::Proof { .. } | Answer::Cells { .. }, .. } => None,
        }
    }

    /// That of a round; `None` of a push.
    pub(crate) const fn nonce(&self) -> Option<Nonce> {
        match self {
            Self::Request { nonce, .. } | Self::Answer { nonce, .. } => Some(*nonce),
            Self::Push { .. } => None,
        }
    }

    /// The elements it brings.
    pub(crate) const fn elements(&self) -> &Elements {
        const NONE: &Elements = &Elements::NONE;
        match self {
            Self::Request { request: Request::Repair { elements, .. } | Request::Page { elements, .. }, .. }
            | Self::Answer { answer: Answer::Whole { elements, .. } | Answer::Give { elements, .. }, .. } => elements,
            Self::Push { batch, .. } => &batch.elements,
            Self::Request { .. } | Self::Answer { .. } => NONE,
        }
    }
}
