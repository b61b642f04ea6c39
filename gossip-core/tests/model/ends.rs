//! How it ends from a state on, if nothing goes wrong any more: in quiet, and while writes go on.

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use crate::replica::{Input, Law, Replica};
use crate::scope::{Scope, State};
use crate::value::Value;

/// Steps until a fleet has settled, at the most.
const INSTANTS: usize = 300;

/// Hops of messages within an instant, at the most.
const HOPS: usize = 100;

/// How long a message takes to one that pushes: it tells by the time whether a peer was heard of since it was sent something.
const HOP: Duration = Duration::from_millis(1);

/// How long replicas push in peace before the search begins: turns have been taken, and nobody remembers the last of
/// those above, which is for three intervals; no silence has begun a round yet, which takes 2 s.
const IN_PEACE: Duration = Duration::from_millis(1_500);

/// How often something is written while a hole is looked at.
const WRITE_EVERY: Duration = Duration::from_secs(1);

impl<E: Value> Scope<E> {
    fn in_sync(&self, state: &State<E>) -> bool {
        let machine = &state.replicas[0].machine;
        let has_digest = |replica: &Arc<Replica<E>>| replica.machine.digest() == machine.digest();
        let are_equal = state.replicas.iter().all(has_digest)
            && state.replicas[1..].iter().all(|replica| E::held(&replica.machine) == E::held(machine));
        // Along an overlay, those that it does not join need no proof of each other.
        let is_joined = |&&[a, b]: &&[usize; 2]| {
            self.pushes.as_ref().is_none_or(|pushes| {
                let place = |id: usize| (pushes.overlay)(id, self.sets.len());
                place(a).downstream().contains(&b) || place(b).downstream().contains(&a)
            })
        };
        let proven = |&[a, b]: &[usize; 2]| state.replicas[a].has_proof(b) && state.replicas[b].has_proof(a);
        are_equal && self.links.iter().filter(is_joined).all(proven)
    }

    /// What is broken in the end, from this state on. All properties ask it of each state.
    pub(crate) fn end(&self, state: &State<E>, under_writes: bool) -> Option<Law> {
        let key = (under_writes, digest(&(&state.replicas, &state.wire)));
        if let Some(verdict) = self.verdicts.lock().expect("no panic").get(&key) {
            return *verdict;
        }
        let end = if under_writes { self.closes(state) } else { self.settles(state) };
        let verdict = end.err();
        self.verdicts.lock().expect("no panic").insert(key, verdict);
        verdict
    }

    /// Whether all ends well from here on if nothing else happens: messages arrive, at once or soon, and clocks run, all
    /// alike.
    ///
    /// This is asked in every state that is found, so the end is near however far things went wrong before. To follow
    /// each path to its end would say less: where the budget ends, nothing has ended yet.
    fn settles(&self, state: &State<E>) -> Result<(), Law> {
        let mut state = state.clone();
        let mut passed = Vec::new();
        let mut are_fresh = false;
        self.wake_all(&mut state)?;
        for _ in 0..INSTANTS {
            are_fresh |= state.wire.is_empty() && state.replicas.iter().all(|replica| !replica.is_asking);
            let key = digest(&(&state.replicas, &state.wire, are_fresh));
            if self.in_sync(&state) || self.settling.lock().expect("no panic").contains(&key) {
                self.settling.lock().expect("no panic").extend(passed);
                return Ok(());
            }
            passed.push(key);
            if !state.wire.is_empty() {
                self.flow(&mut state, are_fresh)?;
            } else if let Some(wait) = next_wait(&state) {
                self.pass(&mut state, wait)?;
            } else {
                return Err(Law::WaitIsTruthful);
            }
        }
        Err(Law::Convergence)
    }

    /// Whether what anybody holds now, and what is written next, is everywhere soon, though somebody writes on, whoever
    /// that is. In quiet a silence begins a round, which closes holes that no push ever would.
    fn closes(&self, state: &State<E>) -> Result<(), Law> {
        for writer in 0..state.replicas.len() {
            if !self.holes(state, writer)?.is_empty() {
                return Err(Law::BoundedStaleness);
            }
        }
        Ok(())
    }

    /// The holes that are left, if there are any, and who writes meanwhile.
    pub(crate) fn tell_hole(&self, state: &State<E>) -> String {
        let writers = if self.pushes.is_some() { 0..state.replicas.len() } else { 0..0 };
        let holes = writers.map(|writer| (writer, self.holes(state, writer)));
        let tell = |(writer, holes): (usize, Result<Vec<String>, Law>)| {
            let holes = holes.unwrap_or_default();
            (!holes.is_empty()).then(|| format!(". While {writer} writes, {}", holes.join(", ")))
        };
        holes.filter_map(tell).collect()
    }

    /// Who lacks what once one has written all of the load, of what somebody held at first or was written at once; and who
    /// has what somebody had seen go at first.
    fn holes(&self, state: &State<E>, writer: usize) -> Result<Vec<String>, Law> {
        let mut state = state.clone();
        self.wake_all(&mut state)?;
        self.flow(&mut state, false)?;
        let mut goal = Goal::default();
        for (second, element) in self.pushes.iter().flat_map(|pushes| &pushes.load).enumerate() {
            self.happen(&mut state, writer, Input::Insert(element.clone()));
            if second == 0 {
                goal = Goal::of(&state);
            }
            let mut left = WRITE_EVERY;
            while !left.is_zero() {
                self.flow(&mut state, false)?;
                if goal.misses(&state).is_empty() {
                    return Ok(Vec::new());
                }
                let wait = next_wait(&state).map_or(left, |wait| wait.min(left));
                self.pass(&mut state, wait)?;
                left = left.saturating_sub(wait);
            }
        }
        Ok(goal.misses(&state))
    }

    /// Lets those who know each other compare what they hold at first, one pair after the other, along a line.
    pub(crate) fn meet(&self, state: &mut State<E>) -> Result<(), Law> {
        for &[a, b] in &self.links {
            self.happen(state, a, Input::Sync(b));
            self.flow(state, false)?;
        }
        Ok(())
    }

    /// Lets replicas push to each other what they hold at first, so that they know each other's logs.
    pub(crate) fn settle_in(&self, state: &mut State<E>) -> Result<(), Law> {
        let mut left = IN_PEACE;
        while !left.is_zero() {
            self.flow(state, false)?;
            let wait = next_wait(state).map_or(left, |wait| wait.min(left));
            self.pass(state, wait)?;
            left -= wait;
        }
        self.flow(state, false)
    }

    fn wake_all(&self, state: &mut State<E>) -> Result<(), Law> {
        let is_late = |replica: &Arc<Replica<E>>| !replica.is_polled;
        if state.replicas.iter().any(is_late) { self.pass(state, Duration::ZERO) } else { Ok(()) }
    }

    /// Clocks run for a while. Who has nothing to do is not polled, and hears of the time with what comes next.
    fn pass(&self, state: &mut State<E>, wait: Duration) -> Result<(), Law> {
        for id in 0..state.replicas.len() {
            let replica = Arc::make_mut(&mut state.replicas[id]);
            let now = replica.now + wait;
            if !replica.is_polled || self.pushes.is_none() || replica.until.is_some_and(|until| until <= now) {
                self.happen(state, id, Input::Time(now));
            } else {
                replica.sleep(wait);
            }
        }
        state.broken.map_or(Ok(()), Err)
    }

    /// Messages arrive until none is under way. If all rounds began after the last insert, and nobody else can tell
    /// these two anything, those that end with an answer end in a proof, unless pushes see to what was inserted meanwhile.
    pub(crate) fn flow(&self, state: &mut State<E>, are_fresh: bool) -> Result<(), Law> {
        let rounds = |state: &State<E>| -> u64 { state.replicas.iter().map(|replica| replica.rounds()).sum() };
        let (before, mut proofs, mut hops) = (rounds(state), 0, 0);
        while !state.wire.is_empty() {
            if self.pushes.is_some() {
                self.pass(state, HOP)?;
            }
            for datagram in std::mem::take(&mut state.wire) {
                proofs += self.happen(state, datagram.to, Input::Message(datagram)).proofs.len();
            }
            hops += 1;
            if hops == HOPS {
                return Err(Law::Bounded);
            }
        }
        let is_pair = self.sets.len() == 2 && self.pushes.is_none();
        let is_vain = are_fresh && is_pair && rounds(state) > before && proofs == 0;
        state.broken.or(is_vain.then_some(Law::Progress)).map_or(Ok(()), Err)
    }
}

fn digest(it: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    it.hash(&mut hasher);
    hasher.finish()
}

/// How long until the first of them has something to do.
fn next_wait<E: Value>(state: &State<E>) -> Option<Duration> {
    let wait = |replica: &Arc<Replica<E>>| Some(replica.until?.saturating_since(replica.now));
    state.replicas.iter().filter_map(wait).min()
}

/// What is to be everywhere soon, and what nowhere.
struct Goal<E> {
    everywhere: BTreeSet<E>,
    nowhere: BTreeSet<E>,
}

impl<E> Default for Goal<E> {
    fn default() -> Self {
        Self { everywhere: BTreeSet::new(), nowhere: BTreeSet::new() }
    }
}

impl<E: Value> Goal<E> {
    /// What somebody holds and nobody has removed; and what somebody who is there has seen go.
    fn of(state: &State<E>) -> Self {
        let held = state.replicas.iter().flat_map(|replica| E::held(&replica.machine));
        Self {
            everywhere: held.filter(|element| !state.is_removed(element)).collect(),
            nowhere: state.replicas.iter().flat_map(|replica| replica.gone.iter().cloned()).collect(),
        }
    }

    /// Who is not there yet, and what keeps it.
    fn misses(&self, state: &State<E>) -> Vec<String> {
        let misses = state.replicas.iter().flat_map(|replica| {
            let held = E::held(&replica.machine);
            let lacks = self.everywhere.difference(&held).map(|element| format!("{} lacks {element:?}", replica.id));
            let has = self.nowhere.intersection(&held).map(|element| format!("{} has {element:?}", replica.id));
            lacks.chain(has).collect::<Vec<_>>()
        });
        misses.collect()
    }
}
