//! Real nodes under load, wired as Maelstrom wires them, and what that cost: what `gossip-node simulate` tells of
//! virtual ones.

#[path = "../src/cli/choice.rs"]
mod choice;
#[path = "../tests/program/router/mod.rs"]
mod router;
#[path = "../src/cli/trial_options.rs"]
mod trial_options;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Parser;
use clap::builder::PossibleValue;
use gossip_node::Workload;
use gossip_node::lab::trial::Decimal;

use crate::choice::one_of;
use crate::router::Setup;
use crate::router::trial::carry_out;
use crate::trial_options::TrialOptions;

/// Runs a cluster of real nodes under load and tells what it cost, as `gossip-node simulate` does of a virtual one
///
/// Each node is a process. Its lines reach clients at once, and the others as in Maelstrom: each node has one queue, whose
/// reader takes what is due first, unless the link it comes by is cut then, and waits with it until it is due; so long,
/// requests of clients wait too. Clients ask as the plan says, and read every node finally. Anything wrong ends the run with exit code 2: a key
/// too many or too few in a reply, a wrong type, another spelling, an error, a reply after 5 s, an unknown destination, a
/// warning in a log, a node that ends. So does a run that is not exact: one in which more than 1 % of the lines between
/// nodes came over 5 ms late. Exit code 1: elements were lost; where a counter shows a sum that what is acknowledged cannot
/// come to, that is wrong, and ends the run. What a node without `--data-dir` acknowledged, and no other node held yet as it
/// was killed, cannot be promised: it is no loss, and told apart as gone with a node. What is told is explained by `gossip-node simulate --help`; when a node comes
/// to hold an element is what it logs at the level trace, and of those written there, when that is acknowledged.
///
/// A write that a killed node left unanswered is asked for again, of the next node. An operation that is repeated is one.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    trial: TrialOptions,

    /// How clients write
    #[arg(long, value_name = "NAME", value_parser = one_of(Workload::ALL, workload), default_value = "broadcast")]
    workload: Workload,

    /// How many of a hundred writes are asked for again within a second, by the same client, of another node
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=100))]
    repeat: u8,

    /// The program to run [default: gossip-node, built with the same profile as this]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,

    /// Where each node keeps its data, in a directory of its own, so that it has them again after a crash
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Print one line of JSON
    #[arg(long)]
    json: bool,

    /// Further options of every node
    #[arg(last = true, value_name = "OPTION")]
    node_options: Vec<String>,
}

fn workload(workload: Workload) -> PossibleValue {
    PossibleValue::new(workload.name())
}

/// How late 99 of 100 lines may be in a run that tells anything.
const EXACT: Duration = Duration::from_millis(5);

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(options: Options) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let plan = options.trial.plan();
    plan.check()?;
    let setup = Setup {
        program: options.program.map_or_else(build, Ok)?,
        workload: options.workload.to_string(),
        options: options.node_options,
        data_dir: options.data_dir,
        tells_learned: true,
    };
    let ends = plan.ends().as_millis() / 1_000;
    let outcome = carry_out(&plan, options.repeat, setup, |second| eprintln!("{second} of {ends} s"))?;
    if options.json {
        println!("{}", outcome.report.figures.json());
    } else {
        println!("{}", outcome.report);
    }
    let [p99, most] = [outcome.late.p99, outcome.late.most].map(Decimal::millis);
    eprintln!("asked again          {} times", outcome.repeated);
    eprintln!("lines came late      99 % by up to {p99} ms, all by up to {most} ms");
    if outcome.late.p99 > EXACT {
        return Err("this machine was too busy for the run to be exact".into());
    }
    Ok(ExitCode::from(u8::from(outcome.report.figures.lost > Decimal::whole(0))))
}

/// Builds the program, which lies one level above this example.
fn build() -> Result<PathBuf, Box<dyn std::error::Error>> {
    let examples = std::env::current_exe()?;
    let target = examples.parent().and_then(|examples| examples.parent()).ok_or("this example lies nowhere")?;
    if let Some(cargo) = std::env::var_os("CARGO") {
        let mut build = Command::new(cargo);
        build.args(["build", "-q", "-p", "gossip-node", "--bin", "gossip-node", "--manifest-path"]);
        build.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        if !build.status()?.success() {
            return Err("gossip-node does not build".into());
        }
    }
    Ok(target.join("gossip-node"))
}
