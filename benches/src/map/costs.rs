//! What a round costs.
#![expect(clippy::float_arithmetic, reason = "means of a report")]

use super::row::{Figures, MapCase, MapRow};
use super::{MapSystem, Work};

/// The most hops of a round of ours: three round trips.
const MOST_HOPS: usize = 6;

/// What a round costs after `u` writes to a map of `n` keys, which the writer begins or else the other side: means over
/// seeds.
///
/// # Panics
///
/// If both sides do not hold what was written after it, or do not after another round, or if ours takes more than it may.
pub fn round_cost(system: MapSystem, work: Work, n: usize, u: usize, by_writer: bool, seeds: usize) -> MapRow {
    let asker = usize::from(!by_writer);
    let case = MapCase::of_round(system.name, work, n, u, by_writer);
    let mut figures = Figures::default();
    for seed in (0..).take(seeds) {
        eprintln!("running: {case}: seed {} of {seeds}", seed + 1);
        let mut written = work.done(system, n, u, seed);
        let counts = written.replicas.round(asker);
        written.check();
        written.replicas.round(1 - asker);
        written.check();
        if let Some(most) = work.most_bytes(u).filter(|_| system.is_ours) {
            assert!(counts.bytes <= most && counts.hops <= MOST_HOPS, "{case}: {counts:?}, and {most} bytes at most");
        }
        let mean = |sum: Option<f64>, count: usize, of: usize| Some(sum.unwrap_or(0.0) + count as f64 / of as f64);
        figures.bytes = mean(figures.bytes, counts.bytes, seeds);
        figures.round_trips = mean(figures.round_trips, counts.hops, 2 * seeds);
        figures.messages = mean(figures.messages, counts.messages, seeds);
    }
    MapRow::new(case, seeds, figures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::map_systems;

    #[test]
    fn every_system_has_maps_that_agree() {
        for system in map_systems() {
            for work in Work::ALL {
                for u in work.writes(300, &[1, 10, 300]) {
                    for by_writer in [true, false] {
                        let figures = round_cost(system, work, 300, u, by_writer, 1).figures();
                        assert!(
                            figures.bytes > Some(0.0) && figures.round_trips > Some(0.0),
                            "{system:?}: {figures:?}"
                        );
                    }
                }
            }
        }
    }
}
