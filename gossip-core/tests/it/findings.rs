//! Inputs that once broke the machine, each as small as it can be told.

use std::time::Duration;

use crate::common::Network;
use gossip_core::sim::forge::{self, varint};
use gossip_core::{
    AntiEntropy, Config, Element, Message, MessageBudget, MessageKind, Numbers, Output, Reject, Time, TypeTag,
};

use MessageKind::{Give, Probe, Repair};

/// The next output that is no event.
fn next<E: Element>(machine: &mut AntiEntropy<usize, E>, now: Time) -> Output<usize, E> {
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
        let mut machine = AntiEntropy::<usize, u64>::new(config, seed);
        machine.add_peer(1);
        let Output::Wait(Some(first)) = next(&mut machine, Time::ZERO) else { panic!("a round is to come") };
        while !matches!(next(&mut machine, first), Output::Wait(_)) {}
    }
}

#[test]
fn a_peer_may_claim_any_number_of_bytes() {
    let mut machine = AntiEntropy::<usize, u64>::new(Config::default(), 1);
    machine.insert(1).unwrap();
    machine.add_peer(1);
    for _ in 0..2 {
        machine.sync_now(&1);
        let Output::Send { message, .. } = next(&mut machine, Time::ZERO) else { panic!("a probe is due") };
        // An answer that differs, covers nothing, and whose state has 2^64 - 1 bytes.
        let state = [forge::digest(1, u128::from_le_bytes([1; 16])), varint(u64::MAX)].concat();
        let answer = in_place_of(&message, Give, &[&[0, 0, 1], &state, &[0]]);
        machine.receive_bytes(&1, &answer).unwrap();
        // The walk that follows meets a peer that holds the same, after all.
        let Output::Send { message, .. } = next(&mut machine, Time::ZERO) else { panic!("a page is due") };
        let held = machine.digest();
        let state = [forge::digest(held.count(), forge::sum(held)), varint(8)].concat();
        let answer = in_place_of(&message, Give, &[&[0, 17, 1], &state, &[0]]);
        machine.receive_bytes(&1, &answer).unwrap();
        while !matches!(next(&mut machine, Time::ZERO), Output::Wait(_)) {}
    }
    assert_eq!(machine.stats().total.proofs, 2);
}

/// It once overflowed: what so many elements take was reckoned in bits. The simulation `--chaos` found it, with the seed 3.
#[test]
fn a_peer_may_claim_any_number_of_elements() {
    let mut machine = AntiEntropy::<usize, String>::new(Config::default(), 1);
    machine.extend((0..200).map(|number| format!("element {number}"))).unwrap();
    machine.add_peer(1);
    let mut other = machine.clone();
    other.sync_now(&1);
    let Output::Send { message, .. } = next(&mut other, Time::ZERO) else { panic!("a probe is due") };
    let mut probe = in_place_of(&message, Probe, &[&forge::digest(u64::MAX, u128::from_le_bytes([7; 16]))]);
    // In the middle of a round, so that we answer and do not ask.
    probe[5] = 3;
    machine.receive_bytes(&1, &probe).unwrap();
    let Output::Send { message, .. } = next(&mut machine, Time::ZERO) else { panic!("an answer is due") };
    assert!(matches!(message.kind(), MessageKind::Cells | MessageKind::Give), "{message:?}");
}

/// A message of another kind, of the same cluster and round.
fn in_place_of<E: Element>(message: &Message<E>, kind: MessageKind, fields: &[&[u8]]) -> Vec<u8> {
    let bytes = message.encode();
    forge::message(kind, forge::tag(&bytes).unwrap(), forge::nonce(&bytes).unwrap(), fields)
}

/// A number spelt out: it fits 8 bytes, and its encoding need not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spelt(pub(crate) u64);

impl Element for Spelt {
    const TYPE: TypeTag = TypeTag::new("spelt");
    const NUMBERS: Option<Numbers<Self>> = Some(Numbers { to: |spelt| spelt.0, from: |number| Some(Self(number)) });

    fn encode(&self, out: &mut Vec<u8>) {
        self.0.to_string().encode(out);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        let text = String::decode(input)?;
        text.parse().ok().filter(|number: &u64| number.to_string() == text).map(Self)
    }
}

#[test]
fn elements_that_come_as_ids_obey_the_limit_too() {
    let mut config = Config::default();
    config.max_element_bytes = 4;
    let mut machine = AntiEntropy::<usize, Spelt>::new(config, 1);
    machine.add_peer(1);
    machine.sync_now(&1);
    let Output::Send { message, .. } = next(&mut machine, Time::ZERO) else { panic!("a probe is due") };
    // A repair that asks and wants nothing, with the one id 2^63, which stands for a number of far more than three
    // digits.
    let ids = [&[1, 7][..], &(1_u64 << 63).to_le_bytes()].concat();
    let repair = in_place_of(&message, Repair, &[&[0], &[0], &ids]);
    let refused = machine.receive_bytes(&1, &repair);
    assert!(matches!(refused, Err(Reject::TooLarge(_))), "{refused:?}");
    assert!(machine.is_empty());
    assert_eq!(machine.insert(Spelt(1_000)).unwrap_err().limit, 4);
}

/// It once waited for ever: the end of a walk without a proof did not give what was wanted meanwhile its turn.
#[test]
fn a_round_wanted_during_a_walk_follows_it() {
    let mut config = Config::default();
    config.max_message = MessageBudget::MIN;
    config.max_element_bytes = 8;
    let [mut walker, mut other] = [1, 2].map(|seed| AntiEntropy::<usize, u64>::new(config.clone(), seed));
    // The walker's fit one message: of more it would have the others given first, and give its own in a repair.
    walker.extend(0..20).unwrap();
    other.extend(100..200).unwrap();
    walker.add_peer(2);
    other.add_peer(1);
    walker.sync_now(&2);
    let mut request = next(&mut walker, Time::ZERO);
    walker.sync_now(&2);
    let mut inserted = 1_000..;
    while let Output::Send { message, .. } = request {
        assert!(matches!(next(&mut walker, Time::ZERO), Output::Wait(_)));
        other.receive(&1, message).unwrap();
        while let Output::Send { message, .. } = next(&mut other, Time::ZERO) {
            // With an insert before each answer no walk can end in a proof.
            walker.extend(inserted.next()).unwrap();
            walker.receive(&2, message).unwrap();
        }
        request = next(&mut walker, Time::ZERO);
        if walker.stats().total.rounds == 1 {
            break;
        }
    }
    assert_eq!(walker.stats().total.proofs, 0);
    let Output::Send { message, .. } = request else { panic!("the round that was wanted is forgotten") };
    assert_eq!(message.kind(), MessageKind::Probe);
}

/// Of the second's numbers two have the same cells in any table of up to 1 947, four times what the others need. It once
/// came to pages of all that both hold.
#[test]
fn two_elements_of_the_same_cells_take_more_cells_and_no_pages() {
    let number = |index: u64| {
        let z = (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ z >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^ z >> 32
    };
    let common = || (0..20_000).map(number);
    let mut net = Network::pair(&Config::default(), [common(), common()]);
    let round = |net: &mut Network<u64>| {
        net.machines[0].sync_now(&1);
        net.settle();
        assert_eq!(net.machines[0].digest(), net.machines[1].digest());
    };
    round(&mut net);
    net.machines[0].extend((1_143_000..1_143_500).map(number)).unwrap();
    net.machines[1].extend((1_143_500..1_144_000).map(number)).unwrap();
    round(&mut net);
    let total = net.machines[0].stats().total;
    assert_eq!((total.sketches, total.top_ups, total.walks), (1, 5, 0));
    assert!(total.round_bytes < 30_000, "{total:?}");
}
