//! `Arrival`: what has come from a peer and has no time yet.

use core::time::Duration;

use crate::time::Time;

/// What came from a peer since the last poll. The next poll gives it a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Arrival {
    /// Whether it was a push.
    pub(super) pushed: bool,
    /// How long before its next batch the peer wants ours, if it sent this one in its turn.
    pub(super) lead: Option<Duration>,
    /// Whether it had elements, which are to be acknowledged.
    pub(super) has_elements: bool,
    /// When the message was sent that the peer acknowledges, and how long the peer held it.
    pub(super) sample: Option<(Time, Duration)>,
}
