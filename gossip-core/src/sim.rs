//! A seeded network on virtual time.

mod census;
mod law;
mod machine;
mod network;
mod node;
mod queue;
mod report;
mod schedule;
mod simulation;

pub use law::{Law, Violation};
pub use machine::{Limits, Machine, ReplicaId, Role, Step};
pub use network::{Chance, Latency, Network};
pub use report::Report;
pub use schedule::{Fault, Faults, Memory};
pub use simulation::{Checks, Simulation};
