//! A replica: the machine as it is, its own clock, and what it promises.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use gossip_core::{Content, Digest, Engine, Message, MessageKind, Output, Time};

use crate::bug::Malady;
use crate::value::Value;

/// A message under way. Where it is among the others says nothing: any of them may come next.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Datagram {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) kind: MessageKind,
    pub(crate) bytes: Arc<[u8]>,
    /// How often its sender had begun anew, which the message need not tell.
    pub(crate) life: u8,
}

/// The laws that are looked after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Law {
    Convergence,
    /// What goes was removed or replaced, and what comes was written.
    NothingLostNothingInvented,
    /// What a replica has seen go is not there again, as long as it lives.
    NeverComesBack,
    HonestProofs,
    Progress,
    WaitIsTruthful,
    Bounded,
    BoundedStaleness,
}

impl Law {
    /// Those of rounds alone.
    pub(crate) const OF_ROUNDS: &[Self] = &[
        Self::Convergence,
        Self::NothingLostNothingInvented,
        Self::HonestProofs,
        Self::Progress,
        Self::WaitIsTruthful,
        Self::Bounded,
    ];

    /// Those of machines that push. A round of theirs that leaves the rest to pushes ends without a proof, so progress is
    /// not what it is elsewhere.
    pub(crate) const OF_PUSHES: &[Self] = &[
        Self::Convergence,
        Self::NothingLostNothingInvented,
        Self::HonestProofs,
        Self::WaitIsTruthful,
        Self::Bounded,
        Self::BoundedStaleness,
    ];

    /// Those of maps whose machines do not push, and of maps whose do.
    pub(crate) const OF_MAPS: &[Self] = &[
        Self::Convergence,
        Self::NothingLostNothingInvented,
        Self::NeverComesBack,
        Self::HonestProofs,
        Self::Progress,
        Self::WaitIsTruthful,
        Self::Bounded,
    ];
    pub(crate) const OF_MAPS_THAT_PUSH: &[Self] = &[
        Self::Convergence,
        Self::NothingLostNothingInvented,
        Self::NeverComesBack,
        Self::HonestProofs,
        Self::WaitIsTruthful,
        Self::Bounded,
        Self::BoundedStaleness,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Convergence => "convergence",
            Self::NothingLostNothingInvented => "nothing lost, nothing invented",
            Self::NeverComesBack => "never comes back",
            Self::HonestProofs => "honest proofs",
            Self::Progress => "progress",
            Self::WaitIsTruthful => "wait is truthful",
            Self::Bounded => "bounded",
            Self::BoundedStaleness => "bounded staleness",
        }
    }
}

/// What happens to a replica.
#[derive(Clone, Debug)]
pub(crate) enum Input<E> {
    Message(Datagram),
    /// A message, and no poll before something else happens.
    Batched(Datagram),
    Insert(E),
    Delete,
    Sync(usize),
    Remove(usize),
    Add(usize),
    /// Its clock moves on to this time.
    Time(Time),
}

#[derive(Clone)]
pub(crate) struct Replica<E: Value> {
    pub(crate) id: usize,
    pub(crate) machine: Engine<usize, E::Kind>,
    pub(crate) malady: E::Malady,
    /// How often it began anew.
    pub(crate) life: u8,
    pub(crate) now: Time,
    /// How much later that is than its last poll.
    lag: Duration,
    /// The deadline it reported last.
    pub(crate) until: Option<Time>,
    pub(crate) is_polled: bool,
    /// Whether a round of its own is under way, where it has one peer.
    pub(crate) is_asking: bool,
    /// How often in a row it woke for nothing.
    idle: usize,
    /// All digests that it ever had, crashed or not.
    pub(crate) past: BTreeSet<Digest>,
    /// What it held at first, which it may begin anew with. It is the same in all states.
    pub(crate) saved: Option<Arc<E::Saved>>,
    /// What it has removed or replaced, in any life.
    pub(crate) removed: BTreeSet<E>,
    /// What it has seen go, in this life.
    pub(crate) gone: BTreeSet<E>,
    /// Of what decides how it goes on, once that was asked for.
    digest: OnceLock<u64>,
}

/// What came of an input.
#[derive(Debug)]
pub(crate) struct Outcome<E> {
    pub(crate) sent: Vec<Datagram>,
    pub(crate) proofs: Vec<(usize, Digest)>,
    /// What is held that was not before, and the other way round.
    pub(crate) came: Vec<E>,
    pub(crate) went: Vec<E>,
    pub(crate) broken: Option<Law>,
}

impl<E> Default for Outcome<E> {
    fn default() -> Self {
        Self { sent: vec![], proofs: vec![], came: vec![], went: vec![], broken: None }
    }
}

/// More outputs at once than there ever are.
const MANY: usize = 64;

impl<E: Value> Replica<E> {
    /// A machine as it begins this life, and what it sends at once.
    pub(crate) fn new(
        id: usize,
        life: u8,
        mut machine: Engine<usize, E::Kind>,
        mut malady: E::Malady,
    ) -> (Self, Outcome<E>) {
        malady.begin(&mut machine);
        let mut replica = Self {
            id,
            past: BTreeSet::from([machine.digest()]),
            machine,
            malady,
            life,
            now: Time::ZERO,
            lag: Duration::ZERO,
            until: None,
            is_polled: true,
            is_asking: false,
            idle: 0,
            saved: None,
            removed: BTreeSet::new(),
            gone: BTreeSet::new(),
            digest: OnceLock::new(),
        };
        let outcome = replica.drain();
        (replica, outcome)
    }

    /// Lets something happen, and polls for all that comes of it.
    pub(crate) fn take(&mut self, input: Input<E>) -> Outcome<E> {
        // Not the machine itself: it would be cloned at each step, sketch and all.
        let before = E::held(&self.machine);
        let rounds = self.rounds();
        let mut sent = Vec::new();
        let mut taken = true;
        self.digest = OnceLock::new();
        self.is_polled = !matches!(input, Input::Batched(_));
        match input {
            Input::Message(mut datagram) | Input::Batched(mut datagram) => {
                if let Some(answer) = self.malady.intercept(&self.machine, &mut datagram) {
                    sent.push(answer);
                } else {
                    // Of whom it has removed it takes nothing.
                    let is_stranger = !self.machine.peers().any(|peer| *peer == datagram.from);
                    taken = self.machine.receive_bytes(&datagram.from, &datagram.bytes).is_ok() || is_stranger;
                    if let Some(bytes) = self.malady.imagine(&self.machine, &datagram) {
                        self.machine.receive_bytes(&datagram.from, &bytes).expect("it is of the cluster");
                    }
                }
            }
            Input::Insert(element) => self.removed.extend(element.insert(&mut self.machine)),
            Input::Delete => self.removed.extend(E::remove(&mut self.machine)),
            Input::Sync(peer) => self.machine.sync_now(&peer),
            Input::Remove(peer) => {
                self.malady.remove(peer);
                assert!(self.machine.remove_peer(&peer));
            }
            Input::Add(peer) => assert!(self.machine.add_peer(peer)),
            Input::Time(now) => {
                self.malady.wake(&mut self.machine);
                self.now = now;
            }
        }
        let mut outcome = if self.is_polled { self.drain() } else { Outcome::default() };
        self.past.insert(self.machine.digest());
        self.is_asking &= self.rounds() == rounds;
        // Every round begins with one.
        self.is_asking |= outcome.sent.iter().any(|datagram| datagram.kind == MessageKind::Probe);
        sent.append(&mut outcome.sent);
        let held = E::held(&self.machine);
        let (came, went): (Vec<E>, Vec<E>) =
            (held.difference(&before).cloned().collect(), before.difference(&held).cloned().collect());
        self.gone.extend(went.iter().cloned());
        let broken = (!taken).then_some(Law::NothingLostNothingInvented);
        let broken = broken.or((!self.gone.is_disjoint(&held)).then_some(Law::NeverComesBack));
        Outcome { sent, came, went, broken: broken.or(outcome.broken), ..outcome }
    }

    /// Its clock moves on, and it is not polled.
    pub(crate) fn sleep(&mut self, wait: Duration) {
        self.digest = OnceLock::new();
        self.now = self.now + wait;
        self.lag += wait;
    }

    fn drain(&mut self) -> Outcome<E> {
        self.lag = Duration::ZERO;
        let mut outcome = Outcome::default();
        let mut count = 0;
        let until = loop {
            match self.malady.poll(&mut self.machine, self.now) {
                Output::Wait(until) => break until,
                Output::Send { to, message } => outcome.sent.extend(self.datagram(to, &message)),
                Output::Event(event) => outcome.proofs.extend(E::proof(&event)),
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
        let again = self.malady.poll(&mut self.machine, self.now);
        let is_other = !matches!(again, Output::Wait(again) if again == until);
        // A wait for each peer may end for nothing, and the time for a round come while all are left alone.
        self.idle = if woke && count == 0 { self.idle + 1 } else { 0 };
        if is_late || is_other || self.idle > self.machine.peers().count() + 1 {
            outcome.broken = outcome.broken.or(Some(Law::WaitIsTruthful));
        }
        self.until = until;
        outcome
    }

    fn datagram(&mut self, to: usize, message: &Message<<E::Kind as Content>::Element>) -> Option<Datagram> {
        let bytes = self.malady.dispatch(to, message)?.into();
        Some(Datagram { from: self.id, to, kind: message.kind(), bytes, life: self.life })
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

impl<E: Value> Replica<E> {
    /// Of how it goes on, and of nothing else.
    fn digest(&self) -> u64 {
        *self.digest.get_or_init(|| {
            let mut hasher = DefaultHasher::new();
            (self.machine.model(), &self.malady, self.life, self.lag, self.idle, self.is_polled).hash(&mut hasher);
            (&self.removed, &self.gone).hash(&mut hasher);
            hasher.finish()
        })
    }
}

/// Searches know states by digests of 64 bits anyway.
impl<E: Value> Hash for Replica<E> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest().hash(state);
    }
}

impl<E: Value> PartialEq for Replica<E> {
    fn eq(&self, other: &Self) -> bool {
        self.digest() == other.digest()
    }
}

impl<E: Value> Debug for Replica<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held = E::held(&self.machine);
        f.debug_struct("Replica").field("held", &held).field("until", &self.until).finish_non_exhaustive()
    }
}
