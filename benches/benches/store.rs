//! Inserts and digests, beside the sets of others.
#![allow(missing_docs, reason = "the macros of criterion")]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Duration;

use benches::spread;
use criterion::{BatchSize, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use gossip_core::{AntiEntropy, Config, Economy, Key};

const N: u64 = 1_000_000;

fn insert(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("insert 10^6 u64");
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(N));
    group.bench_function("hashbrown", |bencher| {
        bencher.iter_batched(
            hashbrown::HashSet::new,
            |mut set| {
                (0..N).for_each(|i| assert!(set.insert(spread(i))));
                assert_eq!(set.len() as u64, N);
                set
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("BTreeSet", |bencher| {
        bencher.iter_batched(
            BTreeSet::new,
            |mut set| {
                (0..N).for_each(|i| assert!(set.insert(spread(i))));
                set
            },
            BatchSize::PerIteration,
        );
    });
    for (name, key, economy) in [
        ("gossip", Key::open(), Economy::default()),
        ("gossip, without sketches", Key::open(), Economy::Pages),
        ("gossip, keyed", Key::secret([7; 16]), Economy::default()),
        ("gossip, keyed, without sketches", Key::secret([7; 16]), Economy::Pages),
    ] {
        let mut config = Config::default();
        (config.key, config.economy) = (key, economy);
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || AntiEntropy::<u8, u64>::new(config.clone(), 1),
                |mut machine| {
                    assert_eq!(machine.extend((0..N).map(spread)), Ok(N as usize));
                    assert_eq!(machine.digest().count(), N);
                    machine
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn digest(criterion: &mut Criterion) {
    let mut machine = AntiEntropy::<u8, u64>::new(Config::default(), 1);
    machine.extend((0..N).map(spread)).expect("integers are small");
    criterion.bench_function("digest of 10^6", |bencher| bencher.iter(|| black_box(&machine).digest()));
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(5));
    targets = insert, digest
}
criterion_main!(benches);
