//! A system that reconciles two sets, and how it is measured.

use core::fmt;
use std::time::Duration;

use crate::pair::Cost;
use crate::sets::Sets;

/// A way to reconcile two sets of `E`. A new one has a file of its own and a place in
/// [`Sample::systems`](crate::Sample::systems).
pub trait System<E>: fmt::Debug {
    /// Its name in the report.
    fn name(&self) -> &'static str;

    /// Why it can't reconcile these sets, where it can't.
    fn refuses(&self, sets: &Sets<E>) -> Option<&'static str> {
        let _ = sets;
        None
    }

    /// Builds what both sides hold before the round. Equal arguments give equal rounds.
    fn prepare(&self, sets: &Sets<E>, seed: u64) -> Box<dyn Prepared<E>>;

    /// How long the initiator takes to insert all that the responder alone holds, one after the other, and to be ready
    /// for a round; `None` if it can't insert.
    fn inserts(&self, sets: &Sets<E>) -> Option<Duration>;
}

/// Both sides of a round.
pub trait Prepared<E>: fmt::Debug {
    /// A copy. Making it is not measured.
    fn fresh(&self) -> Box<dyn Prepared<E>>;

    /// Runs one round and counts it.
    ///
    /// # Panics
    ///
    /// If it does not end with equal sets and both sides knowing it.
    fn run(&mut self) -> Cost;

    /// Checks that both sides hold the union, after a round.
    ///
    /// # Panics
    ///
    /// If one does not.
    fn check(&self, sets: &Sets<E>);
}

/// How often a round runs, for the best time.
const RUNS: usize = 20;

/// Once runs have taken so long together, there is no other: in so long a time, disturbances average out.
const LONG: Duration = Duration::from_secs(1);

/// How many copies are made at a time, to run one after the other: making them empties the caches.
const COPIES: usize = 4;

/// What a round between these sets costs: the counts, which are the same in every run, and the best time of 20, or of
/// fewer once they have taken 1 s together.
///
/// # Panics
///
/// If a round ends with other sets than the union, or costs more messages or bytes the second time.
pub fn measure<E>(system: &dyn System<E>, sets: &Sets<E>, seed: u64) -> Cost {
    let prepared = system.prepare(sets, seed);
    let mut first = prepared.fresh();
    let mut best = first.run();
    first.check(sets);
    drop(first);
    let (mut runs, mut together) = (1, best.cpu);
    while runs < RUNS && together < LONG {
        let mut copies: Vec<_> = (0..COPIES.min(RUNS - runs)).map(|_| prepared.fresh()).collect();
        for copy in &mut copies {
            let again = copy.run();
            assert_eq!(again.counts, best.counts, "{}: equal runs cost the same", system.name());
            best.cpu = best.cpu.min(again.cpu);
            together += again.cpu;
            runs += 1;
        }
    }
    best
}
