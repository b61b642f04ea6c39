//! What a node shows of itself: the ledger, metrics, and spans in the log.

mod ledger;
#[cfg(feature = "metrics")]
pub mod metrics;
mod spans;

#[cfg(feature = "http")]
pub(crate) use ledger::Account;
pub(crate) use ledger::Report;
pub(crate) use spans::Rounds;
