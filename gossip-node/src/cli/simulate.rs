//! The subcommand `simulate`: a cluster on virtual time, in this process.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use gossip_core::Time;
use gossip_core::sim::{self, Violation};
use gossip_node::Settings;
use gossip_node::lab::trial::{self, Decimal, Plan, Report};

use super::options::Spreading;
use super::soak::Soak;

/// Simulates a cluster under load and tells what it cost: on virtual time, in this process
///
/// Each node holds numbers. Clients ask for operations at a constant rate, of n0, n1 and so on in turn; after a time of
/// quiet, every node is read finally. Nothing but a message between nodes takes time. The laws that nodes keep are
/// checked all the while: where one is broken, the run ends with its name and exit code 2. A partition stops what would
/// arrive while it lasts. Equal options give equal results.
///
/// What is told, of all that happens from the start to the final reads:
///
///   ops              operations, reads included, but for the final reads
///   server_messages  messages that nodes sent to nodes, lost ones included
///   msgs_per_op      the second by the first
///   latency_ms       from the acknowledgement of an element to the last later read that misses it,
///                    0 if none does: of the elements that are not lost, the median, 95 %, 99 %
///                    and the greatest
///   true_latency_ms  from when the first node holds an element to when the last one does, of the
///                    acknowledged elements that all hold in the end
///   lost             acknowledged elements that some final read misses: exit code 1 if there are any
///   stale            acknowledged elements that some later read misses, be it a final one
///   never_read       acknowledged elements that no final read shows
///
/// A later read of an element is one asked for after its acknowledgement. The JSON line has just these. The text also
/// tells how long after a heal all nodes held everything there was at it, what the others took among themselves while a
/// node was isolated, the messages by kind, and the ledger: what rounds cost and what full states would have.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Simulate {
    #[command(flatten)]
    plan: Plan,

    #[command(flatten)]
    spreading: Spreading,

    /// How many runs to tell the mean of, each with the next seed
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    seeds: u32,

    /// Print one line of JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    soak: Soak,
}

impl Simulate {
    pub(crate) fn run(&self) -> ExitCode {
        if self.soak.is_wanted() {
            return self.soak.run(self.plan.seed);
        }
        if let Err(error) = self.plan.check() {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
        let mut runs = Vec::new();
        for seed in (self.plan.seed..).take(self.seeds as usize) {
            match self.run_seed(seed) {
                Ok(run) => runs.push(run),
                Err(violation) => {
                    eprintln!("error: with the seed {seed}, a law is broken: {violation}");
                    return ExitCode::from(2);
                }
            }
        }
        let report = Report::mean(&runs).expect("there is at least one run");
        let text = if self.json { report.figures.json() } else { format!("{}\n{report}", self.plan) };
        // Whoever reads no further has what was wanted.
        let _ = writeln!(io::stdout(), "{text}");
        ExitCode::from(u8::from(report.figures.lost > Decimal::whole(0)))
    }

    fn run_seed(&self, seed: u64) -> Result<Report, Violation> {
        let mut plan = self.plan.clone();
        plan.seed = seed;
        let mut settings = Settings::default();
        self.spreading.apply(&mut settings);
        let mut progress = Progress::start(&plan);
        trial::simulate(&plan, &settings, |now, sums| progress.tell(now, sums))
    }
}

/// Tells once a second, on the clock on the wall, how far a run is.
struct Progress {
    seed: u64,
    ends: Time,
    told: Instant,
}

#[allow(clippy::disallowed_methods, reason = "who waits wants to see something now and then; no result depends on it")]
impl Progress {
    fn start(plan: &Plan) -> Self {
        Self { seed: plan.seed, ends: plan.ends(), told: Instant::now() }
    }

    fn tell(&mut self, now: Time, sums: &sim::Report) {
        if self.told.elapsed() < Duration::from_secs(1) {
            return;
        }
        self.told = Instant::now();
        let [now, ends] = [now, self.ends].map(|time| time.as_millis() / 1_000);
        let (seed, sent, inserted, learned) = (self.seed, sums.sent, sums.inserted, sums.learned);
        eprintln!("seed {seed}: {now} of {ends} s, {inserted} elements written, {learned} learned, {sent} messages");
    }
}
