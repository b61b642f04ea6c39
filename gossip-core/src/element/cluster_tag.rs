//! `ClusterTag`: what replicas of one cluster share, in four bytes.

/// What replicas of one cluster share: 16 bits each of its key, its element type and its element limit, in 32 bits of
/// which each of the three takes a different half: the low one, the high one, or both alike.
///
/// So a tag that differs tells which of them does, if it is one. 4 bytes are in nearly every message: a cluster that is
/// foreign by one of the three passes for ours once in 2^16, one that is by more once in 2^32. Of a hash of all three it
/// would be once in 2^32, and nobody could say what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClusterTag {
    low: u16,
    high: u16,
}

/// What sets the sender's cluster apart from ours, as its tag tells. A cluster that is foreign by one of these passes for
/// ours once in 2^16, one that is by more once in 2^32; and one that is by several looks as if it were by one once in 2^16.
///
/// ```
/// use gossip_core::{AntiEntropy, Config, Foreign};
///
/// let [ours, theirs] = [1_024, 4_096].map(|limit| {
///     let mut config = Config::default();
///     config.max_element_bytes = limit;
///     AntiEntropy::<&str, u64>::new(config, 1)
/// });
/// let foreign = ours.difference(theirs.cluster_tag());
/// assert_eq!(foreign, Some(Foreign::Limit));
/// assert_eq!(foreign.unwrap().to_string(), "its element limit differs");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Foreign {
    /// The [`Key`](crate::Key).
    #[error("its key differs")]
    Key,
    /// The type of elements: [`Element::TYPE`](crate::Element::TYPE), or whether it has
    /// [`NUMBERS`](crate::Element::NUMBERS).
    #[error("its element type differs")]
    Type,
    /// The largest element: [`Config::max_element_bytes`](crate::Config::max_element_bytes).
    #[error("its element limit differs")]
    Limit,
    /// Two of these or all.
    #[error("more than one of its key, element type and element limit differs")]
    Several,
}

impl ClusterTag {
    pub(super) const fn of(key: u16, kind: u16, limit: u16) -> Self {
        Self { low: key ^ limit, high: kind ^ limit }
    }

    pub(crate) const fn from_bytes([a, b, c, d]: [u8; 4]) -> Self {
        Self { low: u16::from_le_bytes([a, b]), high: u16::from_le_bytes([c, d]) }
    }

    pub(crate) const fn bytes(self) -> [u8; 4] {
        let ([a, b], [c, d]) = (self.low.to_le_bytes(), self.high.to_le_bytes());
        [a, b, c, d]
    }

    /// What sets a cluster with this tag apart from ours; `None` if it is ours.
    pub(crate) const fn difference(self, other: Self) -> Option<Foreign> {
        match (self.low ^ other.low, self.high ^ other.high) {
            (0, 0) => None,
            (_, 0) => Some(Foreign::Key),
            (0, _) => Some(Foreign::Type),
            (low, high) if low == high => Some(Foreign::Limit),
            _ => Some(Foreign::Several),
        }
    }
}
