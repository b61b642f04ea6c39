//! What can be simulated: the machine's side of the contract.

use alloc::vec::Vec;
use core::fmt;

use crate::{AntiEntropy, Config, Digest, Element, Event, Message, MessageBudget, Output, Time};

/// The name of a replica: its place in the fleet, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(pub usize);

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// A replica of a grow-only set, as a pure state machine: what the simulator drives and judges.
///
/// [`AntiEntropy`] is one. So is any protocol that takes in bytes and is polled; what it holds is compared with what it
/// was given, by whatever digest it has. An [`Interposed`](super::Interposed) machine is one that lies, or is cut off from some.
pub trait Machine: Clone {
    /// What the set holds.
    type Element: Element;
    /// Equal if, and only if, the sets are: a hash, or the set itself.
    type Digest: Clone + Ord + fmt::Debug;

    /// A local write. Whether the element is held now; `false` is a refusal, which changes nothing.
    fn insert(&mut self, element: Self::Element) -> bool;

    /// Takes in what a replica sent. Whether it was accepted; a refused message changes nothing.
    fn receive(&mut self, from: ReplicaId, message: &[u8]) -> bool;

    /// The next output at `now`, on this replica's own clock. Called until it is [`Step::Wait`].
    fn poll(&mut self, now: Time) -> Step<Self::Element, Self::Digest>;

    /// Whether this element is held.
    fn contains(&self, element: &Self::Element) -> bool;

    /// How many elements are held.
    fn count(&self) -> usize;

    /// The digest of what is held.
    fn digest(&self) -> Self::Digest;

    /// What it promises about its messages. By default, nothing.
    fn limits(&self) -> Limits {
        Limits::default()
    }
}

/// One output of a [`Machine`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an output that is not acted on is lost"]
pub enum Step<E, D> {
    /// Send this.
    Send {
        /// Whom to.
        to: ReplicaId,
        /// What it is called in the report.
        kind: &'static str,
        /// Whether it asks or answers.
        role: Role,
        /// The bytes.
        message: Vec<u8>,
    },
    /// An element that a peer's message brought and that was not held before.
    Learned {
        /// The element, held already.
        element: E,
        /// The peer.
        from: ReplicaId,
    },
    /// A proof that this peer's digest and ours were both this.
    InSync {
        /// The peer.
        peer: ReplicaId,
        /// The digest.
        digest: D,
    },
    /// Anything else worth counting, by name.
    Note(&'static str),
    /// Nothing more until new input or this instant on the replica's own clock, which is later than the one polled at.
    Wait(Option<Time>),
}

/// What a message is to its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It may be answered, from what is held as the answer is sent.
    Request,
    /// It may be answered with a part of what is held, or was when an earlier answer began: it asks for more of that.
    Continuation,
    /// It tells what its receiver may not have, unasked, and earns no answer.
    Push,
    /// It answers a request, from what is held as it is sent. It is never answered, but its receiver may go on.
    Answer,
}

impl Role {
    /// Whether it earns answers.
    pub(super) const fn asks(self) -> bool {
        matches!(self, Self::Request | Self::Continuation)
    }
}

/// What a machine promises about its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes in a message.
    pub message_bytes: usize,
    /// The most answers that one message may earn.
    pub window: u64,
}

/// No limits.
impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes: usize::MAX, window: u64::MAX }
    }
}

impl<E: Element> Machine for AntiEntropy<ReplicaId, E> {
    type Element = E;
    type Digest = Digest;

    fn insert(&mut self, element: E) -> bool {
        AntiEntropy::insert(self, element).is_ok()
    }

    fn receive(&mut self, from: ReplicaId, message: &[u8]) -> bool {
        self.receive_bytes(&from, message).is_ok()
    }

    fn poll(&mut self, now: Time) -> Step<E, Digest> {
        match AntiEntropy::poll(self, now) {
            Output::Send { to, message } => {
                Step::Send { to, kind: message.kind().name(), role: role(&message), message: message.encode() }
            }
            Output::Event(Event::Learned { element, from }) => Step::Learned { element, from },
            Output::Event(Event::InSync { peer, digest }) => Step::InSync { peer, digest },
            Output::Event(Event::Unreachable { .. }) => Step::Note("unreachable"),
            Output::Event(Event::Reachable { .. }) => Step::Note("reachable"),
            Output::Wait(until) => Step::Wait(until),
        }
    }

    fn contains(&self, element: &E) -> bool {
        AntiEntropy::contains(self, element)
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn digest(&self) -> Digest {
        AntiEntropy::digest(self)
    }

    fn limits(&self) -> Limits {
        Limits { message_bytes: message_limit(self.config()), window: u64::from(self.config().window.get()) }
    }
}

fn role<E>(message: &Message<E>) -> Role {
    if message.is_push() {
        Role::Push
    } else if message.is_answer() {
        Role::Answer
    } else if message.continues() {
        Role::Continuation
    } else {
        Role::Request
    }
}

/// The budget, or what one largest element needs if that is more.
fn message_limit(config: &Config) -> usize {
    const BESIDE_ELEMENT: usize = 96;
    let element = (config.max_element_bytes as usize).saturating_add(BESIDE_ELEMENT);
    config.max_message.bytes().max(element).min(MessageBudget::MAX.bytes())
}
