//! A scope: a few replicas, what they hold, and what may happen to them; and the search through all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use gossip_core::{Config, MessageKind, Overlay};
use stateright::{Model, Property};

use crate::budget::{Action, Budget};
use crate::replica::{Datagram, Input, Law, Outcome, Replica};
use crate::sees;
use crate::value::Value;

#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct State<E: Value> {
    pub(crate) replicas: Vec<Arc<Replica<E>>>,
    /// Ascending.
    pub(crate) wire: Vec<Datagram>,
    pub(crate) left: Budget,
    pub(crate) broken: Option<Law>,
}

impl<E: Value> State<E> {
    /// Whether somebody has removed or replaced it.
    pub(crate) fn is_removed(&self, element: &E) -> bool {
        self.replicas.iter().any(|replica| replica.removed.contains(element))
    }

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
    pub(crate) malady: E::Malady,
    /// What each replica holds.
    pub(crate) sets: Vec<Vec<E>>,
    /// Whether they have met before, so that all hold the same.
    pub(crate) have_met: bool,
    /// What is inserted, by how often something still may be after it.
    pub(crate) fresh: fn(u8) -> E,
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
    /// Replicas that hold these sets, know each other by these links, and do not push.
    pub(crate) fn new(
        config: Config,
        links: &[[usize; 2]],
        sets: Vec<Vec<E>>,
        fresh: fn(u8) -> E,
        budget: Budget,
    ) -> Self {
        Self {
            config,
            malady: E::Malady::default(),
            sets,
            have_met: false,
            fresh,
            links: links.to_vec(),
            pushes: None,
            budget,
            laws: Law::OF_ROUNDS,
            reaches: vec![sees(MessageKind::Probe.name(), |_, state| under_way(state, MessageKind::Probe))],
            settling: Mutex::default(),
            verdicts: Mutex::default(),
        }
    }

    pub(crate) fn peers(&self, id: usize) -> Vec<usize> {
        let other = |&[a, b]: &[usize; 2]| if a == id { Some(b) } else { (b == id).then_some(a) };
        self.links.iter().filter_map(other).collect()
    }

    /// A replica as it begins a life, with what it saved or with nothing, and inserts a set; and what it sends at once.
    fn replica(&self, id: usize, life: u8, seed: u64, saved: Option<&E::Saved>, set: &[E]) -> (Replica<E>, Outcome<E>) {
        let mut machine = E::machine(&self.config, id, life, seed, saved);
        set.iter().for_each(|element| _ = element.clone().insert(&mut machine));
        self.peers(id).into_iter().for_each(|peer| assert!(machine.add_peer(peer)));
        if let Some(pushes) = &self.pushes {
            machine.set_overlay((pushes.overlay)(id, self.sets.len()));
        }
        Replica::new(id, life, machine, self.malady.clone())
    }

    /// A replica begins anew, without memory or with what it saved.
    fn begin_anew(&self, state: &mut State<E>, id: usize, seed: u64, saved: Option<Arc<E::Saved>>) {
        let last = &state.replicas[id];
        let (mut replica, mut outcome) = self.replica(id, last.life + 1, seed, saved.as_deref(), &[]);
        replica.past.extend(&last.past);
        (replica.saved, replica.removed) = (last.saved.clone(), last.removed.clone());
        state.replicas[id] = Arc::new(replica);
        assert_eq!(outcome.broken, None, "nothing has happened");
        state.wire.append(&mut outcome.sent);
        state.wire.sort_unstable();
    }

    fn is_known(&self, element: &E) -> bool {
        let is_load = self.pushes.as_ref().is_some_and(|pushes| pushes.load.contains(element));
        let is_fresh = (0..self.budget.inserts).any(|left| (self.fresh)(left) == *element);
        is_fresh || is_load || self.sets.iter().any(|set| set.contains(element))
    }

    /// Lets something happen to a replica, and looks after the laws of single steps.
    pub(crate) fn happen(&self, state: &mut State<E>, id: usize, input: Input<E>) -> Outcome<E> {
        let mut outcome = Arc::make_mut(&mut state.replicas[id]).take(input);
        let is_lost = outcome.went.iter().any(|element| !state.is_removed(element));
        let is_invented = outcome.came.iter().any(|element| !self.is_known(element));
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
            let (replica, mut outcome) = self.replica(id, 0, id as u64, None, set);
            state.replicas.push(Arc::new(replica));
            state.wire.append(&mut outcome.sent);
        }
        state.wire.sort_unstable();
        let met = if self.pushes.is_some() {
            self.settle_in(&mut state)
        } else if self.have_met {
            self.meet(&mut state)
        } else {
            Ok(())
        };
        // With a bug in it, all may go wrong before anything happens.
        state.broken = state.broken.or(met.err());
        for replica in &mut state.replicas {
            let saved = E::save(&replica.machine);
            Arc::make_mut(replica).saved = Some(Arc::new(saved));
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
            actions.extend((left.deletes > 0).then_some(Action::Delete(id)));
            actions.extend((left.restores > 0).then_some(Action::Restore(id)));
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
                let fresh = left.inserts;
                self.happen(&mut next, id, Input::Insert((self.fresh)(fresh)));
            }
            Action::Delete(id) => {
                left.deletes -= 1;
                self.happen(&mut next, id, Input::Delete);
            }
            Action::Crash(id) => {
                left.crashes -= 1;
                let seed = id as u64 + 100 * (1 + u64::from(left.crashes));
                self.begin_anew(&mut next, id, seed, None);
            }
            Action::Twin(id) => {
                left.twins -= 1;
                self.begin_anew(&mut next, id, id as u64, None);
            }
            Action::Restore(id) => {
                left.restores -= 1;
                let seed = id as u64 + 10_000 * (1 + u64::from(left.restores));
                let saved = next.replicas[id].saved.clone();
                self.begin_anew(&mut next, id, seed, saved);
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
                Law::NeverComesBack => |scope, state| scope.keeps(state, Law::NeverComesBack),
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
