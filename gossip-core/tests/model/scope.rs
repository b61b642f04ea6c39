//! A scope: a few replicas, what they hold, and what may happen to them; and the search through all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use gossip_core::{Config, MessageKind, Overlay};
use stateright::{Model, Property};

use crate::budget::{Action, Budget};
use crate::bug::Bug;
use crate::replica::{Datagram, Input, Law, Outcome, Replica, Value};

#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct State<E: Value> {
    pub(crate) replicas: Vec<Arc<Replica<E>>>,
    /// Ascending.
    pub(crate) wire: Vec<Datagram>,
    pub(crate) left: Budget,
    pub(crate) broken: Option<Law>,
}

impl<E: Value> State<E> {
    /// What is done in this state.
    pub(crate) fn tell(&self, action: Action) -> String {
        let message = |index: usize| {
            let Datagram { from, to, kind, life, .. } = &self.wire[index];
            let life = if *life < self.replicas[*from].life { ", of a former life" } else { "" };
            format!("{} from {from} to {to}{life}", kind.name())
        };
        match action {
            Action::Deliver(index) => format!("deliver {}", message(index)),
            Action::Repeat(index) => format!("repeat {}", message(index)),
            Action::Batch(index) => format!("deliver {}, with what comes next", message(index)),
            Action::Lose(index) => format!("lose {}", message(index)),
            action => format!("{action:?}"),
        }
    }
}

/// What replicas need to push to each other.
#[derive(Clone)]
pub(crate) struct Pushes<E> {
    /// The place of each, of so many.
    pub(crate) overlay: fn(usize, usize) -> Overlay<usize>,
    /// What is written, one a second, while a hole is looked at.
    pub(crate) load: Vec<E>,
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
    pub(crate) pushes: Option<Pushes<E>>,
    pub(crate) budget: Budget,
    /// The laws that are asked for.
    pub(crate) laws: &'static [Law],
    /// What must be seen on the way.
    pub(crate) reaches: Vec<Property<Self>>,
    /// Digests of states on the way to the end, without a fault ahead, that are known to settle.
    pub(crate) settling: Mutex<BTreeSet<u64>>,
    /// What the ends of states are known to break, by their digests: under writes, or in quiet.
    pub(crate) verdicts: Mutex<BTreeMap<(bool, u64), Option<Law>>>,
}

impl<E: Value> Scope<E> {
    pub(crate) fn peers(&self, id: usize) -> Vec<usize> {
        let other = |&[a, b]: &[usize; 2]| if a == id { Some(b) } else { (b == id).then_some(a) };
        self.links.iter().filter_map(other).collect()
    }

    /// A replica as it begins, and what it sends at once.
    fn replica(&self, id: usize, seed: u64, set: &[E]) -> (Replica<E>, Outcome) {
        let overlay = self.pushes.as_ref().map(|pushes| (pushes.overlay)(id, self.sets.len()));
        Replica::new(id, &self.config, seed, self.bug, &self.peers(id), overlay, set.iter().cloned())
    }

    /// A replica begins anew, without memory.
    fn begin_anew(&self, state: &mut State<E>, id: usize, seed: u64) {
        let (mut replica, outcome) = self.replica(id, seed, &[]);
        replica.past.extend(&state.replicas[id].past);
        replica.life = state.replicas[id].life + 1;
        state.replicas[id] = Arc::new(replica);
        assert!(outcome.sent.is_empty() && outcome.broken.is_none(), "it holds nothing");
    }

    fn is_known(&self, element: &E) -> bool {
        let is_load = self.pushes.as_ref().is_some_and(|pushes| pushes.load.contains(element));
        *element == self.fresh || is_load || self.sets.iter().any(|set| set.contains(element))
    }

    /// Lets something happen to a replica, and looks after the laws of single steps.
    pub(crate) fn happen(&self, state: &mut State<E>, id: usize, input: Input<E>) -> Outcome {
        // Not the replica itself: it would be cloned at each step, sketch and all.
        let before: Vec<E> = state.replicas[id].machine.iter().cloned().collect();
        let replica = Arc::make_mut(&mut state.replicas[id]);
        let mut outcome = replica.take(input);
        let is_lost = before.iter().any(|element| !replica.machine.contains(element));
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

    /// Whether nobody has removed a peer that it has not added again.
    fn is_whole(&self, state: &State<E>) -> bool {
        let has = |id: usize, peer: usize| state.replicas[id].machine.peers().any(|other| *other == peer);
        self.links.iter().all(|&[a, b]| has(a, b) && has(b, a))
    }

    fn keeps(&self, state: &State<E>, law: Law) -> bool {
        if let Some(broken) = state.broken {
            return broken != law;
        }
        // Peers that do not know each other are told again first.
        !self.is_whole(state) || self.end(state, law == Law::BoundedStaleness) != Some(law)
    }
}

impl<E: Value> Model for Scope<E> {
    type State = State<E>;
    type Action = Action;

    fn init_states(&self) -> Vec<State<E>> {
        let mut state = State { replicas: vec![], wire: vec![], left: self.budget, broken: None };
        for (id, set) in self.sets.iter().enumerate() {
            let (replica, mut outcome) = self.replica(id, id as u64, set);
            state.replicas.push(Arc::new(replica));
            state.wire.append(&mut outcome.sent);
        }
        state.wire.sort_unstable();
        if self.pushes.is_some() {
            self.settle_in(&mut state).expect("nothing has happened");
        }
        vec![state]
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
            actions.extend((left.twins > 0).then_some(Action::Twin(id)));
            for peer in self.peers(id) {
                actions.extend((left.syncs > 0).then_some(Action::Sync(id, peer)));
                let is_there = replica.machine.peers().any(|other| *other == peer);
                actions.extend((!is_there).then_some(Action::Add(id, peer)));
                actions.extend((is_there && left.removals > 0).then_some(Action::Remove(id, peer)));
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
                let seed = id as u64 + 100 * (1 + u64::from(left.crashes));
                self.begin_anew(&mut next, id, seed);
            }
            Action::Twin(id) => {
                left.twins -= 1;
                self.begin_anew(&mut next, id, id as u64);
            }
            Action::Remove(id, peer) => {
                left.removals -= 1;
                self.happen(&mut next, id, Input::Remove(peer));
            }
            Action::Add(id, peer) => drop(self.happen(&mut next, id, Input::Add(peer))),
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        // Conditions cannot capture, so each law has its own.
        let law = |law: &Law| -> Property<Self> {
            let holds: fn(&Self, &State<E>) -> bool = match law {
                Law::Convergence => |scope, state| scope.keeps(state, Law::Convergence),
                Law::NothingLostNothingInvented => |scope, state| scope.keeps(state, Law::NothingLostNothingInvented),
                Law::HonestProofs => |scope, state| scope.keeps(state, Law::HonestProofs),
                Law::Progress => |scope, state| scope.keeps(state, Law::Progress),
                Law::WaitIsTruthful => |scope, state| scope.keeps(state, Law::WaitIsTruthful),
                Law::Bounded => |scope, state| scope.keeps(state, Law::Bounded),
                Law::BoundedStaleness => |scope, state| scope.keeps(state, Law::BoundedStaleness),
            };
            Property::always(law.name(), holds)
        };
        self.laws.iter().map(law).chain(self.reaches.iter().cloned()).collect()
    }
}

/// A message of this kind is under way.
pub(crate) fn under_way<E: Value>(state: &State<E>, kind: MessageKind) -> bool {
    state.wire.iter().any(|datagram| datagram.kind == kind)
}
