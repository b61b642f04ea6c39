//! Properties of maps, against what was written: over random fleets and faults.

mod fleet;

use fleet::Fleet;

/// Cases of each property; more with `CASES`.
fn cases() -> u64 {
    std::env::var("CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(256)
}

fn run(seed: u64) {
    let mut fleet = Fleet::new(seed, 2 + (seed % 3) as usize);
    let count = fleet.replicas.len() as u64;
    fleet.loss = [0, 10, 40][fleet.rng.below(3) as usize];
    let (keys, steps) = (1 + fleet.rng.below(30), 10 + fleet.rng.below(120));
    for _ in 0..steps {
        let index = fleet.rng.below(count) as usize;
        let key = fleet.rng.below(keys) as u8;
        match fleet.rng.below(100) {
            0..50 => fleet.insert(index, key),
            50..75 => fleet.remove(index, key),
            75..90 => {
                let millis = fleet.rng.below(400);
                fleet.pass(millis);
            }
            90..95 => fleet.revive(),
            95..97 if fleet.loss > 0 => fleet.crash(index),
            _ => fleet.pass(5),
        }
    }
    let held = fleet.heal();
    let mut passed = 0;
    while !fleet.agree() {
        fleet.pass(500);
        passed += 500;
        assert!(passed < 60_000, "convergence: seed {seed} {:?}", fleet.config.economy);
    }
    let last = fleet.held(0);
    for (value, &holders) in &held {
        if !fleet.removed.contains(value) {
            assert!(last.contains(value), "nothing_goes_unasked: {value:?} held by {holders}, seed {seed}");
        }
    }
    assert!(fleet.forked.is_empty());
}

#[test]
fn convergence() {
    (0..cases()).for_each(run);
}
