//! Who came to hold what, and when.

use super::ReplicaId;
use crate::Time;

/// A replica came to hold an element, by a write of its own or from a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival<E> {
    /// When, in virtual time.
    pub at: Time,
    /// Who.
    pub replica: ReplicaId,
    /// What.
    pub element: E,
}
