//! Whole rounds between two machines.
#![allow(missing_docs, reason = "the macros of criterion")]

use benches::{Pair, spread};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use gossip_core::{AntiEntropy, Config, MessageBudget};

/// A pair with the first `n` elements in common, then `d` that only one has, in turn.
fn pair(config: &Config, n: u64, d: u64) -> Pair<u64> {
    let machines = [0, 1].map(|side| {
        let mut machine = AntiEntropy::new(config.clone(), side);
        let own = (n..n + d).filter(|i| i % 2 == side);
        machine.extend((0..n).chain(own).map(spread)).expect("integers are small");
        machine
    });
    Pair::new(machines)
}

fn rounds(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("round");
    group.sample_size(10);
    for (name, budget, n, d) in [
        ("equal sets, n = 10^6", 65_536, 1_000_000, 0),
        ("pages, n = 10^5, d = 1 000", 65_536, 100_000, 1_000),
        ("pages, n = 10^5, d = 1 000, 1 200 bytes a message", 1_200, 100_000, 1_000),
        ("pages, nothing in common, d = 2 · 10^5", 65_536, 0, 200_000),
    ] {
        let mut config = Config::default();
        config.max_message = MessageBudget::new(budget);
        let before = pair(&config, n, d);
        let counts = before.clone().round().counts;
        println!("{name}: {} messages, {} bytes", counts.messages, counts.bytes);
        group.throughput(Throughput::Elements((n + d).max(1)));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || before.clone(),
                |mut pair| {
                    assert_eq!(pair.round().counts, counts);
                    assert_eq!(pair.machines()[0].len() as u64, n + d);
                    pair
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, rounds);
criterion_main!(benches);
