//! The laws by name, and how breaking one is told.

use alloc::string::String;
use core::fmt;

use super::ReplicaId;
use crate::Time;

/// A law that the simulator checks. Its `Display` is its name in snake case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Law {
    /// Once messages flow again every replica ends with the union of what live replicas held, and each pair that talks
    /// ends with a proof. A proof is never false: both replicas have held what has its digest.
    Convergence,
    /// While it lives, a replica's set only grows, only by what some replica inserted, and tells of it once.
    NothingLostNothingInvented,
    /// What a message brings is held when `receive` returns, and answers are made of what is held as they are sent.
    EagerToLearnLazyToSpeak,
    /// A request that is answered is also answered by a replica that restarted before it came.
    NoSessionsOnTheWire,
    /// A deadline is later than the time polled at; nothing comes before it without input; and something comes at it,
    /// but for one time in a row for each replica there is, and one more.
    WaitIsTruthful,
    /// No message is over the budget, a message earns at most a window of answers, and nothing goes on for ever.
    Bounded,
    /// Equal seeds and inputs give equal outputs, byte for byte.
    Deterministic,
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
        }
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A law was broken. The run ends there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{law}: {replica}, at {} µs: {what}", at.as_micros())]
#[non_exhaustive]
pub struct Violation {
    /// The law.
    pub law: Law,
    /// When, in virtual time.
    pub at: Time,
    /// By which replica.
    pub replica: ReplicaId,
    /// What was seen.
    pub what: String,
}
