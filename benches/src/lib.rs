//! What rounds cost: two sets that differ, systems that reconcile them, and the driver that counts and checks.

mod gossip;
mod pair;
mod sets;
mod system;

pub use gossip::Gossip;
pub use pair::{Cost, Counts, Pair};
pub use sets::{Sample, Sets, Side, SplitMix, spread};
pub use system::{Prepared, System, measure};
