//! The laws, on random fleets with random schedules and faults.

use core::num::NonZeroU16;
use core::time::Duration;
use std::cell::RefCell;

use crate::fleets::{self, happened};
use gossip_core::sim::{
    Chance, Checks, Fault, Faults, Interpose, Interposed, Latency, Machine, Network, Report, Simulation, Step,
};
use gossip_core::{AntiEntropy, Config, Economy, Element, Key, MessageBudget, MessageKind, Numbers, Time, TypeTag};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// 16 ids for all values: most ids name several elements, which is what the machine must cope with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Crowded(u64);

impl Element for Crowded {
    const TYPE: TypeTag = TypeTag::new("crowded");
    const NUMBERS: Option<Numbers<Self>> = Some(Numbers { to: |crowded| crowded.0 % 16, from: |_| None });

    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        u64::decode(input).map(Self)
    }
}

/// How far the version that a replica writes and reads is from ours.
#[derive(Clone)]
struct Version(u8);

impl<M: Machine> Interpose<M> for Version {
    fn receive(&mut self, machine: &mut M, from: usize, message: &[u8]) -> bool {
        let mut message = message.to_vec();
        if let Some(first) = message.first_mut() {
            *first ^= self.0 << 4;
        }
        machine.receive(from, &message)
    }

    fn poll(&mut self, machine: &mut M, now: Time) -> Step<M::Element, M::Digest> {
        let mut step = machine.poll(now);
        if let Step::Send { message, .. } = &mut step {
            message[0] ^= self.0 << 4;
        }
        step
    }
}

/// What makes the last replica one of another cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outsider {
    None,
    Key,
    ElementLimit,
    Version,
}

/// All of a run but its elements' type.
#[derive(Clone, Debug)]
struct Plan {
    seed: u64,
    network: Network,
    faults: Faults,
    /// Of each replica: its budget, its window, how many milliseconds its rounds are apart, and what it saves.
    replicas: Vec<(usize, u16, u64, Economy)>,
    /// How many elements all replicas begin with.
    common: u64,
    secret: bool,
    outsider: Outsider,
    /// Milliseconds, replica, element.
    insertions: Vec<(u64, usize, u64)>,
    /// Whether all replicas begin a round with all others at once, so that probes cross.
    in_step: bool,
}

fn plans() -> impl Strategy<Value = Plan> {
    let economy = prop_oneof![
        2 => Just(Economy::Balanced),
        1 => Just(Economy::Pages),
        1 => Just(Economy::FewestBytes)
    ];
    let replica = (prop_oneof![Just(256), 256..2_000_usize, Just(65_536)], 1..8_u16, 200..2_000_u64, economy);
    // Sets as small as what is inserted go out whole; larger ones are worth a sketch.
    let common = prop_oneof![Just(0), 0..600_u64];
    let outsider = prop_oneof![
        3 => Just(Outsider::None),
        1 => Just(Outsider::Key),
        1 => Just(Outsider::ElementLimit),
        1 => Just(Outsider::Version)
    ];
    let insertions = prop::collection::vec((0..12_000_u64, 0..8_usize, prop_oneof![0..40_u64, any::<u64>()]), 1..200);
    let head = (any::<u64>(), fleets::networks(40, 5), fleets::faults(), common);
    (head, prop::collection::vec(replica, 2..=8), any::<bool>(), outsider, insertions, any::<bool>()).prop_map(
        |((seed, network, faults, common), replicas, secret, outsider, insertions, in_step)| {
            // One replica has nobody to converge with.
            let outsider = if replicas.len() < 3 { Outsider::None } else { outsider };
            Plan { seed, network, faults, replicas, common, secret, outsider, insertions, in_step }
        },
    )
}

impl Plan {
    fn simulation<E: Element + 'static>(
        &self,
        element: impl Fn(u64) -> E,
    ) -> Simulation<Interposed<AntiEntropy<usize, E>, Version>> {
        let plan = self.clone();
        let count = self.replicas.len();
        let outsider = (self.outsider != Outsider::None).then(|| count - 1);
        let make = move |id: usize, seed| {
            let (budget, window, round, economy) = plan.replicas[id];
            let foreign = if outsider == Some(id) { plan.outsider } else { Outsider::None };
            let mut config = Config::default();
            config.max_message = MessageBudget::new(budget);
            config.max_element_bytes = if foreign == Outsider::ElementLimit { 65 } else { 64 };
            config.window = NonZeroU16::new(window).expect("from 1");
            config.round_every = Duration::from_millis(round);
            config.economy = economy;
            config.answer_within = Duration::from_millis(300);
            if plan.secret != (foreign == Outsider::Key) {
                config.key = Key::secret([7; 16]);
            }
            let mut machine = AntiEntropy::new(config, seed);
            for peer in (0..count).filter(|&peer| peer != id) {
                machine.add_peer(peer);
                if plan.in_step {
                    machine.sync_now(&peer);
                }
            }
            Interposed::new(machine, Version(if foreign == Outsider::Version { 3 } else { 0 }))
        };
        let mut simulation = Simulation::new(self.seed, self.network, count, make);
        if let Some(outsider) = outsider {
            simulation = simulation.with_outsider(outsider);
        }
        for (replica, value) in (0..count).flat_map(|replica| (0..self.common).map(move |value| (replica, value))) {
            simulation.insert(Time::ZERO, replica, element(1_000 + value));
        }
        for &(at, replica, value) in &self.insertions {
            simulation.insert(Time::from_millis(at), replica % count, element(value));
        }
        simulation.faults(&self.faults);
        simulation
    }

    /// Runs it, with or without the lines of its trace.
    fn run(&self, checks: Checks, lines: bool) -> Result<(Report, String), TestCaseError> {
        match self.seed % 3 {
            // Enough for more of an id than a bucket holds; with 600, each id's 40 are hashed for half of the tests' time.
            0 => settle(Self { common: self.common.min(150), ..self.clone() }.simulation(Crowded), checks, lines),
            1 => settle(self.simulation(|value| value), checks, lines),
            _ => settle(self.simulation(|value| format!("{value:x}").repeat(1 + value as usize % 4)), checks, lines),
        }
    }
}

fn settle<E: Element>(
    simulation: Simulation<Interposed<AntiEntropy<usize, E>, Version>>,
    checks: Checks,
    lines: bool,
) -> Result<(Report, String), TestCaseError> {
    let simulation = simulation.with_checks(checks);
    let mut simulation = if lines { simulation.with_trace() } else { simulation };
    let report = simulation.settle(Duration::from_secs(600));
    let report = report.map_err(|violation| TestCaseError::fail(violation.to_string()))?;
    Ok((report, simulation.trace().into()))
}

/// Runs 64 plans, in CI 256, and gives what happened in all of them together.
fn all(plans: impl Strategy<Value = Plan>, checks: Checks) -> Report {
    let total = RefCell::new(Report::default());
    each(plans, |plan| {
        total.borrow_mut().add(&plan.run(checks, false)?.0);
        Ok(())
    });
    total.into_inner()
}

fn each(plans: impl Strategy<Value = Plan>, run: impl Fn(Plan) -> Result<(), TestCaseError>) {
    TestRunner::new(fleets::cases(64)).run(&plans, run).unwrap_or_else(|error| panic!("{error}"));
}

/// The checks that every run has, without those that are a law's own.
const PLAIN: Checks = Checks { proofs: true, ..Checks::convergence_only() };

#[test]
fn convergence() {
    let report = all(plans(), PLAIN);
    happened!(report: lost duplicated reordered crossed cut missed truncated refused pauses crashes amnesias jumps stalls);
    happened!(report: dawdled learned proofs pairs);
    // Nothing is pushed here: see dissemination.rs.
    for kind in MessageKind::ALL.into_iter().filter(|&kind| kind != MessageKind::Push) {
        assert!(report.messages(kind.name()) > 0, "never a {}", kind.name());
    }
}

#[test]
fn nothing_lost_nothing_invented() {
    let plans = (plans(), 1..4, 1..4).prop_map(|(mut plan, crashes, amnesias)| {
        (plan.faults.crashes, plan.faults.amnesias) = (crashes as u32, amnesias as u32);
        plan
    });
    let report = all(plans, PLAIN);
    happened!(report: crashes amnesias learned inserted missed refused duplicated);
}

#[test]
fn eager_to_learn_lazy_to_speak() {
    let plans = plans().prop_map(|mut plan| {
        plan.faults.dawdling = Chance::percent(50);
        plan
    });
    let report = all(plans, Checks { rehearsals: Chance::ALWAYS, ..PLAIN });
    happened!(report: dawdled learned);
    assert!(report.rehearsals > 10_000, "{report:#?}");
}

#[test]
fn no_sessions_on_the_wire() {
    let plans = (plans(), 2..6_u32).prop_map(|(mut plan, crashes)| {
        plan.faults.crashes = crashes;
        // Messages are under way when it happens, and stay longer than it takes.
        plan.faults.longest = Duration::from_millis(100);
        plan
    });
    let report = all(plans, Checks { rehearsals: Chance::ALWAYS, ..PLAIN });
    happened!(report: crashes missed learned);
    assert!(report.rehearsals > 10_000, "{report:#?}");
}

#[test]
fn wait_is_truthful() {
    let plans = (plans(), 1..4_u32, 1..60_u64).prop_map(|(mut plan, jumps, longest)| {
        plan.faults.jumps = jumps;
        plan.faults.cuts = 1;
        plan.faults.longest = Duration::from_secs(longest);
        plan
    });
    let report = all(plans, Checks { early_polls: Chance::ALWAYS, ..PLAIN });
    happened!(report: jumps pauses wakes idle_wakes cut stalls);
    assert!(report.early_polls > 10_000 && report.notes["unreachable"] > 0, "{report:#?}");
}

#[test]
fn bounded() {
    let report = all(
        plans().prop_map(|mut plan| {
            plan.network.truncation = Chance::percent(20);
            plan
        }),
        PLAIN,
    );
    happened!(report: truncated refused);
    assert!(report.largest > 1_000, "no message came near a budget: {report:#?}");
}

#[test]
fn deterministic() {
    each(plans(), |plan| {
        let (report, trace) = plan.run(Checks::default(), true)?;
        let (again, same) = plan.run(Checks::default(), true)?;
        prop_assert!(!trace.is_empty() && trace == same, "equal seeds gave other traces");
        prop_assert_eq!(report, again);
        Ok(())
    });
}

#[test]
fn a_dead_peer_wakes_nobody_in_vain() {
    let mut simulation = Simulation::new(1, Network::default(), 2, |id, seed| {
        let mut machine = AntiEntropy::<_, u64>::new(Config::default(), seed);
        machine.add_peer(1 - id);
        machine
    });
    simulation.fault(Time::from_millis(5_000), Fault::Cut(vec![0]), Duration::from_secs(600));
    let report = simulation.settle(Duration::from_secs(100)).expect("the laws hold");
    assert!(report.notes["unreachable"] == 2 && report.wakes < 2 * report.sent, "{report:#?}");
}

#[test]
fn deferred_answers_break_no_law() {
    // 64 KiB a second, which is the least. A full state fits the budget once: one that has lost its memory waits for more.
    for (seed, loss) in [(1, 0), (2, 10), (3, 30)] {
        let network = Network { loss: Chance::percent(loss), duplication: Chance::percent(loss), ..Network::default() };
        let mut simulation = Simulation::new(seed, network, 3, |id: usize, seed| {
            let mut config = Config::default();
            config.work_per_second = 0;
            config.max_message = MessageBudget::new([1_200, 4_000, 65_536][id]);
            let mut machine = AntiEntropy::<_, [u8; 32]>::new(config, seed);
            (0..3).filter(|&peer| peer != id).for_each(|peer| assert!(machine.add_peer(peer)));
            machine
        })
        .with_checks(Checks { rehearsals: Chance::NEVER, ..Checks::default() });
        for number in 0..15_000_u64 {
            let element = [number.to_le_bytes(); 4].concat().try_into().expect("32 bytes");
            simulation.insert(Time::ZERO, usize::from(number.is_multiple_of(10)), element);
        }
        simulation.fault(Time::from_millis(2_000), Fault::Back(1), Duration::from_millis(700));
        simulation.fault(Time::from_millis(3_000), Fault::Pause(0), Duration::from_millis(500));
        for at in [4_000, 8_000, 12_000] {
            simulation.fault(
                Time::from_millis(at),
                Fault::Crash(2, gossip_core::sim::Memory::Lost),
                Duration::from_millis(100),
            );
        }
        let report = simulation.settle(Duration::from_secs(600)).unwrap_or_else(|violation| panic!("{violation}"));
        let deferred: u64 =
            (0..3).filter_map(|id| simulation.machine(id)).map(|machine| machine.stats().total.deferred).sum();
        println!("settled at {} ms, {} messages, {deferred} deferred", report.settled_at.as_millis(), report.sent);
        assert!(deferred > 10 && report.early_polls > 0 && report.settled_at > Time::from_millis(3_000), "{report:#?}");
    }
}

#[test]
fn a_peer_slower_than_all_tries_of_a_round_converges_too() {
    for (latency, answer_within, round_every) in [(200, 1, 1_000), (200, 1, 1), (5_000, 1_000, 1_000), (20_000, 0, 10)]
    {
        let network = Network { latency: Latency::Constant(Duration::from_millis(latency)), ..Network::default() };
        let mut simulation = Simulation::new(1, network, 2, move |id, seed| {
            let mut config = Config::default();
            config.answer_within = Duration::from_millis(answer_within);
            config.round_every = Duration::from_millis(round_every);
            let mut machine = AntiEntropy::<_, u64>::new(config, seed);
            machine.add_peer(1 - id);
            machine
        });
        for number in 0..1_000 {
            simulation.insert(Time::ZERO, number as usize % 2, number);
        }
        let report = simulation.settle(Duration::from_secs(600)).unwrap_or_else(|violation| panic!("{violation}"));
        println!(
            "{latency} ms, waiting {answer_within} ms: {} ms, {} messages",
            report.settled_at.as_millis(),
            report.sent
        );
    }
}
