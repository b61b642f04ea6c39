//! A row of the report of maps.
#![expect(clippy::float_arithmetic, reason = "figures of a report")]

use core::fmt;

use super::Work;
use crate::table::Record;

/// What a row is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapCase {
    system: String,
    work: String,
    n: usize,
    u: usize,
    asker: String,
}

impl MapCase {
    /// A round that the writer begins, or else the other side.
    pub fn of_round(system: &str, work: Work, n: usize, u: usize, by_writer: bool) -> Self {
        let asker = if by_writer { "writer" } else { "other" };
        Self { system: system.into(), work: work.to_string(), n, u, asker: asker.into() }
    }

    /// So many writes of ours to a map of `n` keys, and no round.
    pub fn of_writes(work: &str, n: usize, u: usize) -> Self {
        Self { system: "gossip".into(), work: work.into(), n, u, asker: NONE.into() }
    }
}

/// What was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Of all messages both ways until nothing moves.
    pub bytes: Option<f64>,
    /// Half the hops until both sides hold the same and know it.
    pub round_trips: Option<f64>,
    /// Both ways.
    pub messages: Option<f64>,
    /// Bytes of memory for a replica.
    pub memory: Option<f64>,
    /// Nanoseconds for a write.
    pub ns: Option<f64>,
}

/// What is written where there is nothing to say.
const NONE: &str = "-";

impl Figures {
    /// In the order of the columns.
    fn columns(&self) -> [Option<f64>; 5] {
        [self.bytes, self.round_trips, self.messages, self.memory, self.ns]
    }
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub struct MapRow {
    case: MapCase,
    seeds: usize,
    figures: Figures,
}

impl MapRow {
    /// The row of these.
    pub fn new(case: MapCase, seeds: usize, figures: Figures) -> Self {
        Self { case, seeds, figures }
    }

    /// What was measured.
    pub fn figures(&self) -> Figures {
        self.figures
    }
}

impl Record for MapRow {
    const HEADER: &'static [&'static str] =
        &["system", "work", "n", "u", "asker", "seeds", "bytes", "round_trips", "messages", "memory", "ns"];

    type Key = MapCase;

    fn key(&self) -> &MapCase {
        &self.case
    }

    fn seeds(&self) -> usize {
        self.seeds
    }

    fn columns(&self) -> Vec<String> {
        let Self { case: MapCase { system, work, n, u, asker }, seeds, figures } = self;
        let case = [system.clone(), work.clone(), n.to_string(), u.to_string(), asker.clone(), seeds.to_string()];
        let figures = figures.columns().map(|figure| match figure {
            Some(figure) => ((figure * 100.0).round() / 100.0).to_string(),
            None => NONE.into(),
        });
        case.into_iter().chain(figures).collect()
    }

    fn of(columns: &[&str]) -> Option<Self> {
        let &[system, work, n, u, asker, seeds, ref figures @ ..] = columns else { return None };
        let (n, u) = (n.parse().ok()?, u.parse().ok()?);
        let figure = |text: &&str| if *text == NONE { Some(None) } else { text.parse().ok().map(Some) };
        let figures: Vec<Option<f64>> = figures.iter().map(figure).collect::<Option<_>>()?;
        let [bytes, round_trips, messages, memory, ns] = figures.try_into().ok()?;
        let case = MapCase { system: system.into(), work: work.into(), n, u, asker: asker.into() };
        Some(Self { case, seeds: seeds.parse().ok()?, figures: Figures { bytes, round_trips, messages, memory, ns } })
    }
}

impl fmt::Display for MapCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { system, work, n, u, asker } = self;
        write!(f, "{system},{work},{n},{u},{asker}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<MapRow> {
        MapRow::of(&line.split(',').collect::<Vec<_>>())
    }

    #[test]
    fn rows_are_read_as_written() {
        let round = "gossip,updates,100000,10,writer,3,923.67,2.5,5,-,-";
        let writes = "gossip,insert,1000000,1000000,-,3,-,-,-,-,812";
        for line in [round, writes] {
            let row = parse(line).expect("it is a row");
            assert_eq!(row.columns().join(","), line);
        }
        for bad in ["gossip,updates,1,1,writer,3,1,1,1,-", "gossip,updates,1,1,writer,3,1,1,1,-,many"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
