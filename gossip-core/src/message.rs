//! Messages between replicas.

mod batch;
mod body;
mod decode;
mod encode;
mod nonce;
mod remarks;
#[cfg(feature = "serde")]
mod serde;
#[cfg(test)]
pub(crate) mod tests;

use alloc::boxed::Box;
use core::fmt;
use core::marker::PhantomData;

pub(crate) use batch::{Batch, Flags, LogId};
pub(crate) use body::{Answer, Asks, Body, Head, Listed, Part, Request, Tells, Told};
pub use decode::DecodeError;
pub(crate) use encode::longest;
pub(crate) use nonce::Nonce;
pub(crate) use remarks::Remarks;

use crate::codec::Encode;

/// Version of the protocol, in the high half of every message's first byte.
pub(crate) const VERSION: u8 = 2;

/// Message from one replica to another; opaque bytes to the embedder.
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
    /// What it says beside its elements, if they are entries of a map.
    pub(crate) remarks: Option<Box<Remarks>>,
    /// The type that its elements are read as.
    // A function of it, so that messages are `Send` and `Sync` whatever elements are: they hold bytes alone.
    elements: PhantomData<fn() -> E>,
}

/// Kind of a message. Requests are answered; answers never are.
///
/// ```
/// use gossip_core::{AntiEntropy, Config, MessageKind, Output, Time};
///
/// let mut machine = AntiEntropy::<&str, u64>::new(Config::default(), 1);
/// machine.add_peer("n2");
/// machine.sync_now(&"n2");
/// let Output::Send { message, .. } = machine.poll(Time::ZERO) else { panic!("nothing to ask") };
/// assert_eq!(message.kind(), MessageKind::Probe);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum MessageKind {
    /// Request: the sender's digest.
    Probe,
    /// Answer: proof that both digests are equal.
    Proof,
    /// Request: more cells of the receiver's sketch.
    WantCells,
    /// Answer: cells of the sender's sketch, because digests differ.
    Cells,
    /// Request: elements for the receiver, and ids of elements that the sender wants.
    Repair,
    /// Request: all elements of the sender in an interval. Or an answer to a probe: all elements of the sender.
    Page,
    /// Answer: missing or wanted elements of an interval; or, empty, that digests differ.
    Give,
    /// Neither: fresh elements, and an acknowledgement of the receiver's.
    Push,
}

impl MessageKind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Self; 8] =
        [Self::Probe, Self::Proof, Self::WantCells, Self::Cells, Self::Repair, Self::Page, Self::Give, Self::Push];

    /// Name in lower case.
    ///
    /// ```
    /// use gossip_core::MessageKind;
    ///
    /// let names = MessageKind::ALL.map(MessageKind::name).join(" ");
    /// assert_eq!(names, "probe proof want-cells cells repair page give push");
    /// ```
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

    /// Code in the low half of a message's first byte.
    const fn code(self) -> u8 {
        match self {
            Self::Probe => 1,
            Self::Proof => 2,
            Self::WantCells => 3,
            Self::Cells => 4,
            Self::Repair => 5,
            Self::Page => 6,
            Self::Give => 7,
            // 8 and 10 are `PLAIN_PROBE` and `DEEP_PROBE`, further codes of probes, and 11 and 12 are `WHOLE` and
            // `LIST`, of pages.
            Self::Push => 9,
        }
    }
}

impl<E> Message<E> {
    #[cfg(test)]
    pub(crate) const fn new(body: Body) -> Self {
        Self::with(body, None)
    }

    pub(crate) const fn with(body: Body, remarks: Option<Box<Remarks>>) -> Self {
        Self { body, remarks, elements: PhantomData }
    }

    /// Kind of the message.
    pub const fn kind(&self) -> MessageKind {
        self.body.kind()
    }

    /// Returns whether this is an answer; answers earn none.
    #[cfg(feature = "sim")]
    pub(crate) const fn is_answer(&self) -> bool {
        matches!(self.body, Body::Answer { .. })
    }

    /// Returns whether this is a push, which neither asks nor answers.
    #[cfg(feature = "sim")]
    pub(crate) const fn is_push(&self) -> bool {
        matches!(self.body, Body::Push { .. })
    }

    /// Returns whether its answer may be of an earlier state: it continues a sketch, or asks for elements alone or for
    /// an interval.
    #[cfg(feature = "sim")]
    pub(crate) const fn continues(&self) -> bool {
        matches!(
            self.body,
            Body::Request {
                // Cells are of the state that they began with, and what is asked for by name or place was there before;
                // a state at the end of an answer would show what came since.
                request: Request::WantCells { .. }
                    | Request::Repair { asks: Asks::Nothing | Asks::End, .. }
                    | Request::Page { wants_state: false, .. },
                ..
            }
        )
    }

    /// Length of [`encode`](Self::encode) in bytes. O(1).
    pub fn encoded_len(&self) -> usize {
        self.body.encoded_len() + self.remarks.as_ref().map_or(0, |remarks| remarks.encoded_len())
    }
}

impl Body {
    const fn kind(&self) -> MessageKind {
        match self {
            Self::Request { request, .. } => match request {
                Request::Probe { .. } | Request::PlainProbe { .. } | Request::DeepProbe { .. } => MessageKind::Probe,
                Request::WantCells { .. } => MessageKind::WantCells,
                Request::Repair { .. } => MessageKind::Repair,
                Request::Page { .. } => MessageKind::Page,
            },
            Self::Answer { answer, .. } => match answer {
                Answer::Proof { .. } => MessageKind::Proof,
                Answer::Cells { .. } => MessageKind::Cells,
                // The ledger counts it as a page.
                Answer::Whole { .. } => MessageKind::Page,
                Answer::Give { .. } => MessageKind::Give,
            },
            Self::Push { .. } => MessageKind::Push,
        }
    }
}

// By hand, since a derive would ask `Clone` and `Eq` of elements that are not there.
impl<E> Clone for Message<E> {
    fn clone(&self) -> Self {
        Self::with(self.body.clone(), self.remarks.clone())
    }
}

impl<E> PartialEq for Message<E> {
    fn eq(&self, other: &Self) -> bool {
        self.body == other.body && self.remarks == other.remarks
    }
}

impl<E> Eq for Message<E> {}

impl<E> fmt::Debug for Message<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its length: there may be 2^20 bytes, and logs print what is sent.
        write!(f, "Message({}, {} bytes)", self.kind().name(), self.encoded_len())
    }
}
