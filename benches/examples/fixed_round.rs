//! A fixed build and a fixed round, whose instructions a test counts: whatever is done to prepare is outside of both.

use benches::{Pair, Sets, Side};
use gossip_core::{AntiEntropy, Config};

fn main() {
    let sets = Sets::<u64>::new(20_000, 100, Side::Half, 1).expect("so many can differ");
    let [mut left, mut right] = [1, 2].map(|seed| AntiEntropy::new(Config::default(), seed));
    insert(&mut left, sets.side(0).copied().collect());
    right.extend(sets.side(1).copied()).expect("integers are small");
    let mut pair = Pair::new([left, right]);
    round(&mut pair);
    assert!(pair.machines().iter().all(|machine| machine.len() == sets.union().count()));
}

#[inline(never)]
fn insert(machine: &mut AntiEntropy<usize, u64>, elements: Vec<u64>) {
    machine.extend(elements).expect("integers are small");
}

#[inline(never)]
fn round(pair: &mut Pair<u64>) {
    pair.round();
}
