//! `Machine`: the interface of simulated replicas.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::forge::encoding;
use crate::element::ReplicaId;
use crate::forgetting::Forgetting;
use crate::{AntiEntropy, Config, Digest, Element, Event, Map, MapEvent, Message, MessageBudget, Output, Time};

/// Replica of a set, as a pure state machine, for the simulator to drive and judge.
///
/// [`AntiEntropy`] is one, whose set only grows, and so is [`Map`], which forgets. Any protocol can be one that takes in
/// bytes and is polled: its set is compared with its inputs, by any digest of its choice. An
/// [`Interposed`](super::Interposed) machine is one with changed inputs or outputs. Replicas go by their numbers in the
/// fleet, from 0.
///
/// ```
/// use gossip_core::sim::Machine;
/// use gossip_core::{AntiEntropy, Config};
///
/// /// How many of these elements a replica has yet to learn, whatever it is.
/// fn lacking<M: Machine>(machine: &M, elements: &[M::Element]) -> usize {
///     elements.iter().filter(|element| !machine.contains(element)).count()
/// }
///
/// let mut machine = AntiEntropy::<usize, u64>::new(Config::default(), 1);
/// machine.insert(42).unwrap();
/// assert_eq!(lacking(&machine, &[41, 42, 43]), 2);
/// ```
pub trait Machine: Clone {
    /// Elements of the set.
    type Element: Element;
    /// Digest, equal exactly for equal sets: a hash, or the set itself. If it [forgets](Self::FORGETS), the digest may tell
    /// apart more than sets.
    type Digest: Clone + Ord + fmt::Debug;

    /// Whether elements go again, removed or replaced by others under their [key](Self::key). By default they stay.
    const FORGETS: bool = false;

    /// Local write. Returns whether the element is held now; `false` is a refusal, and changes nothing. If it forgets, the
    /// element replaces all that is held under its key.
    fn insert(&mut self, element: Self::Element) -> bool;

    /// What an element is held under, the first bytes of its encoding. Asked only if it forgets; by default all of them.
    fn key(element: &Self::Element) -> Vec<u8> {
        encoding(element)
    }

    /// All that is held under a key. Asked only if it forgets.
    fn held(&self, key: &[u8]) -> Vec<Self::Element> {
        let _ = key;
        Vec::new()
    }

    /// Removes all that is held under a key. By default it does not, and [`Simulation::remove`](super::Simulation::remove)
    /// is without effect.
    fn remove(&mut self, key: &[u8]) {
        let _ = key;
    }

    /// Takes over, before it is polled, what a former life of it had kept. Returns whether it did; by default it does not,
    /// and is given one element after another.
    fn resume(&mut self, former: &Self) -> bool {
        let _ = former;
        false
    }

    /// Puts back an element that it held [undecoded](Step::Undecoded) before a restart. Returns whether it is held now. By
    /// default the element is inserted if it can be decoded.
    fn restore(&mut self, mut encoded: &[u8]) -> bool {
        Self::Element::decode(&mut encoded).filter(|_| encoded.is_empty()).is_some_and(|element| self.insert(element))
    }

    /// Takes in a message. Returns whether it was accepted; a refused message changes nothing.
    fn receive(&mut self, from: usize, message: &[u8]) -> bool;

    /// Tells it whether the transport to a peer takes messages. While it does not, the machine must send that peer none.
    /// Returns whether it heeds this. By default it does not: such a machine is not judged by it, and its messages pass.
    fn set_writable(&mut self, peer: usize, writable: bool) -> bool {
        let _ = (peer, writable);
        false
    }

    /// Next output at `now`, on this replica's own clock. Called until it is [`Step::Wait`].
    fn poll(&mut self, now: Time) -> Step<Self::Element, Self::Digest>;

    /// Returns whether this element is held.
    fn contains(&self, element: &Self::Element) -> bool;

    /// Number of elements that are held.
    fn count(&self) -> usize;

    /// Digest of the set.
    fn digest(&self) -> Self::Digest;

    /// Promised limits of its messages. By default, none.
    fn limits(&self) -> Limits {
        Limits::default()
    }
}

/// Output of a [`Machine`].
///
/// ```
/// use gossip_core::sim::{Machine, Step};
/// use gossip_core::{AntiEntropy, Config, Time};
///
/// let mut machine = AntiEntropy::<usize, u64>::new(Config::default(), 1);
/// machine.add_peer(1);
/// machine.sync_now(&1);
/// assert!(matches!(Machine::poll(&mut machine, Time::ZERO), Step::Send { to: 1, kind: "probe", .. }));
/// assert!(matches!(Machine::poll(&mut machine, Time::ZERO), Step::Wait(Some(_))));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an output that is not acted on is lost"]
pub enum Step<E, D> {
    /// Message to send.
    Send {
        /// Receiver.
        to: usize,
        /// Its name in the report.
        kind: &'static str,
        /// Its role: request, answer or push.
        role: Role,
        /// The bytes.
        message: Vec<u8>,
    },
    /// New element from a peer's message.
    Learned {
        /// The element, held already.
        element: E,
        /// The peer.
        from: usize,
    },
    /// New element from a peer's message that the machine cannot decode, and holds as its encoding.
    Undecoded {
        /// The encoding.
        encoded: Box<[u8]>,
        /// The peer.
        from: usize,
    },
    /// What is held under a key has changed by a peer's message, of a machine that forgets.
    Changed {
        /// The key.
        key: Vec<u8>,
        /// The peer.
        from: usize,
    },
    /// Proof that this peer's digest and ours were both this one.
    InSync {
        /// The peer.
        peer: usize,
        /// The digest.
        digest: D,
    },
    /// Anything else worth counting, by name.
    Note(&'static str),
    /// Nothing more until new input or this instant on the replica's own clock, which is later than the one polled at.
    Wait(Option<Time>),
}

/// Role of a message for its receiver.
///
/// ```
/// use gossip_core::sim::{Machine, Role, Step};
/// use gossip_core::{AntiEntropy, Config, Time};
///
/// let [mut n0, mut n1] = [1, 2].map(|seed| AntiEntropy::<usize, u64>::new(Config::default(), seed));
/// n0.add_peer(1);
/// n1.add_peer(0);
/// n1.insert(42).unwrap();
/// n0.sync_now(&1);
/// let Step::Send { role: Role::Request, message, .. } = Machine::poll(&mut n0, Time::ZERO) else { panic!("it asks") };
/// assert!(Machine::receive(&mut n1, 0, &message));
/// assert!(matches!(Machine::poll(&mut n1, Time::ZERO), Step::Send { role: Role::Answer, .. }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// May be answered, from the set as the answer is sent.
    Request,
    /// May be answered with part of the set, as it is or was when an earlier answer began: it asks for more of that.
    Continuation,
    /// Unasked elements. Earns no answer.
    Push,
    /// Answers a request, from the set as it is sent. Never answered, but its receiver may go on.
    Answer,
}

impl Role {
    /// Returns whether it earns answers.
    pub(super) const fn asks(self) -> bool {
        matches!(self, Self::Request | Self::Continuation)
    }
}

/// Limits of messages that a machine promises.
///
/// ```
/// use gossip_core::sim::{Limits, Machine};
/// use gossip_core::{AntiEntropy, Config};
///
/// let machine = AntiEntropy::<usize, u64>::new(Config::default(), 1);
/// assert_eq!(machine.limits(), Limits { message_bytes: 65_536, window: 32 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes in a message.
    pub message_bytes: usize,
    /// Most answers to one message.
    pub window: u64,
}

/// No limits.
impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes: usize::MAX, window: u64::MAX }
    }
}

impl<E: Element> Machine for AntiEntropy<usize, E> {
    type Element = E;
    type Digest = Digest;

    fn insert(&mut self, element: E) -> bool {
        // `Ok(false)` is an element that was held before, so it is held now.
        AntiEntropy::insert(self, element).is_ok()
    }

    fn restore(&mut self, encoded: &[u8]) -> bool {
        AntiEntropy::restore(self, encoded).is_ok()
    }

    fn receive(&mut self, from: usize, message: &[u8]) -> bool {
        self.receive_bytes(&from, message).is_ok()
    }

    fn set_writable(&mut self, peer: usize, writable: bool) -> bool {
        AntiEntropy::set_writable(self, &peer, writable);
        true
    }

    fn poll(&mut self, now: Time) -> Step<E, Digest> {
        match AntiEntropy::poll(self, now) {
            Output::Send { to, message } => send(to, &message),
            Output::Event(Event::Learned { element, from }) => Step::Learned { element, from },
            Output::Event(Event::Undecoded { encoded, from }) => Step::Undecoded { encoded, from },
            Output::Event(Event::InSync { peer, digest, .. }) => Step::InSync { peer, digest },
            // No law speaks of these, so they are only counted.
            Output::Event(Event::Decoded { .. }) => Step::Note("decoded"),
            Output::Event(Event::Reached { .. }) => Step::Note("reached"),
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

/// A map whose replica has an id of its own in each life, say of the seed. The simulator tells entries apart by what they
/// hold, so no value is written under a key twice: another insertion of an element is skipped.
impl<K: Element + Ord, V: Element> Machine for Map<usize, K, V> {
    type Element = (K, V);
    type Digest = Digest;
    const FORGETS: bool = true;

    fn insert(&mut self, (key, value): (K, V)) -> bool {
        Map::insert(self, key, value).is_ok()
    }

    fn key((key, _): &(K, V)) -> Vec<u8> {
        encoding(key)
    }

    fn held(&self, mut key: &[u8]) -> Vec<(K, V)> {
        let key = K::decode(&mut key);
        key.iter().flat_map(|key| self.get_all(key).map(|value| (key.clone(), value.clone()))).collect()
    }

    fn remove(&mut self, mut key: &[u8]) {
        if let Some(key) = K::decode(&mut key) {
            Map::remove(self, &key);
        }
    }

    fn resume(&mut self, former: &Self) -> bool {
        let own: ReplicaId = self.replica();
        let Ok(mut restored) = Forgetting::restore(self.config(), own, own.bits(), &former.save()) else {
            return false;
        };
        restored.broken = self.set.broken;
        self.write(|set| *set = restored);
        true
    }

    fn receive(&mut self, from: usize, message: &[u8]) -> bool {
        self.receive_bytes(&from, message).is_ok()
    }

    fn set_writable(&mut self, peer: usize, writable: bool) -> bool {
        Map::set_writable(self, &peer, writable);
        true
    }

    fn poll(&mut self, now: Time) -> Step<(K, V), Digest> {
        match Map::poll(self, now) {
            Output::Send { to, message } => send(to, &message),
            Output::Event(MapEvent::Changed { key, from }) => Step::Changed { key: encoding(&key), from },
            Output::Event(MapEvent::InSync { peer, digest, .. }) => Step::InSync { peer, digest },
            Output::Event(MapEvent::Forked { .. }) => Step::Note("forked"),
            Output::Event(MapEvent::Unreachable { .. }) => Step::Note("unreachable"),
            Output::Event(MapEvent::Reachable { .. }) => Step::Note("reachable"),
            Output::Wait(until) => Step::Wait(until),
        }
    }

    fn contains(&self, (key, value): &(K, V)) -> bool {
        self.get_all(key).any(|held| held == value)
    }

    fn count(&self) -> usize {
        self.set.live_count()
    }

    fn digest(&self) -> Digest {
        Map::digest(self)
    }

    fn limits(&self) -> Limits {
        Limits { message_bytes: message_limit(self.config()), window: u64::from(self.config().window.get()) }
    }
}

/// A message for a peer.
fn send<E: Element, S, D>(to: usize, message: &Message<E>) -> Step<S, D> {
    // As bytes: so a network can cut them short, and what arrives has passed the decoder.
    Step::Send { to, kind: message.kind().name(), role: role(message), message: message.encode() }
}

fn role<E>(message: &Message<E>) -> Role {
    // What is left of these three asks for the newest state.
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

/// The budget; or, if that is more, the room that one largest element needs.
fn message_limit(config: &Config) -> usize {
    // By hand, not by `Config::message_limit`: code must not be the judge of its own law.
    const BESIDE_ELEMENT: usize = 96;
    let element = (config.max_element_bytes as usize).saturating_add(BESIDE_ELEMENT);
    config.max_message.bytes().max(element).min(MessageBudget::MAX.bytes())
}
