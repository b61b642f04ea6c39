//! A fixed build, fixed rounds and fixed pushes, whose instructions a test counts: whatever is done to prepare is outside of
//! `insert`, `round` and `push`.

use std::time::Duration;

use benches::{Pair, Sets, Side, exchange};
use gossip_core::{AntiEntropy, Config, Economy, Overlay, Set, Time};

fn main() {
    let mut config = Config::default();
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text} is no number"));
    let (n, d, seed) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["insert"] => (20_000, 0, 1),
        ["insert-without-sketches"] => {
            config.economy = Economy::Pages;
            (20_000, 0, 1)
        }
        ["round", n, d, seed] => (number(n), number(d), number(seed)),
        ["push", nodes, n] => return pushes(number(nodes), number(n)),
        _ => panic!("usage: fixed_round insert|insert-without-sketches|round N D SEED|push NODES N"),
    };
    let sets = Sets::<u64>::new(n, d, Side::Half, seed as u64).expect("so many can differ");
    if d == 0 {
        insert(&mut AntiEntropy::new(config, 1), sets.common);
    } else {
        let mut pair = Pair::new([1, 2].map(|seed| AntiEntropy::new(config.clone(), seed)));
        (0..2).for_each(|side| pair.extend(side, sets.common.iter().copied()));
        // What many inserts leave to the next message is done, and that they have met is forgotten.
        pair.round(0);
        pair.part();
        (0..2).for_each(|side| pair.extend(side, sets.own[side].iter().copied()));
        round(&mut pair);
        assert!(pair.machines().iter().all(|machine| machine.len() == sets.union().count()));
    }
}

#[inline(never)]
fn insert(machine: &mut AntiEntropy<usize, u64>, elements: Vec<u64>) {
    machine.extend(elements).expect("integers are small");
}

#[inline(never)]
fn round(pair: &mut Pair<Set<u64>>) {
    pair.round(0);
}

/// A star in step, whose spokes then hold so many new elements in all. These are pushed to everybody within a second.
fn pushes(nodes: usize, count: usize) {
    let mut config = Config::default();
    config.batch_every = Some(Duration::from_millis(370));
    let machine = |me: usize| {
        let mut machine = AntiEntropy::new(config.clone(), me as u64);
        (0..nodes).filter(|peer| *peer != me).for_each(|peer| _ = machine.add_peer(peer));
        machine.set_overlay(Overlay::star(&me, 0..nodes));
        machine
    };
    let mut star: Vec<_> = (0..nodes).map(machine).collect();
    let insert = |star: &mut [AntiEntropy<usize, u64>], from: usize, to: usize| {
        let spokes = (1..nodes).cycle();
        (from..to).zip(spokes).for_each(|(number, spoke)| _ = star[spoke].insert(number as u64).expect("it is small"));
    };
    insert(&mut star, 0, nodes);
    exchange(&mut star, Time::ZERO, Time::from_millis(5_000));
    insert(&mut star, nodes, nodes + count);
    push(&mut star);
    assert!(star.iter().all(|machine| machine.len() == nodes + count));
}

#[inline(never)]
fn push(star: &mut [AntiEntropy<usize, u64>]) {
    exchange(star, Time::from_millis(5_001), Time::from_millis(6_000));
}
