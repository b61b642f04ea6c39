//! `Law`, by name, and `Violation`.

use alloc::string::String;
use core::fmt;

use crate::Time;

/// Law that the simulator checks. Its `Display` is its name in snake case.
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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{law}: r{replica}, at {} µs: {what}", at.as_micros())]
#[non_exhaustive]
pub struct Violation {
    /// The broken law.
    pub law: Law,
    /// Virtual time.
    pub at: Time,
    /// The replica.
    pub replica: usize,
    /// The observation.
    pub what: String,
}
