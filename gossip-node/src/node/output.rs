//! What a node gives.

use gossip_core::Time;

/// What a node gives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a line that is not written is lost"]
pub enum Output {
    /// Write this line and a newline.
    Line(String),
    /// There is nothing more to do until another line comes in or, if given, this instant.
    Wait(Option<Time>),
}
