//! A file with a line of each run, so that a later one goes on after the last.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Outcome, Schedule};

/// A run, as one line of JSON.
///
/// ```
/// use std::time::Duration;
/// use gossip_core::sim::Report;
/// use gossip_node::lab::chaos::{Entry, Outcome, Schedule};
///
/// let (lasted, healed) = (Duration::from_secs(60), Duration::from_secs(2));
/// let outcome = Outcome { lasted, healed, holes: vec![healed], report: Report::default(), broken: None };
/// let entry = Entry::of(1, &Schedule::draw(1), &outcome, 40_000);
/// assert_eq!((entry.virtual_ms, entry.total_ms, entry.healed_ms), (60_000, 100_000, 2_000));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Entry {
    /// Its seed.
    pub seed: u64,
    /// How much virtual time it took, in milliseconds.
    pub virtual_ms: u64,
    /// How much it and all before it took.
    pub total_ms: u64,
    /// How many replicas there were.
    pub replicas: usize,
    /// Which of them meant harm.
    pub hostile: Vec<usize>,
    /// Along what elements were pushed.
    pub overlay: String,
    /// How long, once all was well, all took to hold the same, in milliseconds.
    pub healed_ms: u64,
    /// How old the oldest hole was at each second from then on, while writes went on, in milliseconds: the median, 99 % and
    /// the greatest. A line of an older version has none.
    #[serde(default)]
    pub oldest_hole_ms: [u64; 3],
    /// What happened, and how often.
    pub events: BTreeMap<String, u64>,
    /// The law that was broken, if one was.
    pub broken: Option<String>,
}

impl Entry {
    /// What became of a schedule, after runs of `before` milliseconds in all.
    pub fn of(seed: u64, schedule: &Schedule, outcome: &Outcome, before: u64) -> Self {
        let virtual_ms = millis(outcome.lasted);
        let report = &outcome.report;
        let mut events: BTreeMap<String, u64> = [
            ("sent", report.sent),
            ("lost", report.lost),
            ("cut", report.cut),
            ("missed", report.missed),
            ("duplicated", report.duplicated),
            ("reordered", report.reordered),
            ("truncated", report.truncated),
            ("refused", report.refused),
            ("inserted", report.inserted),
            ("learned", report.learned),
            ("proofs", report.proofs),
            ("partitions", report.partitions),
            ("pauses", report.pauses),
            ("crashes", report.crashes),
            ("amnesias", report.amnesias),
            ("clock_jumps", report.jumps),
            ("dawdled", report.dawdled),
            ("early_polls", report.early_polls),
            ("rehearsals", report.rehearsals),
        ]
        .map(|(name, count)| (name.into(), count))
        .into();
        events.extend(report.kinds.iter().map(|(&kind, &(messages, _))| (kind.into(), messages)));
        Self {
            seed,
            virtual_ms,
            total_ms: before + virtual_ms,
            replicas: schedule.replicas(),
            hostile: schedule.hostile().collect(),
            overlay: schedule.overlay(),
            healed_ms: millis(outcome.healed),
            oldest_hole_ms: quantiles(&outcome.holes),
            events,
            broken: outcome.broken.clone(),
        }
    }
}

/// The median, the first of which no more than a hundredth are greater, and the greatest.
fn quantiles(durations: &[std::time::Duration]) -> [u64; 3] {
    let mut sorted: Vec<u64> = durations.iter().copied().map(millis).collect();
    sorted.sort_unstable();
    let at = |share: usize| sorted.get((sorted.len() * share / 100).min(sorted.len().saturating_sub(1)));
    [50, 99, 100].map(|share| at(share).copied().unwrap_or_default())
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The file, open at its end.
///
/// ```
/// use gossip_node::lab::chaos::{Entry, Outcome, Record, Schedule};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("record");
/// let schedule = Schedule::draw(8);
/// let entry = Entry::of(8, &schedule, &Outcome::of(&schedule), 0);
/// Record::open(&path)?.add(entry.clone())?;
/// // A later soak goes on after it.
/// assert_eq!(Record::open(&path)?.last(), Some(&entry));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
    file: File,
    last: Option<Entry>,
}

/// A record that cannot be gone on with.
///
/// ```
/// use gossip_node::lab::chaos::{Record, RecordError};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("record");
/// std::fs::write(&path, "notes\n")?;
/// let error = Record::open(&path).unwrap_err();
/// assert!(matches!(error, RecordError::Malformed { line: 1, .. }));
/// assert!(error.to_string().contains("record, line 1: not a run: "));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A line is none of a record, which is left as it is.
    #[error("{}, line {line}: not a run: {error}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: usize,
        /// Why.
        error: String,
    },
}

impl Record {
    /// Opens a record, which is made if it is not there. A last line without its end, of a run that was stopped while it
    /// was written, is cut off.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or written, or is no record: it is left as it is.
    pub fn open(path: &Path) -> Result<Self, RecordError> {
        let failed = |error| RecordError::Io { path: path.into(), error };
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        // A line without its end is that of a run which was stopped while it was written.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let mut last = None;
        for (index, line) in text[..whole].lines().enumerate() {
            let malformed = |error: serde_json::Error| RecordError::Malformed {
                path: path.into(),
                line: index + 1,
                error: error.to_string(),
            };
            // All of them and not the last alone: it is not to be found after 1 000 hours that the file is something
            // else.
            last = Some(serde_json::from_str(line).map_err(malformed)?);
        }
        file.set_len(whole as u64).and_then(|()| file.seek(SeekFrom::End(0))).map_err(failed)?;
        Ok(Self { path: path.into(), file, last })
    }

    /// The last run, if there is one.
    pub fn last(&self) -> Option<&Entry> {
        self.last.as_ref()
    }

    /// Writes a line.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn add(&mut self, entry: Entry) -> Result<(), RecordError> {
        let mut line = serde_json::to_string(&entry).expect("its keys are strings");
        line.push('\n');
        // In one call, so that whoever stops it leaves a whole line or a part of one, and never one within another.
        let written = self.file.write_all(line.as_bytes());
        written.map_err(|error| RecordError::Io { path: self.path.clone(), error })?;
        self.last = Some(entry);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn of_a_hundred_ages_the_middle_the_last_but_one_and_the_greatest_are_told() {
        let ages: Vec<_> = (0..200).rev().map(Duration::from_millis).collect();
        assert_eq!(quantiles(&ages), [100, 198, 199]);
        assert_eq!((quantiles(&ages[199..]), quantiles(&[])), ([0; 3], [0; 3]));
    }
}
