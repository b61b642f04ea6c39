//! Nodes and what they are made of, in one process and on virtual time.

mod cluster;
mod corpus;
mod json;
#[cfg(feature = "metrics")]
mod metrics;
mod transcripts;
