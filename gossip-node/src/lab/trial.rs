//! Trials of a cluster: what clients ask of it and what befalls it meanwhile, and what that cost.
//!
//! A [`Plan`] says the one, a [`Report`] the other. `gossip-node simulate` carries a plan out on virtual time, in one
//! process, by [`simulate()`], or by [`record()`] for a page that plays it back; the example `cluster` does so with real
//! processes and real time. Both take down a [`History`], of which all figures are computed.

mod decimal;
mod figures;
mod history;
mod plan;
mod recording;
mod report;
mod simulation;

pub use decimal::Decimal;
pub use figures::{Figures, Quantiles};
pub use history::{History, Took};
pub use plan::{Distribution, Operation, Partition, Plan, PlanError, neighbours};
pub use recording::Recording;
pub use report::{Account, Report};
pub use simulation::{record, simulate};
