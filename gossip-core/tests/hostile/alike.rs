//! Elements of one fingerprint: digests count them, sketches and fingerprints do not tell them apart.

use core::num::NonZeroU16;
use std::collections::BTreeSet;

use crate::common::Network;
use gossip_core::sim::forge::alike;
use gossip_core::{Config, Economy, Key, MessageBudget};
use proptest::prelude::*;

/// Of one fingerprint under the weak key.
fn one(number: u64) -> [u8; 32] {
    alike(0, number)
}

fn weak() -> Config {
    let mut config = Config::default();
    config.key = Key::weak();
    config
}

/// Bytes that one round takes to bring two such sets together.
fn repaired(config: &Config, sets: [Vec<[u8; 32]>; 2]) -> u64 {
    let union: BTreeSet<[u8; 32]> = sets.iter().flatten().copied().collect();
    let mut net = Network::pair(config, sets);
    net.machines[0].sync_now(&1);
    net.settle();
    net.assert_in_sync(union);
    let limit = config.max_message.bytes().max(32 + MessageBudget::OVERHEAD);
    assert!(net.sent.iter().all(|sent| sent.bytes <= limit));
    net.bytes()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn one_round_brings_them_together_whoever_holds_which(
        who in proptest::collection::vec(0_u8..4, 0..400),
        others in proptest::collection::vec((any::<(u64, u64)>(), 0_u8..4), 0..20),
        budget in prop_oneof![Just(0), 200_usize..2_000, Just(1 << 16)],
        window in 1_u16..5,
        economy in prop_oneof![Just(Economy::Pages), Just(Economy::Balanced), Just(Economy::FewestBytes)],
    ) {
        let mut config = weak();
        (config.max_element_bytes, config.economy) = (32, economy);
        config.max_message = MessageBudget::new(budget);
        config.window = NonZeroU16::new(window).expect("from 1 on");
        let alone = [1, 2].map(|side| who.iter().filter(|who| **who == side).count());
        let others = others.into_iter().map(|((kind, number), who)| (alike(kind, number), who));
        let all: Vec<([u8; 32], u8)> = (0..).map(one).zip(who).chain(others).collect();
        // A digest only counts those of one fingerprint: of as many on both sides it says that they are equal. So they are not
        // as many, and there is another to be found.
        prop_assume!(alone[0] != alone[1]);
        let another = [0xff; 32];
        let held = |side: u8| all.iter().filter(|(_, who)| who >> side & 1 == 1).map(|(element, _)| *element).collect();
        let mut sets: [Vec<[u8; 32]>; 2] = [held(0), held(1)];
        sets[1].push(another);
        let states = 32 * (sets[0].len() + sets[1].len()) as u64;
        let bytes = repaired(&config, sets);
        // Messages of one element take six times its bytes.
        let each = if config.max_message.bytes() < 200 { 8 } else { 3 };
        prop_assert!(bytes <= 4_000 + each * states, "{bytes} bytes for {states}");
    }
}

#[test]
fn a_walk_goes_on_where_both_have_as_many_halfway() {
    let mut config = weak();
    (config.max_element_bytes, config.economy) = (32, Economy::Pages);
    (config.max_message, config.window) = (MessageBudget::MIN, NonZeroU16::MIN);
    for count in 31..60 {
        repaired(&config, [(0..30).map(one).collect(), (100..100 + count).map(one).collect()]);
    }
}

#[test]
fn a_hundred_thousand_take_one_round_of_their_bytes() {
    let config = weak();
    for [ours, theirs] in [[100_000, 1], [1, 100_000], [100_000, 99_999]] {
        let bytes = repaired(&config, [ours, theirs].map(|count| (0..count).map(one).collect()));
        let states = 32 * (ours + theirs);
        assert!(bytes <= 21 * states / 20 + 20_000, "{bytes} bytes for {states}");
    }
}
