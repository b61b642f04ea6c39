//! What replicas send each other.

mod batch;
mod decode;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use crate::cells::Cells;
use crate::digest::Digest;
use crate::elements::Elements;
use crate::ids::Ids;
use crate::sketch::{DeepBits, DeepWidth, IdWidth};
use crate::wire::{Bound, put_varint, varint_len};

pub(crate) use batch::{Batch, Flags};
pub use decode::DecodeError;

/// The version of the protocol, in the high half of every message's first byte.
pub(crate) const VERSION: u8 = 1;

/// A message from one replica to another: opaque bytes to the embedder, who carries them.
///
/// Losing, repeating, reordering or delaying messages is safe.
///
/// ```
/// use gossip_core::{AntiEntropy, Config, Message, MessageKind, Output, Time};
///
/// let mut replica = AntiEntropy::<&str, u64>::new(Config::default(), 1);
/// replica.add_peer("other");
/// replica.sync_now(&"other");
/// let Output::Send { message, .. } = replica.poll(Time::ZERO) else { panic!("nothing to send") };
/// assert_eq!(message.kind(), MessageKind::Probe);
/// let bytes = message.encode();
/// assert_eq!(bytes.len(), message.encoded_len());
/// assert_eq!(Message::decode(&bytes), Ok(message));
/// ```
pub struct Message<E> {
    pub(crate) body: Body,
    /// Its elements were read as this type.
    elements: PhantomData<fn() -> E>,
}

/// The kinds of messages. Requests are answered; answers never are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum MessageKind {
    /// Request: the sender's digest.
    Probe,
    /// Answer: the digest that both have.
    Proof,
    /// Request: more cells of the receiver's sketch.
    WantCells,
    /// Answer: cells of the sender's sketch, because digests differ.
    Cells,
    /// Request: elements that the receiver lacks, and ids of those that the sender does.
    Repair,
    /// Request: all elements that the sender has in an interval. Or the answer to a probe: all that the sender has.
    Page,
    /// Answer: elements that the requester lacks or wants in an interval, or that digests differ.
    Give,
    /// Neither: fresh elements, and how far those of the receiver have come.
    Push,
}

impl MessageKind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Self; 8] =
        [Self::Probe, Self::Proof, Self::WantCells, Self::Cells, Self::Repair, Self::Page, Self::Give, Self::Push];

    /// The name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Proof => "proof",
            Self::WantCells => "want-cells",
            Self::Cells => "cells",
            Self::Repair => "repair",
            Self::Page => "page",
            Self::Give => "give",
            Self::Push => "push",
        }
    }

    /// The low half of a message's first byte.
    const fn code(self) -> u8 {
        match self {
            Self::Probe => 1,
            Self::Proof => 2,
            Self::WantCells => 3,
            Self::Cells => 4,
            Self::Repair => 5,
            Self::Page => 6,
            Self::Give => 7,
            Self::Push => 9,
        }
    }
}

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

/// What a replica held when it finished an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) digest: Digest,
    /// The encoded bytes of all elements.
    pub(crate) bytes: u64,
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

impl<E> Message<E> {
    pub(crate) const fn new(body: Body) -> Self {
        Self { body, elements: PhantomData }
    }

    /// What kind it is.
    pub const fn kind(&self) -> MessageKind {
        match self.body {
            Body::Probe { .. } => MessageKind::Probe,
            Body::Proof { .. } => MessageKind::Proof,
            Body::WantCells { .. } => MessageKind::WantCells,
            Body::Cells { .. } => MessageKind::Cells,
            Body::Repair { .. } => MessageKind::Repair,
            Body::Page { .. } => MessageKind::Page,
            Body::Give { .. } => MessageKind::Give,
            Body::Push { .. } => MessageKind::Push,
        }
    }

    /// Whether it is an answer, which earns none.
    pub(crate) const fn is_answer(&self) -> bool {
        matches!(self.body, Body::Proof { .. } | Body::Cells { .. } | Body::Page { window: 0, .. } | Body::Give { .. })
    }

    /// Whether it neither asks nor answers.
    #[cfg(feature = "sim")]
    pub(crate) const fn is_push(&self) -> bool {
        matches!(self.body, Body::Push { .. })
    }

    /// Whether its answer need not show what has been inserted since: it asks for more of a sketch, for elements alone,
    /// or for an interval.
    #[cfg(feature = "sim")]
    pub(crate) const fn continues(&self) -> bool {
        matches!(
            self.body,
            Body::WantCells { .. }
                | Body::Repair { asks: Asks::Nothing | Asks::End, .. }
                | Body::Page { asks: false, .. }
        )
    }

    /// How many bytes [`encode`](Self::encode) gives. O(1).
    pub fn encoded_len(&self) -> usize {
        self.body.encoded_len()
    }

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
const PLAIN_PROBE: u8 = 8;

/// Flags of cells: they begin a sketch, its deep bits are wide, ids have 48 bits, the answer ends here, there are no
/// deep bits.
const HEAD: u8 = 1;
const WIDE_BITS: u8 = 2;
const NARROW_IDS: u8 = 4;
const LAST: u8 = 8;
const NO_BITS: u8 = 16;
const HEAD_OF_WIDE_BITS: u8 = HEAD | WIDE_BITS;
const HEAD_OF_NO_BITS: u8 = HEAD | NO_BITS;

fn put_head(out: &mut Vec<u8>, tag: &[u8; 4], nonce: u32) {
    out.extend_from_slice(tag);
    out.extend_from_slice(&nonce.to_le_bytes());
}

fn put_digest(out: &mut Vec<u8>, digest: Digest) {
    put_varint(out, digest.count());
    out.extend_from_slice(&digest.sum().to_le_bytes());
}

impl<E> Clone for Message<E> {
    fn clone(&self) -> Self {
        Self::new(self.body.clone())
    }
}

impl<E> PartialEq for Message<E> {
    fn eq(&self, other: &Self) -> bool {
        self.body == other.body
    }
}

impl<E> Eq for Message<E> {}

impl<E> fmt::Debug for Message<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({}, {} bytes)", self.kind().name(), self.encoded_len())
    }
}

#[cfg(feature = "serde")]
mod with_serde {
    use alloc::vec::Vec;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    use serde::de::{Error, Visitor};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Message, fmt};
    use crate::element::Element;

    /// One base64 string (standard alphabet, no padding) in readable formats, bytes in others.
    impl<E> Serialize for Message<E> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let bytes = self.encode();
            if serializer.is_human_readable() {
                serializer.serialize_str(&STANDARD_NO_PAD.encode(bytes))
            } else {
                serializer.serialize_bytes(&bytes)
            }
        }
    }

    impl<'de, E: Element> Deserialize<'de> for Message<E> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let bytes = if deserializer.is_human_readable() {
                deserializer.deserialize_str(BytesVisitor)?
            } else {
                deserializer.deserialize_bytes(BytesVisitor)?
            };
            Self::decode(&bytes).map_err(D::Error::custom)
        }
    }

    struct BytesVisitor;

    impl Visitor<'_> for BytesVisitor {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a message, as base64 or bytes")
        }

        fn visit_str<X: Error>(self, text: &str) -> Result<Vec<u8>, X> {
            STANDARD_NO_PAD.decode(text).map_err(X::custom)
        }

        fn visit_bytes<X: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, X> {
            Ok(bytes.into())
        }
    }
}
