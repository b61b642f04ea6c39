//! What rounds cost, and what the ledger says of it.

use crate::common::{Network, Sent};
use gossip_core::{AntiEntropy, Config, Economy, Ledger, MessageBudget, MessageKind, Output, Time};

fn pair<E: gossip_core::Element>(config: &Config) -> Network<E> {
    Network::new([config.clone(), config.clone()], 1)
}

fn budget(bytes: usize) -> Config {
    let mut config = Config::default();
    config.max_message = MessageBudget::new(bytes);
    config
}

fn kinds(net: &Network<impl gossip_core::Element>) -> Vec<(usize, MessageKind)> {
    net.sent.iter().map(|&Sent { from, kind, .. }| (from, kind)).collect()
}

#[test]
fn equal_sets_cost_one_probe_and_one_proof_of_at_most_64_bytes_together() {
    use MessageKind::{Probe, Proof};
    let mut net = pair::<u64>(&Config::default());
    for machine in &mut net.machines {
        machine.extend(0..1_000_000).unwrap();
    }
    net.machines[0].sync_now(&1);
    net.settle();
    // At a first meeting the probe tells deep bits, 64 bytes; from then on it does not.
    assert_eq!((kinds(&net), net.bytes()), (vec![(0, Probe), (1, Proof)], 41 + 64));
    net.machines[0].sync_now(&1);
    net.settle();
    assert_eq!((kinds(&net).len(), net.bytes()), (4, 2 * 41 + 64));
    let digest = net.machines[0].digest();
    assert_eq!(net.proofs, [(1, 0, digest), (0, 1, digest)].repeat(2));

    let ledger = net.machines[0].stats().total;
    assert_eq!((ledger.rounds, ledger.proofs, ledger.round_bytes), (2, 2, 2 * 41 + 64));
    // Both full states are a million integers of 8 bytes.
    assert_eq!(ledger.full_state_bytes, 2 * 2 * 8_000_000);
    assert_eq!(ledger.saved(), 32_000_000 - i128::from(net.bytes()));
    assert_eq!(net.machines[0].peer_stats(&1).unwrap().ledger, ledger);
    // The responder's ledger counts the traffic; the round is the initiator's.
    let theirs = net.machines[1].stats().total;
    assert_eq!((theirs.sent, theirs.received), (ledger.received, ledger.sent));
    assert_eq!((theirs.rounds, theirs.saved()), (0, 0));
}

#[test]
fn a_walk_is_entered_in_the_books_to_the_byte() {
    let mut config = budget(1_200);
    config.economy = Economy::Pages;
    let mut net = pair::<String>(&config);
    let texts = |range: std::ops::Range<u32>| range.map(|i| format!("element number {i}"));
    // The larger set first, so that the sides keep their parts.
    net.machines[0].extend(texts(500..1_500)).unwrap();
    net.machines[1].extend(texts(0..700)).unwrap();
    let encoded = |range| texts(range).map(|text| text.len() as i128 + 1).sum::<i128>();
    let full_states = encoded(0..700) + encoded(500..1_500);
    net.machines[0].sync_now(&1);
    net.settle();

    let [ours, theirs] = [0, 1].map(|i| net.machines[i].stats().total);
    assert_eq!((ours.rounds, ours.proofs, ours.resent), (1, 1, 0));
    assert_eq!(u64::try_from(ours.saved() + i128::from(net.bytes())), u64::try_from(full_states));
    assert_eq!(ours.learned, 500);
    assert_eq!((theirs.learned, theirs.redundant), (800, 200));
    for kind in MessageKind::ALL {
        let sent: Vec<_> = net.sent.iter().filter(|sent| sent.kind == kind).collect();
        let counted = |ledger: Ledger| (ledger.sent[kind].messages, ledger.sent[kind].bytes);
        let (ours, theirs) = (counted(ours), counted(theirs));
        assert_eq!(ours.0 + theirs.0, sent.len() as u64);
        assert_eq!(ours.1 + theirs.1, sent.iter().map(|sent| sent.bytes as u64).sum::<u64>());
    }
    assert_eq!(ours.sent[MessageKind::Proof].messages, 1, "the initiator closes the walk with a proof");
    assert_eq!(net.proofs.len(), 2);
}

#[test]
fn a_round_without_a_proof_adds_cost_only() {
    let mut net = pair::<u64>(&Config::default());
    net.machines[0].insert(1).unwrap();
    net.machines[0].sync_now(&1);
    net.drain(0);
    net.wire.clear();
    while net.machines[0].stats().total.rounds == 0 {
        net.now = net.drain(0).unwrap();
        net.drain(0);
        net.wire.clear();
    }
    let ledger = net.machines[0].stats().total;
    assert_eq!((ledger.proofs, ledger.full_state_bytes, ledger.resent), (0, 0, 2));
    assert_eq!(ledger.saved(), -i128::from(net.bytes()));
}

#[test]
fn a_tiny_set_goes_out_whole_and_two_round_trips_do() {
    use MessageKind::{Page, Probe, Proof, Repair};
    let mut net = pair::<u64>(&Config::default());
    net.machines[0].extend(0..20).unwrap();
    net.machines[1].extend(10..30).unwrap();
    net.machines[0].sync_now(&1);
    net.settle();
    assert_eq!(kinds(&net), [(0, Probe), (1, Page), (0, Repair), (1, Proof)]);
    assert_eq!([0, 1].map(|i| net.machines[i].len()), [30, 30]);
    assert_eq!(net.proofs.len(), 2);
    assert_eq!(net.machines[0].stats().total.full_state_bytes, 2 * 20 * 8);
}

#[test]
fn an_empty_newcomer_asks_in_forty_bytes() {
    let mut net = pair::<u64>(&Config::default());
    net.machines[1].extend(0..10_000).unwrap();
    net.machines[0].sync_now(&1);
    net.settle();
    assert_eq!(net.machines[0].digest(), net.machines[1].digest());
    // The digest of nothing tells what it lacks, here in two messages.
    use MessageKind::{Give, Probe, Proof};
    assert_eq!(kinds(&net), [(0, Probe), (1, Give), (1, Give), (0, Proof)]);
    assert_eq!(net.sent.iter().filter(|sent| sent.from == 0).map(|sent| sent.bytes).sum::<usize>(), 39);
}

/// Bytes and messages of a round of machine 0 with so many elements, while the other or it itself holds `more` that came
/// after a proof.
fn of_a_state_that_was(ahead: usize, more: u64) -> (u64, usize) {
    let mut net = pair::<u64>(&Config::default());
    net.machines.iter_mut().for_each(|machine| _ = machine.extend(0..100_000).unwrap());
    net.machines[0].sync_now(&1);
    net.settle();
    let (bytes, messages) = (net.bytes(), net.sent.len());
    net.machines[ahead].extend(100_000..100_000 + more).unwrap();
    net.machines[0].sync_now(&1);
    net.settle();
    assert_eq!([0, 1].map(|id| net.machines[id].len()), [100_000 + more as usize; 2]);
    assert_eq!((net.proofs.len(), net.machines[0].digest()), (4, net.machines[1].digest()));
    let ledgers = [0, 1].map(|id| net.machines[id].stats().total);
    assert_eq!(ledgers.map(|ledger| (ledger.sketches, ledger.walks, ledger.redundant)), [(0, 0, 0); 2]);
    (net.bytes() - bytes, net.sent.len() - messages)
}

#[test]
fn a_digest_of_a_state_that_was_tells_what_is_lacking() {
    assert_eq!([1, 100, 10_000].map(|more| of_a_state_that_was(1, more)), [(71, 3), (800, 3), (66_311, 4)]);
    assert_eq!([1, 100, 10_000].map(|more| of_a_state_that_was(0, more)), [(41, 2), (828, 4), (65_330, 4)]);
}

#[test]
fn who_keeps_no_sketch_is_told_by_digests_too() {
    let mut config = Config::default();
    config.economy = Economy::Pages;
    let mut net = pair::<u64>(&config);
    net.machines[1].extend(0..10_000).unwrap();
    net.machines[0].extend(0..10_050).unwrap();
    net.machines[0].sync_now(&1);
    net.settle();
    use MessageKind::{Give, Probe, Proof, Repair};
    assert_eq!(kinds(&net), [(0, Probe), (1, Give), (0, Repair), (1, Proof)]);
}

#[test]
fn a_million_against_none_and_against_another_million_fit_small_messages_and_windows() {
    for (others, most) in [(0..0, 1_050), (1_000_000..2_000_000, 1_000)] {
        let mut config = budget(1_200);
        config.window = 4.try_into().unwrap();
        let mut net = pair::<u64>(&config);
        let union = 1_000_000 + others.clone().count();
        net.machines[0].extend(others).unwrap();
        net.machines[1].extend(0..1_000_000).unwrap();
        net.machines[0].sync_now(&1);
        net.settle();
        assert_eq!([0, 1].map(|i| net.machines[i].len()), [union; 2]);
        assert_eq!(net.proofs.len(), 2);
        let longest = net.sent.iter().map(|sent| sent.bytes).max().unwrap();
        assert!(longest <= 1_200);
        let per_mille = net.bytes() * 1_000 / (8 * union as u64);
        println!("{} elements: {} messages, {per_mille} ‰ of 8 bytes each", union, net.sent.len());
        assert!(per_mille <= most);
    }
}

#[test]
fn crossing_probes_make_one_round() {
    use MessageKind::{Page, Probe, Proof, Repair};
    let mut net = pair::<u64>(&Config::default());
    net.machines[0].extend(1..11).unwrap();
    net.machines[1].extend(2..17).unwrap();
    net.machines[0].sync_now(&1);
    net.machines[1].sync_now(&0);
    net.settle();
    // Who holds more numbers drops its round and answers.
    assert_eq!(kinds(&net), [(0, Probe), (1, Probe), (1, Page), (0, Repair), (1, Proof)]);
    assert_eq!(net.proofs.len(), 2);
    let rounds = [0, 1].map(|i| net.machines[i].stats().total);
    assert_eq!(rounds.map(|ledger| (ledger.rounds, ledger.proofs)), [(1, 1), (1, 0)]);
}

#[test]
fn a_silent_peer_is_asked_less_and_less_often_and_welcomed_back() {
    let mut net = pair::<u64>(&Config::default());
    net.machines[0].insert(1).unwrap();
    let mut probes = vec![];
    while net.now < Time::from_millis(200_000) {
        let before = net.count(MessageKind::Probe);
        net.now = net.drain(0).unwrap();
        net.drain(0);
        net.wire.clear();
        if net.count(MessageKind::Probe) > before {
            probes.push(net.now);
        }
    }
    assert!(!net.machines[0].peer_stats(&1).unwrap().reachable);
    let gaps: Vec<_> = probes.windows(2).map(|pair| pair[1].saturating_since(pair[0]).as_millis()).collect();
    // Three tries each, of 1, 2 and 4 s, then up to ten rounds of quiet.
    assert!(gaps.iter().max() > Some(&6_000) && gaps.iter().max() <= Some(&14_500), "{gaps:?}");
    assert!(probes.len() < 60, "{}", probes.len());

    net.machines[1].sync_now(&0);
    // It may have to sit out a try of its own that nobody got.
    net.converge(5);
    assert!(net.machines[0].peer_stats(&1).unwrap().reachable);
    assert_eq!(net.machines[0].digest(), net.machines[1].digest());
}

#[test]
fn events_tell_of_silence_and_return_once() {
    use gossip_core::Event;
    let mut machine = AntiEntropy::<usize, u64>::new(Config::default(), 1);
    let mut other = AntiEntropy::<usize, u64>::new(Config::default(), 2);
    machine.add_peer(2);
    other.add_peer(1);
    let (mut now, mut events, mut sent) = (Time::ZERO, vec![], 0);
    let mut run = |machine: &mut AntiEntropy<usize, u64>, events: &mut Vec<_>, until: Time| {
        loop {
            match machine.poll(now) {
                Output::Event(event) => {
                    let after_tries = matches!(event, Event::Unreachable { .. }).then_some(sent);
                    assert!(after_tries.is_none_or(|tries| tries == 2 * 3), "after two rounds of three tries");
                    events.push(event);
                }
                Output::Send { .. } => sent += 1,
                Output::Wait(next) if next.unwrap() > until => return,
                Output::Wait(next) => now = next.unwrap(),
            }
        }
    };
    run(&mut machine, &mut events, Time::from_millis(100_000));
    assert_eq!(events, [Event::Unreachable { peer: 2 }]);
    other.sync_now(&1);
    let Output::Send { message, .. } = other.poll(Time::ZERO) else { panic!("nothing to send") };
    machine.receive(&2, message).unwrap();
    events.clear();
    run(&mut machine, &mut events, Time::from_millis(100_001));
    assert_eq!(
        events,
        [Event::Reachable { peer: 2 }, Event::InSync { peer: 2, digest: machine.digest(), again: false }]
    );
}
