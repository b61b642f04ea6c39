//! A plot: lines over two axes, as an SVG that is legible on white and on black.
//!
//! Not by the crate `plotters` (0.3): in its SVGs every shape has its colour and none a class, so that they are legible on one
//! background, and labels where lines end would be placed by hand all the same.
#![expect(clippy::float_arithmetic, reason = "coordinates")]

use core::fmt;

/// Lines over two axes. Each line is labelled where it ends, so there is no legend.
#[derive(Clone, Debug)]
pub struct Plot {
    /// What it shows.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The lines; the first is drawn last, on top, and bold.
    pub lines: Vec<Line>,
}

/// An axis.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What it measures.
    pub name: String,
    /// The values that are written beside it, ascending; it runs from the first to the last.
    pub ticks: Vec<(f64, String)>,
    /// Whether equal factors, and not equal differences, are equally far.
    pub logarithmic: bool,
}

/// A line.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its label; none if that is empty.
    pub name: String,
    /// Its class in the style: a colour and a dash. One that is `thin` too, or the `bound`, has no dots.
    pub class: &'static str,
    /// Where it goes, from left to right; at least one point.
    pub points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 460.0;

/// Where the axes cross, and where they end: the labels are to the right.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 645.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 405.0;

/// How far labels are apart.
const APART: f64 = 17.0;

/// The colours are those of Okabe and Ito, told apart by most colour-blind readers, made darker or brighter for the
/// background; kin differ by their dashes.
pub(crate) const STYLE: &str = "\
text{font:14px system-ui,-apple-system,sans-serif;fill:currentColor}
.title{font-weight:600;font-size:16px}.small{font-size:13px}.end{text-anchor:end}.middle{text-anchor:middle}
svg{color:#1f2328}.grid{stroke:#d5dae0}
.line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round}.line.gossip,.line.again{stroke-width:3.5}
.dot{fill:currentColor}.label{fill:currentColor}.label.gossip,.label.again{font-weight:700}
.leader{stroke:currentColor;stroke-width:1;opacity:.5}
.gossip,.again,.orange{color:#c44f00}.negentropy,.blue{color:#0072b2}.rbsr,.green{color:#00805d}.merkle,.purple{color:#a94a83}.riblt,.doubling,.ideal{color:#8a6a00}
.minisketch{color:#555b61}.full{color:#7b828a}.bound{color:#1f2328}
.line.ideal,.line.again{stroke-dasharray:7 4}.line.minisketch,.line.doubling{stroke-dasharray:2 4}.line.full{stroke-dasharray:10 4 2 4}
.line.bound{stroke-dasharray:4 4;stroke-width:1.3}.line.thin{stroke-dasharray:5 3;stroke-width:1.2}
@media(prefers-color-scheme:dark){svg{color:#e6edf3}.grid{stroke:#30363d}
.gossip,.again,.orange{color:#ff8c42}.negentropy,.blue{color:#56b4e9}.rbsr,.green{color:#2cc99c}.merkle,.purple{color:#e08fc0}.riblt,.doubling,.ideal{color:#e3bc2d}
.minisketch{color:#c0c7ce}.full{color:#98a1aa}.bound{color:#e6edf3}}";

impl Axis {
    /// Where a value is, as a share of the axis.
    fn share(&self, value: f64) -> f64 {
        let scale = |value: f64| if self.logarithmic { value.log10() } else { value };
        let [first, last] = [self.ticks.first(), self.ticks.last()].map(|tick| scale(tick.map_or(1.0, |tick| tick.0)));
        (scale(value) - first) / (last - first)
    }
}

impl Plot {
    fn x(&self, value: f64) -> f64 {
        LEFT + self.x.share(value) * (RIGHT - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - self.y.share(value) * (BOTTOM - TOP)
    }

    /// The heights of the labels: those where the lines end, moved apart where there is a label.
    fn heights(&self) -> Vec<f64> {
        let wanted: Vec<f64> = self.lines.iter().map(|line| self.y(line.end().1)).collect();
        let mut order: Vec<usize> = (0..wanted.len()).filter(|&index| !self.lines[index].name.is_empty()).collect();
        order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
        let mut heights = wanted.clone();
        // Downwards from the top, then upwards from the bottom, where that went too far.
        let mut least = TOP;
        for &index in &order {
            heights[index] = heights[index].max(least);
            least = heights[index] + APART;
        }
        let mut most = BOTTOM - 6.0;
        for &index in order.iter().rev() {
            heights[index] = heights[index].min(most);
            most = heights[index] - APART;
        }
        heights
    }
}

impl Line {
    fn end(&self) -> (f64, f64) {
        *self.points.last().expect("a line has a point")
    }
}

impl fmt::Display for Plot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">"#)?;
        writeln!(f, "<title>{}</title>\n<style>{STYLE}</style>", self.title)?;
        writeln!(f, r#"<text class="title" x="{LEFT}" y="22">{}</text>"#, self.title)?;
        for (value, name) in &self.x.ticks {
            let x = self.x(*value);
            writeln!(f, r#"<path class="grid" d="M{x:.1} {TOP}V{BOTTOM}"/>"#)?;
            writeln!(f, r#"<text class="small middle" x="{x:.1}" y="{}">{name}</text>"#, BOTTOM + 19.0)?;
        }
        for (value, name) in &self.y.ticks {
            let y = self.y(*value);
            writeln!(f, r#"<path class="grid" d="M{LEFT} {y:.1}H{RIGHT}"/>"#)?;
            writeln!(f, r#"<text class="small end" x="{}" y="{:.1}">{name}</text>"#, LEFT - 7.0, y + 4.0)?;
        }
        let middle = LEFT.midpoint(RIGHT);
        writeln!(f, r#"<text class="small middle" x="{middle}" y="{}">{}</text>"#, BOTTOM + 42.0, self.x.name)?;
        writeln!(f, r#"<text class="small end" x="{RIGHT}" y="22">{}</text>"#, self.y.name)?;
        for (line, height) in self.lines.iter().zip(self.heights()).rev() {
            let Line { name, class, points } = line;
            let at = |&(x, y): &(f64, f64)| (self.x(x), self.y(y));
            let path: Vec<String> = points.iter().map(at).map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
            writeln!(f, r#"<path class="line {class}" d="M{}"/>"#, path.join("L"))?;
            if *class != "bound" && !class.ends_with("thin") {
                for (x, y) in points.iter().map(at) {
                    writeln!(f, r#"<circle class="dot {class}" cx="{x:.1}" cy="{y:.1}" r="3"/>"#)?;
                }
            }
            if name.is_empty() {
                continue;
            }
            let (x, y) = at(&line.end());
            let label = RIGHT + 14.0;
            writeln!(f, r#"<path class="leader {class}" d="M{:.1} {y:.1}L{} {height:.1}"/>"#, x + 4.0, label - 3.0)?;
            writeln!(f, r#"<text class="label {class}" x="{label}" y="{:.1}">{name}</text>"#, height + 5.0)?;
        }
        writeln!(f, "</svg>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_apart_and_within() {
        let axis =
            || Axis { name: "axis".into(), ticks: vec![(1.0, "1".into()), (100.0, "100".into())], logarithmic: true };
        let line = |name: &str, y| Line { name: name.into(), class: "gossip", points: vec![(1.0, 10.0), (100.0, y)] };
        let lines = vec![line("a", 99.0), line("b", 100.0), line("c", 1.0), line("d", 1.0), line("e", 1.1)];
        let plot = Plot { title: "title".into(), x: axis(), y: axis(), lines };
        let mut heights = plot.heights();
        heights.sort_by(f64::total_cmp);
        assert!(heights.windows(2).all(|pair| pair[1] - pair[0] >= APART - 0.01), "{heights:?}");
        assert!(heights.iter().all(|height| (TOP..=BOTTOM).contains(height)), "{heights:?}");
        assert!(plot.to_string().contains(">d</text>"));
        assert_eq!((plot.x(10.0), plot.y(1.0)), (LEFT.midpoint(RIGHT), BOTTOM));
    }
}
