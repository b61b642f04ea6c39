//! A scope: a few replicas, what they hold, and what may happen to them; and the search through all of it.

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gossip_core::{Config, MessageKind};
use stateright::{Model, Property};

use crate::bug::Bug;
use crate::replica::{Datagram, Input, Law, Outcome, Replica, Value};

/// How often what may happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    /// A replica's clock moves on to its deadline, and no other's does.
    pub(crate) wakes: u8,
    /// A replica is told to begin a round with some peer.
    pub(crate) syncs: u8,
    pub(crate) losses: u8,
    /// A message comes, and will come again.
    pub(crate) repeats: u8,
    /// A message comes, and the machine is not polled before something else happens to it.
    pub(crate) batches: u8,
    pub(crate) inserts: u8,
    /// A replica begins anew, and empty.
    pub(crate) crashes: u8,
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wakes, syncs, losses, repeats, batches, inserts, crashes } = *self;
        let all = [
            (wakes, "wake"),
            (syncs, "sync"),
            (losses, "loss"),
            (repeats, "repeat"),
            (batches, "batch"),
            (inserts, "insert"),
            (crashes, "crash"),
        ];
        let some = all.iter().filter(|(count, _)| *count > 0);
        let texts: Vec<String> = some.map(|(count, what)| format!("{count} {what}")).collect();
        f.pad(&texts.join(", "))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Deliver(usize),
    Repeat(usize),
    Batch(usize),
    Lose(usize),
    Wake(usize),
    Sync(usize, usize),
    Insert(usize),
    Crash(usize),
}

#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct State<E: Value> {
    pub(crate) replicas: Vec<Arc<Replica<E>>>,
    /// Ascending.
    pub(crate) wire: Vec<Datagram>,
    pub(crate) left: Budget,
    pub(crate) broken: Option<Law>,
}

pub(crate) struct Scope<E: Value> {
    pub(crate) config: Config,
    pub(crate) bug: Bug,
    /// What each replica holds.
    pub(crate) sets: Vec<Vec<E>>,
    /// What is inserted.
    pub(crate) fresh: E,
    /// Who knows whom.
    pub(crate) links: Vec<[usize; 2]>,
    pub(crate) budget: Budget,
    /// What must be seen on the way.
    pub(crate) reaches: Vec<Property<Self>>,
    /// Digests of states without a fault ahead that are known to settle.
    pub(crate) settling: Mutex<BTreeSet<u64>>,
}

/// Steps until a fleet has settled, at the most.
const INSTANTS: usize = 300;

/// Hops of messages within an instant, at the most.
const HOPS: usize = 100;

impl<E: Value> Scope<E> {
    fn peers(&self, id: usize) -> Vec<usize> {
        let other = |&[a, b]: &[usize; 2]| if a == id { Some(b) } else { (b == id).then_some(a) };
        self.links.iter().filter_map(other).collect()
    }

    fn replica(&self, id: usize, life: u64, set: &[E]) -> Replica<E> {
        let seed = id as u64 + 100 * life;
        Replica::new(id, &self.config, seed, self.bug, &self.peers(id), set.iter().cloned())
    }

    fn is_known(&self, element: &E) -> bool {
        *element == self.fresh || self.sets.iter().any(|set| set.contains(element))
    }

    /// Lets something happen to a replica, and looks after the laws of single steps.
    fn happen(&self, state: &mut State<E>, id: usize, input: Input<E>) -> Outcome {
        let before = Arc::clone(&state.replicas[id]);
        let replica = Arc::make_mut(&mut state.replicas[id]);
        let mut outcome = replica.take(input);
        let is_lost = before.machine.iter().any(|element| !replica.machine.contains(element));
        let is_invented = replica.machine.iter().any(|element| !self.is_known(element));
        let had = |id: usize, digest| state.replicas[id].past.contains(digest);
        let is_honest = outcome.proofs.iter().all(|(peer, digest)| had(id, digest) && had(*peer, digest));
        let broken = (is_lost || is_invented).then_some(Law::NothingLostNothingInvented);
        let broken = broken.or((!is_honest).then_some(Law::HonestProofs));
        state.broken = state.broken.or(broken).or(outcome.broken);
        state.wire.append(&mut outcome.sent);
        state.wire.sort_unstable();
        outcome
    }

    fn in_sync(&self, state: &State<E>) -> bool {
        let digest = state.replicas[0].machine.digest();
        let are_equal = state.replicas.iter().all(|replica| replica.machine.digest() == digest);
        let proven = |&[a, b]: &[usize; 2]| state.replicas[a].has_proof(b) && state.replicas[b].has_proof(a);
        are_equal && self.links.iter().all(proven)
    }

    /// Whether all ends well from here on if nothing else happens: messages arrive, at once, and clocks run, all alike.
    ///
    /// This is asked in every state that is found, so the end is near however far things went wrong before. To follow
    /// each path to its end would say less: where the budget ends, nothing has ended yet.
    fn settles(&self, state: &State<E>) -> Result<(), Law> {
        let mut state = state.clone();
        let mut passed = Vec::new();
        let mut are_fresh = false;
        if state.replicas.iter().any(|replica| !replica.is_polled) {
            self.pass(&mut state, Duration::ZERO)?;
        }
        for _ in 0..INSTANTS {
            are_fresh |= state.wire.is_empty() && state.replicas.iter().all(|replica| !replica.is_asking);
            let mut hasher = DefaultHasher::new();
            (&state.replicas, &state.wire, are_fresh).hash(&mut hasher);
            let key = hasher.finish();
            if self.in_sync(&state) || self.settling.lock().expect("no panic").contains(&key) {
                self.settling.lock().expect("no panic").extend(passed);
                return Ok(());
            }
            passed.push(key);
            let wait = |replica: &Arc<Replica<E>>| Some(replica.until?.saturating_since(replica.now));
            if !state.wire.is_empty() {
                self.flow(&mut state, are_fresh)?;
            } else if let Some(wait) = state.replicas.iter().filter_map(wait).min() {
                self.pass(&mut state, wait)?;
            } else {
                return Err(Law::WaitIsTruthful);
            }
        }
        Err(Law::Convergence)
    }

    /// Clocks run for a while.
    fn pass(&self, state: &mut State<E>, wait: Duration) -> Result<(), Law> {
        for id in 0..state.replicas.len() {
            let now = state.replicas[id].now + wait;
            self.happen(state, id, Input::Time(now));
        }
        state.broken.map_or(Ok(()), Err)
    }

    /// Messages arrive until none is under way. If all rounds began after the last insert, and nobody else can tell
    /// these two anything, those that end with an answer end in a proof.
    fn flow(&self, state: &mut State<E>, are_fresh: bool) -> Result<(), Law> {
        let rounds = |state: &State<E>| -> u64 { state.replicas.iter().map(|replica| replica.rounds()).sum() };
        let (before, mut proofs, mut hops) = (rounds(state), 0, 0);
        while !state.wire.is_empty() {
            for datagram in std::mem::take(&mut state.wire) {
                proofs += self.happen(state, datagram.to, Input::Message(datagram)).proofs.len();
            }
            hops += 1;
            if hops == HOPS {
                return Err(Law::Bounded);
            }
        }
        let is_vain = are_fresh && self.sets.len() == 2 && rounds(state) > before && proofs == 0;
        state.broken.or(is_vain.then_some(Law::Progress)).map_or(Ok(()), Err)
    }

    fn keeps(&self, state: &State<E>, laws: &[Law]) -> bool {
        let broken = state.broken.or_else(|| self.settles(state).err());
        broken.is_none_or(|law| !laws.contains(&law))
    }
}

impl<E: Value> Model for Scope<E> {
    type State = State<E>;
    type Action = Action;

    fn init_states(&self) -> Vec<State<E>> {
        let replicas = self.sets.iter().enumerate().map(|(id, set)| Arc::new(self.replica(id, 0, set))).collect();
        vec![State { replicas, wire: vec![], left: self.budget, broken: None }]
    }

    fn actions(&self, state: &State<E>, actions: &mut Vec<Action>) {
        if state.broken.is_some() {
            return;
        }
        let left = &state.left;
        for index in 0..state.wire.len() {
            if index > 0 && state.wire[index] == state.wire[index - 1] {
                continue;
            }
            actions.push(Action::Deliver(index));
            actions.extend((left.repeats > 0).then_some(Action::Repeat(index)));
            actions.extend((left.batches > 0).then_some(Action::Batch(index)));
            actions.extend((left.losses > 0).then_some(Action::Lose(index)));
        }
        for (id, replica) in state.replicas.iter().enumerate() {
            actions.extend((left.wakes > 0 && replica.until.is_some()).then_some(Action::Wake(id)));
            actions.extend((left.inserts > 0).then_some(Action::Insert(id)));
            actions.extend((left.crashes > 0).then_some(Action::Crash(id)));
            if left.syncs > 0 {
                actions.extend(self.peers(id).into_iter().map(|peer| Action::Sync(id, peer)));
            }
        }
    }

    fn next_state(&self, last: &State<E>, action: Action) -> Option<State<E>> {
        let mut next = last.clone();
        let left = &mut next.left;
        match action {
            Action::Deliver(index) => {
                let datagram = next.wire.remove(index);
                self.happen(&mut next, datagram.to, Input::Message(datagram));
            }
            Action::Repeat(index) => {
                left.repeats -= 1;
                let datagram = next.wire[index].clone();
                self.happen(&mut next, datagram.to, Input::Message(datagram));
            }
            Action::Batch(index) => {
                left.batches -= 1;
                let datagram = next.wire.remove(index);
                self.happen(&mut next, datagram.to, Input::Batched(datagram));
            }
            Action::Lose(index) => {
                left.losses -= 1;
                next.wire.remove(index);
            }
            Action::Wake(id) => {
                left.wakes -= 1;
                let until = next.replicas[id].until.expect("a deadline");
                self.happen(&mut next, id, Input::Time(until));
            }
            Action::Sync(id, peer) => {
                left.syncs -= 1;
                self.happen(&mut next, id, Input::Sync(peer));
            }
            Action::Insert(id) => {
                left.inserts -= 1;
                self.happen(&mut next, id, Input::Insert(self.fresh.clone()));
            }
            Action::Crash(id) => {
                left.crashes -= 1;
                let mut replica = self.replica(id, 1 + u64::from(left.crashes), &[]);
                replica.past.extend(&next.replicas[id].past);
                next.replicas[id] = Arc::new(replica);
            }
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let always: [Property<Self>; 6] = [
            Property::always("convergence", |scope: &Self, state| scope.keeps(state, &[Law::Convergence])),
            Property::always("nothing lost, nothing invented", |scope, state| {
                scope.keeps(state, &[Law::NothingLostNothingInvented])
            }),
            Property::always("honest proofs", |scope, state| scope.keeps(state, &[Law::HonestProofs])),
            Property::always("progress", |scope, state| scope.keeps(state, &[Law::Progress])),
            Property::always("wait is truthful", |scope, state| scope.keeps(state, &[Law::WaitIsTruthful])),
            Property::always("bounded", |scope, state| scope.keeps(state, &[Law::Bounded])),
        ];
        always.into_iter().chain(self.reaches.iter().cloned()).collect()
    }
}

/// A message of this kind is under way.
pub(crate) fn under_way<E: Value>(state: &State<E>, kind: MessageKind) -> bool {
    state.wire.iter().any(|datagram| datagram.kind == kind)
}
