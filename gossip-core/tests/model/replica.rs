//! A replica: the machine as it is, its own clock, and what it promises.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use gossip_core::{AntiEntropy, Config, Digest, Element, Event, Message, MessageKind, ModelState, Output, Time};

use crate::bug::{Bug, Malady};

/// What a model's sets hold.
pub(crate) trait Value: Element + Ord + Hash + Debug + Send + Sync + 'static {}

impl<T: Element + Ord + Hash + Debug + Send + Sync + 'static> Value for T {}

/// A message under way. Where it is among the others says nothing: any of them may come next.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Datagram {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) kind: MessageKind,
    pub(crate) bytes: Arc<[u8]>,
}

/// The laws that are looked after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Law {
    Convergence,
    NothingLostNothingInvented,
    HonestProofs,
    Progress,
    WaitIsTruthful,
    Bounded,
}

/// What happens to a replica.
#[derive(Clone, Debug)]
pub(crate) enum Input<E> {
    Message(Datagram),
    /// A message, and no poll before something else happens.
    Batched(Datagram),
    Insert(E),
    Sync(usize),
    /// Its clock moves on to this time.
    Time(Time),
}

#[derive(Clone)]
pub(crate) struct Replica<E> {
    pub(crate) id: usize,
    pub(crate) machine: AntiEntropy<usize, E>,
    pub(crate) malady: Malady<E>,
    pub(crate) now: Time,
    /// The deadline it reported last.
    pub(crate) until: Option<Time>,
    pub(crate) is_polled: bool,
    /// Whether a round of its own is under way, where it has one peer.
    pub(crate) is_asking: bool,
    /// How often in a row it woke for nothing.
    idle: usize,
    /// All digests that it ever had, crashed or not.
    pub(crate) past: BTreeSet<Digest>,
    model: ModelState<usize, E>,
}

/// What came of an input.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) sent: Vec<Datagram>,
    pub(crate) proofs: Vec<(usize, Digest)>,
    pub(crate) broken: Option<Law>,
}

/// More outputs at once than there ever are.
const MANY: usize = 64;

impl<E: Value> Replica<E> {
    pub(crate) fn new(
        id: usize,
        config: &Config,
        seed: u64,
        bug: Bug,
        peers: &[usize],
        set: impl IntoIterator<Item = E>,
    ) -> Self {
        let mut machine = AntiEntropy::new(config.clone(), seed);
        let mut past = BTreeSet::from([machine.digest()]);
        for element in set {
            machine.insert(element).expect("it fits");
            past.insert(machine.digest());
        }
        peers.iter().for_each(|&peer| assert!(machine.add_peer(peer)));
        let model = machine.model();
        let malady = Malady::new(bug);
        let (now, until) = (Time::ZERO, None);
        let mut replica =
            Self { id, machine, malady, now, until, is_polled: true, is_asking: false, idle: 0, past, model };
        let outcome = replica.drain();
        assert!(outcome.sent.is_empty() && outcome.broken.is_none(), "it has not been asked anything");
        replica.model = replica.machine.model();
        replica
    }

    /// Lets something happen, and polls for all that comes of it.
    pub(crate) fn take(&mut self, input: Input<E>) -> Outcome {
        let before = self.machine.len();
        let rounds = self.rounds();
        let mut sent = Vec::new();
        let mut taken = true;
        self.is_polled = !matches!(input, Input::Batched(_));
        match input {
            Input::Message(datagram) | Input::Batched(datagram) => {
                if let Some(answer) = self.malady.intercept(&datagram) {
                    sent.push(answer);
                } else {
                    taken = self.machine.receive_bytes(&datagram.from, &datagram.bytes).is_ok();
                }
            }
            Input::Insert(element) => drop(self.machine.insert(element)),
            Input::Sync(peer) => self.machine.sync_now(&peer),
            Input::Time(now) => {
                self.malady.wake(&mut self.machine);
                self.now = now;
            }
        }
        let lost = self.machine.len() < before;
        let mut outcome = if self.is_polled { self.drain() } else { Outcome::default() };
        self.past.insert(self.machine.digest());
        self.model = self.machine.model();
        self.is_asking &= self.rounds() == rounds;
        // Every round begins with one.
        self.is_asking |= outcome.sent.iter().any(|datagram| datagram.kind == MessageKind::Probe);
        sent.append(&mut outcome.sent);
        let broken = (!taken || lost).then_some(Law::NothingLostNothingInvented);
        Outcome { sent, broken: broken.or(outcome.broken), ..outcome }
    }

    fn drain(&mut self) -> Outcome {
        let mut outcome = Outcome::default();
        let mut count = 0;
        let until = loop {
            match self.malady.poll(&mut self.machine, self.now) {
                Output::Wait(until) => break until,
                Output::Send { to, message } => outcome.sent.push(self.datagram(to, &message)),
                Output::Event(Event::InSync { peer, digest }) => outcome.proofs.push((peer, digest)),
                Output::Event(_) => {}
            }
            count += 1;
            if count > MANY {
                outcome.broken = Some(Law::Bounded);
                break None;
            }
        };
        // To poll again is to hear the same.
        let woke = self.until.is_some_and(|until| until <= self.now);
        let is_late = until.is_some_and(|until| until <= self.now);
        let again = self.malady.poll(&mut self.machine, self.now) != Output::Wait(until);
        // A wait for each peer may end for nothing, and the time for a round come while all are left alone.
        self.idle = if woke && count == 0 { self.idle + 1 } else { 0 };
        if is_late || again || self.idle > self.machine.peers().count() + 1 {
            outcome.broken = outcome.broken.or(Some(Law::WaitIsTruthful));
        }
        self.until = until;
        outcome
    }

    fn datagram(&mut self, to: usize, message: &Message<E>) -> Datagram {
        let bytes = self.malady.dispatch(message);
        Datagram { from: self.id, to, kind: message.kind(), bytes: bytes.into() }
    }

    /// How many rounds of its own have ended.
    pub(crate) fn rounds(&self) -> u64 {
        self.machine.stats().total.rounds
    }

    /// Whether this peer and it have a proof of what it holds.
    pub(crate) fn has_proof(&self, peer: usize) -> bool {
        let stats = self.machine.peer_stats(&peer).expect("a peer");
        stats.last_proof == Some(self.machine.digest())
    }
}

/// Of how it goes on, and of nothing else.
impl<E: Value> Hash for Replica<E> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.model, &self.malady, self.idle, self.is_polled).hash(state);
    }
}

impl<E: Value> PartialEq for Replica<E> {
    fn eq(&self, other: &Self) -> bool {
        (&self.model, &self.malady, self.idle, self.is_polled)
            == (&other.model, &other.malady, other.idle, other.is_polled)
    }
}

impl<E: Value> Debug for Replica<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held: Vec<&E> = self.machine.iter().collect();
        f.debug_struct("Replica").field("held", &held).field("until", &self.until).finish_non_exhaustive()
    }
}
