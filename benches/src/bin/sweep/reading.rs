//! What it takes to read a sketch: degrees, checks and orders.

use std::io;

use benches::SplitMix;

use crate::csv::Csv;
use crate::exchange::need;
use crate::first::First;
use crate::model::{Model, Shape, prefix};
use crate::peel::{Order, Start, decode};

/// Trials for a difference of this size: they take about as long for each, but for the smallest.
fn usual_trials(d: usize) -> usize {
    (200_000 / d.max(1)).clamp(4, 4_000)
}

pub(crate) fn degrees(csv: &mut Csv, mut shapes: Vec<Shape>, sizes: &[usize], seed: u64) -> io::Result<()> {
    if shapes.is_empty() {
        shapes.push(Shape::of(3, &[]));
        for (middle, high) in [(7, 25), (7, 31), (9, 25), (9, 31), (5, 21), (5, 25)] {
            let shares = [(60, 60), (60, 80), (100, 60), (40, 100), (200, 60)];
            shapes.extend(shares.map(|(share, rest)| Shape::of(3, &[(middle, share), (high, rest)])));
        }
        for low in [3, 4, 5] {
            for high in [9, 13, 15, 17, 21, 25] {
                shapes.extend([60, 80, 100, 120, 140, 160, 200].map(|share| Shape::of(low, &[(high, share)])));
            }
        }
        // Two of these are enough: they take longest, being worst.
        shapes.extend([(9, 200), (17, 120)].map(|high| Shape::of(2, &[high])));
    }
    cells(csv, &shapes, sizes, seed)
}

pub(crate) fn octaves(csv: &mut Csv, mut shapes: Vec<Shape>, from: &[usize], seed: u64) -> io::Result<()> {
    if shapes.is_empty() {
        let near = [(15, 140), (15, 160), (17, 110), (17, 120), (17, 130), (17, 140), (17, 150), (17, 160)];
        let far = [(19, 120), (19, 130), (19, 140), (21, 120), (21, 140)];
        shapes.extend(near.into_iter().chain(far).map(|high| Shape::of(3, &[high])));
        shapes.push(Shape::of(3, &[(9, 40), (25, 100)]));
    }
    let eighths = |&from: &usize| (0..8).map(move |eighth| (from as f64 * (f64::from(eighth) / 8.0).exp2()) as usize);
    cells(csv, &shapes, &from.iter().flat_map(eighths).collect::<Vec<_>>(), seed)
}

fn cells(csv: &mut Csv, shapes: &[Shape], sizes: &[usize], seed: u64) -> io::Result<()> {
    csv.row(["shape", "mean_degree", "d", "trials", "cells_per_difference", "standard_error", "p99"])?;
    for shape in shapes {
        for &d in sizes {
            let trials = csv.trials(usual_trials(d));
            let first = First::of(shape, &Order::BUILT_IN, d, trials, seed);
            let each = |cells: f64| cells / d as f64;
            let (mean, error, p99) = (each(first.mean()), each(first.error()), each(first.percentile(99) as f64));
            let degree = shape.mean_degree() as f64 / 1e3;
            csv.row([
                shape.to_string(),
                format!("{degree:.2}"),
                d.to_string(),
                trials.to_string(),
                format!("{mean:.4}"),
                format!("{error:.4}"),
                format!("{p99:.4}"),
            ])?;
        }
    }
    Ok(())
}

pub(crate) fn checks(csv: &mut Csv, seed: u64) -> io::Result<()> {
    csv.row([
        "check_bits",
        "d",
        "trials",
        "cells_per_difference",
        "standard_error",
        "p99",
        "bytes_of_64",
        "bytes_of_48",
        "false_claims",
    ])?;
    for d in [2, 3, 5, 10, 30, 100, 300, 1_000, 3_000, 10_000, 100_000] {
        for bits in [0, 1, 2, 3, 4, 8] {
            let trials = csv.trials(5 * usual_trials(d));
            let first = First::of(&Shape::built_in().with_check_bits(bits), &Order::BUILT_IN, d, trials, seed);
            let each = |cells: f64| cells / d as f64;
            let (mean, error, p99) = (each(first.mean()), each(first.error()), each(first.percentile(99) as f64));
            let bytes = |id_bits: u32| mean * f64::from(id_bits + bits) / 8.0;
            let (wide, narrow, wrong) = (bytes(64), bytes(48), first.false_claims);
            csv.row([
                bits.to_string(),
                d.to_string(),
                trials.to_string(),
                format!("{mean:.4}"),
                format!("{error:.4}"),
                format!("{p99:.4}"),
                format!("{wide:.3}"),
                format!("{narrow:.3}"),
                wrong.to_string(),
            ])?;
        }
    }
    Ok(())
}

pub(crate) fn orders(csv: &mut Csv, seed: u64) -> io::Result<()> {
    csv.row(["list", "orders", "d", "cells", "trials", "unread", "attempts"])?;
    let first_first = Order::BUILT_IN.map(|order| Order { last_first: false, ..order });
    let strides = [0, 1, 2, 3, 4, 5, 6, 7].map(|seed| Order::of(Start::Stride(seed)));
    let lists: [(&str, Vec<Order>); 4] = [
        ("built-in", Order::BUILT_IN.to_vec()),
        ("first-first", first_first.to_vec()),
        ("strides", strides.to_vec()),
        ("both", Order::BUILT_IN.into_iter().chain(first_first).collect()),
    ];
    for d in [10, 30, 100, 300, 1_000, 10_000] {
        for percent in [92, 96, 100] {
            let cells = need(d as u64) * percent / 100;
            let trials = csv.trials(10 * usual_trials(d));
            for (name, list) in &lists {
                // For each order, how often it was the first to read right; and how often none was.
                let mut read = vec![0; list.len() + 1];
                let mut random = SplitMix::new(seed ^ (d as u64) << 32);
                for _ in 0..trials {
                    let model = Model::new(&Shape::built_in(), random.next(), random.next());
                    let mut ids: Vec<u64> = (0..d).map(|_| random.next()).collect();
                    let cells = prefix(&model.table((2 * d).next_power_of_two().ilog2().max(9), &ids), cells);
                    ids.sort_unstable();
                    let right = |order| decode(&model, &cells, order).as_ref() == Some(&ids);
                    read[list.iter().position(right).unwrap_or(list.len())] += 1;
                }
                let (mut unread, mut attempts) = (trials, 0);
                for (index, count) in read[..list.len()].iter().enumerate() {
                    attempts += unread;
                    unread -= count;
                    let (share, each) = (unread as f64 / trials as f64, attempts as f64 / trials as f64);
                    let orders = index + 1;
                    csv.row([
                        name.to_string(),
                        orders.to_string(),
                        d.to_string(),
                        cells.to_string(),
                        trials.to_string(),
                        format!("{share:.4}"),
                        format!("{each:.3}"),
                    ])?;
                }
            }
        }
    }
    Ok(())
}
