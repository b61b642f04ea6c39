//! A fixed build and fixed rounds, whose instructions a test counts: whatever is done to prepare is outside of `insert`
//! and `round`.

use benches::{Pair, Sets, Side};
use gossip_core::{AntiEntropy, Config, Economy};

fn main() {
    let mut config = Config::default();
    let d = match std::env::args().nth(1).as_deref() {
        Some("insert") => 0,
        Some("insert-without-sketches") => {
            config.economy = Economy::Pages;
            0
        }
        Some("round-100") => 100,
        Some("round-1000") => 1_000,
        _ => panic!("usage: fixed_round insert|insert-without-sketches|round-100|round-1000"),
    };
    let sets = Sets::<u64>::new(20_000, d, Side::Half, 1).expect("so many can differ");
    let [mut left, mut right] = [1, 2].map(|seed| AntiEntropy::new(config.clone(), seed));
    insert(&mut left, sets.side(0).copied().collect());
    if d > 0 {
        right.extend(sets.side(1).copied()).expect("integers are small");
        let mut pair = Pair::new([left, right]);
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
