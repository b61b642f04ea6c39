//! Sketches: what it takes to send one, to read one, and to tell how much differs.
#![allow(missing_docs, reason = "the macros of criterion")]

use std::hint::black_box;
use std::time::Duration;

use benches::spread;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gossip_core::sketch::{Cell, DeepWidth, Evidence, Prefix, SketchKey, Table};

const KEY: SketchKey = SketchKey::new(1, 2);

/// Elements in common.
const N: u64 = 1_000_000;

/// The coarse table and the longest main one, as powers of two.
const COARSE: u32 = 12;
const MAIN: u32 = 17;

/// The table of what is in common and `d` more.
fn table(log2: u32, d: u64) -> Table {
    Table::rebuild(KEY, log2, (0..N + d).map(spread))
}

fn sequence(table: &Table, count: usize) -> Vec<Cell> {
    table.sequence(0..count).expect("the table is as long as that")
}

/// What is left of the first cells of a set that has `d` more.
fn difference(table: &Table, count: usize, d: u64) -> Prefix {
    table.difference(&sequence(&self::table(MAIN, d), count)).expect("the table is as long as that")
}

fn tables(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("table");
    let deep = table(COARSE, 0).deep_bits(DeepWidth::Narrow);
    for log2 in [COARSE, MAIN] {
        let table = table(log2, 0);
        let (all, name) = (table.len(), format!("2^{log2} cells"));
        let some = all / 4 + all / 64;
        for count in [all, some] {
            let prefix = Prefix::from_sequence(sequence(&table, count));
            assert_eq!(table.prefix(count), Some(prefix), "one is the other");
        }
        assert_eq!(table.deep_bits(DeepWidth::Narrow), deep, "tables of any length have the same");
        group.throughput(Throughput::Elements(all as u64));
        group.bench_function(BenchmarkId::new("fold", &name), |bencher| {
            bencher.iter(|| sequence(black_box(&table), all));
        });
        group.bench_function(BenchmarkId::new("first 32", &name), |bencher| {
            bencher.iter(|| sequence(black_box(&table), 32));
        });
        group.bench_function(BenchmarkId::new("prefix of a quarter", &name), |bencher| {
            bencher.iter(|| black_box(&table).prefix(some));
        });
        group.bench_function(BenchmarkId::new("deep bits", &name), |bencher| {
            bencher.iter(|| black_box(&table).deep_bits(DeepWidth::Narrow));
        });
    }
    group.finish();
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    let ours = table(MAIN, 0);
    for d in [10, 100, 1_000, 10_000, 100_000] {
        // As many as nearly always do.
        let cells = d + d / 6 + 20;
        let difference = difference(&ours, cells as usize, d);
        let mut expected: Vec<u64> = (N..N + d).map(spread).collect();
        expected.sort_unstable();
        group.throughput(Throughput::Elements(d));
        group.bench_function(BenchmarkId::new("d", d), |bencher| {
            bencher.iter(|| {
                let claim = black_box(&difference).decodings(&KEY).next();
                assert_eq!(claim.as_ref(), Some(&expected));
                claim
            });
        });
    }
    group.finish();
}

fn estimate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("estimate");
    let ours = table(COARSE, 0);
    for d in [10, 1_000, 100_000] {
        let difference = difference(&ours, 32, d);
        let mut deep = table(COARSE, d).deep_bits(DeepWidth::Narrow);
        deep.subtract(&ours.deep_bits(DeepWidth::Narrow));
        group.bench_function(BenchmarkId::new("deep bits and 32 cells, d", d), |bencher| {
            bencher.iter(|| {
                let mut evidence = Evidence::at_least(0);
                evidence.deep_bits(black_box(&deep), 32);
                evidence.prefix(black_box(&difference), &KEY);
                let estimate = evidence.estimate();
                assert!(estimate.differences.abs_diff(d) <= 3 * estimate.sigma, "{estimate:?}");
                estimate
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = tables, decode, estimate
}
criterion_main!(benches);
