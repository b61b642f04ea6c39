//! A family of requests, and all that one needs.

pub(crate) mod counter;

use std::fmt;

/// A family of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workload {
    /// `broadcast`, and `read` answered with `messages`.
    #[default]
    Broadcast,
    /// `add`, and `read` answered with `value`.
    GSet,
    /// `add` of a `delta` that is not negative, and `read` answered with the sum as `value`.
    GCounter,
    /// The same with deltas of either sign.
    PnCounter,
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broadcast => "broadcast",
            Self::GSet => "g-set",
            Self::GCounter => "g-counter",
            Self::PnCounter => "pn-counter",
        })
    }
}
