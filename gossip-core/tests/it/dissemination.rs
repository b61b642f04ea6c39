//! Pushing keeps the laws, delivers by itself where nothing is lost, and leaves the rest to repair.

use core::num::{NonZeroU16, NonZeroUsize};
use core::time::Duration;

use crate::fleets;
use gossip_core::sim::{
    Chance, Checks, Fault, Faults, Interpose, Interposed, Latency, Machine, Memory, Network, Simulation, Step,
    Violation,
};
use gossip_core::{AntiEntropy, Config, Economy, Key, MessageBudget, MessageKind, Output, Overlay, Stats, Time};
use proptest::prelude::*;

/// Lets messages of some kinds out of a machine, and no others.
#[derive(Clone)]
struct Censor(fn(&'static str) -> bool);

impl<M: Machine> Interpose<M> for Censor {
    fn poll(&mut self, machine: &mut M, now: Time) -> Step<M::Element, M::Digest> {
        match machine.poll(now) {
            Step::Send { kind, .. } if !(self.0)(kind) => Step::Note("censored"),
            step => step,
        }
    }
}

/// Along what elements travel.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Star,
    Tree(usize),
    /// A ring with a chord across.
    Graph,
}

impl Shape {
    fn overlay(self, me: usize, count: usize) -> Overlay<usize> {
        let all = || 0..count;
        match self {
            Self::Star => Overlay::star(&me, all()),
            Self::Tree(fan_out) => Overlay::tree(&me, all(), NonZeroUsize::new(fan_out).expect("from 1")),
            Self::Graph => {
                let neighbours = [me + 1, me + count - 1, me + count / 2, me + count - count / 2];
                Overlay::of(neighbours.map(|other| other % count).into_iter().filter(|&other| other != me))
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Plan {
    seed: u64,
    count: usize,
    shape: Shape,
    batch: u64,
    budget: usize,
    economy: Economy,
    secret: bool,
    network: Network,
    faults: Faults,
    /// How many elements all replicas begin with.
    common: u64,
    /// Milliseconds, replica, element.
    insertions: Vec<(u64, usize, u64)>,
}

impl Plan {
    fn simulation(&self, leaves: fn(&'static str) -> bool) -> Simulation<Interposed<AntiEntropy<usize, u64>, Censor>> {
        let plan = self.clone();
        let make = move |id: usize, seed| {
            let mut config = Config::default();
            config.max_message = MessageBudget::new(plan.budget);
            config.batch_every = Some(Duration::from_millis(plan.batch));
            config.economy = plan.economy;
            config.max_element_bytes = 64;
            if plan.secret {
                config.key = Key::secret([7; 16]);
            }
            let mut machine = AntiEntropy::new(config, seed);
            for peer in (0..plan.count).filter(|&peer| peer != id) {
                machine.add_peer(peer);
            }
            machine.set_overlay(plan.shape.overlay(id, plan.count));
            Interposed::new(machine, Censor(leaves))
        };
        let mut simulation = Simulation::new(self.seed, self.network, self.count, make);
        simulation.faults(&self.faults);
        for (replica, value) in (0..self.count).flat_map(|replica| (0..self.common).map(move |value| (replica, value)))
        {
            simulation.insert(Time::ZERO, replica, value);
        }
        for &(at, replica, value) in &self.insertions {
            simulation.insert(Time::from_millis(at), replica % self.count, value);
        }
        simulation
    }
}

/// All that is planned ends before this.
const PLANNED: u64 = 20;

/// Runs until all that was planned has happened and all replicas hold the same; how long that took beyond it.
fn converge(
    simulation: &mut Simulation<Interposed<AntiEntropy<usize, u64>, Censor>>,
    within: u64,
) -> Result<u64, Violation> {
    simulation.run_until(Time::from_millis(1_000 * PLANNED))?;
    let mut seconds = 0;
    while !simulation.is_uniform() {
        assert!(seconds < within, "sets differ {within} s after all is well: {simulation:?}");
        seconds += 1;
        simulation.run_until(Time::from_millis(1_000 * (PLANNED + seconds)))?;
    }
    Ok(seconds)
}

fn plans(
    faults: impl Strategy<Value = Faults>,
    networks: impl Strategy<Value = Network>,
) -> impl Strategy<Value = Plan> {
    let shape = prop_oneof![Just(Shape::Star), (1..4_usize).prop_map(Shape::Tree), Just(Shape::Graph)];
    let economy = prop_oneof![Just(Economy::Balanced), Just(Economy::Pages)];
    let common = prop_oneof![Just(0), 0..600_u64];
    let budget = prop_oneof![Just(256), 256..2_000_usize, Just(65_536)];
    let insertions = prop::collection::vec((0..12_000_u64, 0..12_usize, any::<u64>()), 1..200);
    let head = (any::<u64>(), 2..12_usize, shape, 20..1_500_u64, budget, economy, any::<bool>());
    (head, networks, faults, common, insertions).prop_map(
        |((seed, count, shape, batch, budget, economy, secret), network, faults, common, insertions)| Plan {
            seed,
            count,
            shape,
            batch,
            budget,
            economy,
            secret,
            network,
            faults,
            common,
            insertions,
        },
    )
}

proptest! {
    #![proptest_config(fleets::cases(64))]

    /// The simulator checks the laws as it goes; that all is well in the end is checked here.
    #[test]
    fn pushing_keeps_every_law(plan in plans(fleets::faults(), fleets::networks(30, 3))) {
        converge(&mut plan.simulation(|_| true), 300)?;
    }

    #[test]
    fn with_all_pushes_lost_repair_converges(plan in plans(fleets::faults(), fleets::networks(30, 3))) {
        let mut simulation = plan.simulation(|kind| kind != "push");
        converge(&mut simulation, 300)?;
        prop_assert_eq!(pushes(&simulation), 0);
    }

    /// Messages may come twice, and in any order.
    #[test]
    fn without_repair_pushes_deliver_everything_that_is_not_lost(
        plan in plans(Just(Faults::default()), fleets::networks(30, 3).prop_map(|network| Network {
            loss: Chance::NEVER,
            truncation: Chance::NEVER,
            ..network
        })),
    ) {
        // What takes more than a few messages to send again goes by a round, and what comes in disorder is sent again.
        let plan = Plan { common: 0, budget: plan.budget.max(2_000), ..plan };
        let mut simulation = plan.simulation(|kind| kind == "push");
        converge(&mut simulation, 60)?;
    }
}

fn pushes(simulation: &Simulation<Interposed<AntiEntropy<usize, u64>, Censor>>) -> u64 {
    simulation.report().kinds.get("push").map_or(0, |&(messages, _)| messages)
}

/// 25 replicas, 100 ms apart, 50 elements a second for 20 s, then 10 s of quiet.
fn broadcast(
    faults: impl FnOnce(&mut Simulation<Interposed<AntiEntropy<usize, u64>, Censor>>),
    network: Network,
) -> Simulation<Interposed<AntiEntropy<usize, u64>, Censor>> {
    let insertions = (0..1_000).map(|number| (20 * number, (7 * number as usize) % 25, number)).collect();
    let plan = Plan {
        seed: 1,
        count: 25,
        shape: Shape::Star,
        batch: 370,
        budget: 65_536,
        economy: Economy::Balanced,
        secret: false,
        network,
        faults: Faults::default(),
        common: 0,
        insertions,
    };
    let mut simulation = plan.simulation(|_| true).with_checks(Checks { proofs: true, ..Checks::convergence_only() });
    faults(&mut simulation);
    simulation
}

fn constant() -> Network {
    Network { latency: Latency::Constant(Duration::from_millis(100)), ..Network::default() }
}

fn total(simulation: &Simulation<Interposed<AntiEntropy<usize, u64>, Censor>>, of: impl Fn(&Stats) -> u64) -> u64 {
    (0..25).map(|replica| of(simulation.machine(replica).expect("25 of them").machine().stats())).sum()
}

#[test]
fn in_a_steady_state_every_message_has_elements_and_nobody_asks() -> Result<(), Violation> {
    let mut simulation = broadcast(|_| {}, constant());
    simulation.run_until(Time::from_millis(3_000))?;
    let bare = total(&simulation, |stats| stats.total.bare_pushes);
    let before = simulation.report();
    simulation.run_until(Time::from_millis(20_000))?;
    // But for a push whose elements an answer to an audit has overtaken.
    let more = total(&simulation, |stats| stats.total.bare_pushes) - bare;
    assert!(more <= 1, "{more}");
    let report = simulation.report();
    // But for an audit of each of 24, most of which begin within this time, and take four messages.
    let probes = |report: &gossip_core::sim::Report| report.kinds.get("probe").map_or(0, |kind| kind.0);
    let audits = probes(&report) - probes(&before);
    assert!((12..=24).contains(&audits), "{audits}");
    let asked = |report: &gossip_core::sim::Report| report.sent - report.kinds["push"].0;
    assert!(asked(&report) - asked(&before) <= 5 * audits, "{} in {audits} audits", asked(&report) - asked(&before));
    // One to each of 24 in each of 46 intervals, and as many back but for those who have nothing to say.
    let sent = report.kinds["push"].0 - before.kinds["push"].0;
    assert!((1_800..=2 * 24 * 46).contains(&sent), "{sent}");
    Ok(())
}

#[test]
fn a_dead_hub_is_routed_around_and_comes_back() -> Result<(), Violation> {
    let hub = |simulation: &mut Simulation<Interposed<AntiEntropy<usize, u64>, Censor>>| {
        simulation.fault(Time::from_millis(5_000), Fault::Cut(vec![0]), Duration::from_secs(10));
    };
    let mut simulation = broadcast(hub, constant());
    // What the others have had for 5 s, all of them have.
    for second in 5..20 {
        simulation.run_until(Time::from_millis(1_000 * second))?;
        let old = (0..1_000).filter(|number| 20 * number + 5_000 <= 1_000 * second && (7 * number) % 25 != 0);
        for number in old {
            for replica in 1..25 {
                let machine = simulation.machine(replica).expect("25 of them");
                assert!(machine.contains(&number), "r{replica} lacks {number} after {second} s");
            }
        }
    }
    simulation.run_until(Time::from_millis(30_000))?;
    // All are below the hub again: in a steady state nothing else is sent to others.
    assert!(simulation.is_uniform());
    let links = |simulation: &Simulation<Interposed<AntiEntropy<usize, u64>, Censor>>| {
        let spoke = simulation.machine(7).expect("25 of them");
        let sent = |peer| spoke.machine().peer_stats(&peer).expect("a peer").ledger.sent[MessageKind::Push].messages;
        (sent(0), (1..25).filter(|&peer| peer != 7).map(sent).sum::<u64>())
    };
    let (to_hub, to_others) = links(&simulation);
    simulation.insert(Time::from_millis(30_000), 7, 5_000);
    simulation.run_until(Time::from_millis(31_000))?;
    assert_eq!(links(&simulation), (to_hub + 1, to_others));
    assert!(simulation.is_uniform());
    Ok(())
}

#[test]
fn a_dead_neighbour_takes_no_more_than_two_tries() {
    let mut config = Config::default();
    config.batch_every = Some(Duration::from_millis(100));
    config.window = NonZeroU16::new(4).expect("from 1");
    let mut machine = AntiEntropy::<usize, u64>::new(config, 1);
    machine.add_peer(1);
    machine.set_overlay(Overlay::star(&0, [0, 1]));
    let mut pushes = 0;
    for step in 0..10_000_u64 {
        machine.insert(step).expect("it is small");
        loop {
            match machine.poll(Time::from_millis(100 * step)) {
                Output::Send { message, .. } => pushes += u64::from(message.kind() == MessageKind::Push),
                Output::Event(_) => {}
                Output::Wait(_) => break,
            }
        }
    }
    // A window of them, and when no acknowledgement comes that again.
    assert_eq!(pushes, 2 * 4);
}

/// The simulation `--chaos` found it, in a star with the seed 1083: a peer that is silent for as long as an answer may take
/// woke us every 10 s.
#[test]
fn a_silence_while_a_round_is_under_way_wakes_nobody_in_vain() {
    let mut config = Config::default();
    config.batch_every = Some(Duration::from_millis(100));
    config.answer_within = Duration::from_secs(60);
    let mut machine = AntiEntropy::<usize, u64>::new(config, 1);
    machine.add_peer(0);
    machine.set_overlay(Overlay::star(&1, [0, 1]));
    let (mut now, mut in_vain, mut probes) = (Time::ZERO, 0, 0);
    while now < Time::from_millis(600_000) {
        let mut outputs = 0;
        now = loop {
            match machine.poll(now) {
                Output::Wait(until) => break until.expect("silence is noticed"),
                Output::Send { message, .. } => probes += u32::from(message.kind() == MessageKind::Probe),
                Output::Event(_) => {}
            }
            outputs += 1;
        };
        in_vain = if outputs == 0 { in_vain + 1 } else { 0 };
        assert!(in_vain <= 1, "woken for nothing at {} deadlines in a row, before {now:?}", in_vain);
    }
    assert!(probes >= 3, "it went on asking: {probes}");
}

/// The greatest time that an element takes from where it is written to all of 25 replicas on a star, 100 ms apart, which
/// start up to `apart` ms one after the other. They write 50 a second for 6 s, from `from` ms on.
fn greatest_latency(batch: u64, apart: u64, from: u64, seed: u64) -> Duration {
    let mut simulation = Simulation::new(seed, constant(), 25, move |id, seed| {
        let mut config = Config::default();
        config.batch_every = Some(Duration::from_millis(batch));
        let mut machine = AntiEntropy::<usize, u64>::new(config, seed);
        for peer in (0..25).filter(|&peer| peer != id) {
            machine.add_peer(peer);
        }
        machine.set_overlay(Overlay::star(&id, 0..25));
        machine
    })
    .with_checks(Checks { proofs: true, ..Checks::convergence_only() })
    .with_history();
    for replica in 0..25 {
        // The hub is neither the first nor the last.
        let start = Duration::from_millis((replica as u64 * 7 + 11 + seed) % 25 * apart / 25);
        simulation.fault(Time::ZERO, Fault::Crash(replica, Memory::Kept), start);
    }
    for number in 0..300 {
        simulation.insert(Time::from_millis(from + 20 * number), (number as usize * 7) % 25, number);
    }
    simulation.run_until(Time::from_millis(from + 10_000)).expect("no law is broken");
    let mut arrivals: Vec<_> = simulation.history().iter().map(|arrival| (arrival.element, arrival.at)).collect();
    arrivals.sort_unstable();
    let all = arrivals.chunk_by(|one, other| one.0 == other.0);
    let latencies = all.map(|held| {
        assert_eq!(held.len(), 25, "{} is everywhere", held[0].0);
        held[24].1.saturating_since(held[0].1)
    });
    latencies.max().expect("300 are written")
}

#[test]
fn from_the_first_element_on_none_takes_longer_than_an_interval_and_two_hops() {
    for (apart, from) in [(0, 0), (0, 1_000), (1_000, 1_000)] {
        for seed in 0..3 {
            for (batch, most) in [(370, 600), (1_500, 1_750)] {
                let took = greatest_latency(batch, apart, from, seed);
                assert!(
                    took <= Duration::from_millis(most),
                    "{took:?} at {batch} ms, {apart} ms apart, from {from} ms on"
                );
            }
        }
    }
}

#[test]
fn what_is_written_before_all_have_started_is_everywhere_soon_after() {
    for seed in 0..5 {
        let took = greatest_latency(1_500, 1_000, 0, seed);
        // A second of them for the last one to start.
        assert!(took <= Duration::from_millis(3_000), "{took:?}");
    }
}
