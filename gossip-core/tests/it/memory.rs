//! What a replica keeps in memory.

use core::time::Duration;

use crate::common::Network;
use allocation_counter::{AllocationInfo, measure};
use gossip_core::{AntiEntropy, Config, MessageBudget, Output, Overlay, Time};

#[test]
fn memory_follows_the_set_and_not_the_difference() {
    for n in [1_000_000, 1_100_000] {
        let (_, counted) = counting(|| {
            let mut machine = AntiEntropy::<usize, u64>::new(Config::default(), 1);
            machine.extend(0..n as u64).unwrap();
            machine
        });
        let each = counted.bytes_current / n;
        println!("{n} integers take {each} bytes each");
        assert!(each <= 48);
    }

    // Beyond both sets, a walk takes what a few messages take, and what inserting as many elements takes for a while.
    for others in [0..0, 200_000..400_000] {
        let union = 200_000 + others.end - others.start;
        let inserting = beyond(|| {
            let mut machine = AntiEntropy::<usize, u64>::new(Config::default(), 1);
            machine.extend(0..union).unwrap();
            machine
        });
        let mut config = Config::default();
        config.max_message = MessageBudget::new(1_200);
        config.window = 4.try_into().unwrap();
        let mut net = Network::<u64>::new([config.clone(), config], 1);
        net.machines[0].extend(others).unwrap();
        net.machines[1].extend(0..200_000).unwrap();
        net.sent.reserve_exact(20_000);
        net.machines[0].sync_now(&1);
        let walking = beyond(|| net.settle());
        assert_eq!(net.machines[0].digest(), net.machines[1].digest());
        println!("{union} elements: inserting takes {inserting} bytes beyond the set for a while, a walk {walking}");
        assert!(walking <= inserting + 50_000);
    }

    a_dead_neighbour_takes_what_any_does();
}

/// Below a hub, eight neighbours that never answer, while 100 000 elements come in; and nobody.
fn a_dead_neighbour_takes_what_any_does() {
    let hub = |neighbours: usize| {
        let mut config = Config::default();
        config.batch_every = Some(Duration::from_millis(100));
        let mut machine = AntiEntropy::<usize, u64>::new(config, 1);
        (1..=neighbours).for_each(|peer| assert!(machine.add_peer(peer)));
        machine.set_overlay(Overlay::star(&0, 0..=neighbours));
        for number in 0..100_000_u64 {
            machine.insert(number).unwrap();
            while !matches!(machine.poll(Time::from_millis(10 * number)), Output::Wait(_)) {}
        }
        machine
    };
    let kept = |neighbours| counting(|| hub(neighbours)).1.bytes_current;
    let (alone, others) = (kept(0), kept(8));
    let each = (others - alone) / 8;
    println!("a neighbour that 100 000 elements wait for takes {each} bytes");
    assert!(each <= 8_192);
}

/// By how much the most that was allocated while `run` ran is above what it leaves behind.
fn beyond<T>(run: impl FnOnce() -> T) -> i64 {
    let (_, counted) = counting(run);
    i64::try_from(counted.bytes_max).expect("it fits the machine") - counted.bytes_current
}

/// What `run` leaves behind, and what it allocated.
fn counting<T>(run: impl FnOnce() -> T) -> (T, AllocationInfo) {
    let mut kept = None;
    let counted = measure(|| kept = Some(run()));
    (kept.expect("it has run"), counted)
}
