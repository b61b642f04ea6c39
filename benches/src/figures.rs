//! The figures of rounds: which rows of the table are drawn, and how.
#![expect(clippy::float_arithmetic, reason = "figures")]

use crate::plot::{Axis, Line, Plot};
use crate::table::{Record, Row};

/// What is drawn of a system: its name in the table, its label, its class in the style.
const DRAWN: [(&str, &str, &str); 9] = [
    ("gossip", "gossip (this)", "gossip"),
    ("gossip-again", "gossip, again", "again"),
    ("minisketch", "minisketch, told d", "minisketch"),
    ("riblt-ideal", "riblt, ideal", "ideal"),
    ("riblt", "riblt", "riblt"),
    ("negentropy", "negentropy", "negentropy"),
    ("rbsr", "rbsr", "rbsr"),
    ("merkle-search-tree", "merkle-search-tree", "merkle"),
    ("digest+full", "digest + full", "full"),
];

/// The large sets.
const N: usize = 1_000_000;

/// The difference, where it is not an axis.
const D: usize = 1_000;

/// The figures of integers, half of the difference on either side, each with the name of its file.
pub fn figures(rows: &[Row]) -> Vec<(&'static str, Plot)> {
    let [bytes, trips, cpu] = [0, 1, 3];
    let by_d = |mean: usize, per_difference: bool| {
        lines(rows, |row, means| {
            let d = row.key().d as f64;
            let value = if per_difference { means[mean] / d } else { means[mean] };
            (row.key().n == N && row.key().d > 0).then_some((d, value))
        })
    };
    let by_n = lines(rows, |row, means| (row.key().d == D).then_some((row.key().n as f64, means[bytes])));
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
            powers("elements of either set", 4..7, count),
            powers("", 3..9, size),
        ),
        ("round-trips", "Round trips, sets of 10⁶ integers", by_d(trips, false), differences(), trips_axis()),
    ];
    let plot = |(file, title, lines, x, y): (_, &str, Vec<Line>, Axis, Axis)| {
        (file, Plot { title: title.into(), x, y, lines })
    };
    figures.into_iter().map(plot).filter(|(_, plot)| !plot.lines.is_empty()).collect()
}

/// A line for each system that has a point.
fn lines(rows: &[Row], point: impl Fn(&Row, [f64; 4]) -> Option<(f64, f64)>) -> Vec<Line> {
    let drawn = DRAWN.into_iter().map(|(system, name, class)| {
        let own = rows.iter().filter(|row| {
            let key = row.key();
            (key.system.as_str(), key.element.as_str(), key.side.as_str()) == (system, "u64", "half")
        });
        let mut points: Vec<_> = own.filter_map(|row| point(row, row.means()?)).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Line { name: name.into(), class, points }
    });
    drawn.filter(|line| !line.points.is_empty()).collect()
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
    let points = (0..=5).map(|power| 10_usize.pow(power)).map(|d| (d as f64, least(n, d) / d as f64)).collect();
    Line { name: BOUND.into(), class: "bound", points }
}

fn bound_by_size() -> Line {
    let points = [10_000, N].map(|n| (n as f64, least(n, D))).to_vec();
    Line { name: BOUND.into(), class: "bound", points }
}

fn differences() -> Axis {
    powers("differences, half on either side", 0..6, count)
}

pub(crate) fn powers(name: &str, powers: core::ops::Range<i32>, text: impl Fn(f64) -> String) -> Axis {
    let ticks = powers.map(|power| 10_f64.powi(power)).map(|value| (value, text(value))).collect();
    Axis { name: name.into(), ticks, logarithmic: true }
}

fn trips_axis() -> Axis {
    let ticks = (0..=28).step_by(4).map(|trips| (f64::from(trips), trips.to_string())).collect();
    Axis { name: String::new(), ticks, logarithmic: false }
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

fn size(value: f64) -> String {
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

    #[test]
    fn rows_become_lines() {
        let rows: Vec<Row> =
            ["gossip,u64,1000000,10,half,3,480.0,2.00,4.0,20.5,", "rbsr,u64,1000000,10,left,3,1,1,1,1,"]
                .map(|row| row.parse().expect("it is a row"))
                .to_vec();
        let figures = figures(&rows);
        let (file, plot) = &figures[0];
        assert_eq!((*file, plot.lines.len()), ("bytes-per-difference", 2));
        assert_eq!(plot.lines[0].points, [(10.0, 48.0)]);
    }
}
