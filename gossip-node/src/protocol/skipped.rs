//! Lines that get no answer.

use gossip_core::Reject;

use super::Refusal;

/// Why a line was skipped: there is nobody to answer, or nothing to answer to. It changed nothing but counters.
///
/// ```
/// use gossip_node::{Node, Settings, Skipped};
///
/// let mut node = Node::new(Settings::default());
/// let skipped = node.receive_line(br#"{"src": "c0", "body": {"type": "read"}}"#).unwrap_err();
/// assert_eq!(skipped, Skipped::NotAnEnvelope);
/// assert_eq!(skipped.to_string(), "not an object of `src`, `dest` and `body`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Skipped {
    /// The line is not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// The line is JSON, but no object with a string `src`, a string `dest` and an object `body`, each of them
    /// once.
    #[error("not an object of `src`, `dest` and `body`")]
    NotAnEnvelope,
    /// The line is for another node, whose id is quoted and perhaps shortened.
    #[error("for {0}, not for this node")]
    NotForUs(String),
    /// The body has an `in_reply_to`. This node asks nobody, and to answer replies would never end.
    #[error("a reply, to nothing this node asked")]
    Reply,
    /// The body's `msg_id` is not one integer of up to 128 bits, so no reply could quote it.
    #[error("`msg_id` is not one integer of up to 128 bits")]
    MsgId,
    /// A message from another node, cut, altered or not meant for this protocol.
    #[error("not a message of a node: {0}")]
    NotAMessage(String),
    /// The machine refused another node's message.
    #[error("refused: {0}")]
    Rejected(#[from] Reject),
    /// A request was refused, and it has no `msg_id`, or comes from a node, which gets no errors.
    #[error("refused without an answer: {0}")]
    Refused(#[from] Refusal),
}
