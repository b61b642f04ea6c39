//! The laws, the costs and the wire, from outside: all of it in one binary, since each takes seconds to link.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/fleets.rs"]
mod fleets;

mod ages;
mod convergence;
mod copies;
mod corpus;
mod costs;
mod crossings;
mod dissemination;
mod efficiency;
mod embedding;
mod findings;
mod fleet;
mod laws;
mod leaving;
mod losses;
mod memory;
mod pacing;
mod planted;
mod rooms;
mod rounds;
mod saboteurs;
mod sketches;
mod slow_links;
mod staleness;
mod upgrades;
mod vectors;
mod windows;
mod writes;
