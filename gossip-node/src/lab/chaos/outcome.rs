//! What became of a run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use gossip_core::sim::{Faults, Report, Simulation};
use gossip_core::{AntiEntropy, Element, Time};

use super::hostile::Member;
use super::schedule::{Schedule, place};
use crate::settings::Shape;

/// How long after the last fault and the last insertion all honest replicas hold all that any of them held then, at the
/// latest, on a network that goes on losing up to three messages of ten. The longest seen is 380 s.
const WITHIN: Duration = Duration::from_secs(900);

/// What happened in a run, and the law that was broken if one was.
///
/// ```
/// use gossip_node::lab::chaos::{Outcome, Schedule};
///
/// let outcome = Outcome::of(&Schedule::draw(8));
/// assert_eq!(outcome.broken, None);
/// assert!(outcome.report.sent > 0 && outcome.healed < outcome.lasted);
/// ```
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How much virtual time has passed.
    pub lasted: Duration,
    /// How long it took all honest replicas, once all was well, to hold what any of them held then.
    pub healed: Duration,
    /// How old the oldest hole was at each second from then on, while writes went on: an element that an honest replica
    /// held and another lacked.
    pub holes: Vec<Duration>,
    /// What happened.
    pub report: Report,
    /// The law that was broken, by whom, when and how; or how the program failed.
    pub broken: Option<String>,
}

impl Outcome {
    /// Carries a schedule out.
    pub fn of(schedule: &Schedule) -> Self {
        let run = || {
            if schedule.texts {
                // Of one to nine times the number's digits: elements of different lengths are packed otherwise than
                // equal ones.
                carry_out(schedule, |number| format!("{number:x}").repeat(1 + number as usize % 9))
            } else {
                // Odd, so that no two become one; and far apart, as ids of elements are.
                carry_out(schedule, |number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            }
        };
        // A panic is a finding like a broken law: it is recorded with its seed, and ends the soak.
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
            let what = panic.downcast_ref::<String>().map(String::as_str);
            let what = what.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
            let broken = Some(format!("the program panicked: {what}"));
            Self { lasted: Duration::ZERO, healed: Duration::ZERO, holes: vec![], report: Report::default(), broken }
        })
    }
}

fn carry_out<E: Element + Ord + 'static>(schedule: &Schedule, element: impl Fn(u64) -> E) -> Outcome {
    let mut simulation = simulation(schedule, element);
    let mut holes = Vec::new();
    let healed = heal(schedule, &mut simulation, &mut holes);
    let lasted = simulation.now().saturating_since(Time::ZERO);
    let (healed, broken) = match healed {
        Ok(healed) => (healed, None),
        Err(broken) => (Duration::ZERO, Some(broken)),
    };
    Outcome { lasted, healed, holes, report: simulation.report(), broken }
}

/// Runs until all is well again, and writes have ceased; how long the first took. Notes the age of the oldest hole at each
/// second.
fn heal<E: Element + Ord>(
    schedule: &Schedule,
    simulation: &mut Simulation<Member<E>>,
    holes: &mut Vec<Duration>,
) -> Result<Duration, String> {
    simulation.run_until(schedule.ends).map_err(|violation| violation.to_string())?;
    let machine = |simulation: &Simulation<Member<E>>, replica| {
        simulation.machine(replica).expect("there is such a replica").machine().clone()
    };
    // What the honest hold at the end of the faults, be it invented by a hostile one: they must come to agree on that
    // too.
    let mut union: Vec<E> =
        schedule.honest().flat_map(|one| machine(simulation, one).iter().cloned().collect::<Vec<_>>()).collect();
    union.sort_unstable();
    union.dedup();
    let mut missing: Vec<(usize, &E)> =
        schedule.honest().flat_map(|one| union.iter().map(move |element| (one, element))).collect();
    let ceases = schedule.load.last().map_or(schedule.ends, |&(at, ..)| at);
    let mut healed = None;
    loop {
        // Sets only grow, so what was found once is not looked for again: a run has up to 12 replicas, and some 3 500
        // elements.
        missing.retain(|&(one, element)| {
            !simulation.machine(one).is_some_and(|member| member.machine().contains(element))
        });
        let passed = simulation.now().saturating_since(schedule.ends);
        if missing.is_empty() {
            healed.get_or_insert(passed);
            if simulation.now() >= ceases {
                break;
            }
        }
        if let Some((one, _)) = missing.first().filter(|_| passed >= WITHIN) {
            let (lacks, of) = (missing.iter().filter(|(other, _)| other == one).count(), union.len());
            return Err(format!(
                "convergence: r{one} lacks {lacks} of {of} elements {} s after all was well",
                WITHIN.as_secs()
            ));
        }
        // By the second, which is how exactly the record tells it.
        simulation.run_until(simulation.now() + Duration::from_secs(1)).map_err(|violation| violation.to_string())?;
        holes.push(simulation.oldest_hole());
    }
    // Where rounds do it all each pair that talks ends with a proof, unless one goes on inventing, or bit by bit tells what
    // it has kept to itself.
    let keeps = |hostile| machine(simulation, hostile).iter().any(|element| union.binary_search(element).is_err());
    let goes_on = schedule.hostile.iter().any(|&(hostile, ref malice)| malice.invents() || keeps(hostile));
    if schedule.shape == Shape::None && !goes_on {
        let since = simulation.now().saturating_since(simulation.report().planned_until);
        simulation.settle(since + WITHIN).map_err(|violation| violation.to_string())?;
    }
    Ok(healed.unwrap_or_default())
}

fn simulation<E: Element + 'static>(schedule: &Schedule, element: impl Fn(u64) -> E) -> Simulation<Member<E>> {
    let made = schedule.clone();
    let make = move |id: usize, seed| {
        let replicas = made.replicas();
        let mut machine = AntiEntropy::new(made.configs[id].clone(), seed);
        let peers: Vec<_> = (0..replicas).filter(|&peer| peer != id).collect();
        peers.iter().for_each(|&peer| assert!(machine.add_peer(peer), "each has a name of its own"));
        if let Some(overlay) = place(made.shape, id, replicas) {
            machine.set_overlay(overlay);
        }
        Member::new(machine, made.malice(id).cloned(), peers, seed)
    };
    let mut simulation =
        Simulation::new(schedule.seed, schedule.network, schedule.replicas(), make).with_checks(schedule.checks);
    for hostile in schedule.hostile() {
        simulation = simulation.with_hostile(hostile);
    }
    simulation.faults(&Faults { dawdling: schedule.dawdling, ..Faults::default() });
    for (at, fault, lasting) in schedule.faults.iter().cloned() {
        simulation.fault(at, fault, lasting);
    }
    for &(at, replica, number) in schedule.insertions.iter().chain(&schedule.load) {
        simulation.insert(at, replica, element(number));
    }
    simulation
}

#[cfg(test)]
mod tests {
    use gossip_core::sim::Fault;

    use super::*;

    #[test]
    fn replicas_that_stay_apart_are_noticed() {
        let mut schedule =
            (0..).map(Schedule::draw).find(|schedule| schedule.hostile.is_empty()).expect("many have none");
        schedule.load.clear();
        schedule.faults.push((schedule.ends, Fault::Cut(vec![0]), 2 * WITHIN));
        schedule.insertions.extend([0, 1].map(|replica| (schedule.ends, replica, 1 << 20 | replica as u64)));
        let broken = Outcome::of(&schedule).broken.expect("a law is broken");
        let (head, tail) =
            (broken.starts_with("convergence: r0 lacks 1 of "), broken.ends_with(" 900 s after all was well"));
        assert!(head && tail, "{broken}");
    }

    #[test]
    fn one_that_tells_bit_by_bit_what_it_has_kept_to_itself_breaks_no_law() {
        // For as long as a run waits for the others to be in step, replica 1 goes on giving them elements of its own.
        let outcome = Outcome::of(&Schedule::draw(1_000_176));
        assert_eq!(outcome.broken, None);
    }
}
