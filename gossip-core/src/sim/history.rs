//! `Arrival`: an element comes to a replica.

use crate::Time;

/// Arrival of an element at a replica, by a local write or from a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival<E> {
    /// Virtual time.
    pub at: Time,
    /// The replica.
    pub replica: usize,
    /// The element.
    pub element: E,
}
