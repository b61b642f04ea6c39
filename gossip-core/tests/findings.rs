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

#[test]
fn a_peer_may_claim_any_number_of_bytes() {
    let mut machine = AntiEntropy::<u8, u64>::new(Config::default(), 1);
    machine.insert(1).unwrap();
    machine.add_peer(1);
    for _ in 0..2 {
        machine.sync_now(&1);
        let Output::Send { message, .. } = next(&mut machine, Time::ZERO) else { panic!("a probe is due") };
        // An answer that differs, covers nothing, and whose state has 2^64 - 1 bytes.
        let mut answer = message.encode();
        answer.truncate(9);
        answer[0] = 0x17;
        answer.extend([0, 0, 1]);
        answer.extend([1; 17]);
        answer.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
        answer.push(0);
        machine.receive_bytes(&1, &answer).unwrap();
        // The walk that follows meets a peer that holds the same, after all.
        let Output::Send { message, .. } = next(&mut machine, Time::ZERO) else { panic!("a page is due") };
        let mut answer = message.encode();
        answer.truncate(9);
        answer[0] = 0x17;
        answer.extend([0, 17, 1]);
        answer.extend(state(&machine));
        answer.push(0);
        machine.receive_bytes(&1, &answer).unwrap();
        while !matches!(next(&mut machine, Time::ZERO), Output::Wait(_)) {}
    }
    assert_eq!(machine.stats().total.proofs, 2);
}

/// The state a peer shows that holds the same.
fn state(machine: &AntiEntropy<u8, u64>) -> Vec<u8> {
    let sum = u128::from_str_radix(&machine.digest().to_string()[16..], 16).unwrap();
    let mut state = vec![u8::try_from(machine.digest().count()).unwrap()];
    state.extend(sum.to_le_bytes());
    state.push(8);
    state
}
