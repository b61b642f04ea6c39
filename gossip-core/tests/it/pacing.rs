//! How long to wait for a peer: links that change, clocks that jump, answers that come twice or late.

use std::collections::VecDeque;
use std::time::Duration;

use crate::common::Network;
use gossip_core::{Config, Ledger, MessageBudget, MessageKind, Time};

fn pair(config: &Config) -> Network<u64> {
    Network::new([config.clone(), config.clone()], 1)
}

/// Runs a pair over a link of this latency, without loss.
fn run(net: &mut Network<u64>, until: Time, latency: Duration) {
    let mut under_way = VecDeque::new();
    while net.now < until {
        let deadline = net.drain_all().unwrap();
        let arrival = net.now + latency;
        under_way.extend(net.wire.drain(..).map(|datagram| (arrival, datagram)));
        let first = under_way.front().map_or(until, |(arrival, _)| *arrival);
        net.now = first.min(deadline).min(until);
        let due = under_way.partition_point(|(arrival, _)| *arrival <= net.now);
        for (_, datagram) in under_way.drain(..due) {
            net.deliver(&datagram);
        }
    }
}

/// What the first machine's ledger gained while a pair that knew a link of 1 ms has one of `latency` for ten minutes.
fn slowed(sets: [std::ops::Range<u64>; 2], latency: Duration) -> Ledger {
    let mut config = Config::default();
    config.max_message = MessageBudget::new(1_200);
    let mut net = pair(&config);
    run(&mut net, Time::from_millis(60_000), Duration::from_micros(500));
    for (machine, set) in net.machines.iter_mut().zip(sets) {
        machine.extend(set).unwrap();
    }
    let before = net.machines[0].stats().total;
    run(&mut net, Time::from_millis(660_000), latency);
    assert_eq!(net.machines[0].digest(), net.machines[1].digest());
    assert!(net.machines[0].peer_stats(&1).unwrap().round_trip > Some(latency), "it is measured anew");
    let mut gained = net.machines[0].stats().total;
    gained.rounds -= before.rounds;
    gained.proofs -= before.proofs;
    gained.resent -= before.resent;
    gained
}

#[test]
fn a_link_that_becomes_slower_is_measured_anew() {
    for (latency, most_resent) in [(30, 12), (75, 12), (2_000, 60)] {
        for sets in [[0..1, 0..1], [0..2_000, 1_000..3_000]] {
            let gained = slowed(sets, Duration::from_millis(latency));
            println!("{latency} ms: {} rounds, {} proofs, {} resent", gained.rounds, gained.proofs, gained.resent);
            assert!(gained.resent <= most_resent);
            assert!(gained.proofs * 10 > gained.rounds * 9 - 50);
        }
    }
}

/// How long the first machine waits before it sends a lost probe again.
fn patience(net: &Network<u64>) -> Duration {
    let mut machine = net.machines[0].clone();
    machine.sync_now(&1);
    let mut now = net.now;
    let mut probes = 0;
    loop {
        match machine.poll(now) {
            gossip_core::Output::Send { message, .. } => {
                assert_eq!(message.kind(), MessageKind::Probe);
                probes += 1;
                if probes == 2 {
                    return now.saturating_since(net.now);
                }
            }
            gossip_core::Output::Event(_) => {}
            gossip_core::Output::Wait(until) => now = until.unwrap(),
        }
    }
}

#[test]
fn a_clock_that_jumps_forward_spoils_no_later_round() {
    let mut config = Config::default();
    config.round_every = Duration::from_secs(1 << 30);
    let mut net = pair(&config);
    for jump in [1, 1, 1, 86_400_000, 1] {
        net.machines[0].sync_now(&1);
        net.settle();
        net.now = net.now + Duration::from_millis(jump);
        net.settle();
    }
    assert!(patience(&net) < Duration::from_millis(100));
}

/// When a machine that is not answered sends.
fn unanswered(until: Time) -> Vec<Time> {
    let mut net = pair(&Config::default());
    let mut probes = vec![];
    while net.now < until {
        let deadline = net.drain(0).unwrap();
        probes.extend(net.wire.drain(..).map(|_| net.now));
        net.now = deadline;
    }
    probes
}

/// The milliseconds from each time to the next.
fn gaps(times: &[Time]) -> impl Iterator<Item = u64> {
    times.windows(2).map(|pair| (pair[1].as_micros() - pair[0].as_micros()) / 1_000)
}

/// The least and the greatest.
fn range(numbers: impl Iterator<Item = u64>) -> (u64, u64) {
    numbers.fold((u64::MAX, 0), |(least, most), number| (least.min(number), most.max(number)))
}

#[test]
fn rounds_are_spread_by_a_quarter_to_either_side() {
    let silent = {
        let mut config = Config::default();
        config.round_every = Duration::MAX;
        config
    };
    let mut net = Network::<u64>::new([Config::default(), silent], 1);
    let mut began = vec![];
    while began.len() < 500 {
        net.now = net.drain_all().unwrap();
        net.drain(0);
        began.extend(net.wire.iter().map(|_| net.now));
        net.settle();
    }
    let (least, most) = range(gaps(&began));
    assert!((750..760).contains(&least) && (1_240..1_250).contains(&most), "{least} to {most} ms");

    // Three tries of 1, 2 and 4 s, then as many intervals of quiet; the first two rounds are followed by fewer.
    let probes = unanswered(Time::from_millis(4_000_000));
    let (least, most) = range(gaps(&probes).filter(|&gap| gap > 4_000).skip(3));
    assert!((10_000..10_100).contains(&least) && (13_900..14_000).contains(&most), "{least} to {most} ms");
}

#[test]
fn answers_that_come_again_slow_nothing_and_earn_nothing() {
    for sets in [[0..2_000, 1_000..3_000], [0..2_000, 0..1]] {
        let mut net = pair(&Config::default());
        for (machine, set) in net.machines.iter_mut().zip(sets) {
            machine.extend(set).unwrap();
        }
        net.machines[0].sync_now(&1);
        let mut answers = vec![];
        loop {
            net.drain_all();
            if net.wire.is_empty() {
                break;
            }
            net.now = net.now + Duration::from_micros(500);
            for datagram in std::mem::take(&mut net.wire) {
                answers.extend((datagram.from == 1).then(|| datagram.clone()));
                net.deliver(&datagram);
                if datagram.from == 1 {
                    // The same again at once: it advances nothing a second time.
                    net.drain(0);
                    let (sent, under_way) = (net.sent.len(), net.wire.len());
                    net.deliver(&datagram);
                    net.drain(0);
                    assert_eq!((net.sent.len(), net.wire.len()), (sent, under_way));
                }
            }
        }
        assert_eq!(net.machines[0].digest(), net.machines[1].digest());
        for datagram in answers.iter().cycle().take(20) {
            net.deliver(datagram);
        }
        let sent = net.sent.len();
        net.drain_all();
        assert_eq!(net.sent.len(), sent);
        assert!(patience(&net) < Duration::from_millis(100));
    }
}

#[test]
fn the_end_of_an_answer_may_come_before_its_middle() {
    let mut config = Config::default();
    config.max_message = MessageBudget::MIN;
    config.max_element_bytes = 8;
    let mut net = pair(&config);
    net.machines[1].extend(0..400).unwrap();
    net.machines[0].sync_now(&1);
    loop {
        net.drain_all();
        if net.wire.is_empty() {
            break;
        }
        for datagram in std::mem::take(&mut net.wire).iter().rev() {
            net.deliver(datagram);
        }
    }
    let ledger = net.machines[0].stats().total;
    assert_eq!((ledger.rounds, ledger.proofs, ledger.resent), (1, 1, 0));
    assert_eq!(net.proofs.len(), 2);
}

#[test]
fn a_peer_that_asks_is_asked_again_without_waiting_longer() {
    let mut config = Config::default();
    config.round_every = Duration::from_secs(1 << 30);
    config.answer_within = Duration::from_millis(100);
    let mut net = pair(&config);
    net.machines[0].extend(0..1_000).unwrap();
    net.machines[1].extend(1..1_002).unwrap();
    net.machines[0].sync_now(&1);
    // The probe is lost at 0 ms and at 100 ms, and would go out again at 300 ms.
    for expected in [100, 300] {
        let deadline = net.drain(0);
        assert_eq!((deadline, net.wire.drain(..).count()), (Some(Time::from_millis(expected)), 1));
        net.now = Time::from_millis(expected).min(Time::from_millis(199));
    }
    // The other's own is too early to tell, then tells that the answer is late.
    net.machines[1].sync_now(&0);
    net.drain(1);
    let probe = net.wire.pop().expect("it was wanted");
    for (now, sent) in [(199, 0), (200, 1)] {
        net.now = Time::from_millis(now);
        net.deliver(&probe);
        net.drain(0);
        assert_eq!(net.wire.len(), sent);
    }
    net.settle();
    assert_eq!(net.machines[0].digest(), net.machines[1].digest());
    assert_eq!(net.machines[0].stats().total.resent, 2);
}
