//! `Flow`: whether a peer's transport takes messages, and the timers that stand still while it does not.

use core::time::Duration;

use crate::time::Time;

/// Whether the transport to a peer takes messages.
///
/// While it does not, what we wait for may not even have been asked: a wait that ran on would have the request sent again
/// behind the first one, on the very link that is full.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flow {
    /// Since when it has taken none; until the poll after it takes some again, which knows for how long that was.
    pub(super) full_since: Option<Time>,
    /// Whether it takes some again.
    pub(super) freed: bool,
    /// What is left of the wait for an answer.
    pub(super) left: Option<Duration>,
}

impl Flow {
    /// Whether nothing may be sent.
    pub(crate) const fn is_full(&self) -> bool {
        self.full_since.is_some()
    }

    /// The wait for an answer that stood still, once; else `full`, all of it.
    pub(super) fn wait(&mut self, full: Duration) -> Duration {
        self.left.take().unwrap_or(full)
    }

    /// Forgets a wait that stood still: what was awaited has come, or is awaited no longer.
    pub(super) const fn drop_wait(&mut self) {
        self.left = None;
    }
}
