//! What needs no simulation: the width of ids, and the size of tables.

use std::io;

use crate::csv::Csv;
use crate::exchange::need;

/// Cells for each difference, in the middle of those measured.
const CELLS: f64 = 1.15;

pub(crate) fn ids(csv: &mut Csv) -> io::Result<()> {
    csv.row([
        "id_bits",
        "n",
        "d",
        "bytes_per_difference",
        "pairs_of_one_name",
        "rounds_spoiled",
        "pairs_within_difference",
    ])?;
    for bits in [40, 48, 56, 64] {
        let names = f64::from(bits).exp2();
        for n in [1e6, 1e7] {
            for d in [10.0, 1e3, 1e5] {
                // A cell, and the name of an element that the initiator lacks, which it asks for by its first 32 bits.
                let bytes = CELLS * f64::from(bits + 2) / 8.0;
                // An element of the peer's whose name is that of one of ours is taken for ours.
                let spoiled = d / 2.0 * n / names;
                let (pairs, within) = (n * n / 2.0 / names, d * d / 2.0 / names);
                csv.row([
                    bits.to_string(),
                    n.to_string(),
                    d.to_string(),
                    format!("{bytes:.2}"),
                    format!("{pairs:.3e}"),
                    format!("{spoiled:.3e}"),
                    format!("{within:.3e}"),
                ])?;
            }
        }
    }
    Ok(())
}

/// The power of two of cells that is built in.
fn built_in(n: usize) -> u32 {
    match n {
        ..0x8000 => (n / 2).checked_ilog2().map_or(0, |log2| log2 + 1).clamp(6, 12),
        0x8000..0x2_0000 => 14,
        0x2_0000.. => 17,
    }
}

pub(crate) fn tables(csv: &mut Csv) -> io::Result<()> {
    csv.row([
        "rule",
        "cap_log2",
        "n",
        "cells",
        "bytes_per_element",
        "added_per_element",
        "largest_d",
        "pages_from_d",
        "sketch_bytes",
        "pages_bytes",
    ])?;
    for n in [1_000, 10_000, 100_000, 1_000_000, 10_000_000] {
        row(csv, "built-in", 17, n, &built_in)?;
        for (name, parts) in [("n/16", 16), ("n/8", 8), ("n/4", 4), ("n/2", 2), ("n", 1)] {
            for cap in 15..=20 {
                let rule = |n: usize| (n / parts).checked_ilog2().map_or(0, |log2| log2 + 1).clamp(6, cap);
                row(csv, name, cap, n, &rule)?;
            }
        }
    }
    Ok(())
}

fn row(csv: &mut Csv, name: &str, cap: u32, n: usize, rule: &dyn Fn(usize) -> u32) -> io::Result<()> {
    let log2 = rule(n);
    let cells = 1 << log2;
    // Each time the table has grown, all elements were added anew.
    let (mut added, mut at) = (n, 0);
    while rule(at) < log2 {
        let shorter = rule(at);
        at = least(at, n, |count| rule(count) > shorter);
        added += at;
    }
    let largest = least(0, 2 * n, |d| need(d as u64) > cells) - 1;
    // Where a sketch of any length costs no less than pages.
    let pages = least(0, 2 * n, |d| sketch_bits(d) >= pages_bits(n, d));
    let d = largest.min(pages);
    let (bytes, added) = (16.0 * cells as f64 / n as f64, added as f64 / n as f64);
    let (sketch, paged) = (sketch_bits(d) / 8, pages_bits(n, d) / 8);
    csv.row([
        name.to_string(),
        cap.to_string(),
        n.to_string(),
        cells.to_string(),
        format!("{bytes:.2}"),
        format!("{added:.2}"),
        largest.to_string(),
        pages.to_string(),
        sketch.to_string(),
        paged.to_string(),
    ])
}

/// The least number above `below` that is so, if it is `above` or one before.
fn least(mut below: usize, mut above: usize, is_so: impl Fn(usize) -> bool) -> usize {
    while above - below > 1 {
        let middle = usize::midpoint(below, above);
        if is_so(middle) { above = middle } else { below = middle }
    }
    above
}

const fn id_bits(count: usize) -> usize {
    66 - if count < 4 { 2 } else { count.ilog2() as usize }
}

/// A sketch of integers, and what the initiator sends of its own, half of what differs.
fn sketch_bits(d: usize) -> usize {
    66 * need(d as u64) + d / 2 * id_bits(d / 2)
}

/// What pages list: all that the initiator has, and what it lacks.
const fn pages_bits(n: usize, d: usize) -> usize {
    let listed = n + d / 2;
    listed * id_bits(listed)
}
