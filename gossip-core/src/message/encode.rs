//! Writing messages, and how long what stands before their elements may get.

use alloc::vec::Vec;

use super::{Answer, Asks, Body, Message, Nonce, Part, Request, VERSION};
use crate::codec::{Encode, Sink};
use crate::digest::{Digest, State};
use crate::sketch::{DeepWidth, IdWidth};
use crate::wire::Bound;

impl<E> Message<E> {
    /// The message as bytes. O(its length).
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.body.put(&mut out);
        out
    }
}

/// The low half of the first byte of a probe whose sender has no use for cells.
pub(super) const PLAIN_PROBE: u8 = 8;

/// Flags of cells: they begin a sketch, its deep bits are wide, ids have 48 bits, the answer ends here, there are no
/// deep bits.
pub(super) const HEAD: u8 = 1;
pub(super) const WIDE_BITS: u8 = 2;
pub(super) const NARROW_IDS: u8 = 4;
pub(super) const LAST: u8 = 8;
pub(super) const NO_BITS: u8 = 16;
pub(super) const HEAD_OF_WIDE_BITS: u8 = HEAD | WIDE_BITS;
pub(super) const HEAD_OF_NO_BITS: u8 = HEAD | NO_BITS;

impl Encode for Body {
    fn put(&self, out: &mut impl Sink) {
        let code = match self {
            Self::Request { request: Request::PlainProbe { .. }, .. } => PLAIN_PROBE,
            _ => self.kind().code(),
        };
        out.put(&[VERSION << 4 | code]);
        match self {
            Self::Request { tag, nonce, request } => {
                put_tagged(out, tag, *nonce);
                request.put(out);
            }
            Self::Answer { nonce, answer } => {
                if let Some(tag) = self.tag() {
                    out.put(&tag);
                }
                out.put(&nonce.bits().to_le_bytes());
                answer.put(out);
            }
            Self::Push { tag, batch } => {
                out.put(tag);
                batch.put(out);
            }
        }
    }
}

impl Encode for Request {
    fn put(&self, out: &mut impl Sink) {
        match self {
            Self::Probe { digest } | Self::PlainProbe { digest } => put_digest(out, *digest),
            Self::WantCells { state, from, count } => {
                out.put(&state.to_le_bytes());
                out.put_varint(*from as u64);
                out.put_varint(*count as u64);
            }
            Self::Repair { asks, wanted, elements } => {
                match asks {
                    Asks::Nothing => out.put(&[0]),
                    Asks::End => out.put(&[1]),
                    Asks::State => out.put(&[2]),
                    Asks::Verdict(state) => {
                        out.put(&[3]);
                        out.put(&state.to_le_bytes());
                    }
                }
                wanted.put(out);
                elements.put(out);
            }
            Self::Page { window, wants_state, from, to, elements } => {
                out.put_varint(u64::from(*window) << 1 | u64::from(*wants_state));
                from.put(out);
                to.put(out);
                elements.put(out);
            }
        }
    }
}

impl Encode for Answer {
    fn put(&self, out: &mut impl Sink) {
        match self {
            Self::Proof { state } => out.put(&state.to_le_bytes()),
            Self::Cells { part, cells } => {
                let narrow = if cells.width() == IdWidth::Bits48 { NARROW_IDS } else { 0 };
                match part {
                    Part::Head(head) => {
                        let deep = match head.deep.map(|deep| deep.width()) {
                            Some(DeepWidth::Narrow) => 0,
                            Some(DeepWidth::Wide) => WIDE_BITS,
                            None => NO_BITS,
                        };
                        out.put(&[HEAD | deep | narrow]);
                        put_state(out, head.state);
                        if let Some(deep) = head.deep {
                            out.put_with(deep.width().encoded_len(), |out| deep.encode(out));
                        }
                    }
                    Part::After { from, last } => {
                        out.put(&[narrow | if *last { LAST } else { 0 }]);
                        out.put_varint(*from as u64);
                    }
                }
                cells.put(out);
            }
            // In version 1 a page of everything, for which nothing is asked.
            Self::Whole { elements, .. } => {
                out.put_varint(0);
                Bound::START.put(out);
                Bound::End.put(out);
                elements.put(out);
            }
            Self::Give { from, to, last, state, elements, .. } => {
                from.put(out);
                to.put(out);
                out.put(&[u8::from(state.is_some()) | u8::from(*last) << 1]);
                if let Some(state) = state {
                    put_state(out, *state);
                }
                elements.put(out);
            }
        }
    }
}

fn put_tagged(out: &mut impl Sink, tag: &[u8; 4], nonce: Nonce) {
    out.put(tag);
    out.put(&nonce.bits().to_le_bytes());
}

fn put_digest(out: &mut impl Sink, digest: Digest) {
    out.put_varint(digest.count());
    out.put(&digest.sum().to_le_bytes());
}

fn put_state(out: &mut impl Sink, state: State) {
    put_digest(out, state.digest);
    out.put_varint(state.bytes);
}

/// What a message takes at the most beside its runs of elements, ids or cells: how much room a budget leaves for these.
pub(crate) mod longest {
    const KIND: usize = 1;
    const TAG: usize = 4;
    const NONCE: usize = 4;
    const FLAGS: usize = 1;
    const VARINT: usize = 10;
    const BOUND: usize = 17;
    const DIGEST: usize = VARINT + 16;
    /// A window and a bit, or the number of a cell: below 2^21.
    const SHORT_VARINT: usize = 3;
    /// A run's count, for as many as fit 1 MiB, and its form.
    const RUN: usize = SHORT_VARINT + 1;

    /// A state, which an answer may end with.
    pub(crate) const STATE: usize = DIGEST + VARINT;
    /// An answer of elements, its state aside.
    pub(crate) const GIVE: usize = KIND + TAG + NONCE + 2 * BOUND + FLAGS + RUN;
    pub(crate) const PAGE: usize = KIND + TAG + NONCE + SHORT_VARINT + 2 * BOUND + RUN;
    /// It takes 26 at the most. The other 14 were there when a verdict still named a whole digest; to use them moves
    /// elements from one message of a burst to another, so they stay until the wire form changes.
    pub(crate) const REPAIR: usize = KIND + TAG + NONCE + FLAGS + 8 + 2 * RUN + 14;
    /// First cells, the count and the deep bits aside.
    pub(crate) const HEAD_OF_CELLS: usize = KIND + NONCE + FLAGS + STATE;
    /// Further cells, the count aside.
    pub(crate) const CELLS: usize = KIND + NONCE + FLAGS + SHORT_VARINT;
    /// A push: two log ids, four places and three times in milliseconds; its run may be longer than a round's.
    pub(crate) const PUSH: usize = KIND + TAG + 2 * 4 + FLAGS + 4 * VARINT + 3 * 5 + VARINT + 1;
}
