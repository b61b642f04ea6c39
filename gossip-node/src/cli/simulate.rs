//! The subcommand `simulate`: a cluster on virtual time, in this process.

mod page;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use gossip_core::Time;
use gossip_core::sim::{self, Violation};
use gossip_node::Settings;
use gossip_node::lab::trial::{self, Decimal, Plan, Report};

use self::page::Page;
use super::options::Spreading;
use super::soak::Soak;
use super::trial_options::TrialOptions;

/// Simulates a cluster under load and tells what it cost: on virtual time, in this process
///
/// Each node holds numbers. Clients ask for operations at a constant rate, of n0, n1 and so on in turn; after a time of
/// quiet, every node is read finally. Nothing but a message between nodes takes time. The laws that nodes keep are
/// checked all the while: where one is broken, the run ends with its name and exit code 2. A partition stops what would
/// arrive while it lasts. Equal options give equal results.
///
/// Maelstrom's network differs. There each node has one queue, whose reader takes what is due first and sleeps until
/// then: so long, requests of clients wait too, and messages that are due earlier. A partition stops what is taken off
/// the queue while it lasts. Here messages overtake each other, and requests and replies take no time. The example
/// `cluster` queues as Maelstrom does.
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
///   stale            acknowledged elements that some later read misses, be it a final one: they had yet to
///                    come to the node that was read. The word is Maelstrom's
///   never_read       acknowledged elements that no final read shows
///
/// A later read of an element is one asked for after its acknowledgement. The JSON line has just these. The text also
/// tells how long after a heal all nodes held everything there was at it, what the others took among themselves while a
/// node was isolated, the messages by kind, and the ledger: what rounds cost and what full states would have.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Simulate {
    #[command(flatten)]
    trial: TrialOptions,

    #[command(flatten)]
    spreading: Spreading,

    /// How many runs to tell the mean of, each with the next seed
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    seeds: u32,

    /// Print one line of JSON
    #[arg(long)]
    json: bool,

    /// Write a page that plays the run back, of the first one if there are several: one file for a browser, which asks
    /// the network for nothing. It has at most 2 MB, and says which part of a longer run it leaves out
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    #[command(flatten)]
    soak: Soak,
}

impl Simulate {
    pub(crate) fn run(&self) -> ExitCode {
        let plan = self.trial.plan();
        if self.soak.is_wanted() {
            return self.soak.run(plan.seed);
        }
        if let Err(error) = plan.check() {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
        self.simulate(&plan).unwrap_or_else(|error| {
            eprintln!("error: {error}");
            ExitCode::from(2)
        })
    }

    fn simulate(&self, plan: &Plan) -> Result<ExitCode, String> {
        let mut page = self.html.as_deref().map(Page::create).transpose()?;
        let mut runs = Vec::new();
        // One seed after the other, so that any run of several can be had again by itself.
        for seed in (plan.seed..).take(self.seeds as usize) {
            runs.push(self.run_seed(plan, seed, page.take())?);
        }
        let report = Report::mean(&runs).expect("there is at least one run");
        let text = if self.json { report.figures.json() } else { format!("{plan}\n{report}") };
        // Whoever reads no further has what was wanted.
        let _ = writeln!(io::stdout(), "{text}");
        Ok(ExitCode::from(u8::from(report.figures.lost > Decimal::whole(0))))
    }

    fn run_seed(&self, plan: &Plan, seed: u64, page: Option<Page>) -> Result<Report, String> {
        let mut plan = plan.clone();
        plan.seed = seed;
        let mut settings = Settings::default();
        self.spreading.apply(&mut settings);
        let mut progress = Progress::start(&plan);
        let show = |now, sums: &sim::Report| progress.show(now, sums);
        let broken = |violation: Violation| format!("with the seed {seed}, a law is broken: {violation}");
        let Some(page) = page else {
            return trial::simulate(&plan, &settings, show).map_err(broken);
        };
        let (report, recording) = trial::record(&plan, &settings, show).map_err(broken)?;
        drop(progress);
        // Not on stdout, which is the same with a page and without.
        eprintln!("{}", page.write(&recording)?);
        Ok(report)
    }
}

/// Tells how far a run is: ten times a second in one line of a terminal, which is gone at the end, and else once a second
/// in a line each.
struct Progress {
    seed: u64,
    ends: Time,
    shown: Instant,
    in_place: bool,
    every: Duration,
}

#[allow(clippy::disallowed_methods, reason = "who waits wants to see something now and then; no result depends on it")]
impl Progress {
    fn start(plan: &Plan) -> Self {
        let in_place = io::stderr().is_terminal();
        let every = Duration::from_millis(if in_place { 100 } else { 1_000 });
        Self { seed: plan.seed, ends: plan.ends(), shown: Instant::now(), in_place, every }
    }

    fn show(&mut self, now: Time, sums: &sim::Report) {
        // `simulate` asks ten times a virtual second, which may be thousands of times a real one.
        if self.shown.elapsed() < self.every {
            return;
        }
        self.shown = Instant::now();
        let [now, ends] = [now, self.ends].map(|time| time.as_millis() / 1_000);
        let (seed, sent, inserted, learned) = (self.seed, sums.sent, sums.inserted, sums.learned);
        let line =
            format!("seed {seed}: {now} of {ends} s, {inserted} elements written, {learned} learned, {sent} messages");
        if self.in_place { eprint!("{ERASE}{line}") } else { eprintln!("{line}") }
    }
}

/// Whatever it ends with, an error included, begins a line.
impl Drop for Progress {
    fn drop(&mut self) {
        if self.in_place {
            eprint!("{ERASE}");
        }
    }
}

/// Goes back to the beginning of a terminal's line, and erases it.
const ERASE: &str = "\r\x1b[2K";

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        trial: TrialOptions,
    }

    fn parse(options: &str) -> Result<Plan, clap::Error> {
        let words = std::iter::once("simulate").chain(options.split_whitespace());
        Line::try_parse_from(words).map(|line| line.trial.plan())
    }

    fn plan(options: &str) -> Plan {
        parse(options).unwrap_or_else(|error| panic!("{options}: {error}"))
    }

    #[test]
    fn every_option_says_one_thing_of_the_plan() {
        assert_eq!(plan(""), Plan::default());
        let line = "--nodes 1 --rate 2 --seconds 3 --quiet 4 --latency 5 --latency-dist uniform --loss 6 --partition one \
                    --partition-every 7 --isolate n8 --crash n9 --from 10 --for 11 --seed 12";
        let mut all = Plan::default();
        (all.nodes, all.rate, all.seconds, all.quiet, all.latency) = (1, 2, 3, 4, 5);
        (all.latency_dist, all.loss) = (trial::Distribution::Uniform, 6);
        (all.partition, all.partition_every) = (Some(trial::Partition::One), 7);
        (all.isolate, all.crash, all.from, all.lasting, all.seed) = (Some(8), Some(9), 10, 11, 12);
        assert_eq!(plan(line), all);
    }

    #[test]
    fn only_a_node_of_the_cluster_can_be_isolated_or_crash_and_it_has_to_be_back_at_the_end() {
        assert_eq!(plan("--isolate n24").check(), Ok(()));
        let error = plan("--isolate n25").check().unwrap_err();
        assert_eq!(error.to_string(), "there is no node n25: the last of 25 is n24");
        let error = plan("--crash n0 --from 20 --for 10").check().unwrap_err();
        assert_eq!(error.to_string(), "n0 would still be down when it is to be read finally");
        for line in ["--isolate 3", "--isolate n", "--isolate n+1", "--crash 0", "--nodes 0", "--rate 0", "--loss 101"]
        {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
