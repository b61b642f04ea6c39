//! Dots, and the names that digests and sketches know them by.

use core::fmt;

use crate::sketch::WideName;

/// Id of one life of a replica of a map, under which it counts its inserts: 62 random bits.
///
/// No two lives share one. A restart is another life unless the counter was kept durably. So the id is an argument of its
/// own and never follows from a seed, which gets used again.
///
/// ```
/// use gossip_core::{Config, Map, ReplicaId};
///
/// let id = ReplicaId::from_random(*b"8 random"); // of the operating system
/// let map = Map::<&str, String, u64>::new(Config::default(), id, 1);
/// assert_eq!(map.replica(), id);
/// assert_eq!(ReplicaId::from_random(id.to_bytes()), id);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(u64);

impl ReplicaId {
    /// The id of 8 random bytes, such as the operating system gives. Two bits of them are dropped: of a million ids two
    /// are one with a probability of 10^-7.
    pub const fn from_random(bytes: [u8; 8]) -> Self {
        Self::from_bits(u64::from_le_bytes(bytes))
    }

    /// Its bytes, to be kept over a restart: [`from_random`](Self::from_random) makes the same id of them.
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits & Self::MASK)
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    pub(crate) const MASK: u64 = u64::MAX >> 2;
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplicaId({self})")
    }
}

/// One insert: the replica that made it, and how many it had made with it. Counters begin at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Dot {
    pub(crate) replica: ReplicaId,
    pub(crate) counter: u32,
}

impl Dot {
    pub(crate) const fn new(replica: ReplicaId, counter: u32) -> Self {
        Self { replica, counter }
    }

    /// Bytes of a dot.
    pub(crate) const LEN: usize = 12;

    pub(crate) fn bytes(self) -> [u8; Self::LEN] {
        bytes_of(self.replica.0, self.counter)
    }

    /// Takes a dot off the front of `input`; `None` if it does not begin with one.
    pub(crate) fn take(input: &mut &[u8]) -> Option<Self> {
        let (replica, rest) = input.split_first_chunk()?;
        let (counter, rest) = rest.split_first_chunk()?;
        let (replica, counter) = (u64::from_le_bytes(*replica), u32::from_le_bytes(*counter));
        // Without the check one dot would have four forms.
        let is_dot = replica <= ReplicaId::MASK && counter > 0;
        *input = rest;
        is_dot.then(|| Self::new(ReplicaId(replica), counter))
    }
}

/// What a name says of its dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Says {
    /// The entry of this dot is there.
    Live,
    /// A mark: all dots of this replica up to this one are seen, and those that are not live are gone.
    Mark,
    /// This dot is seen, beyond the mark, and gone.
    Gone,
}

/// Name of a dot: what digests count and sketches hold. 96 bits, from which the dot is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Named {
    pub(crate) says: Says,
    pub(crate) dot: Dot,
}

impl Named {
    pub(crate) const fn live(dot: Dot) -> Self {
        Self { says: Says::Live, dot }
    }

    pub(crate) const fn mark(replica: ReplicaId, counter: u32) -> Self {
        Self { says: Says::Mark, dot: Dot::new(replica, counter) }
    }

    pub(crate) const fn gone(dot: Dot) -> Self {
        Self { says: Says::Gone, dot }
    }

    /// What its fingerprint is a hash of.
    pub(crate) fn bytes(self) -> [u8; Dot::LEN] {
        bytes_of(self.head(), self.dot.counter)
    }

    /// As a sketch has it. Counters of one replica follow each other, and four such numbers cancel where they are not
    /// spread: 4 ^ 5 ^ 6 ^ 7 is 0, and a cell of these would look empty.
    pub(crate) fn to_wide(self) -> WideName {
        WideName { id: self.head() ^ spread(self.dot.counter), behind: self.dot.counter }
    }

    /// The dot of a name that a sketch has told; `None` for what is none.
    pub(crate) fn from_wide(name: WideName) -> Option<Self> {
        let head = name.id ^ spread(name.behind);
        let says = match head & 3 {
            0 => Says::Live,
            1 => Says::Mark,
            2 => Says::Gone,
            _ => return None,
        };
        (name.behind > 0).then(|| Self { says, dot: Dot::new(ReplicaId(head >> 2), name.behind) })
    }

    const fn head(self) -> u64 {
        self.dot.replica.0 << 2 | self.says as u64
    }
}

fn bytes_of(head: u64, counter: u32) -> [u8; Dot::LEN] {
    let mut bytes = [0; Dot::LEN];
    bytes[..8].copy_from_slice(&head.to_le_bytes());
    bytes[8..].copy_from_slice(&counter.to_le_bytes());
    bytes
}

/// SplitMix64's mix of a counter.
const fn spread(counter: u32) -> u64 {
    let z = (counter as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_tell_their_dots(replica in any::<u64>(), counter in 1_u32.., id in any::<u64>(), behind in any::<u32>()) {
            let dot = Dot::new(ReplicaId::from_bits(replica), counter);
            for named in [Named::live(dot), Named::gone(dot), Named::mark(dot.replica, counter)] {
                prop_assert_eq!(Named::from_wide(named.to_wide()), Some(named));
            }
            let name = WideName { id, behind };
            prop_assert!(Named::from_wide(name).is_none_or(|named| named.to_wide() == name));
            let mut rest = &dot.bytes()[..];
            prop_assert_eq!((Dot::take(&mut rest), rest.len()), (Some(dot), 0));
        }
    }

    #[test]
    fn what_is_no_dot_is_refused() {
        let dot = Dot::new(ReplicaId::from_bits(7), 1);
        let mut bytes = dot.bytes();
        assert_eq!(Dot::take(&mut &bytes[..11]), None);
        bytes[7] |= 0x40;
        assert_eq!(Dot::take(&mut &bytes[..]), None);
        assert_eq!(Dot::take(&mut &Dot::new(dot.replica, 0).bytes()[..]), None);
        assert_eq!(Named::from_wide(WideName::default()), None);
    }

    #[test]
    fn counters_in_a_row_do_not_cancel() {
        let id = |counter| Named::live(Dot::new(ReplicaId::from_bits(9), counter)).to_wide().id;
        assert_ne!(id(4) ^ id(5) ^ id(6) ^ id(7), 0);
    }
}
