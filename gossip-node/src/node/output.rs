//! The output of a node.

use gossip_core::Time;

/// The answer to a poll: a line to write, or how long to wait.
///
/// ```
/// use gossip_core::Time;
/// use gossip_node::{Node, Output, Settings};
///
/// let mut node = Node::new(Settings::default());
/// for body in [
///     r#"{"type": "init", "msg_id": 1, "node_id": "n2", "node_ids": ["n1", "n2"]}"#,
///     r#"{"type": "broadcast", "msg_id": 2, "message": 7}"#,
/// ] {
///     node.receive_line(format!(r#"{{"src": "c0", "dest": "n2", "body": {body}}}"#).as_bytes())?;
/// }
/// for begin in [r#"{"src": "n2", "dest": "c0""#, r#"{"src": "n2", "dest": "c0""#, r#"{"src": "n2", "dest": "n1""#] {
///     assert!(matches!(node.poll(Time::ZERO), Output::Line(line) if line.starts_with(begin)));
/// }
/// // If n1 does not answer until then, it is told again.
/// assert!(matches!(node.poll(Time::ZERO), Output::Wait(Some(until)) if until > Time::ZERO));
/// # Ok::<(), gossip_node::Skipped>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a line that is not written is lost"]
pub enum Output {
    /// Write this line and a newline.
    Line(String),
    /// There is nothing more to do until another line comes in or, if given, this instant.
    Wait(Option<Time>),
}
