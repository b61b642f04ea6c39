//! Replicas converge, whatever the network does.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::common::Network;
use gossip_core::{Config, MessageBudget, MessageKind};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

#[derive(Clone, Debug)]
enum Step {
    Insert {
        replica: usize,
        elements: Vec<u64>,
    },
    Sync {
        replica: usize,
        peer: usize,
    },
    Deliver {
        index: usize,
    },
    Repeat {
        index: usize,
    },
    Lose {
        index: usize,
    },
    /// On to the next deadline.
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<usize>;
    prop_oneof![
        2 => (index(), prop::collection::vec(any::<u64>(), 0..40)).prop_map(|(replica, elements)| Step::Insert { replica, elements }),
        3 => (index(), index()).prop_map(|(replica, peer)| Step::Sync { replica, peer }),
        12 => index().prop_map(|index| Step::Deliver { index }),
        2 => index().prop_map(|index| Step::Repeat { index }),
        2 => index().prop_map(|index| Step::Lose { index }),
        2 => Just(Step::Wait),
    ]
}

#[derive(Default)]
struct Counts {
    lost: AtomicUsize,
    repeated: AtomicUsize,
    reordered: AtomicUsize,
    pages: AtomicUsize,
    gives: AtomicUsize,
}

#[test]
fn replicas_converge_whatever_is_lost_repeated_or_reordered() {
    let counts = Counts::default();
    let cases = ProptestConfig { cases: 1_024, source_file: Some(file!()), ..ProptestConfig::default() };
    let budgets = prop::collection::vec(prop_oneof![Just(0_usize), 256..2_000_usize], 2..=5);
    let strategy = (budgets, prop::collection::vec(step(), 0..150), any::<u64>());
    TestRunner::new(cases).run(&strategy, |(budgets, steps, seed)| run(&budgets, steps, seed, &counts)).unwrap();
    let [lost, repeated, reordered, pages, gives] =
        [&counts.lost, &counts.repeated, &counts.reordered, &counts.pages, &counts.gives]
            .map(|count| count.load(Relaxed));
    println!(
        "1024 cases: {lost} messages lost, {repeated} repeated, {reordered} out of order; {pages} pages, {gives} gives"
    );
    assert!([lost, repeated, reordered, pages, gives].iter().all(|&count| count > 1_000));
}

fn run(budgets: &[usize], steps: Vec<Step>, seed: u64, counts: &Counts) -> Result<(), TestCaseError> {
    let configs = budgets.iter().map(|&budget| {
        let mut config = Config::default();
        config.max_message = MessageBudget::new(budget);
        config.max_element_bytes = 8;
        config
    });
    let mut net = Network::<u64>::new(configs, seed);
    let replicas = budgets.len();
    let mut union = std::collections::BTreeSet::new();
    for step in steps {
        match step {
            Step::Insert { replica, elements } => {
                union.extend(elements.iter().copied());
                net.machines[replica % replicas].extend(elements).unwrap();
            }
            Step::Sync { replica, peer } => net.machines[replica % replicas].sync_now(&(peer % replicas)),
            Step::Deliver { .. } | Step::Repeat { .. } | Step::Lose { .. } if net.wire.is_empty() => {}
            Step::Deliver { index } => {
                let index = index % net.wire.len();
                counts.reordered.fetch_add(usize::from(index > 0), Relaxed);
                let datagram = net.wire.remove(index);
                net.deliver(&datagram);
            }
            Step::Repeat { index } => {
                counts.repeated.fetch_add(1, Relaxed);
                let datagram = net.wire[index % net.wire.len()].clone();
                net.deliver(&datagram);
            }
            Step::Lose { index } => {
                counts.lost.fetch_add(1, Relaxed);
                net.wire.swap_remove(index % net.wire.len());
            }
            Step::Wait => net.now = net.drain_all().unwrap(),
        }
        net.drain_all();
    }
    net.converge(200);
    for machine in &net.machines {
        let mut elements: Vec<_> = machine.iter().copied().collect();
        elements.sort_unstable();
        prop_assert!(elements.iter().eq(&union));
    }
    // Every pair that talks ends with a proof, both ways.
    net.settle();
    for replica in 0..replicas {
        for peer in (0..replicas).filter(|&peer| peer != replica) {
            net.proofs.clear();
            net.machines[replica].sync_now(&peer);
            // A round under way with this peer may have to run out first.
            while !net.proofs.contains(&(replica, peer, net.machines[0].digest())) {
                net.now = net.drain_all().unwrap();
                net.settle();
            }
        }
    }
    counts.pages.fetch_add(net.count(MessageKind::Page), Relaxed);
    counts.gives.fetch_add(net.count(MessageKind::Give), Relaxed);
    prop_assert!(net.sent.iter().all(|sent| sent.bytes <= budgets[sent.from].max(MessageBudget::MIN.bytes())));
    Ok(())
}
