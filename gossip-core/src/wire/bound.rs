//! `Bound`: an end of an interval of elements.

use crate::codec::{Encode, Sink};
use crate::element::{Fingerprint, Rank};

/// End of an interval of elements: before all whose rank is at least this one, or after all there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Bound {
    At(Rank),
    End,
}

impl Bound {
    pub(crate) const START: Self = Self::At(Rank::first_of(0));

    /// The bound before all ids that continue `name` by `width` bits: 32 for a wish, 0 for an id.
    pub(crate) const fn of_name(name: u64, width: u32) -> Self {
        Self::At(Rank::first_of(name << width))
    }

    /// The bound after these.
    pub(crate) fn after_name(name: u64, width: u32) -> Self {
        Self::after(Rank::last_of(name << width | ((1 << width) - 1)))
    }

    /// The bound after `rank`.
    pub(crate) fn after(rank: Rank) -> Self {
        if rank < Rank::last(rank.fingerprint) {
            return Self::At(Rank { tie: rank.tie + 1, ..rank });
        }
        match rank.fingerprint.sort_key().checked_add(1) {
            Some(key) => Self::At(Rank::first(Fingerprint::from_sort_key(key))),
            None => Self::End,
        }
    }

    /// The bound after all of this one's rank.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::At(rank) => Self::after(Rank::last(rank.fingerprint)),
            Self::End => Self::End,
        }
    }

    /// The shortest bound after `last` and not after `next`; after both if they are equal.
    pub(crate) fn between(last: Rank, next: Rank) -> Self {
        if last >= next {
            return Self::after(last);
        }
        let (low, high) = (last.fingerprint.sort_key(), next.fingerprint.sort_key());
        if low == high {
            let dropped = 8 * (7 - (last.tie ^ next.tie).leading_zeros() / 8);
            return Self::At(Rank { tie: next.tie >> dropped << dropped, ..next });
        }
        // Up to and with the first byte in which they differ, the higher one is a bound between them: 3 bytes, as a
        // rule, where a million ids are spread evenly, and not 16.
        let differing = (low ^ high).leading_zeros() / 8;
        let dropped = 8 * (15 - differing);
        Self::At(Rank::first(Fingerprint::from_sort_key(high >> dropped << dropped)))
    }

    /// Most bytes that it takes beyond the 17 of a bound between two fingerprints.
    pub(crate) const MOST_EXCESS: usize = Rank::TIE;

    /// Bytes that it takes beyond the 17 of a bound between two fingerprints: none but among elements of one.
    pub(crate) fn excess(self) -> usize {
        self.encoded_len().saturating_sub(1 + SORT_KEY)
    }

    /// Takes a bound off the front of `input`; `None` for one that is truncated or not in the form of `put`.
    pub(crate) fn take(input: &mut &[u8]) -> Option<Self> {
        let (&len, rest) = input.split_first()?;
        if len == END {
            *input = rest;
            return Some(Self::End);
        }
        let len = usize::from(len - u8::from(len > END));
        let mut bytes = [0; SORT_KEY + Rank::TIE];
        let front = rest.get(..len)?;
        // 23 bytes and more end here: a sort key has 16, a tiebreak 6.
        bytes.get_mut(..len)?.copy_from_slice(front);
        // Zeros at the tail are left out: written, they would be a second form.
        if front.last() == Some(&0) {
            return None;
        }
        *input = &rest[len..];
        let (key, tie) = bytes.split_first_chunk()?;
        let tie = tie.iter().fold(0, |tie, &byte| tie << 8 | u64::from(byte));
        Some(Self::At(Rank { fingerprint: Fingerprint::from_sort_key(u128::from_be_bytes(*key)), tie }))
    }
}

/// The number of bytes that follow, or 17 for the end, which 17 and more step over; then these: the sort key and the
/// tiebreak, the highest byte first, without zeros at the tail.
impl Encode for Bound {
    fn put(&self, out: &mut impl Sink) {
        match self {
            Self::End => out.put(&[END]),
            Self::At(Rank { fingerprint, tie }) => {
                let mut bytes = [0; SORT_KEY + Rank::TIE];
                bytes[..SORT_KEY].copy_from_slice(&fingerprint.sort_key().to_be_bytes());
                bytes[SORT_KEY..].copy_from_slice(&tie.to_be_bytes()[8 - Rank::TIE..]);
                let len = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
                out.put(&[((len + usize::from(len > SORT_KEY)) & 0xff) as u8]);
                out.put(&bytes[..len]);
            }
        }
    }
}

/// The length byte that means the end.
const END: u8 = 17;

/// Bytes of a sort key.
const SORT_KEY: usize = 16;

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn sort_key() -> impl Strategy<Value = u128> {
        (any::<u128>(), 0_u32..=128).prop_map(|(value, zeros)| value.checked_shl(zeros).unwrap_or(0))
    }

    /// Ranks that share a fingerprint now and then.
    fn rank() -> impl Strategy<Value = Rank> {
        (
            prop_oneof![sort_key(), Just(7)],
            prop_oneof![Just(0), 0_u64..1 << 48, (0_u64..1 << 16).prop_map(|tie| tie << 32)],
        )
            .prop_map(|(key, tie)| Rank { fingerprint: Fingerprint::from_sort_key(key), tie })
    }

    proptest! {
        #[test]
        fn bounds_have_one_form(rank in rank(), bytes in vec(0_u8..26, 0..26)) {
            for bound in [Bound::At(rank), Bound::End] {
                let mut out = Vec::new();
                bound.put(&mut out);
                prop_assert_eq!(out.len(), bound.encoded_len());
                prop_assert_eq!(bound.excess(), out.len().max(17) - 17);
                prop_assert!(bound.excess() <= Bound::MOST_EXCESS);
                prop_assert_eq!(bound.excess() > 0, bound != Bound::End && rank.tie > 0);
                prop_assert!((0..out.len()).all(|len| Bound::take(&mut &out[..len]).is_none()));
                prop_assert_eq!(Bound::take(&mut &out[..]), Some(bound));
            }
            let mut rest = &bytes[..];
            if let Some(bound) = Bound::take(&mut rest) {
                let mut again = Vec::new();
                bound.put(&mut again);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - rest.len()]);
            }
        }

        #[test]
        fn a_bound_between_separates(a in rank(), b in rank()) {
            let (last, next) = (a.min(b), a.max(b));
            let bound = Bound::between(last, next);
            prop_assert!(bound > Bound::At(last));
            prop_assert!(last == next || bound <= Bound::At(next));
            // Bounds of other forms are for those of one fingerprint alone.
            prop_assert!(bound.excess() == 0 || last.fingerprint == next.fingerprint);
        }
    }

    #[test]
    fn a_bound_between_is_as_short_as_can_be() {
        let between = |low: u128, high: u128| {
            let [low, high] = [low, high].map(Fingerprint::from_sort_key);
            match Bound::between(Rank::last(low), Rank::first(high)) {
                Bound::At(rank) => Some(rank.fingerprint.sort_key()),
                Bound::End => None,
            }
        };
        let [low, high] = [0x1122_3344 << 96, 0x1122_5566 << 96];
        assert_eq!(between(low, high), Some(0x0011_2255 << 104));
        assert_eq!(between(low, 0x2000_0001 << 96), Some(0x20 << 120));
        assert_eq!(between(6, 7), Some(7));
        assert_eq!([between(7, 7), between(8, 7)], [Some(8), Some(9)]);
        assert_eq!(between(u128::MAX, u128::MAX), None);
        let fingerprint = Fingerprint::from_sort_key(7);
        let tie = |low: u64, high: u64| {
            let [low, high] = [low, high].map(|tie| Rank { fingerprint, tie });
            Bound::between(low, high)
        };
        assert_eq!(tie(0x1122_3344, 0x1122_5566), Bound::At(Rank { fingerprint, tie: 0x1122_5500 }));
        assert_eq!(tie(5, 5), Bound::At(Rank { fingerprint, tie: 6 }));
    }

    #[test]
    fn long_forms_are_refused() {
        assert_eq!(Bound::take(&mut &[1, 0][..]), None);
        assert_eq!(Bound::take(&mut &[18, 1, 0][..]), None);
        assert_eq!(Bound::take(&mut &[24; 30][..]), None);
    }
}
