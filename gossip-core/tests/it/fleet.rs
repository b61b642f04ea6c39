//! Large fleets on bad networks.

use core::time::Duration;

use gossip_core::sim::{Chance, Fate, Fault, Flight, Latency, Memory, Network, Report, Simulation};
use gossip_core::{AntiEntropy, Config, MessageBudget, Time};

const REPLICAS: usize = 50;
const BUDGET: usize = 1_200;

fn fleet(seed: u64) -> Simulation<AntiEntropy<usize, u64>> {
    let network = Network {
        latency: Latency::Exponential(Duration::from_millis(50)),
        loss: Chance::percent(30),
        duplication: Chance::percent(10),
        ..Network::default()
    };
    let mut simulation = Simulation::new(seed, network, REPLICAS, |id, seed| {
        let mut config = Config::default();
        config.max_message = MessageBudget::new(BUDGET);
        config.max_element_bytes = 64;
        let mut machine = AntiEntropy::new(config, seed);
        // Each knows its neighbours on a ring and the replicas across.
        for step in [1, 7, 20] {
            machine.add_peer((id + step) % REPLICAS);
            machine.add_peer((id + REPLICAS - step) % REPLICAS);
        }
        machine
    });
    for i in 0..500_u64 {
        let replica = (i.wrapping_mul(0x9e37_79b9) % REPLICAS as u64) as usize;
        simulation.insert(Time::from_millis(i * 37), replica, i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    }
    for (at, sides) in [(3, 2), (12, 3)] {
        let side = (0..REPLICAS).filter(|i| i % sides == 0).collect();
        simulation.fault(Time::from_millis(at * 1_000), Fault::Cut(side), Duration::from_secs(8));
    }
    simulation
}

/// All of them take about a minute in release; `SEEDS=200` runs them.
const SEEDS: u64 = 20;

#[test]
fn fifty_replicas_on_a_bad_network_converge_and_each_pair_that_talks_proves_it() {
    let seeds = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    let mut total = Report::default();
    for seed in 0..seeds {
        let report = fleet(seed).settle(Duration::from_secs(300)).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        assert_eq!((report.partitions, report.pairs), (2, 3 * REPLICAS as u64));
        assert!(report.lost > 0 && report.duplicated > 0 && report.reordered > 0 && report.cut > 0, "{report:#?}");
        assert!(report.largest <= BUDGET, "{report:#?}");
        total.add(&report);
    }
    println!("{total:#?}");
}

#[test]
fn equal_seeds_give_byte_identical_traces_and_others_do_not() {
    let trace = |seed| {
        let mut simulation = fleet(seed).with_trace();
        let report = simulation.settle(Duration::from_secs(300)).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        (report, simulation.trace().to_owned())
    };
    let (first, other) = (trace(1), trace(2));
    assert!(first.1.lines().count() > 10_000);
    assert!(first == trace(1));
    assert!(first.0.trace != other.0.trace && first.1 != other.1);
}

#[test]
fn each_copy_of_a_message_has_a_flight_and_what_became_of_it() {
    let mut simulation = fleet(3).with_flights();
    simulation.fault(Time::from_millis(2_000), Fault::Crash(5, Memory::Kept), Duration::from_secs(2));
    simulation.run_until(Time::from_millis(15_000)).unwrap();
    let (flights, report) = (simulation.flights(), simulation.report());
    let count = |of: fn(Fate) -> bool| flights.iter().filter(|flight| of(flight.fate)).count() as u64;
    assert_eq!(count(|fate| matches!(fate, Fate::Arrived(_))), report.delivered);
    assert_eq!(count(|fate| fate == Fate::Lost), report.lost);
    assert_eq!(count(|fate| matches!(fate, Fate::Cut(_))), report.cut);
    assert_eq!(count(|fate| matches!(fate, Fate::Missed(_))), report.missed);
    assert_eq!(flights.len() as u64, report.sent + report.duplicated);
    assert!(report.missed > 0 && report.cut > 0 && count(|fate| fate == Fate::UnderWay) > 0, "{report:#?}");
    assert!(flights.is_sorted_by_key(|flight| flight.sent));
    let probes = flights.iter().filter(|flight| flight.kind == "probe").count() as u64;
    assert!(probes > 0 && probes >= report.messages("probe"));
    // No two ends of the network are in one place.
    let takes_time = |flight: &Flight| match flight.fate {
        Fate::Arrived(at) | Fate::Cut(at) | Fate::Missed(at) => at > flight.sent,
        Fate::Lost | Fate::UnderWay => true,
    };
    assert!(flights.iter().all(takes_time));
    assert!(fleet(3).flights().is_empty());
}

#[test]
fn a_long_cut_heals_within_ten_seconds() {
    for (seed, isolated) in (0..20).flat_map(|seed| [(seed, 1), (seed, 2)]) {
        let network = Network { latency: Latency::Constant(Duration::from_millis(100)), ..Network::default() };
        let mut simulation = Simulation::new(seed, network, 5, |id, seed| {
            let mut machine = AntiEntropy::<_, u64>::new(Config::default(), seed);
            (0..5).filter(|&peer| peer != id).for_each(|peer| _ = machine.add_peer(peer));
            machine
        });
        let (cut, whole) = (Time::from_millis(10_000), Time::from_millis(130_000));
        simulation.fault(cut, Fault::Cut((0..isolated).collect()), whole.saturating_since(cut));
        for number in 0..100 {
            simulation.insert(Time::from_millis(1_300 * number), number as usize % 5, number);
        }
        simulation.run_until(whole).unwrap();
        assert!(!simulation.is_uniform(), "the cut was one");
        simulation.run_until(whole + Duration::from_secs(10)).unwrap();
        assert!(simulation.is_uniform(), "seed {seed}, {isolated} cut off");
    }
}

/// Waits once grew with every answer to a message that was resent, up to minutes, where half of all messages were lost.
#[test]
fn a_link_that_loses_half_of_all_messages_slows_nobody_for_minutes() {
    for seed in 0..200 {
        let latency = Latency::Constant(Duration::from_millis(134));
        let network = Network { latency, loss: Chance::percent(50), ..Network::default() };
        let mut simulation = Simulation::new(seed, network, 2, |id, seed| {
            let mut config = Config::default();
            config.max_message = MessageBudget::MIN;
            config.max_element_bytes = 8;
            let mut machine = AntiEntropy::<_, u64>::new(config, seed);
            machine.add_peer(1 - id);
            machine
        });
        for number in 0..100 {
            simulation.insert(Time::ZERO, number as usize % 2, number);
        }
        simulation.settle(Duration::from_secs(300)).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
    }
}

#[test]
fn replicas_on_severed_links_hear_of_each_other_by_way_of_one_that_both_can_reach() {
    for one_way in [false, true] {
        let mut simulation = Simulation::new(1, Network::default(), 3, |id, seed| {
            let mut machine = AntiEntropy::<_, u64>::new(Config::default(), seed);
            (0..3).filter(|&peer| peer != id).for_each(|peer| _ = machine.add_peer(peer));
            machine
        })
        .with_history();
        let mut links = vec![(0, 2)];
        links.extend((!one_way).then_some((2, 0)));
        simulation.fault(Time::ZERO, Fault::Sever(links), Duration::from_secs(60));
        simulation.insert(Time::from_millis(1_000), 0, 7);
        simulation.run_until(Time::from_millis(59_000)).unwrap();
        let holders: Vec<_> = simulation.history().iter().map(|arrival| arrival.replica).collect();
        assert_eq!(holders, [0, 1, 2]);
        let report = simulation.report();
        assert_eq!((report.partitions, report.pairs, report.cut > 0), (1, 3, true));
        // One that is heard is proven equal by its own probes.
        let settled = simulation.settle(Duration::from_secs(60)).unwrap();
        assert_eq!(settled.settled_at == Time::from_millis(60_000), one_way);
    }
}
