//! Inserts and digests, beside the sets of others.
#![allow(missing_docs, reason = "the macros of criterion")]

use std::collections::BTreeSet;
use std::hint::black_box;

use benches::spread;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use gossip_core::{AntiEntropy, Config, Key};

const N: u64 = 1_000_000;

fn insert(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("insert 10^6 u64");
    group.sample_size(10).throughput(Throughput::Elements(N));
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
    for (name, key) in [("gossip, open", Key::open()), ("gossip, keyed", Key::secret([7; 16]))] {
        let mut config = Config::default();
        config.key = key;
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

criterion_group!(benches, insert, digest);
criterion_main!(benches);
