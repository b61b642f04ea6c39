//! The command line.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use clap::builder::{PathBufValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser};
use gossip_core::Key;
use gossip_node::{MaxLine, Settings, Shape, Workload};
use tracing_subscriber::filter::LevelFilter;

use super::choice::one_of;
use super::key_file::read_key;
#[cfg(all(feature = "http", feature = "store", unix))]
use super::replica::Serve;
#[cfg(feature = "lab")]
use super::simulate::Simulate;

/// A Maelstrom node that keeps a replicated grow-only set in step by anti-entropy.
///
/// It reads one JSON object a line from stdin, {"src", "dest", "body"}, writes its replies and its messages to other
/// nodes to stdout, and logs to stderr: where nobody reads that, lines of the log are dropped and counted. End of input, a closed stdout and SIGTERM end it with exit code 0.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub(crate) struct Options {
    #[cfg(any(feature = "lab", all(feature = "http", feature = "store", unix)))]
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// What clients may ask for beside what is the same for all: to broadcast values, to add values to a set, to add to a
    /// counter, or also to subtract from one
    #[arg(long, value_name = "NAME", value_parser = one_of(Workload::ALL, workload), default_value = "broadcast")]
    workload: Workload,

    #[command(flatten)]
    spreading: Spreading,

    /// Seeds jitter, nonces and choice of peers, together with the node's id; for tests, since a node that is started again
    /// needs another one [default: another at every start]
    #[arg(long, value_name = "NUMBER", value_parser = seed, allow_hyphen_values = true)]
    seed: Option<u64>,

    /// The longest line in bytes, from 4096 to 16777216; also bounds values and messages, so it must be equal on all
    /// nodes
    #[arg(long, value_name = "BYTES", value_parser = max_line, default_value = "1048576", allow_hyphen_values = true)]
    max_line: MaxLine,

    /// Holds a secret key, 32 hexadecimal digits, equal on all nodes: against clients who choose values to do harm, and
    /// who are kept from requests for digests [default: no secret]
    #[arg(long, value_name = "FILE", value_parser = PathBufValueParser::new().try_map(read_key))]
    key_file: Option<Key>,

    /// Keeps all values in this directory, each written and synced before it is acknowledged, and starts with those that
    /// are there; every node needs its own [default: values are gone when the node ends, and those that it acknowledged and
    /// no other node holds yet are gone for all]
    #[cfg(feature = "store")]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<std::path::PathBuf>,

    /// Writes the ledger to stderr this often, as one line of JSON; SIGUSR1 asks for one at any time [default: never]
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    pub(crate) stats_every: Option<Duration>,

    /// What to log
    #[arg(long, value_name = "LEVEL", value_parser = level_parser(), default_value = "info")]
    pub(crate) log: LevelFilter,
}

impl Options {
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        settings.workload = self.workload;
        self.spreading.apply(&mut settings);
        settings.seed = self.seed.unwrap_or_else(random_seed);
        settings.max_line = self.max_line;
        settings.key = self.key_file.clone().unwrap_or_default();
        settings
    }
}

/// How values get from node to node.
#[derive(Args, Debug)]
pub(crate) struct Spreading {
    /// Along what values are pushed as they come: star (to and from the node whose id comes first), tree:K (K nodes below
    /// each), topology (the neighbours that the request topology names), or none (repair rounds alone); to be equal on
    /// all nodes
    #[arg(long, value_name = "SHAPE", default_value = "star")]
    overlay: Shape,

    /// How often what has come is pushed: longer means fewer messages, and later values; to be equal on all nodes
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "370ms", allow_hyphen_values = true)]
    batch: Duration,

    /// Mean time between the repair rounds a node begins, with an overlay only while it cannot push: a number of ms, or
    /// one with its unit, as 250ms, 2s, 1m
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1s", allow_hyphen_values = true)]
    round_every: Duration,
}

impl Spreading {
    pub(crate) fn apply(&self, settings: &mut Settings) {
        settings.overlay = self.overlay;
        settings.batch_every = self.batch;
        settings.round_every = self.round_every;
    }
}

/// What it does instead of being a node.
#[cfg(any(feature = "lab", all(feature = "http", feature = "store", unix)))]
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    #[cfg(all(feature = "http", feature = "store", unix))]
    Serve(Box<Serve>),
    #[cfg(feature = "lab")]
    Simulate(Box<Simulate>),
}

fn workload(workload: Workload) -> PossibleValue {
    PossibleValue::new(workload.name())
}

pub(super) fn level_parser() -> impl TypedValueParser<Value = LevelFilter> {
    PossibleValuesParser::new(["off", "error", "warn", "info", "debug", "trace"])
        .map(|name| name.parse().expect("each of these is a level"))
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    // The longest unit first, as `ms` ends with an `s` too; and the empty one last, as every text ends with it.
    let (number, millis) = [("ms", 1), ("s", 1_000), ("m", 60_000), ("", 1)]
        .into_iter()
        .find_map(|(unit, millis)| text.strip_suffix(unit).map(|number| (number, millis)))
        .expect("every text ends with nothing");
    // `parse` would take a sign as well.
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let total = number.parse::<u64>().ok().filter(|_| digits).and_then(|number| number.checked_mul(millis));
    match total {
        // From 1 ms, as an interval of 0 would spin.
        Some(total @ 1..=3_600_000) => Ok(Duration::from_millis(total)),
        _ => Err("a time from 1ms to 60m is a whole number of ms, or one with the unit ms, s or m".into()),
    }
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("a seed is a whole number from 0 to {}", u64::MAX))
}

/// A node that is started again must not repeat its nonces, or an answer to what it asked before would pass for one to
/// what it asks now.
fn random_seed() -> u64 {
    // The one source of chance in std; it need not be good, but another one at each start.
    RandomState::new().hash_one("seed")
}

fn max_line(text: &str) -> Result<MaxLine, String> {
    let allowed = || format!("a line has from {} to {} bytes", MaxLine::MIN.bytes(), MaxLine::MAX.bytes());
    text.parse().ok().and_then(MaxLine::new).ok_or_else(allowed)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
        let options = Options::parse_from(["gossip-node", "--seed", "0"]);
        assert_eq!(options.settings(), Settings::default());
    }

    #[test]
    fn every_start_has_another_seed() {
        let seed = || Options::parse_from(["gossip-node"]).settings().seed;
        assert_ne!(seed(), seed());
    }

    #[test]
    fn times_are_whole_numbers_with_or_without_a_unit() {
        for (text, millis) in [("250", 250), ("250ms", 250), ("2s", 2_000), ("60m", 3_600_000), ("1", 1)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "0", "ms", "1.5s", "-1", "+1", "61m", "1h", "18446744073709551615m", "s1"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
