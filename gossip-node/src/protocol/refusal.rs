//! Requests that get an error.

use crate::json::JsonError;
use crate::settings::MAX_ID;
use crate::workload::Workload;

/// Why a request was refused. A refused request changes nothing; all of these are definite.
///
/// ```
/// use gossip_node::{Node, Refusal, Settings, Skipped};
///
/// // With a `msg_id` the client would be told by an error 11.
/// let mut node = Node::new(Settings::default());
/// let skipped = node.receive_line(br#"{"src": "c0", "dest": "n1", "body": {"type": "read"}}"#).unwrap_err();
/// assert_eq!(skipped, Skipped::Refused(Refusal::BeforeInit));
/// assert_eq!(Refusal::BeforeInit.code(), 11);
/// assert_eq!(Refusal::BeforeInit.to_string(), "this node waits for `init`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The workload has no such request.
    #[error("the workload {workload} has no request of the type {kind}")]
    Unsupported {
        /// The type asked for, quoted and perhaps shortened.
        kind: String,
        /// This node's workload.
        workload: Workload,
    },
    /// The node has no name and no peers yet.
    #[error("this node waits for `init`")]
    BeforeInit,
    /// Something that must be there is not.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// Something is of the wrong type.
    #[error("`{key}` is not {expected}")]
    Wrong {
        /// Where.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// An increment without a `msg_id`.
    #[error("without a `msg_id` an increment cannot be told from another")]
    Unidentified,
    /// Another increment of the same client with the same `msg_id`.
    #[error("with this `msg_id` this client added {0} before")]
    MsgIdUsed(i64),
    /// A value cannot be read, or is longer than an element may be.
    #[error("`{key}`: {error}")]
    Value {
        /// Where.
        key: String,
        /// What is wrong with it.
        error: JsonError,
    },
    /// The keys beside `src`, `dest` and `body` cannot be read.
    #[error("the line: {0}")]
    Line(JsonError),
    /// An `init` for another node than the one it was sent to.
    #[error("`node_id` is not the node this was sent to")]
    ForeignInit,
    /// A node's id that is too long for lines between nodes.
    #[error("the id of a node has more than {MAX_ID} bytes as JSON")]
    LongId,
    /// A second `init` that is not the first one again.
    #[error("the node was initialised before, with another `node_id` or other `node_ids`, and keeps those")]
    InitAgain,
}

impl Refusal {
    /// Maelstrom's code for it: 10 not supported, 11 temporarily unavailable, 12 malformed, 22 precondition failed.
    pub const fn code(&self) -> u32 {
        match self {
            Self::Unsupported { .. } => 10,
            // The one that may pass: a client is to ask again later.
            Self::BeforeInit => 11,
            Self::MsgIdUsed(_) => 22,
            // All of these are definite, so a checker may take it that nothing was written.
            _ => 12,
        }
    }
}
