//! A picture of one round between two replicas: who sends what, and how much that is.
#![expect(clippy::float_arithmetic, reason = "coordinates")]

use core::fmt;

use gossip_core::{AntiEntropy, Config, Message, MessageKind};

use crate::figures::{count, size};
use crate::pair::{Counts, Pair};
use crate::plot::STYLE;
use crate::sets::{Sample, Sets, Side};

/// One round between two replicas of integers that have never met, as it was. Its `Display` is an SVG, legible on white and
/// on black.
#[derive(Clone, Debug)]
pub struct Picture {
    n: usize,
    d: usize,
    /// What each side lacks before.
    lacks: [usize; 2],
    sent: Vec<Sent>,
    counts: Counts,
}

/// A message of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sent {
    hop: usize,
    from: usize,
    kind: MessageKind,
    bytes: usize,
}

impl Picture {
    /// A round between sets of `n` elements that differ in `d`, half of them on either side; `None` if so many cannot.
    ///
    /// # Panics
    ///
    /// If the round does not make them equal.
    pub fn of(n: usize, d: usize, seed: u64) -> Option<Self> {
        let sets = Sets::<u64>::new(n, d, Side::Half, seed)?;
        let machines = [0, 1].map(|side| {
            let mut machine = AntiEntropy::new(Config::default(), 2 * seed + side as u64);
            machine.extend(sets.side(side).copied()).expect("integers are small");
            machine
        });
        let mut pair = Pair::new(machines);
        let mut sent = Vec::new();
        let counts = pair
            .round_heard(0, |hop, from, message| {
                let kind = Message::<u64>::decode(message).expect("a machine sends what can be read").kind();
                sent.push(Sent { hop, from, kind, bytes: message.len() });
            })
            .counts;
        Some(Self { n, d, lacks: [1, 0].map(|other| sets.own[other].len()), sent, counts })
    }
}

const WIDTH: f64 = 800.0;

/// Where the two replicas stand, and where the bars of bytes begin.
const SIDES: [f64; 2] = [80.0, 470.0];
const BARS: f64 = 590.0;

/// The longest bar.
const LONGEST: f64 = 130.0;

/// Where the first message leaves, and how far it is from one to the next.
const TOP: f64 = 102.0;
const STEP: f64 = 58.0;

/// How far a message falls on its way.
const FALL: f64 = 14.0;

const MORE_STYLE: &str = "\
.life{stroke:currentColor;stroke-width:2;opacity:.35}.way{fill:none;stroke:currentColor;stroke-width:2}.head,.bar{fill:currentColor}.name{font-weight:600;fill:currentColor}";

/// What a message says, for whoever has not read the protocol.
const fn meaning(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Probe => "my digest: are we equal?",
        MessageKind::Proof => "we are: both hold the same, proven",
        MessageKind::WantCells => "more cells are needed",
        MessageKind::Cells => "sums of my ids: what both hold cancels",
        MessageKind::Repair => "what you lack: are we equal now?",
        MessageKind::Page => "what I hold in an interval",
        MessageKind::Give => "what you lack",
        _ => "",
    }
}

/// Requests and answers look different.
const fn class(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Probe | MessageKind::WantCells | MessageKind::Repair => "blue",
        MessageKind::Proof => "green",
        _ => "orange",
    }
}

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { n, d, lacks, sent, counts } = self;
        let end = TOP + STEP * sent.len() as f64;
        let height = end + 54.0;
        let title = format!("One round: {} integers at either side, {} differ", count(*n as f64), count(*d as f64));
        writeln!(f, r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">"#)?;
        writeln!(f, "<title>{title}</title>\n<style>{STYLE}{MORE_STYLE}</style>")?;
        writeln!(f, r#"<text class="title" x="20" y="24">{title}</text>"#)?;
        writeln!(f, r#"<text class="small" x="{BARS}" y="70">bytes</text>"#)?;
        for ((x, lacks), name) in SIDES.into_iter().zip(lacks).zip(["a", "b"]) {
            writeln!(f, r#"<text class="name middle" x="{x}" y="52">{name}</text>"#)?;
            writeln!(f, r#"<text class="small middle" x="{x}" y="70">lacks {}</text>"#, count(*lacks as f64))?;
            writeln!(f, r#"<path class="life" d="M{x} 80V{}"/>"#, end - 8.0)?;
            writeln!(f, r#"<text class="small middle" x="{x}" y="{}">lacks none</text>"#, end + 10.0)?;
        }
        let most = sent.iter().map(|message| message.bytes).max().unwrap_or(1) as f64;
        for (row, message) in sent.iter().enumerate() {
            message.draw(f, TOP + STEP * row as f64, most)?;
        }
        let (trips, full) = (counts.hops as f64 / 2.0, size((2 * n * u64::SIZE) as f64));
        let total =
            format!("{} bytes in {trips} round trips; both full states have {full}", count(counts.bytes as f64));
        writeln!(f, r#"<text x="20" y="{}">{total}</text>"#, height - 14.0)?;
        writeln!(f, "</svg>")
    }
}

impl Sent {
    fn draw(self, f: &mut fmt::Formatter<'_>, y: f64, most: f64) -> fmt::Result {
        let (class, name, meaning) = (class(self.kind), self.kind.name(), meaning(self.kind));
        let (from, to) = (SIDES[self.from], SIDES[1 - self.from]);
        let (ahead, below) = (if to > from { 1.0 } else { -1.0 }, y + FALL);
        writeln!(f, r#"<g class="{class}"><path class="way" d="M{from} {y}L{} {below}"/>"#, to - 8.0 * ahead)?;
        let neck = to - 11.0 * ahead;
        writeln!(f, r#"<path class="head" d="M{to} {below}L{neck} {}V{}Z"/>"#, below - 5.0, below + 5.0)?;
        let middle = SIDES[0].midpoint(SIDES[1]);
        writeln!(f, r#"<text class="name middle" x="{middle}" y="{}">{name}</text>"#, y - 1.0)?;
        let long = LONGEST * self.bytes as f64 / most;
        writeln!(f, r#"<rect class="bar" x="{BARS}" y="{}" width="{long:.1}" height="12" rx="2"/></g>"#, y + 1.0)?;
        writeln!(f, r#"<text class="small middle" x="{middle}" y="{}">{meaning}</text>"#, y + 27.0)?;
        let bytes = count(self.bytes as f64);
        writeln!(f, r#"<text class="small" x="{:.1}" y="{}">{bytes}</text>"#, BARS + long + 8.0, y + 12.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_each_message_of_the_round_with_its_bytes() {
        let picture = Picture::of(1_000, 10, 1).expect("so many can differ");
        assert_eq!(picture.lacks, [5, 5]);
        assert_eq!(picture.sent.iter().map(|message| message.bytes).sum::<usize>(), picture.counts.bytes);
        assert_eq!(picture.sent.len(), picture.counts.messages);
        let kinds: Vec<_> =
            picture.sent.iter().map(|message| (message.hop, message.from, message.kind.name())).collect();
        assert_eq!(kinds, [(1, 0, "probe"), (2, 1, "cells"), (3, 0, "repair"), (4, 1, "proof")]);
        let svg = picture.to_string();
        assert_eq!(svg.matches("<rect class=\"bar\"").count(), 4);
        assert!(svg.contains(&format!("{} bytes in 2 round trips; both full states have 16 kB", picture.counts.bytes)));
        assert_eq!(Picture::of(10, 100, 1).map(|picture| picture.n), None);
    }
}
