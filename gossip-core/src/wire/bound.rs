//! `Bound`: an end of an interval of fingerprints.

use crate::codec::{Encode, Sink};
use crate::element::Fingerprint;

/// End of an interval of fingerprints: before all that are at least this one, or after all there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Bound {
    At(Fingerprint),
    End,
}

impl Bound {
    pub(crate) const START: Self = Self::At(Fingerprint { id: 0, rest: 0 });

    /// The bound before all ids that continue `name` by `width` bits: 32 for a wish, 0 for an id.
    pub(crate) const fn of_name(name: u64, width: u32) -> Self {
        Self::At(Fingerprint { id: name << width, rest: 0 })
    }

    /// The bound after these.
    pub(crate) fn after_name(name: u64, width: u32) -> Self {
        let last = Fingerprint { id: name << width | ((1 << width) - 1), rest: u64::MAX };
        Self::after(last)
    }

    /// The bound after `fingerprint`.
    pub(crate) fn after(fingerprint: Fingerprint) -> Self {
        match fingerprint.sort_key().checked_add(1) {
            Some(key) => Self::At(Fingerprint::from_sort_key(key)),
            None => Self::End,
        }
    }

    /// The shortest bound after `last` and not after `next`; after both if they are equal.
    pub(crate) fn between(last: Fingerprint, next: Fingerprint) -> Self {
        let (low, high) = (last.sort_key(), next.sort_key());
        if low >= high {
            return Self::after(last);
        }
        // Up to and with the first byte in which they differ, the higher one is a bound between them: 3 bytes, as a
        // rule, where a million ids are spread evenly, and not 16.
        let differing = (low ^ high).leading_zeros() / 8;
        let dropped = 8 * (15 - differing);
        Self::At(Fingerprint::from_sort_key(high >> dropped << dropped))
    }

    /// Takes a bound off the front of `input`; `None` for one that is truncated or not in the form of `put`.
    pub(crate) fn take(input: &mut &[u8]) -> Option<Self> {
        let (&len, rest) = input.split_first()?;
        if len == END {
            *input = rest;
            return Some(Self::End);
        }
        let len = usize::from(len);
        let mut bytes = [0; 16];
        let front = rest.get(..len)?;
        // 18 bytes and more end here: a sort key has 16.
        bytes.get_mut(..len)?.copy_from_slice(front);
        // Zeros at the tail are left out: written, they would be a second form.
        if front.last() == Some(&0) {
            return None;
        }
        *input = &rest[len..];
        Some(Self::At(Fingerprint::from_sort_key(u128::from_be_bytes(bytes))))
    }
}

/// The number of bytes that follow, or 17 for the end; then these: the sort key, the highest byte first, without zeros at
/// the tail.
impl Encode for Bound {
    fn put(&self, out: &mut impl Sink) {
        match self {
            Self::End => out.put(&[END]),
            Self::At(fingerprint) => {
                let key = fingerprint.sort_key();
                let len = significant_bytes(key);
                out.put(&[(len & 0xff) as u8]);
                out.put(&key.to_be_bytes()[..len]);
            }
        }
    }
}

/// The length byte that means the end.
const END: u8 = 17;

fn significant_bytes(key: u128) -> usize {
    16 - (key.trailing_zeros() as usize / 8).min(16)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn sort_key() -> impl Strategy<Value = u128> {
        (any::<u128>(), 0_u32..=128).prop_map(|(value, zeros)| value.checked_shl(zeros).unwrap_or(0))
    }

    proptest! {
        #[test]
        fn bounds_have_one_form(key in sort_key(), bytes in vec(0_u8..20, 0..20)) {
            for bound in [Bound::At(Fingerprint::from_sort_key(key)), Bound::End] {
                let mut out = Vec::new();
                bound.put(&mut out);
                prop_assert_eq!(out.len(), bound.encoded_len());
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
        fn a_bound_between_separates(a in sort_key(), b in sort_key()) {
            let (low, high) = (a.min(b), a.max(b));
            let [last, next] = [low, high].map(Fingerprint::from_sort_key);
            let bound = Bound::between(last, next);
            prop_assert!(bound > Bound::At(last));
            prop_assert!(low == high || bound <= Bound::At(next));
        }
    }

    #[test]
    fn a_bound_between_is_as_short_as_can_be() {
        let between = |low: u128, high: u128| match Bound::between(
            Fingerprint::from_sort_key(low),
            Fingerprint::from_sort_key(high),
        ) {
            Bound::At(fingerprint) => Some(fingerprint.sort_key()),
            Bound::End => None,
        };
        let [low, high] = [0x1122_3344 << 96, 0x1122_5566 << 96];
        assert_eq!(between(low, high), Some(0x0011_2255 << 104));
        assert_eq!(between(low, 0x2000_0001 << 96), Some(0x20 << 120));
        assert_eq!(between(6, 7), Some(7));
        assert_eq!([between(7, 7), between(8, 7)], [Some(8), Some(9)]);
        assert_eq!(between(u128::MAX, u128::MAX), None);
    }

    #[test]
    fn long_forms_are_refused() {
        assert_eq!(Bound::take(&mut &[1, 0][..]), None);
        assert_eq!(Bound::take(&mut &[18; 30][..]), None);
    }
}
