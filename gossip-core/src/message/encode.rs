//! Writing of messages, and upper bounds on their heads.

use alloc::vec::Vec;

use super::{Answer, Asks, Body, Listed, Message, Nonce, Part, Request, Tells, Told, VERSION};
use crate::codec::{Encode, Sink};
use crate::digest::{Digest, State};
use crate::element::ClusterTag;
use crate::sketch::{DeepWidth, IdWidth};

impl<E> Message<E> {
    /// The message as bytes. O(length).
    pub fn encode(&self) -> Vec<u8> {
        // One allocation of up to 1 MiB, for a second look at a few numbers.
        let mut out = Vec::with_capacity(self.encoded_len());
        self.body.put(&mut out);
        if let Some(remarks) = &self.remarks {
            remarks.put(&mut out);
        }
        out
    }
}

/// Codes of a probe whose sender has no use for cells, and of one with deep bits.
pub(super) const PLAIN_PROBE: u8 = 8;
pub(super) const DEEP_PROBE: u8 = 10;

/// Codes of a page of everything, in answer to a probe, and of one that lists ids.
pub(super) const WHOLE: u8 = 11;
pub(super) const LIST: u8 = 12;

/// Flags of cells: head of a sketch, wide deep bits, ids of 48 bits, end of the answer, no deep bits, an estimate
/// in their place, names of 96 bits.
pub(super) const HEAD: u8 = 1;
pub(super) const WIDE_BITS: u8 = 2;
pub(super) const NARROW_IDS: u8 = 4;
pub(super) const LAST: u8 = 8;
pub(super) const NO_BITS: u8 = 16;
pub(super) const SEEN: u8 = 32;
pub(super) const WIDE_NAMES: u8 = 64;
pub(super) const HEAD_OF_WIDE_BITS: u8 = HEAD | WIDE_BITS;
pub(super) const HEAD_OF_NO_BITS: u8 = HEAD | NO_BITS;
/// Flags of a Give: its sender's state, or the tag of that, follows.
pub(super) const GIVES_STATE: u8 = 1;
pub(super) const GIVES_TAG: u8 = 8;
pub(super) const HEAD_OF_SEEN: u8 = HEAD | SEEN;

impl Encode for Body {
    fn put(&self, out: &mut impl Sink) {
        // Kinds of their own on the wire; in the ledger they are probes and pages.
        let code = match self {
            Self::Request { request: Request::Page { listed: Listed::Ids(_), .. }, .. } => LIST,
            Self::Answer { answer: Answer::Whole { .. }, .. } => WHOLE,
            Self::Request { request: Request::PlainProbe { .. }, .. } => PLAIN_PROBE,
            Self::Request { request: Request::DeepProbe { .. }, .. } => DEEP_PROBE,
            _ => self.kind().code(),
        };
        out.put(&[VERSION << 4 | code]);
        match self {
            Self::Request { tag, nonce, request } => {
                put_tagged(out, *tag, *nonce);
                request.put(out);
            }
            Self::Answer { nonce, answer } => {
                // Answers of elements have a tag, since those are merged even where nobody asked.
                if let Some(tag) = self.tag() {
                    out.put(&tag.bytes());
                }
                out.put(&nonce.bits().to_le_bytes());
                answer.put(out);
            }
            Self::Push { tag, batch } => {
                // No nonce: a push answers nothing. The id of its log is in its place.
                out.put(&tag.bytes());
                batch.put(out);
            }
        }
    }
}

impl Encode for Request {
    fn put(&self, out: &mut impl Sink) {
        match self {
            Self::Probe { digest } | Self::PlainProbe { digest } => put_digest(out, *digest),
            Self::DeepProbe { digest, deep } => {
                put_digest(out, *digest);
                out.put_with(deep.width().encoded_len(), |out| deep.encode(out));
            }
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
                        // 8 bytes for the 16 of the sum and the count: should a tag deceive, the next probe corrects
                        // it.
                        out.put(&state.to_le_bytes());
                    }
                }
                wanted.put(out);
                elements.put(out);
            }
            Self::Page { window, wants_state, from, to, listed } => {
                // The default window of 32 and its bit take one byte.
                out.put_varint(u64::from(*window) << 1 | u64::from(*wants_state));
                from.put(out);
                to.put(out);
                match listed {
                    Listed::Whole(elements) => elements.put(out),
                    Listed::Ids(ids) => ids.put(out),
                }
            }
        }
    }
}

impl Encode for Answer {
    fn put(&self, out: &mut impl Sink) {
        match self {
            Self::Proof { state } => out.put(&state.to_le_bytes()),
            Self::Cells { part, cells } => {
                // Told with each message, so that cells are read without a look at the set they are for.
                let width_flag = match cells.width() {
                    IdWidth::Bits48 => NARROW_IDS,
                    IdWidth::Bits64 => 0,
                    IdWidth::Bits96 => WIDE_NAMES,
                };
                match part {
                    Part::Head(head) => {
                        let tells = match head.tells {
                            Tells::Nothing => NO_BITS,
                            Tells::Bits(deep) if deep.width() == DeepWidth::Wide => WIDE_BITS,
                            Tells::Bits(_) => 0,
                            Tells::Seen { .. } => SEEN,
                        };
                        out.put(&[HEAD | tells | width_flag]);
                        put_state(out, head.state);
                        match head.tells {
                            Tells::Nothing => {}
                            Tells::Bits(deep) => out.put_with(deep.width().encoded_len(), |out| deep.encode(out)),
                            Tells::Seen { differences, follow } => {
                                out.put_varint(differences);
                                out.put_varint(follow as u64);
                            }
                        }
                    }
                    Part::After { from, last } => {
                        out.put(&[width_flag | if *last { LAST } else { 0 }]);
                        out.put_varint(*from as u64);
                    }
                }
                cells.put(out);
            }
            Self::Whole { elements, .. } => elements.put(out),
            Self::Give { from, to, last, state, wanted, elements, .. } => {
                from.put(out);
                to.put(out);
                let flag = match state {
                    Told::Nothing => 0,
                    Told::State(_) => GIVES_STATE,
                    Told::Tag(_) => GIVES_TAG,
                };
                out.put(&[flag | u8::from(*last) << 1 | u8::from(wanted.is_some()) << 2]);
                match *state {
                    Told::Nothing => {}
                    Told::State(state) => put_state(out, state),
                    Told::Tag(tag) => out.put(&tag.to_le_bytes()),
                }
                if let Some(wanted) = wanted {
                    wanted.put(out);
                }
                elements.put(out);
            }
        }
    }
}

fn put_tagged(out: &mut impl Sink, tag: ClusterTag, nonce: Nonce) {
    out.put(&tag.bytes());
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

/// Upper bounds on the length of messages beside their runs of elements, ids or cells. The rest of a budget is for
/// these.
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
    /// Count and form of a run of as many as fit 1 MiB.
    const RUN: usize = SHORT_VARINT + 1;

    /// A state, at the end of an answer.
    pub(crate) const STATE: usize = DIGEST + VARINT;
    /// An answer of elements, its state aside.
    pub(crate) const GIVE: usize = KIND + TAG + NONCE + 2 * BOUND + FLAGS + RUN;
    pub(crate) const PAGE: usize = KIND + TAG + NONCE + SHORT_VARINT + 2 * BOUND + RUN;
    /// It takes 26 at the most. The other 14 were there when a verdict still named a whole digest; to use them moves
    /// elements from one message of a burst to another, so they stay until the wire form changes.
    pub(crate) const REPAIR: usize = KIND + TAG + NONCE + FLAGS + 8 + 2 * RUN + 14;
    /// Head of a sketch, but for the count of cells and what tells of the difference.
    pub(crate) const HEAD_OF_CELLS: usize = KIND + NONCE + FLAGS + STATE;
    /// An estimated difference, and a number of cells that follow.
    pub(crate) const SEEN: usize = VARINT + SHORT_VARINT;
    /// Further cells, but for their count.
    pub(crate) const CELLS: usize = KIND + NONCE + FLAGS + SHORT_VARINT;
    /// A push: two log ids, four places and three times in milliseconds; its run may be longer than a round's.
    pub(crate) const PUSH: usize = KIND + TAG + 2 * 4 + FLAGS + 4 * VARINT + 3 * 5 + VARINT + 1;
}
