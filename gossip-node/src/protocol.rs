//! The lines of clients and of nodes: what they are, what they ask for, and what they are answered.

mod envelope;
mod line;
mod refusal;
mod reply;
mod request;
mod skipped;

pub(crate) use envelope::Envelope;
pub(crate) use line::{GOSSIP, gossip_line, id_len};
pub use refusal::Refusal;
pub(crate) use reply::{Read, Reply, Shown};
pub(crate) use request::Request;
pub use skipped::Skipped;
