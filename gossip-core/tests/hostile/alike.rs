//! Elements of one fingerprint: digests count them, sketches and fingerprints do not tell them apart.

use core::num::NonZeroU16;
use std::collections::BTreeSet;

use crate::common::Network;
use gossip_core::sim::forge::Alike;
use gossip_core::{Config, Economy, MessageBudget};
use proptest::prelude::*;

/// Bytes that one round takes to bring two such sets together.
fn repaired(config: &Config, sets: [Vec<Alike>; 2]) -> u64 {
    let union: BTreeSet<Alike> = sets.iter().flatten().copied().collect();
    let mut net = Network::pair(config, sets);
    net.machines[0].sync_now(&1);
    net.settle();
    net.assert_in_sync(union);
    let limit = config.max_message.bytes().max(16 + MessageBudget::OVERHEAD);
    assert!(net.sent.iter().all(|sent| sent.bytes <= limit));
    net.bytes()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn one_round_brings_them_together_whoever_holds_which(
        who in proptest::collection::vec(0_u8..4, 0..400),
        others in proptest::collection::vec((any::<[u8; 16]>(), 0_u8..4), 0..20),
        budget in prop_oneof![Just(0), 200_usize..2_000, Just(1 << 16)],
        window in 1_u16..5,
        economy in prop_oneof![Just(Economy::Pages), Just(Economy::Balanced), Just(Economy::FewestBytes)],
    ) {
        let mut config = Config::default();
        (config.max_element_bytes, config.economy) = (16, economy);
        config.max_message = MessageBudget::new(budget);
        config.window = NonZeroU16::new(window).expect("from 1 on");
        let alike = (0..).map(Alike::new).zip(who);
        let all: Vec<(Alike, u8)> = alike.chain(others.into_iter().map(|(bytes, who)| (Alike(bytes), who))).collect();
        // A digest only counts those of one fingerprint: of as many on both sides it says that they are equal. So there is
        // another to be found, behind them in the order of all.
        let another = Alike([0xff; 16]);
        let held = |side: u8| all.iter().filter(|(_, who)| who >> side & 1 == 1).map(|(element, _)| *element).collect();
        let mut sets: [Vec<Alike>; 2] = [held(0), held(1)];
        sets[1].push(another);
        let states = 16 * (sets[0].len() + sets[1].len()) as u64;
        let bytes = repaired(&config, sets);
        // Messages of one element take six times its bytes.
        let each = if config.max_message.bytes() < 200 { 8 } else { 3 };
        prop_assert!(bytes <= 4_000 + each * states, "{bytes} bytes for {states}");
    }
}

#[test]
fn a_hundred_thousand_take_one_round_of_their_bytes() {
    let config = Config::default();
    for [ours, theirs] in [[100_000, 1], [1, 100_000], [100_000, 99_999]] {
        let bytes = repaired(&config, [ours, theirs].map(|count| (0..count).map(Alike::new).collect()));
        let states = 16 * (ours + theirs);
        assert!(bytes <= 21 * states / 20 + 20_000, "{bytes} bytes for {states}");
    }
}
