//! Rounds by sketch over networks that lose, repeat and reorder their messages, and over slow ones that do not.

use core::fmt::Debug;
use core::num::NonZeroU16;
use core::time::Duration;

use crate::common::{Datagram, Network, Rng, wide};
use gossip_core::sim::forge::Sketch;
use gossip_core::{Config, Element, MessageBudget, MessageKind};

/// The budgets and windows of both sides.
const SHAPES: [(usize, u16); 9] =
    [(256, 1), (256, 4), (256, 32), (1_200, 1), (1_200, 4), (1_200, 32), (65_536, 1), (65_536, 4), (65_536, 32)];

/// Numbers held by both sides, and by either side alone.
const COMMON: u64 = 5_000;
const ALONE: u64 = 150;

/// A pair whose machine 0 is to begin a round, the only one: it gives what it holds alone, and gets what the other
/// does.
fn pair<E: Element>((budget, window): (usize, u16), common: u64, alone: u64, element: fn(u64) -> E) -> Network<E> {
    let mut config = Config::default();
    config.max_message = MessageBudget::new(budget);
    config.window = NonZeroU16::new(window).expect("from 1");
    config.max_element_bytes = 32;
    config.round_every = Duration::from_secs(1 << 20);
    let mut net = Network::pair(&config, [0..common + alone, alone..common + 2 * alone].map(|set| set.map(element)));
    net.machines[0].sync_now(&1);
    net
}

fn union<E>(element: fn(u64) -> E) -> impl Iterator<Item = E> {
    (0..COMMON + 2 * ALONE).map(element)
}

/// Runs machine 0's round to its end: `carry` takes messages out of those under way, which it is given whenever there
/// are any, and delivers what it likes. How often nothing was under way and an answer was waited for in vain.
fn play<E: Element>(net: &mut Network<E>, mut carry: impl FnMut(&mut Network<E>, &mut Vec<Datagram>)) -> usize {
    let (mut under_way, mut naps) = (vec![], 0);
    loop {
        let deadline = net.drain_all();
        under_way.append(&mut net.wire);
        if !under_way.is_empty() {
            carry(net, &mut under_way);
        } else if net.ledgers()[0].rounds > 0 {
            return naps;
        } else {
            net.now = deadline.expect("a round under way has one");
            naps += 1;
        }
    }
}

fn any_message_may_be_lost<E: Element + Ord + Debug>(shape: (usize, u16), element: fn(u64) -> E) {
    let mut whole = pair(shape, COMMON, ALONE, element);
    whole.settle();
    for (lost, (_, kind)) in whole.kinds().into_iter().enumerate() {
        let mut net = pair(shape, COMMON, ALONE, element);
        let (mut carried, mut heads) = (0, 0);
        let naps = play(&mut net, |net, under_way| {
            for datagram in under_way.drain(..) {
                if carried != lost {
                    heads += usize::from(Sketch::is_head(&datagram.bytes));
                    net.deliver(&datagram);
                }
                carried += 1;
            }
        });
        let name = format!("{shape:?}, without message {lost}, a {}", kind.name());
        let [ours, theirs] = net.ledgers();
        assert_eq!((ours.rounds, ours.proofs, ours.walks), (1, 1, 0), "{name}");
        assert_eq!((ours.learned, theirs.learned), (ALONE, ALONE), "{name}");
        if kind == MessageKind::Repair {
            // If others of its burst came, a second sketch tells what is missing.
            assert!(ours.sketches <= 2 && naps <= 1, "{name}");
        } else {
            assert_eq!((ours.sketches, heads), (1, 1), "{name}");
            // Nobody waits for an answer to the proof that ends it.
            let is_last = lost + 1 == whole.sent.len() && whole.kinds()[lost].0 == 0;
            assert_eq!((naps, ours.resent), if is_last { (0, 0) } else { (1, 1) }, "{name}");
        }
        net.machines[0].sync_now(&1);
        net.settle();
        net.assert_in_sync(union(element));
    }
}

#[test]
fn any_message_of_a_round_may_be_lost() {
    for shape in SHAPES {
        any_message_may_be_lost(shape, |number| number);
        any_message_may_be_lost(shape, wide);
    }
}

/// Messages come one by one: one of the first `among` under way, and again with a chance of `again` in a hundred.
fn play_in_disorder<E: Element>(net: &mut Network<E>, seed: u64, among: usize, again: usize) -> usize {
    let mut rng = Rng(seed);
    play(net, |net, under_way| {
        let chosen = rng.below(under_way.len().min(among));
        let datagram = if rng.below(100) < again { under_way[chosen].clone() } else { under_way.remove(chosen) };
        net.deliver(&datagram);
    })
}

fn messages_may_come_twice_and_in_any_order<E: Element + Ord + Debug>(shape: (usize, u16), element: fn(u64) -> E) {
    for (among, again) in [(1, 50), (3, 0), (3, 50), (64, 0), (64, 50)] {
        for seed in 0..4 {
            let mut net = pair(shape, COMMON, ALONE, element);
            play_in_disorder(&mut net, seed, among, again);
            let name = format!("{shape:?}, one of {among}, {again} % again, seed {seed}");
            let [ours, theirs] = net.ledgers();
            assert_eq!((ours.rounds, ours.proofs, ours.walks), (1, 1, 0), "{name}");
            assert_eq!((ours.learned, theirs.learned), (ALONE, ALONE), "{name}");
            // One more where the verdict on a repair was asked for before all of it had come.
            assert!(ours.sketches <= 2, "{name}");
        }
    }
}

#[test]
fn messages_of_a_round_may_come_twice_and_in_any_order() {
    for shape in SHAPES {
        messages_may_come_twice_and_in_any_order(shape, |number| number);
        messages_may_come_twice_and_in_any_order(shape, wide);
    }
}

/// One message in five is lost, one in five comes twice, and all come in any order, until both sides have a proof.
fn a_bad_network_is_outlived<E: Element + Ord + Debug>(shape: (usize, u16), element: fn(u64) -> E) {
    for seed in 0..4 {
        let mut net = pair(shape, COMMON, ALONE, element);
        let mut rng = Rng(seed);
        let mut under_way = vec![];
        while !(0..2).all(|side| net.proofs.contains(&(side, 1 - side, net.machines[0].digest()))) {
            let deadline = net.drain_all();
            under_way.append(&mut net.wire);
            if under_way.is_empty() {
                net.now = deadline.expect("machines with peers have deadlines");
                net.machines[0].sync_now(&1);
                continue;
            }
            let chosen = rng.below(under_way.len());
            let fate = rng.below(5);
            let datagram = if fate == 0 { under_way[chosen].clone() } else { under_way.swap_remove(chosen) };
            if fate != 1 {
                net.deliver(&datagram);
            }
        }
        net.assert_in_sync(union(element));
        assert_eq!(net.ledgers().map(|ledger| ledger.walks), [0, 0], "{shape:?}, seed {seed}");
    }
}

#[test]
fn a_bad_network_costs_time_and_no_pages() {
    for shape in SHAPES {
        a_bad_network_is_outlived(shape, |number| number);
        a_bad_network_is_outlived(shape, wide);
    }
}

/// Messages come one by one, each answered before the next. No more than a window of answers is under way, but that
/// each message of a burst may leave one that is not full.
fn no_clock_is_waited_for<E: Element>(shape: (usize, u16), element: fn(u64) -> E) {
    let naps = play(&mut pair(shape, COMMON, ALONE, element), |net, under_way| {
        let answers = under_way.iter().filter(|datagram| datagram.from == 1).count();
        assert!(answers <= usize::from(shape.1) * 2, "{shape:?}: {answers} answers under way");
        net.deliver(&under_way.remove(0));
    });
    assert_eq!(naps, 0, "{shape:?}");
}

#[test]
fn where_nothing_is_lost_no_clock_is_waited_for() {
    for shape in SHAPES {
        no_clock_is_waited_for(shape, |number| number);
        no_clock_is_waited_for(shape, wide);
    }
}

#[test]
fn a_sketch_of_hundreds_of_requests_waits_for_no_clock() {
    let mut net = pair((256, 1), 50_000, 3_400, |number| number);
    net.settle();
    let ledger = net.ledgers()[0];
    assert!(net.count(MessageKind::WantCells) > 256);
    assert_eq!((ledger.rounds, ledger.proofs, ledger.sketches, ledger.walks, ledger.resent), (1, 1, 1, 0, 0));
}

/// Two elements with one name in the sketch, one on each side: only pages tell. Under heavy loss, rounds that each came
/// to them by cells once took minutes to get through them.
#[test]
fn pages_in_place_of_a_sketch_go_on_without_another() {
    let mut config = Config::default();
    config.max_message = MessageBudget::new(1_200);
    let sets = [19_781_496, 3_189_896].map(|namesake| (30_000_000..30_001_000).chain([namesake]).map(wide));
    let mut net = Network::pair(&config, sets);
    let mut efforts = vec![];
    for arriving in [2, 5, usize::MAX] {
        let (rounds, before) = (net.ledgers()[0].rounds, net.sent.len());
        net.machines[0].sync_now(&1);
        let mut pages = 0;
        while net.ledgers()[0].rounds == rounds {
            let deadline = net.drain_all();
            if net.wire.is_empty() {
                net.now = deadline.expect("a round under way has one");
            }
            for datagram in std::mem::take(&mut net.wire) {
                pages += usize::from(datagram.from == 0 && [6, 12].contains(&(datagram.bytes[0] & 0xf)));
                if pages <= arriving {
                    net.deliver(&datagram);
                }
            }
        }
        let sent = &net.sent[before..];
        let count = |kind| sent.iter().filter(|sent| sent.from == 0 && sent.kind == kind).count();
        efforts.push((count(MessageKind::WantCells), count(MessageKind::Page)));
    }
    // A page of several messages of which the last is lost goes out again with half as many, three times in all. After two
    // losses in a row the next walk begins with half a window.
    assert_eq!(efforts, [(2, 53), (0, 28), (0, 30)]);
    net.settle();
    assert_eq!(net.machines.iter().map(|machine| machine.len()).collect::<Vec<_>>(), [1_002; 2]);
}
