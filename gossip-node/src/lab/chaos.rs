//! Everything at once, for as long as one likes: clusters in which all goes wrong that may, each drawn from a seed.
//!
//! A [`Schedule`] says what befalls a cluster in a run: an overlay or none, settings that differ from replica to replica, a bad
//! network, partitions, crashes with memory and without, wrong clocks, slow replicas, and some that mean harm. Its
//! [`Outcome`] tells what happened, and which law was broken if one was. A [`Record`] keeps a line of each run, and the
//! next one goes on after the last.

mod hostile;
mod outcome;
mod record;
mod schedule;

pub use outcome::Outcome;
pub use record::{Entry, Record, RecordError};
pub use schedule::Schedule;
