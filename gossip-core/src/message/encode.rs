//! Writing messages, and how long they are.

use alloc::vec::Vec;

use super::{Asks, Body, Message, Place, VERSION};
use crate::codec::{put_varint, varint_len};
use crate::digest::Digest;
use crate::sketch::{DeepWidth, IdWidth};

impl<E> Message<E> {
    /// The message as bytes. O(its length).
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        let code = match self.body {
            Body::Probe { sketch: false, .. } => PLAIN_PROBE,
            _ => self.kind().code(),
        };
        out.push(VERSION << 4 | code);
        match &self.body {
            Body::Probe { tag, nonce, digest, .. } => {
                put_head(&mut out, tag, *nonce);
                put_digest(&mut out, *digest);
            }
            Body::Proof { nonce, state } => {
                out.extend_from_slice(&nonce.to_le_bytes());
                out.extend_from_slice(&state.to_le_bytes());
            }
            Body::WantCells { tag, nonce, state, from, count } => {
                put_head(&mut out, tag, *nonce);
                out.extend_from_slice(&state.to_le_bytes());
                put_varint(&mut out, *from as u64);
                put_varint(&mut out, *count as u64);
            }
            Body::Cells { nonce, place, cells } => {
                out.extend_from_slice(&nonce.to_le_bytes());
                let narrow = if cells.width() == IdWidth::Bits48 { NARROW_IDS } else { 0 };
                match place {
                    Place::Head(head) => {
                        let deep = match head.deep.map(|deep| deep.width()) {
                            Some(DeepWidth::Narrow) => 0,
                            Some(DeepWidth::Wide) => WIDE_BITS,
                            None => NO_BITS,
                        };
                        out.push(HEAD | deep | narrow);
                        put_digest(&mut out, head.state.digest);
                        put_varint(&mut out, head.state.bytes);
                        if let Some(deep) = head.deep {
                            deep.encode(&mut out);
                        }
                    }
                    Place::After { from, last } => {
                        out.push(narrow | if *last { LAST } else { 0 });
                        put_varint(&mut out, *from as u64);
                    }
                }
                cells.put(&mut out);
            }
            Body::Repair { tag, nonce, asks, wanted, elements } => {
                put_head(&mut out, tag, *nonce);
                match asks {
                    Asks::Nothing => out.push(0),
                    Asks::End => out.push(1),
                    Asks::State => out.push(2),
                    Asks::Verdict(state) => {
                        out.push(3);
                        out.extend_from_slice(&state.to_le_bytes());
                    }
                }
                wanted.put(&mut out);
                elements.put(&mut out);
            }
            Body::Page { tag, nonce, window, asks, from, to, elements } => {
                put_head(&mut out, tag, *nonce);
                put_varint(&mut out, u64::from(*window) << 1 | u64::from(*asks));
                from.put(&mut out);
                to.put(&mut out);
                elements.put(&mut out);
            }
            Body::Give { tag, nonce, from, to, last, state, elements } => {
                put_head(&mut out, tag, *nonce);
                from.put(&mut out);
                to.put(&mut out);
                out.push(u8::from(state.is_some()) | u8::from(*last) << 1);
                if let Some(state) = state {
                    put_digest(&mut out, state.digest);
                    put_varint(&mut out, state.bytes);
                }
                elements.put(&mut out);
            }
            Body::Push { tag, batch } => {
                out.extend_from_slice(tag);
                batch.put(&mut out);
            }
        }
        out
    }
}

impl Body {
    pub(crate) fn encoded_len(&self) -> usize {
        let digest_len = |digest: &Digest| varint_len(digest.count()) + 16;
        1 + match self {
            Body::Probe { digest, .. } => 8 + digest_len(digest),
            Body::Proof { .. } => 12,
            Body::WantCells { from, count, .. } => 16 + varint_len(*from as u64) + varint_len(*count as u64),
            Body::Cells { place, cells, .. } => {
                let place = match place {
                    Place::Head(head) => {
                        let state = digest_len(&head.state.digest) + varint_len(head.state.bytes);
                        state + head.deep.map_or(0, |deep| deep.width().encoded_len())
                    }
                    Place::After { from, .. } => varint_len(*from as u64),
                };
                5 + place + cells.encoded_len()
            }
            Body::Repair { asks, wanted, elements, .. } => {
                let asks = if let Asks::Verdict(_) = asks { 8 } else { 0 };
                9 + asks + wanted.encoded_len() + elements.encoded_len()
            }
            Body::Page { window, from, to, elements, .. } => {
                8 + varint_len(u64::from(*window) << 1) + from.encoded_len() + to.encoded_len() + elements.encoded_len()
            }
            Body::Give { from, to, state, elements, .. } => {
                let state = state.map_or(0, |state| digest_len(&state.digest) + varint_len(state.bytes));
                8 + from.encoded_len() + to.encoded_len() + 1 + state + elements.encoded_len()
            }
            Body::Push { batch, .. } => 4 + batch.encoded_len(),
        }
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

fn put_head(out: &mut Vec<u8>, tag: &[u8; 4], nonce: u32) {
    out.extend_from_slice(tag);
    out.extend_from_slice(&nonce.to_le_bytes());
}

fn put_digest(out: &mut Vec<u8>, digest: Digest) {
    put_varint(out, digest.count());
    out.extend_from_slice(&digest.sum().to_le_bytes());
}
