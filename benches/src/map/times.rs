//! What operations on a map of ours take.
#![expect(clippy::float_arithmetic, reason = "means of a report")]

use std::fs;
use std::time::Duration;

use gossip_core::{Config, Map};

use super::forgetting::replica;
use super::row::{Figures, MapCase, MapRow};
use super::value;
use crate::sets::spread;

/// How often, for the best time.
const RUNS: usize = 3;

/// The insert of a key into a map of ours, its look-up, update and removal, each done with all of `n` keys. The best of three
/// runs.
///
/// # Panics
///
/// If one of them does not do what it should.
pub fn operation_times(n: usize) -> Vec<MapRow> {
    let mut best =
        [("insert", Duration::MAX), ("get", Duration::MAX), ("update", Duration::MAX), ("remove", Duration::MAX)];
    for _ in 0..RUNS {
        let mut map = replica(Config::default(), 1);
        let times = [
            time(&mut map, 0..n, |map, key| assert_eq!(map.insert(key, value(key)), Ok(0))),
            time(&mut map, shuffled(n), |map, key| assert_eq!(map.get(&key), Some(&value(key)))),
            time(&mut map, shuffled(n), |map, key| assert_eq!(map.insert(key, value(!key)), Ok(1))),
            time(&mut map, shuffled(n), |map, key| assert_eq!(map.remove(&key), 1)),
        ];
        assert!(map.is_empty(), "all keys are removed");
        best.iter_mut().zip(times).for_each(|((_, best), time)| *best = time.min(*best));
    }
    let row = |(work, time): (&str, Duration)| {
        let ns = Some(time.as_nanos() as f64 / n as f64);
        MapRow::new(MapCase::of_writes(work, n, n), 1, Figures { ns, ..Figures::default() })
    };
    best.map(row).into()
}

/// All indexes, and not in the order of inserts: a replica keeps entries that were inserted together in one place.
fn shuffled(n: usize) -> impl Iterator<Item = usize> {
    // Coprime to every n that a report is made of.
    (0..n).map(move |index| index * 48_271 % n)
}

/// The processor's time that an operation takes with all of these keys.
fn time(
    map: &mut Map<usize, u64, [u8; 32]>,
    indexes: impl Iterator<Item = usize>,
    operation: impl Fn(&mut Map<usize, u64, [u8; 32]>, u64),
) -> Duration {
    let start = processor_time();
    indexes.for_each(|index| operation(map, spread(index as u64)));
    processor_time() - start
}

/// How long this thread has had a processor. Seconds of operations share theirs with whatever else runs, and no run of them
/// is quiet.
fn processor_time() -> Duration {
    let times = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells it");
    let nanos = times.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("it begins with that time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_is_timed() {
        // The clock may stand still for so few.
        let rows = operation_times(1_000);
        assert!(rows.iter().all(|row| row.figures().ns.is_some()) && rows.len() == 4, "{rows:?}");
    }
}
