//! `for_seeds`: many runs, and of one that breaks a law the least of its plan that still does.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::time::Duration;

use super::{Machine, Report, Simulation, Violation};

/// The most runs that a plan is made smaller by.
const TRIES: usize = 500;

/// Runs a plan by each of these seeds until it has [settled](Simulation::settle) `within` that time. Returns the counts of
/// all runs together. `make` makes the simulation of a seed, with all that is planned; equal ones of equal seeds.
///
/// # Panics
///
/// At the first broken law. The plan is made smaller as long as it breaks the same law, by up to 500 runs: what is left is
/// told, insertions, removals and faults, with the violation and the last lines of its trace.
///
/// ```
/// use core::time::Duration;
/// use gossip_core::sim::{Faults, Network, Simulation, for_seeds};
/// use gossip_core::{AntiEntropy, Config, Time};
///
/// let report = for_seeds(0..20, Duration::from_secs(60), |seed| {
///     let mut simulation = Simulation::new(seed, Network::default(), 3, |id, seed| {
///         let mut machine = AntiEntropy::new(Config::default(), seed);
///         for peer in (0..3).filter(|&peer| peer != id) {
///             machine.add_peer(peer);
///         }
///         machine
///     });
///     for element in 0..30_u64 {
///         simulation.insert(Time::from_millis(element * 100), element as usize % 3, element);
///     }
///     simulation.faults(&Faults::default());
///     simulation
/// });
/// assert_eq!(report.inserted, 600);
/// ```
pub fn for_seeds<M: Machine>(
    seeds: impl IntoIterator<Item = u64>,
    within: Duration,
    make: impl Fn(u64) -> Simulation<M>,
) -> Report {
    let mut total = Report::default();
    for seed in seeds {
        match make(seed).settle(within) {
            Ok(report) => total.add(&report),
            Err(violation) => panic!("{}", least(within, violation, || make(seed))),
        }
    }
    total
}

/// The least of a plan that was found to break the same law, in words.
fn least<M: Machine>(within: Duration, first: Violation, make: impl Fn() -> Simulation<M>) -> String {
    let planned = make().planned().len();
    let (mut kept, mut violation): (Vec<usize>, _) = ((0..planned).collect(), first);
    let (mut part, mut tries) = (planned.div_ceil(2), 0);
    // Parts of half the plan, then of a quarter, and so on down to single events, as long as any can go.
    while part > 0 && tries < TRIES {
        let (mut at, mut is_smaller) = (0, false);
        while at < kept.len() && tries < TRIES {
            tries += 1;
            let without = [&kept[..at], &kept[(at + part).min(kept.len())..]].concat();
            match make().with_planned(&without).settle(within) {
                Err(other) if other.law == violation.law => (kept, violation, is_smaller) = (without, other, true),
                _ => at += part,
            }
        }
        if part > 1 || !is_smaller {
            part /= 2;
        }
    }
    let mut told = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(told, "{violation}\nwith no more than this, of {planned} events that were planned:");
    let plan = make().planned();
    kept.iter().for_each(|&event| _ = writeln!(told, "  {}", plan[event]));
    let _ = writeln!(told, "the last that happened:");
    violation.trace.lines().for_each(|line| _ = writeln!(told, "  {line}"));
    told
}
