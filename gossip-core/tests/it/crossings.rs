//! Which of two sides asks: probes that cross, parts that change, and sides that save in different ways.

use core::fmt::Debug;
use core::ops::Range;
use core::time::Duration;

use crate::common::{Network, apart, wide};
use gossip_core::{Config, Economy, Element, MessageKind};

use MessageKind::{Cells, Probe};

/// A pair of these sets and economies, whose rounds are those the test begins.
fn pair<E: Element>([ours, theirs]: [Range<u64>; 2], economies: [Economy; 2], element: fn(u64) -> E) -> Network<E> {
    let configs = economies.map(|economy| {
        let mut config = Config::default();
        config.economy = economy;
        config.round_every = Duration::from_secs(1 << 20);
        config
    });
    let mut net = Network::new(configs, 1);
    net.machines[0].extend(apart(ours.map(element))).unwrap();
    net.machines[1].extend(apart(theirs.map(element))).unwrap();
    net
}

/// Who asks where the probes of two sides cross, of which it is told what it holds.
fn asker_of_crossing_probes<E: Element + Ord + Debug>(sets: [Range<u64>; 2], element: fn(u64) -> E) -> usize {
    let mut net = pair(sets.clone(), [Economy::Balanced; 2], element);
    net.machines[0].sync_now(&1);
    net.machines[1].sync_now(&0);
    net.settle();
    net.assert_in_sync(sets.into_iter().flatten().map(element));
    assert_eq!((net.count(Probe), net.proofs.len()), (2, 2));
    let ledgers = net.ledgers();
    assert_eq!(ledgers.map(|ledger| ledger.rounds), [1, 1]);
    let asker = usize::from(ledgers[1].proofs > 0);
    assert_eq!(ledgers[1 - asker].proofs, 0);
    asker
}

#[test]
fn of_crossing_probes_one_goes_on() {
    // The sets, and who asks: for numbers, and for other elements.
    let cases = [
        // Numbers travel in the sketch: who lacks more reads it. Others are asked for: who lacks less reads.
        ([0..10_000, 0..10_002], 0, 1),
        ([0..10_000, 100..12_000], 0, 1),
        // It comes to pages, and who holds less has less to list.
        ([0..10_000, 100..50_000], 0, 0),
        ([0..0, 0..10_000], 0, 0),
        ([0..10, 5..10_000], 0, 0),
        // Of equal counts, sums tell.
        ([0..10_000, 1..10_001], 0, 1),
        ([0..5, 3..8], 1, 1),
    ];
    for (sets, numbers, others) in cases {
        let [ours, theirs] = sets.clone();
        let swapped = [theirs, ours];
        assert_eq!(asker_of_crossing_probes(sets.clone(), |number| number), numbers, "{sets:?}");
        assert_eq!(asker_of_crossing_probes(swapped.clone(), |number| number), 1 - numbers, "{swapped:?}");
        assert_eq!(asker_of_crossing_probes(sets.clone(), wide), others, "{sets:?}");
        assert_eq!(asker_of_crossing_probes(swapped.clone(), wide), 1 - others, "{swapped:?}");
    }
}

/// Both have lost their first probes, and write. Each probe that goes out again comes to one whose own went out before: with
/// the digest of the time in it, either took itself for the one that asks, for as long as both wrote.
#[test]
fn of_probes_that_go_out_again_one_goes_on_whatever_is_written_meanwhile() {
    for begun in [[0..1_000, 500..1_501], [0..1_001, 500..1_500]] {
        let mut net = pair(begun, [Economy::Balanced; 2], |number| number);
        net.machines[0].sync_now(&1);
        net.machines[1].sync_now(&0);
        let mut due = [0, 1].map(|id| net.drain(id).expect("it awaits an answer"));
        net.wire.clear();
        for resent in 0..4 {
            let id = resent % 2;
            net.machines[id].extend((0..3).map(|more| 10_000 + 3 * resent as u64 + more)).unwrap();
            net.now = due[id].max(net.now);
            due[id] = net.drain(id).expect("it awaits an answer");
            for datagram in std::mem::take(&mut net.wire) {
                net.deliver(&datagram);
            }
            net.drain(1 - id);
        }
        assert!(net.count(Cells) > 0, "neither gave way");
    }
}

/// The other side wants a round too, after each number of hops of a round by sketch.
fn wanted_in_the_middle<E: Element + Ord + Debug>(sets: [Range<u64>; 2], element: fn(u64) -> E) {
    for hops in 0.. {
        let mut net = pair(sets.clone(), [Economy::Balanced; 2], element);
        net.machines[0].sync_now(&1);
        let is_over = !(0..hops).all(|_| net.hop());
        net.machines[1].sync_now(&0);
        net.settle();
        net.assert_in_sync(sets.iter().cloned().flatten().map(element));
        let [ours, theirs] = net.ledgers();
        assert_eq!((ours.walks, theirs.walks), (0, 0), "{sets:?} after {hops} hops");
        // Neither is repaired twice.
        assert_eq!(ours.sketches + theirs.sketches, 1, "{sets:?} after {hops} hops");
        assert_eq!((ours.redundant, theirs.redundant), (0, 0), "{sets:?} after {hops} hops");
        if is_over {
            return;
        }
    }
}

#[test]
fn a_round_wanted_by_the_other_side_disturbs_none() {
    for sets in [[0..10_000, 100..10_100], [0..10_000, 10..12_000], [0..12_000, 10..10_010], [0..10_200, 200..10_203]] {
        wanted_in_the_middle(sets.clone(), |number| number);
        wanted_in_the_middle(sets, wide);
    }
}

/// Who asks where machine 0 probes.
fn asker<E: Element>(sets: [Range<u64>; 2], element: fn(u64) -> E) -> usize {
    let mut net = pair(sets, [Economy::Balanced; 2], element);
    net.machines[0].sync_now(&1);
    net.settle();
    usize::from(net.ledgers()[1].proofs > 0)
}

#[test]
fn where_counts_differ_by_much_who_is_probed_may_ask_instead() {
    // By 127 they do not; by 128 they do, if it is the other that had better ask.
    assert_eq!([127, 128].map(|more| asker([0..10_000 + more, 0..10_000], |number| number)), [0, 1]);
    assert_eq!([127, 128].map(|more| asker([0..10_000, 0..10_000 + more], |number| number)), [0, 0]);
    assert_eq!([127, 128].map(|more| asker([0..10_000 + more, 0..10_000], wide)), [0, 0]);
    assert_eq!([127, 128].map(|more| asker([0..10_000, 0..10_000 + more], wide)), [0, 1]);
}

#[test]
fn parts_change_at_the_beginning_of_any_round() {
    let mut net = pair([0..10_000, 0..10_000], [Economy::Balanced; 2], wide);
    // However short a while ago the other side repaired.
    let mut union: Vec<_> = (0..10_000).map(wide).collect();
    for (held, grown, asker) in [(10_000, 10_001, 0), (10_001, 10_200, 1), (10_200, 10_201, 0), (10_201, 10_400, 1)] {
        net.machines[1].extend((held..grown).map(wide)).unwrap();
        // One of its own as well, or the digest of machine 0 would tell all that it lacks.
        net.machines[0].insert(wide(held << 20)).unwrap();
        union.extend((held..grown).chain([held << 20]).map(wide));
        net.machines[0].sync_now(&1);
        net.sent.clear();
        net.settle();
        net.assert_in_sync(union.iter().copied());
        assert_eq!(net.sent.iter().find(|sent| sent.kind == Cells).map(|sent| 1 - sent.from), Some(asker));
    }
}

fn sides_may_differ<E: Element + Ord + Debug>(economies: [Economy; 2], element: fn(u64) -> E) {
    let sets = [0..5_000, 100..5_100];
    let mut net = pair(sets.clone(), economies, element);
    net.machines[0].sync_now(&1);
    net.settle();
    net.assert_in_sync(sets.into_iter().flatten().map(element));
    assert_eq!((net.proofs.len(), net.count(Probe)), (2, 1));
    let ledger = net.ledgers()[0];
    assert_eq!((ledger.rounds, ledger.proofs), (1, 1));
    let by_pages = u64::from(economies.contains(&Economy::Pages));
    assert_eq!((ledger.sketches, ledger.walks), (1 - by_pages, by_pages), "{economies:?}");
}

#[test]
fn sides_may_save_in_different_ways() {
    let all = [Economy::Pages, Economy::FewestBytes, Economy::Balanced];
    for economies in all.into_iter().flat_map(|ours| all.map(|theirs| [ours, theirs])) {
        sides_may_differ(economies, |number| number);
        sides_may_differ(economies, wide);
    }
}
