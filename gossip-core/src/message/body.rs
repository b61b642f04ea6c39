//! What a message says.

use alloc::boxed::Box;

use super::Batch;
use crate::digest::{Digest, State};
use crate::sketch::DeepBits;
use crate::wire::{Bound, Cells, Elements, Ids};

/// What a message says. `tag` is the cluster's; `nonce` that of the round, from the initiator's first request on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Body {
    /// `sketch` unless cells are no use to the sender.
    Probe {
        tag: [u8; 4],
        nonce: u32,
        digest: Digest,
        sketch: bool,
    },
    /// That the digest with the tag `state` is that of both.
    Proof {
        nonce: u32,
        state: u64,
    },
    /// `count` cells from cell `from` on, as they were when the digest had the tag `state`.
    WantCells {
        tag: [u8; 4],
        nonce: u32,
        state: u64,
        from: usize,
        count: usize,
    },
    Cells {
        nonce: u32,
        place: Place,
        cells: Cells,
    },
    Repair {
        tag: [u8; 4],
        nonce: u32,
        asks: Asks,
        wanted: Ids,
        elements: Elements,
    },
    /// `asks` for the receiver's state at the end of the answer. A window of 0 makes it an answer, to a probe.
    Page {
        tag: [u8; 4],
        nonce: u32,
        window: u16,
        asks: bool,
        from: Bound,
        to: Bound,
        elements: Elements,
    },
    /// `last` if the answer ends with it.
    Give {
        tag: [u8; 4],
        nonce: u32,
        from: Bound,
        to: Bound,
        last: bool,
        state: Option<State>,
        elements: Elements,
    },
    Push {
        tag: [u8; 4],
        batch: Box<Batch>,
    },
}

/// Where in a sketch cells belong.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// They are the first, of this state.
    Head(Box<Head>),
    /// They follow so many others; `last` if the answer ends with them.
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
