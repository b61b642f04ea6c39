//! The ledger: what was sent and received, and what that saved.

use core::fmt;
use core::ops::{Index, IndexMut};
use core::time::Duration;

use crate::digest::Digest;
use crate::message::MessageKind;

/// Messages and their encoded bytes. Transport headers are not known here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// How many messages.
    pub messages: u64,
    /// Their encoded bytes.
    pub bytes: u64,
}

/// Traffic by kind of message.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct ByKind([Traffic; MessageKind::ALL.len()]);

impl ByKind {
    /// All kinds together.
    pub fn total(&self) -> Traffic {
        self.0.iter().fold(Traffic::default(), |sum, traffic| Traffic {
            messages: sum.messages + traffic.messages,
            bytes: sum.bytes + traffic.bytes,
        })
    }

    /// Each kind with its traffic.
    pub fn iter(&self) -> impl Iterator<Item = (MessageKind, Traffic)> {
        MessageKind::ALL.into_iter().zip(self.0)
    }

    pub(crate) fn count(&mut self, kind: MessageKind, bytes: usize) {
        self[kind].messages += 1;
        self[kind].bytes += bytes as u64;
    }
}

impl Index<MessageKind> for ByKind {
    type Output = Traffic;

    fn index(&self, kind: MessageKind) -> &Traffic {
        &self.0[kind as usize]
    }
}

impl IndexMut<MessageKind> for ByKind {
    fn index_mut(&mut self, kind: MessageKind) -> &mut Traffic {
        &mut self.0[kind as usize]
    }
}

/// The kinds there was traffic of.
impl fmt::Debug for ByKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let traffic = self.iter().filter(|(_, traffic)| traffic.messages > 0);
        f.debug_map().entries(traffic).finish()
    }
}

/// What was exchanged, with one peer or with all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ledger {
    /// What was given out by `poll`.
    pub sent: ByKind,
    /// What was taken in by `receive`.
    pub received: ByKind,
    /// Elements received that were not held before.
    pub learned: u64,
    /// Elements received that were held already.
    pub redundant: u64,
    /// Rounds of our own that ended, in a proof or not.
    pub rounds: u64,
    /// Rounds of our own that ended in a proof.
    pub proofs: u64,
    /// Sketches of our own rounds that were read.
    pub sketches: u64,
    /// Requests for more cells after a first one, since a sketch could not be read yet.
    pub top_ups: u64,
    /// Rounds of our own that paged the sets.
    pub walks: u64,
    /// Messages of our own that were sent again for want of an answer, or of an acknowledgement.
    pub resent: u64,
    /// The bytes, sent and received, of our own rounds that ended.
    pub round_bytes: u64,
    /// What those rounds that ended in a proof would have cost had both sides sent their full states: the encoded bytes
    /// of both sets as the round began.
    pub full_state_bytes: u64,
    /// Pushes sent without elements, for what else they say: acknowledgements, and signs of life.
    pub bare_pushes: u64,
    /// Messages refused.
    pub rejected: u64,
    /// Answers that nobody awaited: late ones, repeated ones, and made up ones. Their elements are merged.
    pub ignored: u64,
    /// Work done for peers, in the unit of [`Config::work_per_second`](crate::Config::work_per_second).
    pub work: u64,
    /// How often a peer was to be sent something, and its budget was overdrawn.
    pub deferred: u64,
}

impl Ledger {
    /// The bytes saved against sending full states: [`full_state_bytes`](Self::full_state_bytes) less
    /// [`round_bytes`](Self::round_bytes). Negative while rounds without a proof prevail.
    pub fn saved(&self) -> i128 {
        i128::from(self.full_state_bytes) - i128::from(self.round_bytes)
    }
}

/// A replica's statistics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The ledger with all peers, removed ones included.
    pub total: Ledger,
    /// The encoded bytes of all elements held: what sending the full state once would cost.
    pub state_bytes: u64,
    /// Messages refused because their sender is not a peer.
    pub from_strangers: u64,
}

/// Statistics about one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerStats {
    /// The ledger with this peer since it was added.
    pub ledger: Ledger,
    /// Whether it answers.
    pub reachable: bool,
    /// The smoothed round-trip time; `None` before the first.
    pub round_trip: Option<Duration>,
    /// The digest of the last proof of equality.
    pub last_proof: Option<Digest>,
}

impl Default for PeerStats {
    fn default() -> Self {
        Self { ledger: Ledger::default(), reachable: true, round_trip: None, last_proof: None }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn traffic_is_counted_by_kind_and_added_up() {
        let mut sent = ByKind::default();
        [5, 7].into_iter().for_each(|bytes| sent.count(MessageKind::Probe, bytes));
        sent.count(MessageKind::Push, 100);
        assert_eq!(sent[MessageKind::Probe], Traffic { messages: 2, bytes: 12 });
        assert_eq!(sent[MessageKind::Proof], Traffic::default());
        assert_eq!(sent.total(), Traffic { messages: 3, bytes: 112 });
        let kinds = sent.iter().filter(|(_, traffic)| traffic.messages > 0).map(|(kind, _)| kind.name());
        assert!(kinds.eq(["probe", "push"]));
        assert_eq!(format!("{sent:?}").matches("Traffic").count(), 2);
    }

    #[test]
    fn what_was_saved_may_be_less_than_nothing() {
        let ledger = Ledger { full_state_bytes: 1_000, round_bytes: 41, ..Ledger::default() };
        assert_eq!(ledger.saved(), 959);
        assert_eq!(Ledger { round_bytes: u64::MAX, ..Ledger::default() }.saved(), -i128::from(u64::MAX));
    }
}
