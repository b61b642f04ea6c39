//! A report's table: a CSV file that grows, one row a key; and the rows that tell of rounds.
#![expect(clippy::float_arithmetic, reason = "means of a report")]

use core::fmt;
use core::iter;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::pair::Cost;
use crate::sets::Side;

/// A row of a table.
pub trait Record: Sized {
    /// The names of its columns.
    const HEADER: &'static [&'static str];

    /// What a row is about.
    type Key: PartialEq;

    /// What this one is about.
    fn key(&self) -> &Self::Key;

    /// How many seeds it is the mean of.
    fn seeds(&self) -> usize;

    /// What stands in its columns.
    fn columns(&self) -> Vec<String>;

    /// The row with these columns, if they are one.
    fn of(columns: &[&str]) -> Option<Self>;
}

/// What a row is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The system's name.
    pub system: String,
    /// The element's name.
    pub element: String,
    /// The size of the larger set.
    pub n: usize,
    /// The size of the symmetric difference.
    pub d: usize,
    /// The side's name.
    pub side: String,
}

impl Key {
    /// The key of these.
    pub fn new(system: &str, element: &str, n: usize, d: usize, side: Side) -> Self {
        Self { system: system.into(), element: element.into(), n, d, side: side.to_string() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { system, element, n, d, side } = self;
        write!(f, "{system},{element},{n},{d},{side}")
    }
}

/// Costs over several seeds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    seeds: usize,
    cost: Cost,
}

impl Sum {
    /// Adds what one seed cost.
    pub fn add(&mut self, cost: Cost) {
        self.seeds += 1;
        self.cost.cpu += cost.cpu;
        self.cost.counts.messages += cost.counts.messages;
        self.cost.counts.bytes += cost.counts.bytes;
        self.cost.counts.hops += cost.counts.hops;
    }
}

/// A row: means over seeds, as they are written, or a note of why there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    key: Key,
    seeds: usize,
    means: [String; 4],
    note: String,
}

/// Stands for a mean that there is none of.
const NONE: &str = "-";

impl Row {
    /// The means of a sum.
    pub fn new(key: Key, sum: &Sum) -> Self {
        let seeds = sum.seeds as f64;
        let counts = sum.cost.counts;
        let (bytes, messages) = (counts.bytes as f64 / seeds, counts.messages as f64 / seeds);
        let round_trips = counts.hops as f64 / 2.0 / seeds;
        let cpu = sum.cost.cpu.as_secs_f64() * 1e6 / seeds;
        let means = [format!("{bytes:.1}"), format!("{round_trips:.2}"), format!("{messages:.1}"), format!("{cpu:.2}")];
        Self { key, seeds: sum.seeds, means, note: String::new() }
    }

    /// That a system can't do it, whatever the seeds, and why.
    pub fn refused(key: Key, seeds: usize, note: &str) -> Self {
        Self { key, seeds, means: [NONE; 4].map(Into::into), note: note.into() }
    }

    /// Bytes, round trips, messages and microseconds; `None` where the system can't do it.
    pub fn means(&self) -> Option<[f64; 4]> {
        let means: Vec<f64> = self.means.iter().map_while(|mean| mean.parse().ok()).collect();
        means.try_into().ok()
    }
}

impl Record for Row {
    const HEADER: &'static [&'static str] =
        &["system", "element", "n", "d", "side", "seeds", "bytes", "round_trips", "messages", "cpu_us", "note"];

    type Key = Key;

    fn key(&self) -> &Key {
        &self.key
    }

    fn seeds(&self) -> usize {
        self.seeds
    }

    fn columns(&self) -> Vec<String> {
        let Self { key: Key { system, element, n, d, side }, seeds, means, note } = self;
        let key = [system.clone(), element.clone(), n.to_string(), d.to_string(), side.clone()];
        key.into_iter().chain([seeds.to_string()]).chain(means.clone()).chain([note.clone()]).collect()
    }

    fn of(columns: &[&str]) -> Option<Self> {
        let &[system, element, n, d, side, seeds, bytes, round_trips, messages, cpu, note] = columns else {
            return None;
        };
        let (n, d) = (n.parse().ok()?, d.parse().ok()?);
        let key = Key { system: system.into(), element: element.into(), n, d, side: side.into() };
        let means = [bytes, round_trips, messages, cpu].map(Into::into);
        let row = Self { key, seeds: seeds.parse().ok()?, means, note: note.into() };
        (row.means().is_some() || row.means == [NONE; 4]).then_some(row)
    }
}

/// The rows so far, on stdout or in a file.
#[derive(Debug)]
pub struct Table<R> {
    path: Option<PathBuf>,
    rows: Vec<R>,
    /// Whether all of it is written, header included, so that a row can be appended.
    written: bool,
}

impl<R: Record> Table<R> {
    /// A table on stdout.
    pub fn on_stdout() -> Self {
        Self { path: None, rows: vec![], written: false }
    }

    /// The table in a file, which is made if there is none.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, which is unchanged.
    pub fn open(path: &Path) -> Result<Self, String> {
        let name = path.display();
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut table = Self { path: Some(path.into()), ..Self::on_stdout() };
                return table.rewrite().map(|()| table).map_err(|error| format!("{name}: {error}"));
            }
            text => text.map_err(|error| format!("{name}: {error}"))?,
        };
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| format!("{name}: {error}"))?;
        if !header.is_empty() && header != R::HEADER {
            return Err(format!("{name}: its columns are not {}", R::HEADER.join(", ")));
        }
        let mut rows = vec![];
        for record in reader.records() {
            let record = record.map_err(|error| format!("{name}: {error}"))?;
            let line = record.position().map_or(0, csv::Position::line);
            let row = R::of(&record.iter().collect::<Vec<_>>());
            rows.push(row.ok_or_else(|| format!("{name}:{line}: not a row"))?);
        }
        let mut table = Self { path: Some(path.into()), rows, written: false };
        table.written = table.encode().is_ok_and(|encoded| encoded == text.as_bytes());
        Ok(table)
    }

    /// Adds a row, in place of one of the same key, and writes it.
    ///
    /// # Errors
    ///
    /// If it can't be written.
    pub fn add(&mut self, row: R) -> Result<(), String> {
        let before = self.rows.len();
        self.rows.retain(|other| other.key() != row.key());
        let superseded = self.rows.len() < before;
        let line = encode([row.columns()]);
        self.rows.push(row);
        let written = line.and_then(|line| match &self.path {
            Some(path) if self.written && !superseded => {
                OpenOptions::new().append(true).open(path).and_then(|mut file| file.write_all(&line))
            }
            None if self.written => io::stdout().write_all(&line),
            _ => self.rewrite(),
        });
        written.map_err(|error| format!("a row can't be written: {error}"))
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let text = self.encode()?;
        match &self.path {
            Some(path) => fs::write(path, text)?,
            None => io::stdout().write_all(&text)?,
        }
        self.written = true;
        Ok(())
    }

    fn encode(&self) -> io::Result<Vec<u8>> {
        let header = R::HEADER.iter().map(|&name| name.into()).collect();
        encode(iter::once(header).chain(self.rows.iter().map(R::columns)))
    }

    /// Its rows.
    pub fn rows(&self) -> &[R] {
        &self.rows
    }

    /// How many seeds the row of this key has; 0 if there is none.
    pub fn seeds(&self, key: &R::Key) -> usize {
        self.rows.iter().filter(|row| row.key() == key).map(R::seeds).max().unwrap_or(0)
    }
}

/// Rows, as CSV.
fn encode(rows: impl IntoIterator<Item = Vec<String>>) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(vec![]);
    rows.into_iter().try_for_each(|row| writer.write_record(row))?;
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::broadcast::Broadcast;
    use crate::map::MapRow;
    use crate::pair::Counts;

    const HEADER: &str = "system,element,n,d,side,seeds,bytes,round_trips,messages,cpu_us,note";

    fn line(row: &Row) -> String {
        row.columns().join(",")
    }

    fn parse(line: &str) -> Option<Row> {
        Row::of(&line.split(',').collect::<Vec<_>>())
    }

    fn key(d: usize) -> Key {
        Key::new("gossip", "u64", 1_000, d, Side::Half)
    }

    fn row(d: usize, seeds: usize) -> Row {
        let mut sum = Sum::default();
        for seed in 0..seeds {
            let counts = Counts { messages: 3 + seed, bytes: 100, hops: 3 };
            sum.add(Cost { counts, cpu: Duration::from_nanos(1_250) });
        }
        Row::new(key(d), &sum)
    }

    #[test]
    fn a_row_has_means_over_seeds() {
        assert_eq!(line(&row(10, 2)), "gossip,u64,1000,10,half,2,100.0,1.50,3.5,1.25,");
        assert_eq!(parse(&line(&row(10, 2))), Some(row(10, 2)));
        assert_eq!(row(10, 2).means(), Some([100.0, 1.5, 3.5, 1.25]));
    }

    #[test]
    fn a_row_without_means_says_why() {
        let row = Row::refused(key(10), 3, "too slow");
        assert_eq!(line(&row), "gossip,u64,1000,10,half,3,-,-,-,-,too slow");
        assert_eq!((row.means(), parse(&line(&row))), (None, Some(row)));
        for bad in ["gossip,u64,1000,10,half,3,-,-,-,-", "gossip,u64,1000,10,half,3,1,2,-,-,"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_file_is_resumed_and_a_row_of_more_seeds_supersedes() {
        let path = std::env::temp_dir().join(format!("report-{}.csv", std::process::id()));
        let line = |d, seeds| line(&row(d, seeds));
        let read = || fs::read_to_string(&path).expect("it was written");
        let _ = fs::remove_file(&path);
        let mut table = Table::open(&path).expect("there is no file yet");
        assert_eq!((table.seeds(&key(1)), read()), (0, format!("{HEADER}\n")));
        table.add(row(1, 3)).expect("it can be written");
        table.add(row(2, 3)).expect("it can be written");
        assert_eq!(read(), format!("{HEADER}\n{}\n{}\n", line(1, 3), line(2, 3)));

        let mut table = Table::open(&path).expect("it is a table");
        assert_eq!([1, 2, 3].map(|d| table.seeds(&key(d))), [3, 3, 0]);
        table.add(row(3, 1)).expect("it can be written");
        table.add(row(1, 5)).expect("it can be written");
        assert_eq!(read(), format!("{HEADER}\n{}\n{}\n{}\n", line(2, 3), line(3, 1), line(1, 5)));

        fs::write(&path, format!("{HEADER}\n{}", line(1, 3))).expect("it can be written");
        Table::open(&path).and_then(|mut table| table.add(row(2, 3))).expect("it is a table");
        assert_eq!(read(), format!("{HEADER}\n{}\n{}\n", line(1, 3), line(2, 3)));

        for text in ["system\n", &format!("{HEADER}\nshort,row\n"), &format!("{HEADER}\n{},1\n", line(1, 3))] {
            fs::write(&path, text).expect("it can be written");
            assert!(Table::<Row>::open(&path).is_err(), "{text}");
            assert_eq!(read(), text);
        }

        let note = "too slow, and \"large\"";
        fs::remove_file(&path).expect("it was written");
        Table::open(&path).and_then(|mut table| table.add(Row::refused(key(1), 3, note))).expect("it can be written");
        assert_eq!(Table::<Row>::open(&path).expect("it is a table").rows()[0].note, note);
        fs::remove_file(&path).expect("it was written");
    }

    #[test]
    fn the_records_are_tables_and_would_be_written_as_they_are() {
        fn rows<R: Record>(name: &str) -> usize {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("results").join(name);
            let table = Table::<R>::open(&path).expect("it is a table");
            assert!(table.written, "{name}");
            table.rows().len()
        }
        let rounds = ["rounds.csv", "growth.csv"].map(rows::<Row>);
        assert!(rounds.iter().all(|&rows| rows > 0), "{rounds:?}");
        let rows = [rows::<Broadcast>("broadcast.csv"), rows::<MapRow>("map.csv")];
        assert!(rows.iter().all(|&rows| rows > 0), "{rows:?}");
    }
}
