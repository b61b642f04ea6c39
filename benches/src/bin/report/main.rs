//! The program `report`: whole rounds between two machines, and clusters under load, as tables.

mod maps;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use benches::{
    Blob, Broadcast, Cluster, Decoder, Decodes, Difference, Key, Origin, Picture, Record, Row, Sample, Sets, Side,
    SplitMix, Sum, Table, broadcast_figures, figures, log_uniform, measure, number, overlays,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use gossip_core::Config;

/// What a round between two replicas costs: writes a CSV with one row a system, element, n, d and side.
///
/// Both sides are built, one begins a round, and it runs until nothing moves, while the clock stands still. That
/// both then hold the union, with equal digests and a proof for each, is checked before anything is reported.
#[derive(Debug, Parser)]
#[command(after_long_help = RULES, args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
struct Options {
    #[command(subcommand)]
    other: Option<Other>,

    /// The file to write; rows that it has with as many seeds are not run again. The machine, the compiler and the
    /// versions of what was measured go into a file beside it, of the extension `origin` [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// What reconciles: gossip by default, at a first meeting, again, with cold caches or just loaded; with the fewest
    /// bytes, or by pages alone; and what else there is, where the feature `peers` is on
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = system_names(), default_value = "gossip")]
    systems: Vec<String>,

    /// Sizes of the larger set; numbers may be written as 1_000_000 or 1e6; more than 100 000 elements of 100 bytes, 10 000
    /// of 1 KiB or 1 000 of 64 KiB are skipped
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = number, default_value = "1e3,1e4,1e5,1e6")]
    n: Vec<usize>,

    /// Sizes of the symmetric difference, or shares of n such as 0.15n; what is more than n allows is skipped
    #[arg(
        long,
        value_name = "SIZES",
        value_delimiter = ',',
        default_value = "0,1,10,100,1e3,1e4,1e5,0.05n,0.1n,0.15n,0.3n,0.5n"
    )]
    d: Vec<Difference>,

    /// What the sets hold: 8-byte integers, or 32 bytes, 100 bytes, 1 KiB or 64 KiB
    #[arg(long, value_name = "TYPES", value_delimiter = ',', default_value = "u64,bytes32,bytes100,bytes1k,bytes64k")]
    element: Vec<ElementType>,

    /// Which side holds what the other lacks
    #[arg(long, value_name = "SIDES", value_delimiter = ',', default_value = "half,left,right,recent")]
    side: Vec<Side>,

    /// How many seeds to average over
    #[arg(long, value_name = "COUNT", value_parser = at_least_one, default_value = "3")]
    seeds: usize,

    /// Runs rows again that the file has
    #[arg(long)]
    again: bool,
}

const RULES: &str = "\
Columns, each a mean over the seeds:
  n            elements of the larger set
  d            elements that one side alone holds, both sides together
  seeds        how many seeds were averaged
  bytes        of all messages both ways until nothing moves, headers included, transport excluded
  round_trips  half the hops until both sides hold the union and have a proof: a message sent in answer to one of hop k
               is of hop k + 1, and a side answers when it has taken in all of a hop
  messages     both ways, until nothing moves
  cpu_us       microseconds that both sides together take to receive and answer, from bytes to bytes, so encoding and
               decoding are in it and transport is not: for each seed the best of 20 runs, or of fewer once they have
               taken 1 s together
  note         why there are no means, where a system can't do it

The time is that of machines at work. A run begins with a copy of both; before the clock starts, it has room to grow and lies
in warm memory, as each has inserted the last elements that both hold, been through a round, and inserted its own. The
clock runs while a side receives the messages of one hop and polls, into a list that is there already, until it waits; to
read it takes 20 ns each time, which are counted.

The machines of gossip, -bytes and -pages have then forgotten each other: what they exchange is all they know, as with the
peers. Those of gossip-again have a proof of what both hold, and know how much either has got since: so it is whenever two
replicas meet again. Those of gossip-cold have not met either, and before the clock starts other work has emptied the caches
of sets, sketches and code, which in small sets are all there otherwise. Those of gossip-loaded have been through no round
at all: they have just been filled, and what many inserts leave to the first message is in the time.

Where d is odd, half and recent give the odd one to the responder. The elements of half, left and right are uniformly
random; those of recent begin with a time, and the d latest are those that differ. At most 2n can differ in half and
recent, n in left and right.

The settings are the default ones. Only where elements have 64 KiB, max_element_bytes is as much. There are no more of these
than a peer may fetch at once, 64 MiB: of larger sets it would have to wait for some.

The peers, with the feature `peers`. A peer's state is built before the clock starts. The clock runs from bytes to bytes
until each side has what it lacked in a list; adding that to a set is timed for ours, and for merkle-search-tree. Its round
ends with its last message, and no message is too long for it, where ours have 64 KiB and go 32 at a time. Wherever a protocol
leaves one side without what it lacks, that is sent, as elements alone.
Elements of more than 32 bytes are reconciled by ids, hashes of 8 bytes. Then the side whose turn it is sends the elements
that the other lacks, with the ids of those that it lacks itself, which are the answer.
  full                the elements of both sides
  digest+full         a digest of 16 bytes, and the elements of both sides unless it is equal
  negentropy          32-byte ids with timestamps (0, but for recent the time). An element of 32 bytes is its own id; an
                      integer is padded. The responder is sent what it lacks
  rbsr                range fingerprints and lists, as the crate reconcile encodes them. An empty answer is not sent
  merkle-search-tree  root hashes, and until they are equal lists of all pages of both sides, and all elements of the ranges
                      that the crate finds to differ, which are most of the set
  riblt               coded symbols in the paper's form: sum, 8 bytes of hash, count in about a byte. 16 at first, then
                      each time half as many as have come. The responder is sent what it lacks
  riblt-doubling      the same, but each time as many as have come, for fewer round trips
  riblt-ideal         the same, of exactly as many symbols as are needed: a bound, which no protocol reaches
  minisketch          8 bytes for each that differs, of which it is told the number. Integers and ids alone, up to 1 000 of
                      them. The responder is sent what it lacks. Only with RUSTFLAGS=\"--cfg minisketch\", which needs
                      libclang

Rows are written as they are done, so an interrupted report is resumed by the same command. A row of more seeds supersedes
one of the same system, element, n, d and side.";

#[derive(Debug, Subcommand)]
enum Other {
    Broadcast(BroadcastOptions),
    Decodes(DecodesOptions),
    Inserts(InsertsOptions),
    Map(maps::Options),
    Plot(PlotOptions),
    Round(RoundOptions),
}

/// Draws a report: SVG files of bytes, time and round trips, or of messages and latency if `report broadcast` wrote it.
///
/// Rounds are of integers, half of the difference on either side, and sets of 10^6 unless sizes are compared. The lower
/// bound is what either side must at least be told: of 2^64 - n integers which d / 2 it lacks, 2 log2 C(2^64 - n, d / 2)
/// bits together.
#[derive(Debug, Args)]
struct PlotOptions {
    /// The report, as --out wrote it; the figures go into the same folder
    table: PathBuf,
}

/// Draws one round between two replicas that have never met, message by message, as an SVG file: of two machines, each
/// with 10^6 random integers of which the other lacks 5.
#[derive(Debug, Args)]
struct RoundOptions {
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// What it takes to keep a cluster in step under load: writes a CSV with one row an overlay, size and batch interval.
///
/// Clusters are simulated as `gossip-node simulate` does without other options: 100 operations a second for 20 s, half of
/// them writes, and 10 s of quiet; each message takes 100 ms. Columns, each a mean over the seeds 0, 1 and so on:
/// msgs_per_op, messages between nodes by operations; true_median_ms and true_max_ms, from when the first node holds an
/// element to when the last one does; lost, acknowledged elements that a node lacks at the end.
#[derive(Debug, Args)]
struct BroadcastOptions {
    /// The file to write, and where it comes from beside it, as of rounds [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Sizes of the cluster
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=1_000), default_value = "25,100,300,1000")]
    nodes: Vec<u16>,

    /// Batch intervals in ms
    #[arg(long, value_name = "MS", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..), default_value = "100,160,250,370,600,1000,1500,3000")]
    batch: Vec<u64>,

    /// How many seeds to average over
    #[arg(long, value_name = "COUNT", value_parser = at_least_one, default_value = "3")]
    seeds: usize,
}

/// What an insert takes: writes a CSV with one row a system and element, in nanoseconds.
///
/// 10 000 elements are inserted one after the other into a set of n, and the clock stops when the set is ready for a round:
/// where inserts only mark what is to be done (merkle-search-tree hashes pages, negentropy sorts), that is done once for
/// all of them. The best of 3 runs. Full states have no insert of their own, a minisketch is built for one capacity, and
/// riblt-doubling and riblt-ideal insert as riblt does.
#[derive(Debug, Args)]
struct InsertsOptions {
    /// Sizes of the set
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = number, default_value = "1e6")]
    n: Vec<usize>,
}

/// How sketches fare at the sizes that rounds ask for: counts decodes, top-ups, turns to pages and wrong merges.
///
/// Plays whole rounds between two machines, half of the difference on either side, with 8-byte integers and arrays of
/// 32 bytes in turn. Both hold at least 16 384 elements, and at least 8 for each that differs. A decode is an attempt
/// to read the sketch: with the cells that come first, and again after each request for more. 100 000 of them take a
/// few minutes.
#[derive(Debug, Args)]
struct DecodesOptions {
    /// How many rounds; each decodes about twice
    #[arg(long, value_name = "COUNT", value_parser = at_least_one, default_value = "1000")]
    rounds: usize,

    /// What sizes and elements are drawn from
    #[arg(long, default_value = "1")]
    seed: u64,

    /// Sizes of the symmetric difference, in turn [default: random, as many of 1 to 10 as of 1 000 to 10 000]
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = number)]
    d: Vec<usize>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ElementType {
    U64,
    Bytes32,
    Bytes100,
    Bytes1k,
    Bytes64k,
}

fn system_names() -> clap::builder::PossibleValuesParser {
    let mut names: Vec<_> = u64::systems().iter().map(|system| system.name()).collect();
    names.extend(<[u8; 32]>::systems().iter().map(|system| system.name()));
    names.sort_unstable();
    names.dedup();
    names.into()
}

fn at_least_one(text: &str) -> Result<usize, String> {
    number(text).and_then(|number| if number == 0 { Err("at least 1".into()) } else { Ok(number) })
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match &options.other {
        None => report(&options),
        Some(Other::Broadcast(options)) => broadcast(options),
        Some(Other::Decodes(options)) => decodes(options),
        Some(Other::Inserts(options)) => inserts(options),
        Some(Other::Map(options)) => maps::report(options),
        Some(Other::Plot(options)) => plot(options),
        Some(Other::Round(options)) => round(options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn report(options: &Options) -> Result<(), String> {
    let mut table = table(options.out.as_deref(), &Origin::of_rounds())?;
    options.element.iter().try_for_each(|element| match element {
        ElementType::U64 => grid::<u64>(options, &mut table),
        ElementType::Bytes32 => grid::<[u8; 32]>(options, &mut table),
        ElementType::Bytes100 => grid::<Blob<100>>(options, &mut table),
        ElementType::Bytes1k => grid::<Blob<1_024>>(options, &mut table),
        ElementType::Bytes64k => grid::<Blob<65_536>>(options, &mut table),
    })
}

/// The table to write to; where it comes from goes beside it.
fn table<R: Record>(out: Option<&Path>, origin: &Origin) -> Result<Table<R>, String> {
    let Some(path) = out else { return Ok(Table::on_stdout()) };
    let beside = path.with_extension("origin");
    fs::write(&beside, origin.to_string()).map_err(|error| format!("{}: {error}", beside.display()))?;
    Table::open(path)
}

fn broadcast(options: &BroadcastOptions) -> Result<(), String> {
    let mut table = table(options.out.as_deref(), &Origin::of_clusters())?;
    for &nodes in &options.nodes {
        for overlay in overlays(nodes) {
            for &batch_ms in &options.batch {
                if table.seeds(&Cluster::new(overlay, nodes, batch_ms)) < options.seeds {
                    table.add(Broadcast::measure(overlay, nodes, batch_ms, options.seeds)?)?;
                }
            }
        }
    }
    Ok(())
}

/// The most that differ, where that is random.
const MOST: usize = 10_000;

/// How many rounds there are between two lines that tell of them.
const STRIDE: usize = 1_000;

fn decodes(options: &DecodesOptions) -> Result<(), String> {
    let mut random = SplitMix::new(options.seed);
    let mut numbers = Decoder::<u64>::new(Config::default(), random.next());
    let mut arrays = Decoder::<[u8; 32]>::new(Config::default(), random.next());
    let mut sum = Decodes::default();
    for index in 0..options.rounds {
        let d = match options.d.as_slice() {
            [] => log_uniform(MOST, &mut random),
            sizes => sizes[index / 2 % sizes.len()],
        };
        sum.add(if index % 2 == 0 { numbers.round(d) } else { arrays.round(d) });
        if (index + 1) % STRIDE == 0 {
            eprintln!("running: {} of {} rounds, {} decodes", index + 1, options.rounds, sum.decodes);
        }
    }
    print!("{sum}");
    if sum.wrong == 0 { Ok(()) } else { Err("a side holds what nobody inserted".into()) }
}

fn grid<E: Sample>(options: &Options, table: &mut Table<Row>) -> Result<(), String> {
    for &n in &options.n {
        if n > E::MOST {
            eprintln!("skipped: {}, n = {n}: at most {} are measured", E::NAME, E::MOST);
            continue;
        }
        // A share may be one of the counts.
        let differences: BTreeSet<_> = options.d.iter().map(|d| d.among(n)).collect();
        for &side in &options.side {
            for &d in &differences {
                if d > side.most(n) {
                    eprintln!("skipped: {}, n = {n}, d = {d}, {side}: at most {} can differ", E::NAME, side.most(n));
                } else {
                    cell::<E>(options, table, n, d, side)?;
                }
            }
        }
    }
    Ok(())
}

/// One row for each system.
fn cell<E: Sample>(options: &Options, table: &mut Table<Row>, n: usize, d: usize, side: Side) -> Result<(), String> {
    let mut sums = vec![];
    for system in E::systems() {
        let key = Key::new(system.name(), E::NAME, n, d, side);
        if !options.systems.iter().any(|name| name == system.name()) {
            continue;
        }
        let done = table.seeds(&key);
        if done >= options.seeds && !options.again {
            eprintln!("skipped: {key}: the file has it with {done} seeds");
            continue;
        }
        sums.push((system, key, Sum::default()));
    }
    if sums.is_empty() {
        return Ok(());
    }
    for seed in 0..options.seeds {
        let sets = Sets::<E>::new(n, d, side, seed as u64).expect("so many can differ");
        for (system, key, sum) in &mut sums {
            if system.refuses(&sets).is_none() {
                eprintln!("running: {key}: seed {} of {}", seed + 1, options.seeds);
                sum.add(measure(&**system, &sets, seed as u64));
            }
        }
    }
    let sets = Sets::<E>::new(n, d, side, 0).expect("so many can differ");
    for (system, key, sum) in sums {
        let row = match system.refuses(&sets) {
            Some(note) => Row::refused(key, options.seeds, note),
            None => Row::new(key, &sum),
        };
        table.add(row)?;
    }
    Ok(())
}

fn plot(options: &PlotOptions) -> Result<(), String> {
    let table = &options.table;
    let figures = if fs::read_to_string(table).is_ok_and(|text| text.starts_with(&Broadcast::HEADER.join(","))) {
        broadcast_figures(Table::open(table)?.rows())
    } else {
        figures(Table::open(table)?.rows())
    };
    for (name, plot) in figures {
        let path = table.with_file_name(name).with_extension("svg");
        fs::write(&path, plot.to_string()).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

fn round(options: &RoundOptions) -> Result<(), String> {
    let picture = Picture::of(1_000_000, 10, 1).expect("so many can differ");
    fs::write(&options.out, picture.to_string()).map_err(|error| format!("{}: {error}", options.out.display()))
}

/// How many are inserted.
const INSERTED: usize = 10_000;

/// How often, for the best time.
const RUNS: usize = 3;

fn inserts(options: &InsertsOptions) -> Result<(), String> {
    let mut out = csv::Writer::from_writer(io::stdout());
    let mut write = |row: [&str; 4]| out.write_record(row).map_err(|error| format!("a row can't be written: {error}"));
    write(["system", "element", "n", "ns"])?;
    for &n in &options.n {
        insert_each::<u64>(n)
            .chain(insert_each::<[u8; 32]>(n))
            .try_for_each(|row| write(row.each_ref().map(String::as_str)))?;
    }
    Ok(())
}

/// A row for each system, once it is measured.
fn insert_each<E: Sample>(n: usize) -> impl Iterator<Item = [String; 4]> {
    let sets = Sets::<E>::new(n + INSERTED, INSERTED, Side::Right, 0).expect("so many can differ");
    E::systems().into_iter().map(move |system| {
        let best = (0..RUNS).filter_map(|_| system.inserts(&sets)).min();
        let best = best.map_or_else(|| "-".into(), |time| (time.as_nanos() / INSERTED as u128).to_string());
        [system.name().into(), E::NAME.into(), n.to_string(), best]
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
        let options =
            Options::parse_from(["report", "--n", "1e4,100_000", "--side", "left,recent", "--element", "u64"]);
        assert_eq!((options.n, options.seeds), (vec![10_000, 100_000], 3));
        assert_eq!(options.systems, ["gossip"]);
        assert_eq!(options.side, [Side::Left, Side::Recent]);
        let options = Options::parse_from(["report", "--d", "10,0.15n", "--element", "bytes1k,bytes64k"]);
        assert_eq!(options.d, [Difference::Count(10), Difference::Share { part: 15, of: 100 }]);
        for bad in [
            ["--n", "many"],
            ["--n", "0.1n"],
            ["--d", "0.1"],
            ["--side", "up"],
            ["--element", "f64"],
            ["--systems", "none"],
            ["--seeds", "0"],
        ] {
            assert!(Options::try_parse_from([["report"].as_slice(), &bad].concat()).is_err(), "{bad:?}");
        }
        let options = Options::parse_from(["report", "decodes", "--rounds", "1e5", "--d", "10,30"]);
        let Some(Other::Decodes(options)) = options.other else { panic!("it is given") };
        assert_eq!((options.rounds, options.d), (100_000, vec![10, 30]));
        assert!(Options::try_parse_from(["report", "--n", "1e4", "decodes"]).is_err());
    }
}
