//! Whole rounds between two machines, timed as the report times them.
#![allow(missing_docs, reason = "the macros of criterion")]

use std::time::Duration;

use benches::{Gossip, Sets, Side, System};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use gossip_core::{Config, Economy, MessageBudget};

/// Rounds of one configuration between sets of `u64`, the larger of `n`, half of the difference on either side.
fn round(criterion: &mut Criterion, name: &str, config: Config, n: usize, d: usize) {
    let sets = Sets::<u64>::new(n, d, Side::Half, 1).expect("so many can differ");
    let before = Gossip::new("gossip", config).prepare(&sets, 1);
    let mut first = before.fresh();
    let counts = first.run().counts;
    first.check(&sets);
    drop(first);
    println!("{name}: {} messages, {} bytes, {} hops", counts.messages, counts.bytes, counts.hops);
    let mut group = criterion.benchmark_group("round");
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(d.max(1) as u64));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|rounds| {
            (0..rounds).fold(Duration::ZERO, |sum, _| {
                let cost = before.fresh().run();
                assert_eq!(cost.counts, counts);
                sum + cost.cpu
            })
        });
    });
    group.finish();
}

fn sketches(criterion: &mut Criterion) {
    for d in [0, 10, 1_000, 10_000, 100_000] {
        round(criterion, &format!("n = 10^6, d = {d}"), Config::default(), 1_000_000, d);
    }
}

fn pages(criterion: &mut Criterion) {
    let mut config = Config::default();
    config.economy = Economy::Pages;
    round(criterion, "pages, 10^5 in common, d = 1 000", config.clone(), 100_500, 1_000);
    round(criterion, "pages, 10^5 against 10^5 others", config.clone(), 100_000, 200_000);
    config.max_message = MessageBudget::new(1_200);
    round(criterion, "pages, 10^5 in common, d = 1 000, 1 200 bytes a message", config, 100_500, 1_000);
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = sketches, pages
}
criterion_main!(benches);
