//! `Checks`: what a run is checked for beside the laws that cost nothing.

use core::time::Duration;

use super::Chance;

/// Checks of a run. A poll before a deadline tells a machine the time, so checks may change a run.
///
/// ```
/// use core::time::Duration;
/// use gossip_core::sim::{Checks, Network, Simulation};
/// use gossip_core::{AntiEntropy, Config, Time};
/// # fn replica(id: usize, seed: u64) -> AntiEntropy<usize, u64> {
/// #     let mut machine = AntiEntropy::new(Config::default(), seed);
/// #     machine.add_peer(1 - id);
/// #     machine
/// # }
///
/// let checks = Checks { staleness: Some(Duration::from_secs(30)), ..Checks::default() };
/// let mut simulation = Simulation::new(7, Network::default(), 2, replica).with_checks(checks); // of two peers
/// simulation.insert(Time::ZERO, 0, 42);
/// simulation.run_until(Time::from_millis(60_000))?;
/// assert!(simulation.report().early_polls > 0, "of a tenth of the deadlines");
/// # Ok::<(), gossip_core::sim::Violation>(())
/// ```
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
