//! Properties of maps, over random fleets and faults, against what was written.

mod costs;
mod fleet;
#[path = "../common/fleets.rs"]
mod fleets;
mod saboteurs;
mod simulated;

use std::collections::BTreeSet;

use fleet::Fleet;
use gossip_core::Rule;

/// Cases of each property; more with `CASES`.
fn cases() -> u64 {
    std::env::var("CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(256)
}

/// How often things happen, in percent; the rest is time that passes.
struct Mix {
    inserts: u64,
    removals: u64,
    faults: u64,
}

/// Lets a random fleet write under random faults, then heals it, until all agree. As it goes the fleet looks at each
/// replica after each message: nothing may come back, and nothing may go unasked.
fn run(broken: Option<Rule>, seed: u64, mix: &Mix) -> Fleet {
    let mut fleet = Fleet::breaking(broken, seed, 2 + (seed % 3) as usize);
    let count = fleet.replicas.len() as u64;
    fleet.loss = [0, 10, 40][fleet.rng.below(3) as usize];
    let (keys, steps) = (1 + fleet.rng.below(30), 10 + fleet.rng.below(120));
    for _ in 0..steps {
        let (index, key) = (fleet.rng.below(count) as usize, fleet.rng.below(keys) as u8);
        let draw = fleet.rng.below(100);
        if draw < mix.inserts {
            _ = fleet.insert(index, key);
        } else if draw < mix.inserts + mix.removals {
            fleet.remove(index, key);
        } else if draw < mix.inserts + mix.removals + mix.faults {
            match fleet.rng.below(5) {
                0 => fleet.crash(index),
                1 => fleet.restore(index),
                2 => fleet.save(index),
                _ => fleet.revive(),
            }
        } else {
            let millis = fleet.rng.below(400);
            fleet.pass(millis);
        }
    }
    let held = fleet.heal();
    fleet.settle(seed);
    let last = fleet.held(0);
    let lost: BTreeSet<_> = held.difference(&last).filter(|value| !fleet.removed.contains(*value)).collect();
    assert!(lost.is_empty(), "nothing_goes_unasked: {lost:?}, seed {seed}");
    fleet
}

#[test]
fn convergence() {
    for seed in 0..cases() {
        let fleet = run(None, seed, &Mix { inserts: 50, removals: 20, faults: 10 });
        assert!(fleet.forked.is_empty(), "no id is used twice, seed {seed}");
    }
}

/// What is removed goes everywhere and stays away: with saves of any age put back, and messages of any age.
#[test]
fn never_comes_back() {
    for seed in 0..cases() {
        let mut fleet = run(None, seed, &Mix { inserts: 30, removals: 25, faults: 25 });
        let gone = fleet.held(0);
        gone.iter().for_each(|(key, _)| fleet.remove(0, *key));
        fleet.settle(seed);
        // They are seen and gone at one replica at least, so none is anywhere in the end, whatever is put back.
        for _ in 0..20 {
            fleet.revive();
            let index = 1 + fleet.rng.below(fleet.replicas.len() as u64 - 1) as usize;
            fleet.restore(index);
            fleet.pass(50);
        }
        fleet.settle(seed);
        assert!(fleet.held(0).is_disjoint(&gone), "never_comes_back: seed {seed}");
    }
}

/// Without removals all that is written under keys of their own is kept.
#[test]
fn nothing_goes_unasked() {
    for seed in 0..cases() {
        let mut fleet = run(None, seed, &Mix { inserts: 60, removals: 0, faults: 5 });
        let kept = fleet.held(0);
        let before: BTreeSet<_> = kept.iter().map(|(key, _)| *key).collect();
        for key in 100..120_u8 {
            let index = fleet.rng.below(fleet.replicas.len() as u64) as usize;
            _ = fleet.insert(index, key);
        }
        fleet.settle(seed);
        let now: BTreeSet<_> = fleet.held(0).into_iter().map(|(key, _)| key).collect();
        assert!(
            before.is_subset(&now) && (100..120).all(|key| now.contains(&key)),
            "nothing_goes_unasked: seed {seed}"
        );
    }
}

/// Values that were written without having seen each other are all there, on all replicas; and the next replaces all.
#[test]
fn concurrent_values_are_kept() {
    for seed in 0..cases() {
        let mut fleet = Fleet::new(seed, 2 + (seed % 3) as usize);
        let count = fleet.replicas.len();
        for key in 0..4 {
            (0..count).for_each(|index| _ = fleet.insert(index, key));
        }
        fleet.settle(seed);
        let values = |fleet: &Fleet, index: usize, key: u8| fleet.replicas[index].map.get_all(&key).count();
        for index in 0..count {
            assert!((0..4).all(|key| values(&fleet, index, key) == count), "concurrent_values_are_kept: seed {seed}");
            let get = |index: usize| (0..4).map(|key| fleet.replicas[index].map.get(&key).copied()).collect::<Vec<_>>();
            assert_eq!(get(index), get(0));
        }
        _ = fleet.insert(1, 2);
        fleet.remove(0, 3);
        fleet.settle(seed);
        for index in 0..count {
            let counts: Vec<usize> = (0..4).map(|key| values(&fleet, index, key)).collect();
            assert_eq!(counts, [count, count, 1, 0], "seed {seed}");
        }
    }
}

/// Two lives of one replica under one id: it is reported, the id is given up, and what is written then is everywhere.
#[test]
fn forks_are_reported() {
    for seed in 0..cases() {
        let mut fleet = Fleet::new(seed, 3);
        let id = fleet.replicas[0].map.replica();
        let more = 1 + fleet.rng.below(4) as u8;
        _ = fleet.insert(0, 0);
        let saved = fleet.replicas[0].map.save();
        (0..more + 1).for_each(|key| _ = fleet.insert(0, 10 + key));
        fleet.settle(seed);
        fleet.restore_from(0, &saved, id);
        // The former life wrote more under this id than this one has.
        (0..more).for_each(|key| fleet.insert_unseen(0, 30 + key));
        fleet.settle_digests(seed);
        assert!(fleet.forked.contains(&id), "forks_are_reported: seed {seed}");
        assert_ne!(fleet.replicas[0].map.replica(), id);
        fleet.insert_unseen(0, 50);
        fleet.settle_digests(seed);
        assert!((0..3).all(|index| fleet.replicas[index].map.get(&50).is_some()), "seed {seed}");
    }
}

/// Law 10: while all write, what is written is everywhere within 30 s, or replaced; with losses and crashes.
#[test]
fn staleness_is_bounded_under_writes() {
    for seed in 0..cases().div_ceil(16) {
        let mut fleet = Fleet::new(seed, 4);
        fleet.loss = 10;
        let mut waiting: Vec<(u8, u64, u64)> = Vec::new();
        for second in 0..90_u64 {
            for index in 0..4 {
                let key = fleet.rng.below(200) as u8;
                let value = fleet.insert(index, key);
                waiting.push((key, value, second));
            }
            if second % 20 == 19 {
                let index = fleet.rng.below(4) as usize;
                fleet.save(index);
                fleet.restore(index);
            }
            fleet.pass(1_000);
            let is_everywhere = |&(key, value, _): &(u8, u64, u64)| {
                (0..4).all(|index| fleet.replicas[index].map.get_all(&key).any(|&held| held == value))
            };
            let removed = &fleet.removed;
            let held: Vec<_> = (0..4).map(|index| fleet.held(index)).collect();
            let is_lost = |&(key, value, _): &(u8, u64, u64)| held.iter().all(|held| !held.contains(&(key, value)));
            let left: Vec<_> = waiting.iter().filter(|write| !removed.contains(&(write.0, write.1))).copied().collect();
            waiting = left.into_iter().filter(|write| !is_everywhere(write) && !is_lost(write)).collect();
            if let Some(oldest) = waiting.iter().map(|write| write.2).min() {
                assert!(second - oldest <= 30, "seed {seed}: {} s", second - oldest);
            }
        }
    }
}

/// Lets a fleet push writes and removals. Returns whether all agree soon, and no round has had to repair anything.
fn pushed(broken: Option<Rule>, seed: u64) -> bool {
    let mut fleet = Fleet::breaking(broken, 4 * seed, 3 + (seed % 2) as usize);
    fleet.push_alone();
    fleet.pass(4_000);
    for _ in 0..40 {
        let (index, key) = (fleet.rng.below(3) as usize, fleet.rng.below(8) as u8);
        if fleet.rng.chance(60) {
            _ = fleet.insert(index, key);
        } else {
            fleet.remove(index, key);
        }
        let millis = fleet.rng.below(20);
        fleet.pass(millis);
    }
    fleet.pass(1_000);
    let agree = fleet.replicas.iter().all(|replica| replica.map.digest() == fleet.replicas[0].map.digest());
    let repaired = |replica: &fleet::Replica| {
        let total = replica.map.stats().total;
        total.sketches + total.walks
    };
    agree && fleet.replicas.iter().map(repaired).sum::<u64>() == 0
}

/// What was written and what was removed goes out in order, so that no counter is missing and no round is needed.
#[test]
fn pushes_alone_bring_all() {
    for seed in 0..cases().div_ceil(4) {
        assert!(pushed(None, seed), "seed {seed}");
    }
    assert!((0..20).any(|seed| !pushed(Some(Rule::PushGone), seed)), "a push that leaves out what went is caught");
}

/// Entries that are larger than a message go alone, whatever else is to be told.
#[test]
fn large_entries_converge_too() {
    use gossip_core::{Config, Economy, Map, MapOutput, MessageBudget, ReplicaId, Time};
    for (economy, budget) in [(Economy::Pages, 256), (Economy::Balanced, 256), (Economy::Pages, 1_200)] {
        let mut maps = [0, 1].map(|index: u8| {
            let mut config = Config::default();
            (config.economy, config.max_message, config.max_element_bytes) =
                (economy, MessageBudget::new(budget), 1_000);
            Map::<usize, u32, Vec<u8>>::new(config, ReplicaId::from_random([index + 1; 8]), index.into())
        });
        maps[0].add_peer(1);
        maps[1].add_peer(0);
        for key in 0..40 {
            let len = if key % 3 == 0 { 900 } else { 1 + key as usize };
            maps[key as usize % 2].insert(key, vec![7; len]).expect("it is within the limit");
        }
        (0..10).for_each(|key| _ = maps[key as usize % 2].remove(&key));
        // Ids of lives that wrote once each, so that there are many marks.
        for life in 0..60_u8 {
            let id = ReplicaId::from_random([life, 1, 2, 3, 4, 5, 6, life]);
            let saved = maps[0].save();
            maps[0] = Map::restore(maps[0].config().clone(), id, life.into(), &saved).expect("it was saved");
            maps[0].insert(1_000, vec![life; 900]).expect("it is within the limit");
        }
        maps[0].add_peer(1);
        for _ in 0..10 {
            for asker in [0, 1] {
                maps[asker].sync_now(&(1 - asker));
                for _ in 0..400 {
                    for side in [0, 1] {
                        loop {
                            match maps[side].poll(Time::ZERO) {
                                MapOutput::Send { to, message } => {
                                    maps[to].receive_bytes(&side, &message.encode()).expect("it is sound");
                                }
                                MapOutput::Event(_) => {}
                                MapOutput::Wait(_) => break,
                            }
                        }
                    }
                }
            }
        }
        assert_eq!(maps[0].digest(), maps[1].digest(), "convergence: {economy:?} in {budget} bytes");
    }
}

/// What fits is inserted, and what does not is refused, to the byte.
#[test]
fn what_fits_is_what_is_inserted() {
    use gossip_core::{Config, Map, ReplicaId};
    let mut map = Map::<usize, String, Vec<u8>>::new(Config::default(), ReplicaId::from_random([7; 8]), 1);
    let key = String::from("key");
    let mut fitted = 0;
    for len in 880..1_000 {
        let fits = map.fits(&key, &vec![7; len]);
        assert_eq!(fits.err(), map.insert(key.clone(), vec![7; len]).err(), "{len}");
        fitted += usize::from(fits.is_ok());
    }
    assert_eq!((fitted, map.get(&key).map(Vec::len)), (62, Some(941)));
}
