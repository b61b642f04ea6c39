//! The output of a node.

use gossip_core::Time;

/// The answer to a poll: a line to write, or how long to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a line that is not written is lost"]
pub enum Output {
    /// Write this line and a newline.
    Line(String),
    /// There is nothing more to do until another line comes in or, if given, this instant.
    Wait(Option<Time>),
}
