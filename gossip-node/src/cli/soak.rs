//! The option `--chaos` of the subcommand `simulate`: one run after the other in which everything goes wrong.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use gossip_node::lab::chaos::{Entry, Outcome, Record, RecordError, Schedule};

/// How long to go on, and where to keep what happened.
#[derive(Args, Debug)]
pub(crate) struct Soak {
    /// Simulate everything at once, in one run after the other, from --seed on: loss, duplication, partitions, crashes with
    /// memory and without, clocks that jump, slow nodes, hostile nodes. Each run draws all of it, and the cluster, from
    /// its seed. Where a law is broken, it ends with the law's name, the seed and exit code 2
    #[arg(long, conflicts_with_all = [
        "nodes", "rate", "quiet", "latency", "latency_dist", "loss", "partition", "partition_every", "isolate",
        "overlay", "batch", "round_every", "seeds", "json", "html", "seconds",
    ])]
    chaos: bool,

    /// Add a line of JSON to this file for each run, and go on after its last line instead of from --seed on
    #[arg(long, value_name = "FILE", requires = "chaos")]
    record: Option<PathBuf>,

    /// End after so many runs [default: go on until stopped, which does no harm to the record]
    #[arg(long, value_name = "NUMBER", requires = "chaos", value_parser = clap::value_parser!(u64).range(1..))]
    runs: Option<u64>,

    /// End once so many hours of virtual time are simulated, those recorded before included
    #[arg(long, value_name = "HOURS", requires = "chaos", value_parser = clap::value_parser!(u32).range(1..))]
    hours: Option<u32>,
}

impl Soak {
    pub(crate) const fn is_wanted(&self) -> bool {
        self.chaos
    }

    /// Goes on until the end, or a broken law.
    pub(crate) fn run(&self, first_seed: u64) -> ExitCode {
        self.soak(first_seed).unwrap_or_else(|error| {
            eprintln!("error: {error}");
            ExitCode::from(2)
        })
    }

    fn soak(&self, first_seed: u64) -> Result<ExitCode, RecordError> {
        let mut record = self.record.as_deref().map(Record::open).transpose()?;
        let last = record.as_ref().and_then(Record::last);
        // A record goes on where it ends, so that no seed is run twice, and all are, whenever it was stopped.
        let mut seed = last.map_or(first_seed, |last| last.seed + 1);
        let mut total = last.map_or(0, |last| last.total_ms);
        let mut runs = 0;
        while self.runs.is_none_or(|most| runs < most) && self.hours.is_none_or(|hours| total < HOUR * u64::from(hours))
        {
            let schedule = Schedule::draw(seed);
            let entry = Entry::of(seed, &schedule, &Outcome::of(&schedule), total);
            total = entry.total_ms;
            let broken = entry.broken.clone();
            eprintln!(
                "seed {seed}: {} replicas, {} of them hostile, overlay {}, {} s, whole after {} s; oldest hole under writes \
                 {:?} ms; {total} ms in all",
                entry.replicas,
                entry.hostile.len(),
                entry.overlay,
                entry.virtual_ms / 1_000,
                entry.healed_ms / 1_000,
                entry.oldest_hole_ms,
            );
            // Before a broken law ends it: that run is the one most worth keeping.
            if let Some(record) = &mut record {
                record.add(entry)?;
            }
            if let Some(broken) = broken {
                eprintln!("error: with the seed {seed}, a law is broken: {broken}");
                eprintln!("again: gossip-node simulate --chaos --seed {seed} --runs 1");
                return Ok(ExitCode::from(2));
            }
            (seed, runs) = (seed + 1, runs + 1);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// In milliseconds.
const HOUR: u64 = 3_600_000;
