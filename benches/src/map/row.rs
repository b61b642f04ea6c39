//! A row of the report of maps.
#![expect(clippy::float_arithmetic, reason = "figures of a report")]

use core::fmt;
use core::str::FromStr;

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
    const HEADER: &'static str = "system,work,n,u,asker,seeds,bytes,round_trips,messages,memory,ns";

    type Key = MapCase;

    fn key(&self) -> &MapCase {
        &self.case
    }

    fn seeds(&self) -> usize {
        self.seeds
    }
}

impl fmt::Display for MapCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { system, work, n, u, asker } = self;
        write!(f, "{system},{work},{n},{u},{asker}")
    }
}

impl fmt::Display for MapRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.case, self.seeds)?;
        self.figures.columns().into_iter().try_for_each(|figure| match figure {
            Some(figure) => write!(f, ",{}", (figure * 100.0).round() / 100.0),
            None => write!(f, ",{NONE}"),
        })
    }
}

impl FromStr for MapRow {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let columns: Vec<&str> = line.split(',').collect();
        let [system, work, n, u, asker, seeds, figures @ ..] = columns.as_slice() else { return Err(()) };
        let number = |text: &str| text.parse::<usize>().map_err(drop);
        let figure = |text: &&str| if *text == NONE { Ok(None) } else { text.parse().map(Some).map_err(drop) };
        let figures: Vec<Option<f64>> = figures.iter().map(figure).collect::<Result<_, _>>()?;
        let [bytes, round_trips, messages, memory, ns] = figures.try_into().map_err(drop)?;
        let (system, work, asker) = (system.to_string(), work.to_string(), asker.to_string());
        let case = MapCase { system, work, n: number(n)?, u: number(u)?, asker };
        Ok(Self { case, seeds: number(seeds)?, figures: Figures { bytes, round_trips, messages, memory, ns } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_written() {
        let round = "gossip,updates,100000,10,writer,3,923.67,2.5,5,-,-";
        let writes = "gossip,insert,1000000,1000000,-,3,-,-,-,-,812";
        for line in [round, writes] {
            let row: MapRow = line.parse().expect("it is a row");
            assert_eq!(row.to_string(), line);
        }
        for bad in ["gossip,updates,1,1,writer,3,1,1,1,-", "gossip,updates,1,1,writer,3,1,1,1,-,many"] {
            assert_eq!(bad.parse::<MapRow>(), Err(()), "{bad}");
        }
    }
}
