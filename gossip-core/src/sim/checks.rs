//! `Checks`: what a run is checked for beside the laws that cost nothing.

use core::time::Duration;

use super::Chance;

/// Checks of a run. A poll before a deadline tells a machine the time, so checks may change a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    /// Run a second machine of equal seed and inputs beside each, and compare all outputs. Default: yes.
    pub twins: bool,
    /// Share of requests that copies answer too, after an insertion and after a restart. O(elements) each. Default: 5
    /// %.
    pub rehearsals: Chance,
    /// Share of deadlines with one poll before, of which nothing may come. Default: 10 %.
    pub early_polls: Chance,
    /// How long a hole may be open: an element that one replica holds and another lacks, counted from the end of the
    /// last fault if that is later. It suits fleets of which each replica is reached by way of others, and whose network
    /// loses little. Default: not checked.
    pub staleness: Option<Duration>,
    /// Whether each pair that talked has to come to a proof before a run is [settled](super::Simulation::settle). Default: yes.
    pub proofs: bool,
}

impl Default for Checks {
    fn default() -> Self {
        Self {
            twins: true,
            rehearsals: Chance::percent(5),
            early_polls: Chance::percent(10),
            staleness: None,
            proofs: true,
        }
    }
}

impl Checks {
    /// For a protocol that proves nothing and promises nothing beside: a run is settled once all hold the same, and
    /// machines are looked at as they go, without twins, copies or polls of the simulator's own.
    pub const fn convergence_only() -> Self {
        Self { twins: false, rehearsals: Chance::NEVER, early_polls: Chance::NEVER, staleness: None, proofs: false }
    }
}
