//! `Place`: a position in a log.

/// Position in a replica's log, which has its elements in order of arrival. It is valid for one life of the replica: a
/// restart begins another log.
///
/// It is not a count of elements. [`AntiEntropy::since`](crate::AntiEntropy::since) shows its use.
///
/// ```
/// use gossip_core::{AntiEntropy, Config, Place};
///
/// let mut machine = AntiEntropy::<&str, u64>::new(Config::default(), 1);
/// assert_eq!(machine.end(), Place::START);
/// machine.extend([7, 3]).unwrap();
/// let place = machine.end();
/// machine.insert(5).unwrap();
/// assert!(place > Place::START && machine.end() > place);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(usize);

impl Place {
    /// The beginning of every log.
    pub const START: Self = Self(0);

    pub(crate) const fn new(index: usize) -> Self {
        Self(index)
    }

    /// End of the log of a set that has only grown to `count` elements; [`START`](Self::START) if no memory holds as
    /// many.
    pub(crate) fn of_count(count: u64) -> Self {
        // Too many only where a `usize` has 32 bits; the start claims nothing about the log.
        Self(usize::try_from(count).unwrap_or(0))
    }

    pub(crate) const fn index(self) -> usize {
        self.0
    }

    /// Number of entries from `earlier` to here; 0 if that is later.
    pub(crate) const fn since(self, earlier: Self) -> usize {
        self.0.saturating_sub(earlier.0)
    }

    /// The same; `None` if `earlier` is later.
    pub(crate) fn checked_since(self, earlier: Self) -> Option<usize> {
        self.0.checked_sub(earlier.0)
    }

    /// The place `entries` further on; `None` on overflow.
    pub(crate) fn checked_add(self, entries: usize) -> Option<Self> {
        self.0.checked_add(entries).map(Self)
    }
}
