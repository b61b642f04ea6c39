//! A fixed build and fixed rounds, whose instructions a test counts: whatever is done to prepare is outside of `insert`
//! and `round`.

use benches::{Pair, Sets, Side};
use gossip_core::{AntiEntropy, Config, Economy};

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
        _ => panic!("usage: fixed_round insert|insert-without-sketches|round N D SEED"),
    };
    let sets = Sets::<u64>::new(n, d, Side::Half, seed as u64).expect("so many can differ");
    if d == 0 {
        insert(&mut AntiEntropy::new(config, 1), sets.common);
    } else {
        let mut pair = Pair::new([1, 2].map(|seed| AntiEntropy::new(config.clone(), seed)));
        (0..2).for_each(|side| pair.extend(side, sets.common.iter().copied()));
        // What many inserts leave to the next message is done, and that they have met is forgotten.
        pair.round();
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
fn round(pair: &mut Pair<u64>) {
    pair.round();
}
