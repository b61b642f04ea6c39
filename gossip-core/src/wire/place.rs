//! `Place`: a position in a log, as messages carry it.

/// A position in a replica's log, in which elements stand in the order in which they came. Of this life of the replica: in
/// another the log is another.
///
/// It is no count of what is held. [`AntiEntropy::since`](crate::AntiEntropy::since) shows what it is good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(usize);

impl Place {
    /// The beginning of every log.
    pub const START: Self = Self(0);

    pub(crate) const fn new(index: usize) -> Self {
        Self(index)
    }

    /// Where the log of a set of `count` elements ends that has only grown; its start if memory holds no such log.
    pub(crate) fn of_count(count: u64) -> Self {
        Self(usize::try_from(count).unwrap_or(0))
    }

    pub(crate) const fn index(self) -> usize {
        self.0
    }

    /// How many entries there are from an earlier place on; 0 if that is not earlier.
    pub(crate) const fn since(self, earlier: Self) -> usize {
        self.0.saturating_sub(earlier.0)
    }

    /// The same; `None` if `earlier` is later.
    pub(crate) fn checked_since(self, earlier: Self) -> Option<usize> {
        self.0.checked_sub(earlier.0)
    }

    /// The place so many entries further; `None` beyond the last there can be.
    pub(crate) fn checked_add(self, entries: usize) -> Option<Self> {
        self.0.checked_add(entries).map(Self)
    }
}
