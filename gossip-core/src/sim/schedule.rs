//! What befalls replicas, and when.

use alloc::vec::Vec;
use core::time::Duration;

use super::{Chance, ReplicaId};
use crate::Time;
use crate::rng::Rng;
use crate::time::micros;

/// Something that befalls replicas at a time of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A partition: these replicas and the others cannot reach each other. It stops what would arrive while it lasts, as
    /// Maelstrom's do: what is under way when it begins, and not what still is when it ends. Partitions may overlap.
    Cut(Vec<ReplicaId>),
    /// A partition link by link: the first of each of these pairs cannot reach the second. So replicas may be parted that
    /// others can both reach, and one may hear of another that does not hear of it.
    Sever(Vec<(ReplicaId, ReplicaId)>),
    /// The replica stands still; its messages, insertions and deadlines wait for it.
    Pause(ReplicaId),
    /// The replica is gone, and comes back as a new machine with a new seed.
    Crash(ReplicaId, Memory),
    /// The replica's clock is set forward, once.
    Forward(ReplicaId),
    /// The replica's clock is set back, once.
    Back(ReplicaId),
}

/// What a replica still has after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// All elements that it was given or told of; nothing else.
    Kept,
    /// Nothing.
    Lost,
}

/// How many faults of each kind to draw. By default, none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// When the faults begin: any time from the start to this.
    pub within: Duration,
    /// How long each lasts at the most, and how far clocks are set.
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
    /// How often a replica that got a message is polled only up to 10 ms later, or with its next.
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
            dawdling: Chance::NEVER,
        }
    }
}

impl Faults {
    /// Draws faults for this many replicas: each with its time and how long it lasts.
    pub(super) fn draw(&self, replicas: usize, rng: &mut Rng) -> Vec<(Time, Fault, Duration)> {
        let kinds = [self.cuts, self.pauses, self.crashes, self.amnesias, self.jumps];
        let mut drawn = Vec::new();
        for (kind, count) in kinds.into_iter().enumerate() {
            for _ in 0..count {
                let at = Time::from_micros(rng.below(micros(self.within).saturating_add(1)));
                let lasting = Duration::from_micros(1 + rng.below(micros(self.longest)));
                let one = ReplicaId(usize::try_from(rng.below(replicas as u64)).unwrap_or(0));
                let fault = match kind {
                    0 => Fault::Cut((0..replicas).map(ReplicaId).filter(|_| rng.below(2) == 0).collect()),
                    1 => Fault::Pause(one),
                    2 => Fault::Crash(one, Memory::Kept),
                    3 => Fault::Crash(one, Memory::Lost),
                    _ if rng.below(2) == 0 => Fault::Forward(one),
                    _ => Fault::Back(one),
                };
                drawn.push((at, fault, lasting));
            }
        }
        drawn
    }
}
