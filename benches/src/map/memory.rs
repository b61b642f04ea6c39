//! What a map of ours keeps in memory, counted by the allocator.

use core::time::Duration;

use allocation_counter::measure;
use gossip_core::{Config, Map, Overlay, Time};

use super::forgetting::replica;
use super::row::{Figures, MapCase, MapRow};
use super::value;
use crate::exchange::exchange;
use crate::sets::spread;

/// A map of `n` keys.
///
/// # Panics
///
/// If it does not hold them.
pub fn memory_held(n: usize) -> MapRow {
    let mut map = replica(Config::default(), 1);
    let counted =
        measure(|| (0..n as u64).for_each(|index| assert_eq!(map.insert(spread(index), value(index)), Ok(0))));
    assert_eq!(map.len(), n, "it holds all");
    row("held", n, n, counted.bytes_current)
}

/// Replicas in a star that update `n` keys, each the next one in turn, and push what they write: their memory after so many
/// updates, a mean.
///
/// # Panics
///
/// If they do not hold the same then, and the latest of each key alone.
pub fn memory_pushed(n: usize, updates: &[usize]) -> Vec<MapRow> {
    let mut star = Star::new();
    let row_after = |&count: &usize| {
        while star.done < count {
            star.update(n, BATCH.min(count - star.done));
            star.pass(INTERVAL);
        }
        star.pass(QUIET);
        star.check(n);
        eprintln!("done: {count} updates");
        row("pushed", n, count, star.kept / REPLICAS as i64)
    };
    updates.iter().map(row_after).collect()
}

fn row(work: &str, n: usize, u: usize, memory: i64) -> MapRow {
    MapRow::new(MapCase::of_writes(work, n, u), 1, Figures { memory: Some(memory as f64), ..Figures::default() })
}

/// Replicas that push to each other.
struct Star {
    replicas: Vec<Map<usize, u64, [u8; 32]>>,
    now: Time,
    /// How many updates there were.
    done: usize,
    /// The bytes that all replicas together have allocated and not freed.
    kept: i64,
}

const REPLICAS: usize = 3;

/// How often they push.
const INTERVAL: Duration = Duration::from_millis(100);

/// How many updates there are in that time. Those of one key are ten times as far apart in the report, so that each replica
/// has seen the one before when it makes the next.
const BATCH: usize = 1_000;

/// The time without updates after which all hold the same.
const QUIET: Duration = Duration::from_secs(2);

impl Star {
    fn new() -> Self {
        let mut star = Self { replicas: vec![], now: Time::ZERO, done: 0, kept: 0 };
        star.count(|star| star.replicas = (0..REPLICAS).map(Self::replica).collect());
        star
    }

    fn replica(me: usize) -> Map<usize, u64, [u8; 32]> {
        let mut config = Config::default();
        config.batch_every = Some(INTERVAL);
        let mut map = replica(config, me as u64);
        (0..REPLICAS).filter(|&peer| peer != me).for_each(|peer| _ = map.add_peer(peer));
        map.set_overlay(Overlay::star(&me, 0..REPLICAS));
        map
    }

    fn count(&mut self, act: impl FnOnce(&mut Self)) {
        let counted = measure(|| act(self));
        self.kept += counted.bytes_current;
    }

    /// The next updates: of each key in turn, by each replica in turn.
    fn update(&mut self, n: usize, count: usize) {
        self.count(|star| {
            for update in star.done..star.done + count {
                let inserted =
                    star.replicas[update % REPLICAS].insert(spread((update % n) as u64), value(update as u64));
                assert_eq!(inserted, Ok(usize::from(update >= n)), "it replaces the one before");
            }
        });
        self.done += count;
    }

    fn pass(&mut self, time: Duration) {
        let (from, to) = (self.now, self.now + time);
        self.count(|star| exchange(&mut star.replicas, from, to));
        self.now = to;
    }

    fn check(&self, n: usize) {
        let held = n.min(self.done);
        for map in &self.replicas {
            assert_eq!((map.len(), map.digest()), (held, self.replicas[0].digest()), "all hold the same");
            for update in self.done - held..self.done {
                let values = map.get_all(&spread((update % n) as u64));
                assert!(values.eq([&value(update as u64)]), "the latest of each key, and nothing else");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_follows_what_is_held_and_not_what_was_written() {
        let rows = memory_pushed(1_000, &[10_000, 20_000]);
        let [once, twice] = [0, 1].map(|row: usize| rows[row].figures().memory.expect("it is counted"));
        assert!((0.8..1.25).contains(&(twice / once)), "{rows:?}");
        assert!(memory_held(1_000).figures().memory < Some(once));
    }
}
