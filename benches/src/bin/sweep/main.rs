//! The program `sweep`: what other parameters of the sketch and of its requests would cost, as tables.
#![expect(clippy::float_arithmetic, reason = "means and shares of tables")]

use std::path::PathBuf;
use std::process::ExitCode;

use benches::number;
use clap::{Args, Parser, Subcommand};

use csv::Csv;
use model::Shape;

mod arithmetic;
mod csv;
mod exchange;
mod first;
mod model;
mod peel;
mod power;
mod reading;
mod rounds;
mod small;
mod wire;

/// What other parameters of the sketch and of its requests would cost: writes a CSV for each.
///
/// A sketch is linear, and what both sides hold cancels exactly, so random differences alone are simulated. Equal
/// arguments give equal tables.
#[derive(Debug, Parser)]
#[command(after_long_help = COLUMNS, disable_help_subcommand = true)]
struct Options {
    #[command(subcommand)]
    which: Which,

    /// The file to write, in place of what it has [default: stdout]
    #[arg(long, value_name = "FILE", global = true)]
    out: Option<PathBuf>,

    /// What keys and differences are drawn from
    #[arg(long, default_value = "1", global = true)]
    seed: u64,

    /// How many trials, in percent of those it has by default
    #[arg(long, value_name = "PERCENT", value_parser = number, default_value = "100", global = true)]
    effort: usize,
}

const COLUMNS: &str = "\
Columns:
  shape                 most elements' degree, that is, their number of positions; then other degrees, each with its
                        share in thousandths
  mean_degree           cells that an insert touches, on average
  d                     elements that one side alone holds, both sides together, half each
  trials, rounds        how many were averaged
  cells_per_difference  cells, from the first on, until a claim is right; `standard_error` of the mean, and `p99`: what
                        suffices in 99 of 100 trials
  bytes                 of all messages of a round between replicas of 10^6 integers of 8 bytes, both ways, headers
                        included, transport excluded
  round_trips           half the hops until both sides hold the union and have a proof
  many_top_ups          share of rounds with more than two requests after the first one
  failed                share of rounds whose sketch is not read by the last request, which then take pages";

#[derive(Debug, Subcommand)]
enum Which {
    Degrees(DegreesOptions),
    Octaves(OctavesOptions),
    /// Widths of the check: cells and bytes for each difference until it is read right, and false claims. Takes about 10
    /// minutes.
    Checks,
    /// Orders in which a decode that is stuck is tried again: the share that none of them reads. Takes about 2 minutes.
    Orders,
    /// Widths of ids of elements that are no integers: bytes and collisions. Arithmetic.
    Ids,
    /// Sizes of the tables that a replica keeps: memory, and where pages take over. Arithmetic.
    Tables,
    /// The economies as they are, and one of fewer round trips, by the decade of the difference: whole rounds. Takes about a minute. Run it again
    /// after a change to the library's sketch, to see what that does to whole rounds.
    Economies,
    /// Cells and deep bits of a first answer, by the decade of the difference: whole rounds. Takes about 2 minutes.
    Heads,
    /// Sizes of requests, by the decade of the difference: whole rounds. Takes about 10 minutes.
    Requests,
    /// First answers made for small differences: whole rounds. Takes about a minute.
    Small,
    /// What the size of a first answer may go by: rounds of two replicas that meet again and again. Takes a few seconds.
    Hints,
    /// Power sums, the smallest sketch of few elements: multiplications over GF(2^64). Takes a few seconds.
    Sums,
}

/// Degrees and their shares: cells for each difference until it is read right. Takes about 15 minutes.
#[derive(Debug, Args)]
struct DegreesOptions {
    /// Degrees, as 3+17:120 for 3 and, for 120 elements in a thousand, 17 [default: a grid of 2 and 3 degrees]
    #[arg(long, value_name = "SHAPES", value_delimiter = ',')]
    shapes: Vec<Shape>,

    /// Sizes of the symmetric difference
    #[arg(
        long,
        value_name = "SIZES",
        value_delimiter = ',',
        value_parser = number,
        default_value = "3,10,30,100,300,1e3,3e3,1e4,1e5"
    )]
    d: Vec<usize>,
}

/// Degrees and their shares between two powers of two of cells, where some slots are split and others are not: cells for
/// each difference until it is read right, at eight sizes to an octave. Takes about 4 minutes.
#[derive(Debug, Args)]
struct OctavesOptions {
    /// Degrees, as for `degrees` [default: those near what is built in]
    #[arg(long, value_name = "SHAPES", value_delimiter = ',')]
    shapes: Vec<Shape>,

    /// The smallest size of each octave
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = number, default_value = "900,7_200")]
    from: Vec<usize>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let seed = options.seed;
    let done = Csv::new(options.out.as_deref(), options.effort).and_then(|mut csv| match options.which {
        Which::Degrees(which) => reading::degrees(&mut csv, which.shapes, &which.d, seed),
        Which::Octaves(which) => reading::octaves(&mut csv, which.shapes, &which.from, seed),
        Which::Checks => reading::checks(&mut csv, seed),
        Which::Orders => reading::orders(&mut csv, seed),
        Which::Ids => arithmetic::ids(&mut csv),
        Which::Tables => arithmetic::tables(&mut csv),
        Which::Economies => rounds::economies(&mut csv, seed),
        Which::Heads => rounds::heads(&mut csv, seed),
        Which::Requests => rounds::requests(&mut csv, seed),
        Which::Small => small::answers(&mut csv, seed),
        Which::Hints => small::hints(&mut csv, seed),
        Which::Sums => power::sums(&mut csv, seed),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: the table can't be written: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
        let options = Options::parse_from(["sweep", "degrees", "--d", "10,1e3", "--shapes", "3,3+17:120"]);
        let Which::Degrees(degrees) = options.which else { panic!("it is given") };
        assert_eq!((degrees.d, degrees.shapes), (vec![10, 1_000], vec![Shape::of(3, &[]), Shape::built_in()]));
        assert!(Options::try_parse_from(["sweep"]).is_err());
    }
}
