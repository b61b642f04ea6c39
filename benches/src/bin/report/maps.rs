//! `report map`.

use std::path::PathBuf;

#[cfg(not(feature = "memory"))]
use benches::operation_times;
use benches::{MapCase, MapRow, Origin, Table, Work, map_systems, round_cost};
#[cfg(feature = "memory")]
use benches::{memory_held, memory_pushed};
use clap::Args;

use crate::{at_least_one, table};

/// What a map that forgets costs: writes a CSV with one row a system, work, size and side.
#[derive(Debug, Args)]
#[command(after_long_help = MAPS)]
pub(crate) struct Options {
    /// The file to write, and where it comes from beside it, as of rounds; rows that it has are not run again [default:
    /// stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// How many seeds to average rounds over
    #[arg(long, value_name = "COUNT", value_parser = at_least_one, default_value = "3")]
    seeds: usize,
}

const MAPS: &str = "\
Keys have 8 bytes and values 32. One side writes; after each round both hold what it wrote, and a round that the other begins
then brings nothing back: that is checked, before anything is reported. Columns:
  n            keys
  u            writes that the other side has missed, or that there were
  asker        who begins the round
  bytes, round_trips, messages
               as of rounds: means over the seeds
  memory       bytes that a replica has allocated; with the feature `memory`
  ns           nanoseconds of a processor for one of u operations, each of another key, the best of three runs; on Linux, and
               without that feature

Work, since both sides last held the same:
  updates      of u keys. Ours takes at most 85 u + 400 bytes, or the report fails, and 3 round trips
  removals     of u keys. Ours takes at most 20 u + 400 bytes and 3 round trips
  return       ten updates of each key, and its removal
  return-half  the same, and then inserts of half of the keys
Or they have not met:
  meet-empty   the other side is empty
  meet-equal   both hold copies of one map
  meet-updates the same, and then updates of u keys
Without rounds:
  insert, get, update, remove
               operations on a map of n keys
  held         a map of n keys
  pushed       three replicas in a star that update n keys in turn and push what they write every 100 ms, 1 000 updates;
               the memory is the mean of theirs

Systems, and what each needs that ours does not:
  gossip       ours
  versions     each write is an element of a plain set of ours: memory for all that was ever written and removed
  rbsr-lww     what the crate `reconcile` has: range fingerprints over a tree, entries with stamps, of which the later wins,
               and tombstones. Clocks that agree, and all members known, to keep each tombstone until the last has it. Its
               acknowledgements are not counted. With the feature `peers`
  full         both full states: entries, each with its insert's writer and number, and how far each writer was seen. Nothing;
               it is what ours saves from sending. With the feature `peers`";

/// Keys of the maps that have rounds.
const KEYS: usize = 100_000;

/// How many of them are written to.
const WRITTEN: [usize; 5] = [1, 10, 100, 1_000, 10_000];

/// Keys of the maps whose operations are timed, and whose memory is counted.
const OPERATED: usize = 1_000_000;

pub(crate) fn report(options: &Options) -> Result<(), String> {
    let mut table: Table<MapRow> = table(options.out.as_deref(), &Origin::of_maps())?;
    for work in Work::ALL {
        for u in work.writes(KEYS, &WRITTEN) {
            for (system, by_writer) in map_systems().into_iter().flat_map(|system| [(system, true), (system, false)]) {
                if table.seeds(&MapCase::of_round(system.name, work, KEYS, u, by_writer)) < options.seeds {
                    table.add(round_cost(system, work, KEYS, u, by_writer, options.seeds))?;
                }
            }
        }
    }
    operations(&mut table)
}

#[cfg(not(feature = "memory"))]
fn operations(table: &mut Table<MapRow>) -> Result<(), String> {
    if table.seeds(&MapCase::of_writes("insert", OPERATED, OPERATED)) > 0 {
        return Ok(());
    }
    operation_times(OPERATED).into_iter().try_for_each(|row| table.add(row))
}

/// Keys of the maps that push, and how often they are updated in all.
#[cfg(feature = "memory")]
const PUSHED: (usize, [usize; 3]) = (10_000, [100_000, 1_000_000, 10_000_000]);

#[cfg(feature = "memory")]
fn operations(table: &mut Table<MapRow>) -> Result<(), String> {
    if table.seeds(&MapCase::of_writes("held", OPERATED, OPERATED)) > 0 {
        return Ok(());
    }
    table.add(memory_held(OPERATED))?;
    memory_pushed(PUSHED.0, &PUSHED.1).into_iter().try_for_each(|row| table.add(row))
}
