//! A [Maelstrom](https://github.com/jepsen-io/maelstrom) node around [`gossip_core`]: one JSON object a line, in and
//! out.
//!
//! Clients add JSON values to a set that only grows and read it in order; nodes bring each other's sets in step by
//! anti-entropy, digests first. [`Node`] is the whole of it without input, output and clock: a line in, lines out, a
//! deadline. [`serve()`] is the loop that gives it those, and the program `gossip-node` little more than a call of it.
//!
//! | request | reply |
//! |---|---|
//! | `init` {node_id, node_ids} | `init_ok`; a second one is refused unless it is the first one again |
//! | `topology` {topology} | `topology_ok`; of use where values are pushed along it |
//! | `broadcast` {message: any JSON value} (workload broadcast) | `broadcast_ok`, once the value is held |
//! | `add` {element: any JSON value} (workload g-set) | `add_ok`, once the value is held |
//! | `read` | `read_ok` {messages}, or {value} in the workload g-set: all values, in the order of [`Json`] |
//! | `digest` | `digest_ok` {digest, count} |
//! | `digest_sync` {remote_digest, remote_messages or null} | equal: `digest_sync_ok` {match: true, transferred: 0}; else, the remote messages merged, {match: false, transferred, local_messages}: the union, and how many of it were not among the remote ones |
//! | `echo` {echo} | `echo_ok` {echo} |
//! | `stats` | `stats_ok` {elements, state_bytes, total, peers}: the ledger |
//!
//! What cannot be done is answered with an `error` {code, text}: 10 for a type that the workload does not have, 11
//! before `init`, 12 for a malformed request or a value over the limit. See [`Node`] for who is answered at all.

pub mod chaos;
mod envelope;
mod json;
mod ledger;
mod lines;
mod member;
mod node;
mod number;
mod object;
mod refusal;
mod reply;
mod request;
mod serve;
mod settings;
mod skipped;
pub mod trial;

pub use json::{Json, JsonError};
pub use lines::{Line, Lines};
pub use node::{Node, Output};
pub use refusal::Refusal;
pub use serve::{Input, read_lines, serve};
pub use settings::{MaxLine, Settings, Shape, Workload};
pub use skipped::Skipped;
