//! The laws of maps in the simulator: random fleets, networks and faults, looked at as they go.

use core::time::Duration;
use std::cell::RefCell;
use std::num::NonZeroU16;

use gossip_core::sim::{Chance, Checks, Fault, Faults, Law, Memory, Network, Report, Rng, Simulation, Violation};
use gossip_core::{Config, Economy, Map, MessageBudget, Overlay, ReplicaId, Rule, Time};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::fleets::{self, happened};

type Replica = Map<usize, u8, u64>;

/// All of a run.
#[derive(Clone, Debug)]
struct Plan {
    seed: u64,
    network: Network,
    faults: Faults,
    /// Of each replica: its budget, its window, how many milliseconds its rounds are apart, and what it saves.
    replicas: Vec<(usize, u16, u64, Economy)>,
    pushes: bool,
    /// Milliseconds, replica, key, and whether it is a removal.
    writes: Vec<(u64, usize, u8, bool)>,
}

fn plans() -> impl Strategy<Value = Plan> {
    let economy = prop_oneof![Just(Economy::Balanced), Just(Economy::Pages), Just(Economy::FewestBytes)];
    let replica = (prop_oneof![Just(256), 256..2_000_usize, Just(65_536)], 1..8_u16, 200..2_000_u64, economy);
    let writes = prop::collection::vec(
        (0..12_000_u64, 0..8_usize, prop_oneof![0..24_u8, any::<u8>()], prop::bool::weighted(0.3)),
        1..200,
    );
    let fleet = (fleets::networks(40, 5), fleets::faults(), prop::collection::vec(replica, 2..=5), any::<bool>());
    (any::<u64>(), fleet, writes).prop_map(|(seed, (network, faults, replicas, pushes), writes)| Plan {
        seed,
        network,
        faults,
        replicas,
        pushes,
        writes,
    })
}

/// A replica of a fleet, with an id of its own in each life.
fn replica(index: usize, count: usize, seed: u64, config: Config) -> Replica {
    let mut map = Map::new(config, ReplicaId::from_random(Rng::new(seed).next_u64().to_le_bytes()), seed);
    (0..count).filter(|&peer| peer != index).for_each(|peer| assert!(map.add_peer(peer)));
    map.set_overlay(Overlay::star(&index, 0..count));
    map
}

impl Plan {
    /// A fleet of saboteurs, if they break a rule.
    fn simulation(&self, broken: Option<Rule>) -> Simulation<Replica> {
        let (plan, count) = (self.clone(), self.replicas.len());
        let mut simulation = Simulation::new(self.seed, self.network, count, move |index, seed| {
            let (budget, window, round, economy) = plan.replicas[index];
            let mut config = Config::default();
            config.max_message = MessageBudget::new(budget);
            config.window = NonZeroU16::new(window).expect("from 1");
            config.round_every = Duration::from_millis(round);
            config.economy = economy;
            config.answer_within = Duration::from_millis(300);
            config.batch_every = plan.pushes.then(|| Duration::from_millis(100));
            let mut map = replica(index, count, seed, config);
            broken.iter().for_each(|&rule| map.break_rule(rule));
            map
        });
        for (value, &(at, index, key, removes)) in (0..).zip(&self.writes) {
            let (at, index) = (Time::from_millis(at), index % count);
            if removes {
                simulation.remove(at, index, &key);
            } else {
                simulation.insert(at, index, (key, value));
            }
        }
        simulation.faults(&self.faults);
        simulation
    }
}

/// Seconds within which all of a plan has happened.
const PLANNED: u64 = 20;

/// Runs until all agree: to a proof of each pair that talked, or where leaves of a star have no rounds with each other, to
/// equal digests after so many seconds, in which all that is planned happens.
fn settle(simulation: &mut Simulation<Replica>, count: usize, pushes: bool, planned: u64) -> Result<Report, Violation> {
    if !pushes {
        return simulation.settle(Duration::from_secs(600));
    }
    for seconds in (planned..600).step_by(5) {
        simulation.run_until(Time::from_millis(1_000 * seconds))?;
        let mut digests = (0..count).filter_map(|index| simulation.machine(index)).map(Map::digest);
        let first = digests.next();
        if simulation.is_uniform() && digests.all(|digest| Some(digest) == first) {
            return Ok(simulation.report());
        }
    }
    panic!("convergence: {simulation:?}");
}

/// Runs 256 plans and gives what happened in all of them together.
fn all(plans: impl Strategy<Value = Plan>, checks: Checks) -> Report {
    let total = RefCell::new(Report::default());
    let run = |plan: Plan| {
        let mut simulation = plan.simulation(None).with_checks(checks);
        let report = settle(&mut simulation, plan.replicas.len(), plan.pushes, PLANNED);
        total.borrow_mut().add(&report.map_err(|violation| TestCaseError::fail(violation.to_string()))?);
        Ok(())
    };
    TestRunner::new(fleets::cases(256)).run(&plans, run).unwrap_or_else(|error| panic!("{error}"));
    total.into_inner()
}

#[test]
fn maps_keep_the_laws() {
    let report = all(plans(), Checks::default());
    happened!(report: lost duplicated reordered crossed cut missed truncated refused pauses crashes amnesias jumps stalls);
    happened!(report: dawdled inserted removed learned went proofs pairs early_polls rehearsals);
}

#[test]
fn requests_of_maps_are_answered_from_what_is_held_whatever_befell_the_replica() {
    let plans = (plans(), 1..4_u32).prop_map(|(mut plan, crashes)| {
        plan.faults.crashes = crashes;
        plan.faults.dawdling = Chance::percent(30);
        plan
    });
    let report = all(plans, Checks { rehearsals: Chance::ALWAYS, early_polls: Chance::ALWAYS, ..Checks::default() });
    happened!(report: crashes dawdled removed went);
    assert!(report.rehearsals > 10_000 && report.early_polls > 10_000, "{report:#?}");
}

/// Four replicas, each of which writes once a second for two minutes, every third time a removal; every ten seconds one
/// crashes, every other time without its memory.
fn under_writes(seed: u64, config: &Config) -> Simulation<Replica> {
    let network = Network { loss: Chance::percent(10), ..Network::default() };
    let config = config.clone();
    let mut simulation = Simulation::new(seed, network, 4, move |index, seed| replica(index, 4, seed, config.clone()));
    let mut rng = Rng::new(seed);
    for write in 0..480 {
        let (at, index, key) = (Time::from_millis(250 * write), write as usize % 4, rng.below(100) as u8);
        if rng.below(3) == 0 {
            simulation.remove(at, index, &key);
        } else {
            simulation.insert(at, index, (key, write));
        }
    }
    for crash in 1..12_u64 {
        let memory = if crash.is_multiple_of(2) { Memory::Kept } else { Memory::Lost };
        let fault = Fault::Crash(crash as usize % 4, memory);
        simulation.fault(Time::from_millis(10_000 * crash), fault, Duration::from_secs(1));
    }
    simulation
}

/// Law 10: while all write and some crash, what one holds all hold soon, and what one has removed is gone everywhere.
#[test]
fn holes_of_maps_are_closed_under_writes() {
    let checks = Checks { staleness: Some(Duration::from_secs(15)), ..Checks::default() };
    for seed in 0..8 {
        let mut config = Config::default();
        config.batch_every = (seed % 2 == 0).then(|| Duration::from_millis(400));
        let mut simulation = under_writes(seed, &config).with_checks(checks);
        let report = settle(&mut simulation, 4, true, 120).unwrap_or_else(|violation| panic!("{seed}: {violation}"));
        happened!(report: removed went amnesias crashes lost);
    }
}

/// The law that a fleet which breaks this rule is caught by first, of so many plans.
fn caught(rule: Rule) -> Option<Law> {
    let mut runner = TestRunner::deterministic();
    (0..2_000).find_map(|_| {
        let plan = plans().new_tree(&mut runner).expect("a plan").current();
        let plan = Plan { pushes: false, ..plan };
        plan.simulation(Some(rule)).settle(Duration::from_secs(600)).err().map(|violation| violation.law)
    })
}

/// Each rule is needed, and the laws that every user of the simulator has see when it is broken. All but `Drop`: what one does not
/// drop the other tells it in a round of its own, which begins at once. The model checker and the fleets of `saboteurs` see that.
#[test]
fn saboteurs_of_maps_break_a_law() {
    use Law::{Convergence, NothingLostNothingInvented};
    for (rule, law) in [
        (Rule::OwnInsert, NothingLostNothingInvented),
        (Rule::WithoutGap, NothingLostNothingInvented),
        (Rule::WishesFirst, NothingLostNothingInvented),
        (Rule::Verdict, NothingLostNothingInvented),
        (Rule::Walk, NothingLostNothingInvented),
        (Rule::Unasked, NothingLostNothingInvented),
        (Rule::TellGone, Convergence),
        (Rule::Wish, NothingLostNothingInvented),
        (Rule::Give, NothingLostNothingInvented),
        (Rule::TakeOver, Convergence),
        (Rule::Refuse, NothingLostNothingInvented),
    ] {
        assert_eq!(caught(rule), Some(law), "{rule:?}");
    }
}
