//! `Law`, by name, and `Violation`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::Time;

/// Law that the simulator checks. Its `Display` is its name in snake case.
///
/// ```
/// use core::time::Duration;
/// use gossip_core::sim::{Chance, Checks, Law, Network, Simulation};
/// use gossip_core::{AntiEntropy, Config, Time};
/// # fn replica(id: usize, seed: u64) -> AntiEntropy<usize, u64> {
/// #     let mut machine = AntiEntropy::new(Config::default(), seed);
/// #     machine.add_peer(1 - id);
/// #     machine
/// # }
///
/// let network = Network { loss: Chance::ALWAYS, ..Network::default() };
/// let checks = Checks { staleness: Some(Duration::from_secs(30)), ..Checks::default() };
/// let mut simulation = Simulation::new(7, network, 2, replica).with_checks(checks); // of two peers
/// simulation.insert(Time::ZERO, 0, 42);
/// let broken = simulation.run_until(Time::from_millis(60_000)).unwrap_err().law;
/// assert_eq!(broken, Law::BoundedStaleness);
/// assert_eq!(broken.to_string(), "bounded_staleness");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Law {
    /// Once messages flow again every replica ends with the union of what live replicas held, and each pair that talks
    /// ends with a proof. A proof is never false: both replicas have held a set of its digest.
    Convergence,
    /// While a replica lives, its set only grows, only by what some replica inserted, and it tells of each element
    /// once. An element of a machine that [forgets](super::Machine::FORGETS) goes only if some replica has removed or
    /// replaced it, and never comes back to a replica that it went from.
    NothingLostNothingInvented,
    /// Elements of a message are held when `receive` returns, and answers are of the set as they are sent.
    EagerToLearnLazyToSpeak,
    /// A request that is answered is also answered by a replica that has restarted before.
    NoSessionsOnTheWire,
    /// A deadline is later than the time polled at; nothing comes before it without input; and something comes at it,
    /// but for one time in a row for each replica there is, and one more.
    WaitIsTruthful,
    /// No message is over the budget, a message earns at most a window of answers, and nothing goes on for ever.
    Bounded,
    /// Equal seeds and inputs give equal outputs, byte for byte.
    Deterministic,
    /// While no fault is in force, what one replica holds all hold soon, whether or not writes go on. Checked with
    /// [`Checks::staleness`](super::Checks::staleness).
    BoundedStaleness,
}

impl Law {
    /// The name, in snake case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Convergence => "convergence",
            Self::NothingLostNothingInvented => "nothing_lost_nothing_invented",
            Self::EagerToLearnLazyToSpeak => "eager_to_learn_lazy_to_speak",
            Self::NoSessionsOnTheWire => "no_sessions_on_the_wire",
            Self::WaitIsTruthful => "wait_is_truthful",
            Self::Bounded => "bounded",
            Self::Deterministic => "deterministic",
            Self::BoundedStaleness => "bounded_staleness",
        }
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Broken law, at which the run ends.
///
/// ```
/// use core::time::Duration;
/// use gossip_core::sim::{Chance, Law, Network, Simulation};
/// use gossip_core::{AntiEntropy, Config, Time};
/// # fn replica(id: usize, seed: u64) -> AntiEntropy<usize, u64> {
/// #     let mut machine = AntiEntropy::new(Config::default(), seed);
/// #     machine.add_peer(1 - id);
/// #     machine
/// # }
///
/// let network = Network { loss: Chance::ALWAYS, ..Network::default() };
/// let mut simulation = Simulation::new(7, network, 2, replica); // of two peers
/// simulation.insert(Time::ZERO, 0, 42);
/// let violation = simulation.settle(Duration::from_secs(60)).unwrap_err();
/// assert_eq!((violation.law, violation.replica), (Law::Convergence, 1));
/// assert!(violation.to_string().contains("by seed 7: holds 0 of 1 elements, and lacks one of r0's"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{law}: r{replica}, at {} µs, by seed {seed}: {what}{}", at.as_micros(), About(element.as_deref()))]
#[non_exhaustive]
pub struct Violation {
    /// The broken law.
    pub law: Law,
    /// The seed of the run.
    pub seed: u64,
    /// Virtual time.
    pub at: Time,
    /// The replica.
    pub replica: usize,
    /// The observation.
    pub what: String,
    /// The encoding of the element that it is about, if it is about one.
    pub element: Option<Vec<u8>>,
    /// The last lines of the trace, up to 16.
    pub trace: String,
}

/// Bytes, for people.
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The element that a violation is about, if it is about one.
struct About<'a>(Option<&'a [u8]>);

impl fmt::Display for About<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |bytes| write!(f, ", the element of bytes {}", Hex(bytes)))
    }
}
