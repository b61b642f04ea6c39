//! The figures of rounds: which rows of the table are drawn, and how.
#![expect(clippy::float_arithmetic, reason = "figures")]

use crate::blob::Blob;
use crate::plot::{Axis, Line, Plot};
use crate::sets::Sample;
use crate::table::{Key, Record, Row};

/// What is drawn of a system: its name in the table, its label, its class in the style.
const DRAWN: [(&str, &str, &str); 10] = [
    ("gossip", "gossip (this)", "gossip"),
    ("gossip-again", "gossip, again", "again"),
    ("minisketch", "minisketch, told d", "minisketch"),
    ("riblt-ideal", "riblt, ideal", "ideal"),
    ("riblt", "riblt", "riblt"),
    ("riblt-doubling", "riblt, doubling", "doubling"),
    ("negentropy", "negentropy", "negentropy"),
    ("rbsr", "rbsr", "rbsr"),
    ("merkle-search-tree", "merkle-search-tree", "merkle"),
    ("digest+full", "digest + full", "full"),
];

/// The large sets.
const N: usize = 1_000_000;

/// The sets of which shares differ.
const OF: usize = 100_000;

/// The sets of elements of any size.
const SMALL: usize = 1_000;

/// The difference, where it is not an axis: of large sets, and of small ones.
const D: usize = 1_000;
const FEW: usize = 100;

/// The elements, with the bytes of each.
const ELEMENTS: [(&str, usize, &str); 5] = [
    (u64::NAME, u64::SIZE, "8 B"),
    (<[u8; 32]>::NAME, <[u8; 32]>::SIZE, "32 B"),
    (Blob::<100>::NAME, Blob::<100>::SIZE, "100 B"),
    (Blob::<1_024>::NAME, Blob::<1_024>::SIZE, "1 KiB"),
    (Blob::<65_536>::NAME, Blob::<65_536>::SIZE, "64 KiB"),
];

/// The figures of rounds, half of the difference on either side, each with the name of its file: of integers, but for the
/// one that compares elements.
pub fn figures(rows: &[Row]) -> Vec<(&'static str, Plot)> {
    let [bytes, trips, cpu] = [0, 1, 3];
    let integers = |n: usize, key: &Key| key.element == u64::NAME && key.n == n;
    let by_d = |mean: usize, per_difference: bool| {
        lines(rows, |key, means| {
            let d = key.d as f64;
            let value = if per_difference { means[mean] / d } else { means[mean] };
            (integers(N, key) && key.d > 0).then_some((d, value))
        })
    };
    let by_n = lines(rows, |key, means| (integers(key.n, key) && key.d == D).then_some((key.n as f64, means[bytes])));
    let by_share = lines(rows, |key, means| {
        // Below that, the first figure tells more.
        let share = percent(key.d, key.n);
        (integers(OF, key) && share >= LEAST_SHARE).then_some((share, means[bytes] / full(OF) * 100.0))
    });
    let by_element = lines(rows, |key, means| {
        let size = ELEMENTS.iter().find(|element| element.0 == key.element)?.1 as f64;
        (key.n == SMALL && key.d == FEW).then_some((size, means[bytes] / (FEW as f64 * size)))
    });
    let figures = [
        (
            "bytes-per-difference",
            "Bytes per difference, sets of 10⁶ integers",
            by_d(bytes, true).into_iter().chain([bound(N)]).collect(),
            differences(),
            powers("", 0..9, size),
        ),
        ("cpu", "Time of both sides, sets of 10⁶ integers", by_d(cpu, false), differences(), powers("", -1..8, time)),
        (
            "bytes-by-size",
            "Bytes of a round, 1 000 differences",
            by_n.into_iter().chain([bound_by_size()]).collect(),
            powers("elements of either set", 3..7, count),
            powers("", 3..9, size),
        ),
        ("round-trips", "Round trips, sets of 10⁶ integers", by_d(trips, false), differences(), round_trips()),
        ("bytes-by-share", "Bytes against both full states, sets of 10⁵ integers", by_share, shares(), percents()),
        ("bytes-by-element", "Bytes against those lacked, 100 of 1 000 elements", by_element, elements(), factors()),
    ];
    let plot = |(file, title, lines, x, y): (_, &str, Vec<Line>, Axis, Axis)| {
        (file, Plot { title: title.into(), x, y, lines })
    };
    figures.into_iter().map(plot).filter(|(_, plot)| !plot.lines.is_empty()).collect()
}

/// A line for each system that has a point.
fn lines(rows: &[Row], point: impl Fn(&Key, [f64; 4]) -> Option<(f64, f64)>) -> Vec<Line> {
    let drawn = DRAWN.into_iter().map(|(system, name, class)| {
        let own = rows.iter().filter(|row| (row.key().system.as_str(), row.key().side.as_str()) == (system, "half"));
        let mut points: Vec<_> = own.filter_map(|row| point(row.key(), row.means()?)).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Line { name: name.into(), class, points }
    });
    drawn.filter(|line| !line.points.is_empty()).collect()
}

/// The bytes of two full states of so many integers.
fn full(n: usize) -> f64 {
    (2 * n * u64::SIZE) as f64
}

fn percent(part: usize, of: usize) -> f64 {
    part as f64 / of as f64 * 100.0
}

/// The bytes that no protocol does without: of 2^64 - n integers, either side must learn which d / 2 it lacks, and is to
/// be told by the other, so 2 log2 C(2^64 - n, d / 2) bits travel: about 64 - log2(d / 2) + 1.44 for each difference.
fn least(n: usize, d: usize) -> f64 {
    let own = [d / 2, d - d / 2];
    let bits = |own: usize| (0..own).map(|i| ((2_f64.powi(64) - (n + i) as f64) / (i + 1) as f64).log2()).sum::<f64>();
    own.into_iter().map(bits).sum::<f64>() / 8.0
}

const BOUND: &str = "lower bound";

fn bound(n: usize) -> Line {
    let differences = (0..=5).map(|power| 10_usize.pow(power)).chain([n / 2]);
    let points = differences.map(|d| (d as f64, least(n, d) / d as f64)).collect();
    Line { name: BOUND.into(), class: "bound", points }
}

fn bound_by_size() -> Line {
    let points = [1_000, N].map(|n| (n as f64, least(n, D))).to_vec();
    Line { name: BOUND.into(), class: "bound", points }
}

fn differences() -> Axis {
    powers("differences, half on either side", 0..7, count)
}

pub(crate) fn powers(name: &str, powers: core::ops::Range<i32>, text: impl Fn(f64) -> String) -> Axis {
    let ticks = powers.map(|power| 10_f64.powi(power)).map(|value| (value, text(value))).collect();
    Axis { name: name.into(), ticks, logarithmic: true }
}

fn round_trips() -> Axis {
    by_factors(&[1, 2, 5, 10, 20, 50, 100], |trips| trips.to_string())
}

/// The least share that is drawn.
const LEAST_SHARE: f64 = 5.0;

fn shares() -> Axis {
    let ticks = (0..=100).step_by(20).map(|percent| (f64::from(percent), format!("{percent} %"))).collect();
    Axis { name: "differences in % of the set, half on either side".into(), ticks, logarithmic: false }
}

fn percents() -> Axis {
    powers("", 0..4, |percent| format!("{} %", count(percent)))
}

fn elements() -> Axis {
    let ticks = ELEMENTS.map(|(_, size, text)| (size as f64, text.into())).to_vec();
    Axis { name: "bytes of an element".into(), ticks, logarithmic: true }
}

fn factors() -> Axis {
    by_factors(&[1, 2, 5, 10, 20, 50], |factor| format!("× {factor}"))
}

fn by_factors(ticks: &[u32], text: impl Fn(u32) -> String) -> Axis {
    let ticks = ticks.iter().map(|&tick| (f64::from(tick), text(tick))).collect();
    Axis { name: String::new(), ticks, logarithmic: true }
}

pub(crate) fn count(value: f64) -> String {
    let digits = (value as u64).to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

pub(crate) fn size(value: f64) -> String {
    scaled(value, &["B", "kB", "MB", "GB"])
}

fn time(micros: f64) -> String {
    if micros < 1.0 { format!("{} ns", (micros * 1e3).round()) } else { scaled(micros, &["µs", "ms", "s"]) }
}

fn scaled(value: f64, units: &[&str]) -> String {
    let thousands = (value.log10() / 3.0 + 1e-9).floor();
    format!("{} {}", (value / 1e3_f64.powf(thousands)).round(), units[thousands as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_what_stirling_says() {
        for d in [100_usize, 1_000, 10_000] {
            let about = (64.0 - (d as f64 / 2.0).log2() + 1.0 / 2_f64.ln()) / 8.0;
            assert!((least(N, d) / d as f64 / about - 1.0).abs() < 0.01, "{d}");
        }
        assert!((least(N, 1) - 8.0).abs() < 0.001);
    }

    #[test]
    fn numbers_have_units() {
        assert_eq!([1.0, 100.0, 1e3, 1e4, 1e6, 1e7].map(size), ["1 B", "100 B", "1 kB", "10 kB", "1 MB", "10 MB"]);
        assert_eq!([0.1, 1.0, 1e4, 1e6].map(time), ["100 ns", "1 µs", "10 ms", "1 s"]);
        assert_eq!([1.0, 100.0, 1e4, 1e5, 1e6].map(count), ["1", "100", "10 000", "100 000", "1 000 000"]);
    }

    fn drawn(rows: &[&str]) -> Vec<(&'static str, Plot)> {
        figures(
            &rows
                .iter()
                .map(|row| Row::of(&row.split(',').collect::<Vec<_>>()).expect("it is a row"))
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn rows_become_lines() {
        let figures =
            drawn(&["gossip,u64,1000000,10,half,3,480.0,2.00,4.0,20.5,", "rbsr,u64,1000000,10,left,3,1,1,1,1,"]);
        let (file, plot) = &figures[0];
        assert_eq!((*file, plot.lines.len()), ("bytes-per-difference", 2));
        assert_eq!(plot.lines[0].points, [(10.0, 48.0)]);
    }

    #[test]
    fn shares_are_of_both_full_states_and_elements_of_those_lacked() {
        let figures = drawn(&[
            "gossip,u64,100000,50000,half,3,800000.0,2.00,4.0,20.5,",
            "gossip,u64,100000,10,half,3,400.0,2.00,4.0,20.5,",
            "gossip,bytes32,100000,50000,half,3,1.0,2.00,4.0,20.5,",
            "gossip,bytes64k,1000,100,half,3,13107200.0,2.00,4.0,20.5,",
        ]);
        let points = |name| {
            let figure = figures.iter().find(|(file, _)| *file == name);
            figure.map(|(_, plot)| plot.lines[0].points.clone())
        };
        assert_eq!(points("bytes-by-share"), Some(vec![(50.0, 50.0)]));
        assert_eq!(points("bytes-by-element"), Some(vec![(65_536.0, 2.0)]));
    }
}
