//! The figures of broadcast: which rows of the table are drawn, and how.
#![expect(clippy::float_arithmetic, reason = "figures")]

use super::Broadcast;
use crate::figures::{count, powers};
use crate::plot::{Axis, Line, Plot};
use crate::table::Record;

/// The sizes, from above, and their colours where messages are drawn.
const SIZES: [(u16, [&str; 2]); 4] = [(1_000, ORANGE), (300, BLUE), (100, GREEN), (25, PURPLE)];

/// The overlays, and their colours where latency is drawn.
const SHAPES: [(&str, [&str; 2]); 4] = [("star", ORANGE), ("tree:32", BLUE), ("tree:10", GREEN), ("tree:5", PURPLE)];

/// Classes in the style: of a line, and of a thin one.
const ORANGE: [&str; 2] = ["orange", "orange thin"];
const BLUE: [&str; 2] = ["blue", "blue thin"];
const GREEN: [&str; 2] = ["green", "green thin"];
const PURPLE: [&str; 2] = ["purple", "purple thin"];

/// The size that latency is drawn of.
const NODES: u16 = 1_000;

/// Messages per operation and latency against the batch interval, each with the name of its file.
pub fn broadcast_figures(rows: &[Broadcast]) -> Vec<(&'static str, Plot)> {
    let mut messages = vec![];
    for (nodes, [class, thin]) in SIZES {
        messages.push(line(rows, "star", nodes, MESSAGES, format!("{} nodes", count(nodes.into())), class));
        let trees = SHAPES.iter().filter(|(shape, _)| *shape != "star");
        messages.extend(trees.map(|(tree, _)| line(rows, tree, nodes, MESSAGES, String::new(), thin)));
    }
    let latency = SHAPES.iter().flat_map(|(shape, [class, thin])| {
        let median = line(rows, shape, NODES, MEDIAN, shape.to_string(), class);
        [median, line(rows, shape, NODES, GREATEST, String::new(), thin)]
    });
    let figures = [
        (
            "broadcast-messages",
            "Messages per operation: a star, and trees (thin)".to_string(),
            messages,
            powers("", -1..4, |value| if value < 1.0 { value.to_string() } else { count(value) }),
        ),
        (
            "broadcast-latency",
            format!("Latency among {} nodes: median, and maximum (thin)", count(NODES.into())),
            latency.collect(),
            times(&[200, 500, 1_000, 2_000, 5_000, 10_000]),
        ),
    ];
    let plot = |(file, title, lines, y): (_, _, Vec<Line>, _)| {
        let lines: Vec<_> = lines.into_iter().filter(|line| !line.points.is_empty()).collect();
        let x = Axis { name: "batch interval".into(), ..times(&[100, 200, 370, 700, 1_500, 3_000]) };
        (file, Plot { title, x, y, lines })
    };
    figures.into_iter().map(plot).filter(|(_, plot)| !plot.lines.is_empty()).collect()
}

/// Which of the means.
const MESSAGES: usize = 0;
const MEDIAN: usize = 1;
const GREATEST: usize = 2;

fn line(rows: &[Broadcast], overlay: &str, nodes: u16, mean: usize, name: String, class: &'static str) -> Line {
    let own = rows.iter().filter(|row| (row.key().overlay.as_str(), row.key().nodes) == (overlay, nodes));
    let mut points: Vec<_> = own.map(|row| (row.key().batch_ms as f64, row.means()[mean])).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    Line { name, class, points }
}

fn times(millis: &[u32]) -> Axis {
    let name = |time: u32| if time < 1_000 { format!("{time} ms") } else { format!("{} s", f64::from(time) / 1e3) };
    Axis {
        name: String::new(),
        ticks: millis.iter().map(|&time| (f64::from(time), name(time))).collect(),
        logarithmic: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_a_line_of_each_overlay_and_size_in_the_order_of_intervals() {
        let rows = ["star,25,370,3,1.12,386,570,0", "star,25,100,3,3,250,300,0", "tree:5,1000,370,1,40,900,1500,0"];
        let rows = rows.map(|row| Broadcast::of(&row.split(',').collect::<Vec<_>>()).expect("it is a row"));
        let figures = broadcast_figures(&rows);
        let shape = |(file, plot): &(&'static str, Plot)| {
            let lines = plot.lines.iter().map(|line| (line.name.clone(), line.class, line.points.clone()));
            (*file, lines.collect::<Vec<_>>())
        };
        let messages = vec![
            (String::new(), "orange thin", vec![(370.0, 40.0)]),
            ("25 nodes".into(), "purple", vec![(100.0, 3.0), (370.0, 1.12)]),
        ];
        let latency = vec![
            ("tree:5".into(), "purple", vec![(370.0, 900.0)]),
            (String::new(), "purple thin", vec![(370.0, 1_500.0)]),
        ];
        let expected = [("broadcast-messages", messages), ("broadcast-latency", latency)];
        assert_eq!(figures.iter().map(shape).collect::<Vec<_>>(), expected);
    }
}
