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
//! | `add` {delta: an integer of 64 bits} (g-counter: none below 0; pn-counter) | `add_ok`, once the increment is held; repeated, by the same client with the same `msg_id`, it counts once, whatever the node |
//! | `read` | `read_ok` {messages}, or {value} in the workload g-set: all values, in the order of [`Json`]; {value} of counters: the sum of the increments held |
//! | `digest` | `digest_ok` {digest, count} |
//! | `digest_sync` {remote_digest, remote_messages or null} | equal: `digest_sync_ok` {match: true, transferred: 0}; else, the remote messages merged, {match: false, transferred, local_messages}: the union, and how many of it were not among the remote ones |
//! | `echo` {echo} | `echo_ok` {echo} |
//! | `stats` | `stats_ok` {elements, state_bytes, total, peers}: the ledger |
//!
//! What cannot be done is answered with an `error` {code, text}: 10 for a type that the workload does not have, 11
//! before `init`, 12 for a malformed request or a value over the limit, 22 for an increment where another one of the same
//! client had its `msg_id`. See [`Node`] for who is answered at all.
//!
//! # On disk
//!
//! [`Store::open`] gives a node that goes on with what a directory holds, and the store that [`serve()`] keeps it in. What
//! comes in, from clients or from nodes, is stored and synced before anything that rests on it is written, so a crash takes
//! nothing of what the node has told anybody. Without a store nothing is written to disk; another one than ours is a
//! [`Persistence`].
//!
//! # Counters
//!
//! A counter is a set too, of increments: each is an element `[client, msg_id, delta]`, so client and `msg_id` must name one
//! request for all time. The sum is exact: of 64-bit deltas it fits 128 bits. Where a client used a `msg_id` for two deltas,
//! at two nodes that could not know, the greater one counts, at all nodes.
//!
//! # Features
//!
//! `default-features = false` leaves the node alone. `net` adds a replica that crosses networks ([`net`]), which has nothing to
//! do with Maelstrom. `store` adds [`Store`], `lab` trials of clusters on virtual time
//! ([`lab`]), `metrics` the export of a ledger ([`metrics`]), and `cli` the program. All but `metrics` and `net` are on by default.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod json;
#[cfg(feature = "lab")]
pub mod lab;
#[cfg(feature = "net")]
pub mod net;
mod node;
mod protocol;
mod serve;
mod settings;
mod store;
mod watch;
mod workload;

pub use json::{Json, JsonError};
pub use node::{Node, Output};
pub use protocol::{Refusal, Skipped};
pub use serve::{Input, Line, Lines, Log, ServeError, read_lines, serve};
pub use settings::{MaxLine, Settings, Shape, ShapeError};
#[cfg(feature = "store")]
pub use store::Store;
pub use store::{Persistence, StoreError};
#[cfg(feature = "metrics")]
pub use watch::metrics;
pub use workload::{Workload, WorkloadError};
