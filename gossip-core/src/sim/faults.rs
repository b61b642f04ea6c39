//! `Fault`, and the random schedule of `Faults`.

use alloc::vec::Vec;
use core::time::Duration;

use super::Chance;
use crate::Time;
use crate::rng::Rng;
use crate::time::micros;

/// Fault of replicas or their network.
///
/// ```
/// use core::time::Duration;
/// use gossip_core::sim::{Fault, Network, Simulation};
/// use gossip_core::{AntiEntropy, Config, Time};
/// # fn replica(id: usize, seed: u64) -> AntiEntropy<usize, u64> {
/// #     let mut machine = AntiEntropy::new(Config::default(), seed);
/// #     machine.add_peer(1 - id);
/// #     machine
/// # }
///
/// let mut simulation = Simulation::new(7, Network::default(), 2, replica); // of two peers
/// simulation.insert(Time::ZERO, 0, 42);
/// simulation.fault(Time::ZERO, Fault::Cut(vec![0]), Duration::from_secs(5));
/// let report = simulation.settle(Duration::from_secs(60))?;
/// assert!(report.cut > 0 && report.settled_at > Time::from_millis(5_000));
/// # Ok::<(), gossip_core::sim::Violation>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Partition between these replicas and the others. It stops messages that would arrive while it lasts, as
    /// Maelstrom's do: those under way at its beginning, and not those under way at its end. Partitions may overlap.
    Cut(Vec<usize>),
    /// Partition link by link: the first of each of these pairs cannot reach the second. So a third replica may reach
    /// two that are parted, and a link may work one way.
    Sever(Vec<(usize, usize)>),
    /// Standstill of a transport: that of the first to the second takes no messages, as the first is
    /// [told](super::Machine::set_writable). A crash of the first ends it. Skipped where it stands still already.
    Stall(usize, usize),
    /// Pause of a replica; its messages, insertions and deadlines wait.
    Pause(usize),
    /// Crash of a replica, which comes back as a new machine with a new seed.
    Crash(usize, Memory),
    /// Clock of a replica set forward, once.
    Forward(usize),
    /// Clock of a replica set back, once.
    Back(usize),
}

/// Memory of a replica after a crash.
///
/// ```
/// use core::time::Duration;
/// use gossip_core::sim::{Fault, Memory, Network, Simulation};
/// use gossip_core::{AntiEntropy, Config, Time};
/// # fn replica(id: usize, seed: u64) -> AntiEntropy<usize, u64> {
/// #     let mut machine = AntiEntropy::new(Config::default(), seed);
/// #     machine.add_peer(1 - id);
/// #     machine
/// # }
///
/// let mut simulation = Simulation::new(7, Network::default(), 2, replica); // of two peers
/// simulation.insert(Time::ZERO, 0, 42);
/// simulation.fault(Time::from_millis(9_000), Fault::Crash(0, Memory::Lost), Duration::from_secs(1));
/// let report = simulation.settle(Duration::from_secs(60))?;
/// assert_eq!((report.amnesias, report.learned), (1, 2), "replica 0 learned its own element again");
/// # Ok::<(), gossip_core::sim::Violation>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// All its elements; nothing else.
    Kept,
    /// Nothing.
    Lost,
}

/// Numbers of faults to draw, by kind. By default, none.
///
/// ```
/// use core::time::Duration;
/// use gossip_core::sim::{Faults, Network, Simulation};
/// use gossip_core::{AntiEntropy, Config, Time};
/// # fn replica(id: usize, seed: u64) -> AntiEntropy<usize, u64> {
/// #     let mut machine = AntiEntropy::new(Config::default(), seed);
/// #     machine.add_peer(1 - id);
/// #     machine
/// # }
///
/// let mut simulation = Simulation::new(7, Network::default(), 2, replica); // of two peers
/// (0..20).for_each(|element| simulation.insert(Time::from_millis(500 * element), 0, element));
/// simulation.faults(&Faults { cuts: 3, jumps: 2, ..Faults::default() });
/// let report = simulation.settle(Duration::from_secs(60))?;
/// assert_eq!((report.partitions, report.jumps), (3, 2));
/// # Ok::<(), gossip_core::sim::Violation>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Latest beginning of a fault.
    pub within: Duration,
    /// Longest duration of a fault, and farthest jump of a clock.
    pub longest: Duration,
    /// Partitions.
    pub cuts: u32,
    /// Pauses.
    pub pauses: u32,
    /// Crashes that keep the elements.
    pub crashes: u32,
    /// Crashes that lose the elements.
    pub amnesias: u32,
    /// Clocks set forward or back.
    pub jumps: u32,
    /// Transports that stand still.
    pub stalls: u32,
    /// Share of messages whose receiver is polled up to 10 ms late, or with the next.
    pub dawdling: Chance,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            within: Duration::from_secs(10),
            longest: Duration::from_secs(5),
            cuts: 0,
            pauses: 0,
            crashes: 0,
            amnesias: 0,
            jumps: 0,
            stalls: 0,
            dawdling: Chance::NEVER,
        }
    }
}

impl Faults {
    /// Draws faults for this many replicas, each with its time and duration.
    pub(super) fn draw(&self, replicas: usize, rng: &mut Rng) -> Vec<(Time, Fault, Duration)> {
        let kinds = [self.cuts, self.pauses, self.crashes, self.amnesias, self.jumps, self.stalls];
        let mut drawn = Vec::new();
        // Kind by kind, so that one jump more leaves all other faults of a seed as they were.
        for (kind, count) in kinds.into_iter().enumerate() {
            for _ in 0..count {
                let at = Time::from_micros(rng.below(micros(self.within).saturating_add(1)));
                // A fault that ends as it begins would be planned, counted and never seen.
                let lasting = Duration::from_micros(1 + rng.below(micros(self.longest)));
                let one = usize::try_from(rng.below(replicas as u64)).unwrap_or(0);
                let fault = match kind {
                    // A coin for each: once in 2^(n − 1) draws all n are on one side, and nothing is cut.
                    0 => Fault::Cut((0..replicas).filter(|_| rng.below(2) == 0).collect()),
                    1 => Fault::Pause(one),
                    2 => Fault::Crash(one, Memory::Kept),
                    3 => Fault::Crash(one, Memory::Lost),
                    4 if rng.below(2) == 0 => Fault::Forward(one),
                    4 => Fault::Back(one),
                    _ => {
                        // To any other: nobody sends to itself.
                        let ahead = 1 + usize::try_from(rng.below(replicas.saturating_sub(1) as u64)).unwrap_or(0);
                        Fault::Stall(one, (one + ahead) % replicas)
                    }
                };
                drawn.push((at, fault, lasting));
            }
        }
        drawn
    }
}
