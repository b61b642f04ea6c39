//! What it takes to keep a cluster in step under load: messages and latency, by overlay, size and batch interval.

mod drawn;

use core::fmt;
use core::num::NonZeroUsize;
use std::time::Duration;

use gossip_node::lab::trial::{Decimal, Plan, Report, simulate};
use gossip_node::{Settings, Shape};

use crate::table::Record;

pub use drawn::broadcast_figures;

/// A cluster, and how often it pushes: what a row is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The overlay's name.
    pub overlay: String,
    /// How many nodes there are.
    pub nodes: u16,
    /// The batch interval in ms.
    pub batch_ms: u64,
}

/// A row: means over seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Broadcast {
    cluster: Cluster,
    seeds: usize,
    means: [f64; 4],
}

/// The overlays to compare in a cluster of this size: a star, and the trees that are something else.
pub fn overlays(nodes: u16) -> impl Iterator<Item = Shape> {
    let trees = [5, 10, 32].into_iter().filter(move |fan_out| fan_out + 1 < nodes.into());
    [Shape::Star].into_iter().chain(trees.filter_map(NonZeroUsize::new).map(Shape::Tree))
}

impl Cluster {
    /// The cluster of these.
    pub fn new(overlay: Shape, nodes: u16, batch_ms: u64) -> Self {
        Self { overlay: overlay.to_string(), nodes, batch_ms }
    }
}

impl Broadcast {
    /// Simulates a cluster under the load that is `gossip-node simulate`'s own, once for each seed.
    ///
    /// # Errors
    ///
    /// What went wrong with which seed: a broken law, or no element that all nodes came to hold.
    pub fn measure(overlay: Shape, nodes: u16, batch_ms: u64, seeds: usize) -> Result<Self, String> {
        let cluster = Cluster::new(overlay, nodes, batch_ms);
        let mut settings = Settings::default();
        (settings.overlay, settings.batch_every) = (overlay, Duration::from_millis(batch_ms));
        let mut plan = Plan::default();
        plan.nodes = nodes;
        let mut reports = vec![];
        for seed in (0..).take(seeds) {
            eprintln!("running: {cluster}: seed {seed} of {seeds}");
            plan.seed = seed;
            let report = simulate(&plan, &settings, |_, _| {});
            reports.push(report.map_err(|violation| format!("{cluster}, seed {seed}: {violation}"))?);
        }
        let figures = Report::mean(&reports).ok_or("a mean needs a seed")?.figures;
        let latencies = figures.true_latency_ms.values();
        let [median, _, _, greatest] = latencies.ok_or_else(|| format!("{cluster}: no element reached all nodes"))?;
        let means = [figures.msgs_per_op, median, greatest, figures.lost];
        let means = means.map(Decimal::to_f64);
        Ok(Self { cluster, seeds, means })
    }

    /// Messages per operation, median and greatest of true latencies in ms, lost elements.
    pub const fn means(&self) -> [f64; 4] {
        self.means
    }
}

impl Record for Broadcast {
    const HEADER: &'static [&'static str] =
        &["overlay", "nodes", "batch_ms", "seeds", "msgs_per_op", "true_median_ms", "true_max_ms", "lost"];

    type Key = Cluster;

    fn key(&self) -> &Cluster {
        &self.cluster
    }

    fn seeds(&self) -> usize {
        self.seeds
    }

    fn columns(&self) -> Vec<String> {
        let Self { cluster: Cluster { overlay, nodes, batch_ms }, seeds, means } = self;
        let counts = [overlay.clone(), nodes.to_string(), batch_ms.to_string(), seeds.to_string()];
        counts.into_iter().chain(means.map(|mean| mean.to_string())).collect()
    }

    fn of(columns: &[&str]) -> Option<Self> {
        let &[overlay, nodes, batch_ms, seeds, ref means @ ..] = columns else { return None };
        let (nodes, batch_ms) = (nodes.parse().ok()?, batch_ms.parse().ok()?);
        let cluster = Cluster { overlay: overlay.into(), nodes, batch_ms };
        let means: Vec<f64> = means.iter().map(|mean| mean.parse().ok()).collect::<Option<_>>()?;
        Some(Self { cluster, seeds: seeds.parse().ok()?, means: means.try_into().ok()? })
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { overlay, nodes, batch_ms } = self;
        write!(f, "{overlay},{nodes},{batch_ms}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_what_a_simulation_costs() {
        let row = Broadcast::measure(Shape::Star, 5, 370, 2).expect("no law is broken");
        assert_eq!(row.columns().join(","), "star,5,370,2,0.243,360,570,0");
        let parse = |line: &str| Broadcast::of(&line.split(',').collect::<Vec<_>>());
        assert_eq!(parse(&row.columns().join(",")), Some(row));
        for bad in ["star,5,370,2,1,2,3", "star,5,370,2,1,2,3,4,5", "star,5,370,2,1,2,3,-", "star,5,370.5,2,1,2,3,4"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_tree_as_wide_as_the_cluster_is_the_star() {
        let names = |nodes| overlays(nodes).map(|overlay| overlay.to_string()).collect::<Vec<_>>();
        assert_eq!(names(6), ["star"]);
        assert_eq!(names(25), ["star", "tree:5", "tree:10"]);
        assert_eq!(names(34), ["star", "tree:5", "tree:10", "tree:32"]);
    }
}
