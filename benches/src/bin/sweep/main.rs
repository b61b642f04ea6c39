//! The program `sweep`: what other parameters of the sketch and of its requests would cost, as tables.
#![expect(clippy::float_arithmetic, reason = "means and shares of tables")]

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use benches::number;
use clap::{Args, Parser, Subcommand};

use first::First;
use model::Shape;
use peel::Order;
use small::Opening;

mod first;
mod model;
mod peel;
mod round;
mod small;
mod wire;

/// What other parameters of the sketch and of its requests would cost: writes a CSV for each.
///
/// A sketch is linear, and what both sides hold cancels exactly, so random differences alone are simulated. Equal
/// arguments give equal tables.
#[derive(Debug, Parser)]
#[command(disable_help_subcommand = true)]
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

#[derive(Debug, Subcommand)]
enum Which {
    Degrees(DegreesOptions),
    Octaves(OctavesOptions),
    /// Widths of the check: cells and bytes for each difference until it is read right, and false claims. Takes about 10
    /// minutes.
    Checks,
    /// First answers made for small differences: bytes and round trips of whole rounds. Takes about a minute.
    Small,
}

/// Degrees and their shares: cells for each difference until it is read right. Takes about 10 minutes.
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
/// each difference until it is read right, at eight sizes to an octave. Takes about 5 minutes.
#[derive(Debug, Args)]
struct OctavesOptions {
    /// Degrees, as for `degrees`
    #[arg(
        long,
        value_name = "SHAPES",
        value_delimiter = ',',
        default_value = "3+15:140,3+15:160,3+17:110,3+17:120,3+17:130,3+17:140,3+17:150,3+17:160,3+19:120,3+19:130,\
                         3+19:140,3+21:120,3+21:140,3+9:40+25:100"
    )]
    shapes: Vec<Shape>,

    /// The smallest size of each octave
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = number, default_value = "900,7_200")]
    from: Vec<usize>,
}

/// A table in the making: each row is written as it is done.
struct Csv<'a> {
    out: Box<dyn Write>,
    options: &'a Options,
}

impl<'a> Csv<'a> {
    fn new(options: &'a Options, header: &str) -> io::Result<Self> {
        let out: Box<dyn Write> = match &options.out {
            Some(path) => Box::new(BufWriter::new(File::create(path)?)),
            None => Box::new(io::stdout()),
        };
        let mut csv = Self { out, options };
        csv.row(header)?;
        Ok(csv)
    }

    fn row(&mut self, row: impl Display) -> io::Result<()> {
        writeln!(self.out, "{row}")?;
        self.out.flush()
    }

    /// So many trials, more or less by the effort that is wanted.
    fn trials(&self, usual: usize) -> usize {
        (usual * self.options.effort / 100).max(1)
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match &options.which {
        Which::Degrees(which) => degrees(&options, which),
        Which::Octaves(which) => octaves(&options, which),
        Which::Checks => checks(&options),
        Which::Small => small(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: the table can't be written: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Trials for a difference of this size: about as long for each.
fn usual_trials(d: usize) -> usize {
    (200_000 / d.max(1)).clamp(4, 4_000)
}

fn degrees(options: &Options, which: &DegreesOptions) -> io::Result<()> {
    let grid = || {
        let two = [3, 4, 5, 2].into_iter().flat_map(|low| {
            [9, 13, 15, 17, 21, 25].into_iter().flat_map(move |high| {
                [60, 80, 100, 120, 140, 160, 200].map(move |share| Shape::of(low, &[(high, share)]))
            })
        });
        let three = [(7, 25), (7, 31), (9, 25), (9, 31), (5, 21), (5, 25)].into_iter().flat_map(|(middle, high)| {
            [(60, 60), (60, 80), (100, 60), (40, 100), (200, 60)]
                .map(move |(share, rest)| Shape::of(3, &[(middle, share), (high, rest)]))
        });
        [Shape::of(3, &[])].into_iter().chain(three).chain(two).collect()
    };
    let shapes: Vec<Shape> = if which.shapes.is_empty() { grid() } else { which.shapes.clone() };
    cells_of_shapes(options, &shapes, &which.d)
}

fn octaves(options: &Options, which: &OctavesOptions) -> io::Result<()> {
    let eighths = |&from: &usize| (0..8).map(move |eighth| (from as f64 * (f64::from(eighth) / 8.0).exp2()) as usize);
    let sizes: Vec<usize> = which.from.iter().flat_map(eighths).collect();
    cells_of_shapes(options, &which.shapes, &sizes)
}

fn cells_of_shapes(options: &Options, shapes: &[Shape], sizes: &[usize]) -> io::Result<()> {
    let mut csv = Csv::new(options, "shape,mean_degree,d,trials,cells_per_difference,standard_error,p99")?;
    for shape in shapes {
        for &d in sizes {
            let trials = csv.trials(usual_trials(d));
            let first = First::of(shape, &Order::BUILT_IN, d, trials, options.seed);
            let each = |cells: f64| cells / d as f64;
            let (mean, error, p99) = (each(first.mean()), each(first.error()), each(first.percentile(99) as f64));
            let degree = shape.mean_degree() as f64 / 1e3;
            csv.row(format_args!("{shape},{degree:.2},{d},{trials},{mean:.4},{error:.4},{p99:.4}"))?;
        }
    }
    Ok(())
}

fn checks(options: &Options) -> io::Result<()> {
    let mut csv = Csv::new(
        options,
        "check_bits,d,trials,cells_per_difference,standard_error,p99,bytes_per_difference_64,bytes_per_difference_48,\
         false_claims",
    )?;
    for d in [2, 3, 5, 10, 30, 100, 300, 1_000, 3_000, 10_000, 100_000] {
        for bits in [0, 1, 2, 3, 4, 8] {
            let trials = csv.trials(10 * usual_trials(d));
            let shape = Shape::built_in().with_check_bits(bits);
            let first = First::of(&shape, &Order::BUILT_IN, d, trials, options.seed);
            let each = |cells: f64| cells / d as f64;
            let (mean, error, p99) = (each(first.mean()), each(first.error()), each(first.percentile(99) as f64));
            let bytes = |id_bits: u32| mean * f64::from(id_bits + bits) / 8.0;
            let (wide, narrow, wrong) = (bytes(64), bytes(48), first.false_claims);
            csv.row(format_args!("{bits},{d},{trials},{mean:.4},{error:.4},{p99:.4},{wide:.3},{narrow:.3},{wrong}"))?;
        }
    }
    Ok(())
}

fn small(options: &Options) -> io::Result<()> {
    let mut csv = Csv::new(options, "opening,size,bits,d,trials,bytes,round_trips")?;
    for opening in Opening::all() {
        for d in (0..=32).chain([1_000, 100_000]) {
            let trials = csv.trials(if d <= 32 { 2_000 } else { usual_trials(d) / 4 });
            let cost = small::rounds(opening, d, trials, options.seed);
            let (name, size, bits) = (opening.name(), opening.size(), opening.bits());
            csv.row(format_args!(
                "{name},{size},{bits},{d},{trials},{:.1},{:.3}",
                cost.mean_bytes(),
                cost.mean_trips()
            ))?;
        }
    }
    Ok(())
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
