//! Inputs that once broke the machine, each as small as it can be told.

use std::time::Duration;

use gossip_core::{AntiEntropy, Config, Element, Output, Time};

/// The next output that is no event.
fn next<E: Element>(machine: &mut AntiEntropy<u8, E>, now: Time) -> Output<u8, E> {
    loop {
        match machine.poll(now) {
            Output::Event(_) => {}
            other => return other,
        }
    }
}

#[test]
fn the_longest_round_interval_is_valid() {
    for seed in 0..16 {
        let mut config = Config::default();
        config.round_every = Duration::MAX;
        let mut machine = AntiEntropy::<u8, u64>::new(config, seed);
        machine.add_peer(1);
        let Output::Wait(Some(first)) = next(&mut machine, Time::ZERO) else { panic!("a round is to come") };
        while !matches!(next(&mut machine, first), Output::Wait(_)) {}
    }
}
