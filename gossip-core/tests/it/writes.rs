//! Rounds by sketch between sets that change while they run, and between replicas that start anew.

use core::fmt::Debug;
use core::time::Duration;

use crate::common::{Network, wide};
use gossip_core::sim::forge::Sketch;
use gossip_core::{AntiEntropy, Config, Economy, Element};

const SKETCHES: [Economy; 2] = [Economy::FewestBytes, Economy::Balanced];

/// Numbers held by both sides.
const COMMON: u64 = 30_000;

/// The first number that is written during a round.
const FRESH: u64 = 1_000_000;

/// A pair of which either has so many elements alone, as machine 0 is to begin a round, the only one.
fn pair<E: Element>(economy: Economy, alone: u64, element: fn(u64) -> E) -> Network<E> {
    let mut config = Config::default();
    config.economy = economy;
    config.round_every = Duration::from_secs(1 << 20);
    let mut net = Network::pair(&config, [0..COMMON + alone, alone..COMMON + 2 * alone].map(|set| set.map(element)));
    net.machines[0].sync_now(&1);
    net
}

/// 100 inserts on the side of each writer while a hop takes place, until nobody has more to say.
fn writes_cost_what_they_add<E: Element + Ord + Debug>(element: fn(u64) -> E, each: u64) {
    for economy in SKETCHES {
        for (writers, alone) in
            [0..1, 1..2, 0..2].into_iter().flat_map(|writers| [(writers.clone(), 10), (writers, 300)])
        {
            let name = format!("{economy:?}, {alone} alone, {writers:?} writing");
            let mut net = pair(economy, alone, element);
            let mut fresh = (FRESH..).map(element);
            let mut written = 0;
            while net.hop() {
                for writer in writers.clone() {
                    written += net.machines[writer].extend(fresh.by_ref().take(100)).unwrap() as u64;
                }
                assert!(written < 20_000, "{name}: it goes on for ever");
            }
            assert_eq!(net.ledgers().map(|ledger| ledger.walks), [0, 0], "{name}");
            for _ in 0..2 {
                net.machines[0].sync_now(&1);
                net.settle();
            }
            net.assert_in_sync((0..COMMON + 2 * alone).chain(FRESH..FRESH + written).map(element));
            assert_eq!(net.ledgers().map(|ledger| ledger.walks), [0, 0], "{name}");
            let differences = written + 2 * alone;
            assert!(net.bytes() <= each * differences, "{name}: {} bytes for {differences}", net.bytes());
        }
    }
}

#[test]
fn writes_during_a_round_cost_what_they_add() {
    writes_cost_what_they_add(|number| number, 16);
    // Their 32 bytes aside, about as much.
    writes_cost_what_they_add(wide, 45);
}

/// Sketches read, top-ups and walks of a round whose initiator inserts so many elements while each hop takes place.
fn outrun<E: Element + Ord + Debug>(element: fn(u64) -> E, rate: u64) -> [u64; 3] {
    let mut net = pair(Economy::Balanced, 100, element);
    let mut fresh = (FRESH..).map(element);
    while net.hop() {
        net.machines[0].extend(fresh.by_ref().take(rate as usize)).unwrap();
    }
    let ledger = net.ledgers()[0];
    assert_eq!((ledger.rounds, ledger.proofs), (1, 1));
    [ledger.sketches, ledger.top_ups, ledger.walks]
}

#[test]
fn who_reads_a_sketch_may_write_meanwhile_as_much_as_it_likes() {
    assert_eq!([0, 100, 1_000].map(|rate| outrun(|number| number, rate)), [[1, 1, 0], [1, 1, 0], [1, 2, 0]]);
    // What was written while elements were fetched is found by a second sketch, for which so many cells are asked.
    assert_eq!([0, 100, 1_000].map(|rate| outrun(wide, rate)), [[1, 1, 0], [2, 2, 0], [2, 2, 0]]);
}

/// How often a sketch begins and how often one is read in a round whose responder writes so many elements between the
/// first cells and the request for more. It may have `forgotten` what it told.
fn sketches_of<E: Element + Ord + Debug>(element: fn(u64) -> E, written: u64, forgotten: bool) -> [u64; 2] {
    let mut net = pair(Economy::Balanced, 300, element);
    net.hop();
    if forgotten {
        net.machines[1].remove_peer(&0);
        net.machines[1].add_peer(0);
    }
    net.machines[1].extend((FRESH..FRESH + written).map(element)).unwrap();
    let mut begun = 0;
    while {
        begun += net.wire.iter().filter(|datagram| Sketch::is_head(&datagram.bytes)).count() as u64;
        net.hop()
    } {}
    net.assert_in_sync((0..COMMON + 600).chain(FRESH..FRESH + written).map(element));
    let ledger = net.ledgers()[0];
    assert_eq!((ledger.rounds, ledger.proofs, ledger.walks), (1, 1, 0));
    [begun, ledger.sketches]
}

#[test]
fn a_sketch_of_a_state_that_is_forgotten_begins_anew() {
    let numbers = |written, forgotten| sketches_of(|number| number, written, forgotten);
    let long = |written, forgotten| sketches_of(wide, written, forgotten);
    // What was written is found by a second sketch, once the first is repaired. Where elements were fetched, that begins
    // without first cells.
    assert_eq!([1_024, 1_025, 2_000].map(|written| numbers(written, false)), [[2, 2]; 3]);
    assert_eq!([1_024, 1_025, 2_000].map(|written| long(written, false)), [[1, 2]; 3]);
    // Whoever has forgotten what it told finds the state among the last 1 024. Beyond, the first is never read.
    assert_eq!([1_024, 1_025, 2_000].map(|written| numbers(written, true)), [[2, 2]; 3]);
    assert_eq!([1_024, 1_025, 2_000].map(|written| long(written, true)), [[1, 2], [2, 1], [2, 1]]);
}

/// One side starts anew, with elements of its own or none, after each number of hops of a round.
fn starts_anew<E: Element + Ord + Debug>(element: fn(u64) -> E, who: usize, own: u64, economy: Economy) {
    for hops in 0.. {
        let mut net = pair(Economy::Balanced, 150, element);
        if !(0..hops).all(|_| net.hop()) {
            assert!(hops > 4);
            return;
        }
        let mut config = net.machines[who].config().clone();
        config.economy = economy;
        let mut machine = AntiEntropy::new(config, 100);
        machine.add_peer(1 - who);
        machine.extend((FRESH..FRESH + own).map(element)).unwrap();
        net.machines[who] = machine;
        let living: Vec<E> = net.machines.iter().flat_map(|machine| machine.iter().cloned()).collect();
        net.settle();
        net.converge(10);
        net.machines[0].sync_now(&1);
        net.settle();
        assert!(living.iter().all(|element| net.machines[0].contains(element)));
        // Of what only the dead held, some may have been under way.
        let known: Vec<E> = (0..COMMON + 300).chain(FRESH..FRESH + own).map(element).collect();
        net.assert_in_sync(known.into_iter().filter(|element| net.machines[0].contains(element)));
    }
}

#[test]
fn either_side_may_start_anew_during_a_round() {
    for who in [0, 1] {
        for (own, economy) in
            [(0, Economy::Balanced), (0, Economy::Pages), (10_000, Economy::Balanced), (200, Economy::Pages)]
        {
            starts_anew(|number| number, who, own, economy);
            starts_anew(wide, who, own, economy);
        }
    }
}
