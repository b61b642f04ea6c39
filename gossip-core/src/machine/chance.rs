//! `Chance`: the times of rounds by chance.

use crate::time::Time;

/// The times of the next rounds by chance; `None` before the first poll with a peer for them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Chance<P> {
    /// With any peer; with an overlay, with one that pushes should reach and do not.
    pub(super) at: Option<Time>,
    /// With a stranger, a peer that no link joins with us.
    pub(super) audit_at: Option<Time>,
    /// The stranger that was audited last.
    pub(super) audited: Option<P>,
}

impl<P> Default for Chance<P> {
    fn default() -> Self {
        Self { at: None, audit_at: None, audited: None }
    }
}
