//! The links between nodes: how long lines take on them, which get lost, which are cut.

use std::collections::BTreeSet;
use std::time::Duration;

use gossip_core::sim::{Latency, Rng};

#[derive(Debug)]
pub(crate) struct Links {
    latency: Latency,
    /// How many of a hundred lines get lost.
    loss: u8,
    rng: Rng,
    /// What each partition in force stops: lines from the first to the second.
    cuts: Vec<(usize, BTreeSet<(usize, usize)>)>,
    partitions: usize,
}

impl Links {
    pub(crate) fn new(latency: Latency, loss: u8, seed: u64) -> Self {
        Self { latency, loss, rng: Rng::new(seed), cuts: Vec::new(), partitions: 0 }
    }

    /// The time that the next line takes; `None` if it gets lost.
    pub(crate) fn next_latency(&mut self) -> Option<Duration> {
        let lost = self.rng.below(100) < self.loss.into();
        let latency = self.latency.draw(&mut self.rng);
        (!lost).then_some(latency)
    }

    /// Stops lines from the first to the second of these, until [`join`](Self::join) is given what this gives.
    pub(crate) fn part(&mut self, links: BTreeSet<(usize, usize)>) -> usize {
        self.partitions += 1;
        self.cuts.push((self.partitions, links));
        self.partitions
    }

    pub(crate) fn join(&mut self, partition: usize) {
        self.cuts.retain(|(number, _)| *number != partition);
    }

    pub(crate) fn are_cut(&self, from: usize, to: usize) -> bool {
        self.cuts.iter().any(|(_, links)| links.contains(&(from, to)))
    }
}

/// The links between nodes of different groups, both ways.
pub(crate) fn between(groups: &[&[usize]]) -> BTreeSet<(usize, usize)> {
    let mut links = BTreeSet::new();
    for (i, group) in groups.iter().enumerate() {
        let others = || groups[..i].iter().chain(&groups[i + 1..]).copied().flatten();
        links.extend(group.iter().flat_map(|&from| others().map(move |&to| (from, to))));
    }
    links
}
