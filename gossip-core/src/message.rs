//! What replicas send each other.

use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use crate::config::MessageBudget;
use crate::digest::Digest;
use crate::element::Element;
use crate::elements::Elements;
use crate::wire::{Bound, put_varint, take_varint, varint_len};

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
    /// Request: elements that the receiver lacks.
    Repair,
    /// Request: all elements that the sender has in an interval.
    Page,
    /// Answer: elements that the requester lacks in an interval, or that digests differ.
    Give,
}

impl MessageKind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Self; 5] = [Self::Probe, Self::Proof, Self::Repair, Self::Page, Self::Give];

    /// The name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Proof => "proof",
            Self::Repair => "repair",
            Self::Page => "page",
            Self::Give => "give",
        }
    }

    /// The low half of a message's first byte.
    const fn code(self) -> u8 {
        match self {
            Self::Probe => 1,
            Self::Proof => 2,
            Self::Repair => 5,
            Self::Page => 6,
            Self::Give => 7,
        }
    }
}

/// What a message says. `tag` is the cluster's; `nonce` that of the round, from the initiator's first request on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Body {
    Probe { tag: [u8; 4], nonce: u32, digest: Digest },
    Proof { nonce: u32, digest: Digest },
    Repair { tag: [u8; 4], nonce: u32, digest: Digest, elements: Elements },
    Page { tag: [u8; 4], nonce: u32, window: u16, from: Bound, to: Bound, elements: Elements },
    Give { tag: [u8; 4], nonce: u32, from: Bound, to: Bound, state: Option<State>, elements: Elements },
}

/// What a replica held when it finished an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) digest: Digest,
    /// The encoded bytes of all elements.
    pub(crate) bytes: u64,
}

/// Why bytes are not a message. Nothing was taken from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// More bytes than any replica may send.
    #[error("a message of {0} bytes is longer than 1 MiB")]
    TooLong(usize),
    /// The message is of another version of the protocol.
    #[error("version {0} of the protocol is not 1, the one known here")]
    Version(u8),
    /// This version has no such kind.
    #[error("message kind {0} is unknown")]
    UnknownKind(u8),
    /// A field ends early or is not in its only form.
    #[error("the {field} at byte {at} is cut short or malformed")]
    Field {
        /// The field's name.
        field: &'static str,
        /// Where it begins.
        at: usize,
    },
    /// An element ends early, is not one of the type, or is not in its only form.
    #[error("element {index} at byte {at} is cut short, malformed or not canonical")]
    Element {
        /// How many elements came before it.
        index: usize,
        /// Where it begins.
        at: usize,
    },
    /// Bytes follow the message.
    #[error("{extra} bytes follow the message's end at byte {at}")]
    Trailing {
        /// Where the message ends.
        at: usize,
        /// How many bytes follow.
        extra: usize,
    },
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
            Body::Repair { .. } => MessageKind::Repair,
            Body::Page { .. } => MessageKind::Page,
            Body::Give { .. } => MessageKind::Give,
        }
    }

    /// How many bytes [`encode`](Self::encode) gives. O(1).
    pub fn encoded_len(&self) -> usize {
        self.body.encoded_len()
    }

    /// The message as bytes. O(its length).
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        out.push(VERSION << 4 | self.kind().code());
        match &self.body {
            Body::Probe { tag, nonce, digest } => {
                put_head(&mut out, tag, *nonce);
                put_digest(&mut out, *digest);
            }
            Body::Proof { nonce, digest } => {
                out.extend_from_slice(&nonce.to_le_bytes());
                put_digest(&mut out, *digest);
            }
            Body::Repair { tag, nonce, digest, elements } => {
                put_head(&mut out, tag, *nonce);
                put_digest(&mut out, *digest);
                elements.put(&mut out);
            }
            Body::Page { tag, nonce, window, from, to, elements } => {
                put_head(&mut out, tag, *nonce);
                put_varint(&mut out, u64::from(*window));
                from.put(&mut out);
                to.put(&mut out);
                elements.put(&mut out);
            }
            Body::Give { tag, nonce, from, to, state, elements } => {
                put_head(&mut out, tag, *nonce);
                from.put(&mut out);
                to.put(&mut out);
                out.push(u8::from(state.is_some()));
                if let Some(state) = state {
                    put_digest(&mut out, state.digest);
                    put_varint(&mut out, state.bytes);
                }
                elements.put(&mut out);
            }
        }
        out
    }
}

impl<E: Element> Message<E> {
    /// The message that these bytes are. O(their length). It keeps a copy of them, and beside it nothing but one element at a
    /// time while it reads: no number in them sizes an allocation.
    ///
    /// # Errors
    ///
    /// Bytes that [`encode`](Self::encode) gives for no message: what is wrong, and where.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MessageBudget::MAX.bytes() {
            return Err(DecodeError::TooLong(bytes.len()));
        }
        let mut reader = Reader { rest: bytes, len: bytes.len() };
        let first = reader.byte("version and kind")?;
        if first >> 4 != VERSION {
            return Err(DecodeError::Version(first >> 4));
        }
        let code = first & 0xf;
        let kind = MessageKind::ALL.into_iter().find(|kind| kind.code() == code);
        let body = match kind.ok_or(DecodeError::UnknownKind(code))? {
            MessageKind::Probe => Body::Probe { tag: reader.tag()?, nonce: reader.nonce()?, digest: reader.digest()? },
            MessageKind::Proof => Body::Proof { nonce: reader.nonce()?, digest: reader.digest()? },
            MessageKind::Repair => Body::Repair {
                tag: reader.tag()?,
                nonce: reader.nonce()?,
                digest: reader.digest()?,
                elements: reader.elements::<E>(Bound::START)?,
            },
            MessageKind::Page => {
                let (tag, nonce, window) = (reader.tag()?, reader.nonce()?, reader.window()?);
                let (from, to) = reader.interval()?;
                Body::Page { tag, nonce, window, from, to, elements: reader.elements::<E>(from)? }
            }
            MessageKind::Give => {
                let (tag, nonce) = (reader.tag()?, reader.nonce()?);
                let (from, to) = reader.interval()?;
                let state = reader.state()?;
                Body::Give { tag, nonce, from, to, state, elements: reader.elements::<E>(from)? }
            }
        };
        match reader.rest.len() {
            0 => Ok(Self::new(body)),
            extra => Err(DecodeError::Trailing { at: reader.at(), extra }),
        }
    }
}

impl Body {
    pub(crate) fn encoded_len(&self) -> usize {
        let digest_len = |digest: &Digest| varint_len(digest.count()) + 16;
        1 + match self {
            Body::Probe { digest, .. } => 8 + digest_len(digest),
            Body::Proof { digest, .. } => 4 + digest_len(digest),
            Body::Repair { digest, elements, .. } => 8 + digest_len(digest) + elements.encoded_len(),
            Body::Page { window, from, to, elements, .. } => {
                8 + varint_len(u64::from(*window)) + from.encoded_len() + to.encoded_len() + elements.encoded_len()
            }
            Body::Give { from, to, state, elements, .. } => {
                let state = state.map_or(0, |state| digest_len(&state.digest) + varint_len(state.bytes));
                8 + from.encoded_len() + to.encoded_len() + 1 + state + elements.encoded_len()
            }
        }
    }
}

fn put_head(out: &mut Vec<u8>, tag: &[u8; 4], nonce: u32) {
    out.extend_from_slice(tag);
    out.extend_from_slice(&nonce.to_le_bytes());
}

fn put_digest(out: &mut Vec<u8>, digest: Digest) {
    put_varint(out, digest.count());
    out.extend_from_slice(&digest.sum().to_le_bytes());
}

/// What the ids of elements after `from` count from.
pub(crate) fn base(from: Bound) -> u64 {
    match from {
        Bound::At(fingerprint) => fingerprint.id,
        Bound::End => u64::MAX,
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    len: usize,
}

impl Reader<'_> {
    fn at(&self) -> usize {
        self.len - self.rest.len()
    }

    /// Takes one field; if it is not there nothing is taken.
    fn field<T>(&mut self, field: &'static str, take: impl FnOnce(&mut &[u8]) -> Option<T>) -> Result<T, DecodeError> {
        take(&mut self.rest).ok_or(DecodeError::Field { field, at: self.at() })
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        self.field(field, |rest| {
            let (front, after) = rest.split_first_chunk()?;
            *rest = after;
            Some(*front)
        })
    }

    fn byte(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array(field).map(|[byte]| byte)
    }

    fn tag(&mut self) -> Result<[u8; 4], DecodeError> {
        self.array("cluster tag")
    }

    fn nonce(&mut self) -> Result<u32, DecodeError> {
        self.array("nonce").map(u32::from_le_bytes)
    }

    fn window(&mut self) -> Result<u16, DecodeError> {
        self.field("window", |rest| u16::try_from(take_varint(rest)?).ok())
    }

    fn digest(&mut self) -> Result<Digest, DecodeError> {
        let count = self.field("digest's count", take_varint)?;
        let sum = u128::from_le_bytes(self.array("digest's sum")?);
        Ok(Digest::from_parts(count, sum))
    }

    fn interval(&mut self) -> Result<(Bound, Bound), DecodeError> {
        Ok((self.field("interval's start", Bound::take)?, self.field("interval's end", Bound::take)?))
    }

    fn state(&mut self) -> Result<Option<State>, DecodeError> {
        let at = self.at();
        match self.byte("flags")? {
            0 => Ok(None),
            1 => Ok(Some(State { digest: self.digest()?, bytes: self.field("state's bytes", take_varint)? })),
            _ => Err(DecodeError::Field { field: "flags", at }),
        }
    }

    fn elements<E: Element>(&mut self, from: Bound) -> Result<Elements, DecodeError> {
        let start = self.at();
        Elements::take::<E>(&mut self.rest, base(from))
            .map_err(|flaw| DecodeError::Element { index: flaw.index, at: start + flaw.at })
    }
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

    use super::{Element, Message, fmt};

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
