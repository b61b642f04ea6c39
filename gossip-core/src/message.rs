//! What replicas send each other.

mod batch;
mod body;
mod decode;
mod encode;
mod nonce;
#[cfg(feature = "serde")]
mod serde;
#[cfg(test)]
pub(crate) mod tests;

use core::fmt;
use core::marker::PhantomData;

pub(crate) use batch::{Batch, Flags, LogId};
pub(crate) use body::{Answer, Asks, Body, Head, Part, Request};
pub use decode::DecodeError;
pub(crate) use encode::longest;
pub(crate) use nonce::Nonce;

use crate::codec::Encode;

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

impl<E> Message<E> {
    pub(crate) const fn new(body: Body) -> Self {
        Self { body, elements: PhantomData }
    }

    /// What kind it is.
    pub const fn kind(&self) -> MessageKind {
        self.body.kind()
    }

    /// Whether it is an answer, which earns none.
    #[cfg(feature = "sim")]
    pub(crate) const fn is_answer(&self) -> bool {
        matches!(self.body, Body::Answer { .. })
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
            Body::Request {
                request: Request::WantCells { .. }
                    | Request::Repair { asks: Asks::Nothing | Asks::End, .. }
                    | Request::Page { wants_state: false, .. },
                ..
            }
        )
    }

    /// How many bytes [`encode`](Self::encode) gives. O(1).
    pub fn encoded_len(&self) -> usize {
        self.body.encoded_len()
    }
}

impl Body {
    const fn kind(&self) -> MessageKind {
        match self {
            Self::Request { request, .. } => match request {
                Request::Probe { .. } | Request::PlainProbe { .. } => MessageKind::Probe,
                Request::WantCells { .. } => MessageKind::WantCells,
                Request::Repair { .. } => MessageKind::Repair,
                Request::Page { .. } => MessageKind::Page,
            },
            Self::Answer { answer, .. } => match answer {
                Answer::Proof { .. } => MessageKind::Proof,
                Answer::Cells { .. } => MessageKind::Cells,
                Answer::Whole { .. } => MessageKind::Page,
                Answer::Give { .. } => MessageKind::Give,
            },
            Self::Push { .. } => MessageKind::Push,
        }
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
