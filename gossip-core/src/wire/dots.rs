//! A run of dots.

use alloc::vec::Vec;

use crate::codec::{Encode, Sink, take_varint, varint_len};
use crate::element::{Dot, ReplicaId};

/// Ascending dots in wire form: how many replicas; for each its id in 8 bytes, how many dots of it follow, and their
/// counters: the first, then for each other one its distance from the one before, less 1. So many updates of few
/// replicas take a byte or two each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Dots(Vec<Dot>);

/// Most dots of a run. A counter may take a byte, and takes 16 here.
const MOST: usize = 1 << 16;

impl Dots {
    /// The first of these, which ascend, as many as fit `budget` bytes.
    pub(crate) fn fill(dots: impl IntoIterator<Item = Dot>, budget: usize) -> Self {
        let (mut filled, mut len, mut replicas): (Vec<Dot>, _, _) = (Vec::new(), 0, 0_u64);
        for dot in dots.into_iter().take(MOST) {
            let counter = match filled.last() {
                Some(last) if last.replica == dot.replica => {
                    // The count before them may take up to three bytes, which are set aside at the first.
                    varint_len(u64::from(dot.counter - last.counter - 1))
                }
                _ => {
                    replicas += 1;
                    REPLICA + varint_len(dot.counter.into())
                }
            };
            if varint_len(replicas) + len + counter > budget {
                break;
            }
            len += counter;
            filled.push(dot);
        }
        Self(filled)
    }

    pub(crate) const fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn as_slice(&self) -> &[Dot] {
        &self.0
    }

    /// Takes a run off the front of `input`; `None` if it does not begin with one.
    pub(crate) fn take(input: &mut &[u8]) -> Option<Self> {
        let mut dots: Vec<Dot> = Vec::new();
        for _ in 0..take_varint(input)? {
            let (bytes, rest) = input.split_first_chunk()?;
            *input = rest;
            let bits = u64::from_le_bytes(*bytes);
            let replica = ReplicaId::from_bits(bits);
            let ascends = dots.last().is_none_or(|last| last.replica < replica);
            let count = take_varint(input)?;
            if replica.bits() != bits || !ascends || count == 0 {
                return None;
            }
            let mut counter = 0_u32;
            for index in 0..count {
                let distance = u32::try_from(take_varint(input)?).ok()?;
                counter = counter.checked_add(distance)?.checked_add(u32::from(index > 0))?;
                if counter == 0 || dots.len() == MOST {
                    return None;
                }
                dots.push(Dot::new(replica, counter));
            }
        }
        Some(Self(dots))
    }
}

/// Bytes of a replica's id, and of the longest count.
const REPLICA: usize = 8 + 3;

impl Encode for Dots {
    fn put(&self, out: &mut impl Sink) {
        let groups = || self.0.chunk_by(|one, other| one.replica == other.replica);
        out.put_varint(groups().count() as u64);
        for group in groups() {
            out.put(&group[0].replica.bits().to_le_bytes());
            out.put_varint(group.len() as u64);
            out.put_varint(group[0].counter.into());
            for pair in group.windows(2) {
                out.put_varint(u64::from(pair[1].counter - pair[0].counter - 1));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn dots_are_read_back_and_fit(
            dots in prop::collection::btree_set((0_u64..4, prop_oneof![1_u32..900, 1_u32..]), 0..300),
            budget in 0_usize..2_000,
        ) {
            let dots = dots.into_iter().map(|(replica, counter)| Dot::new(ReplicaId::from_bits(replica), counter));
            let dots: Vec<Dot> = dots.collect();
            let run = Dots::fill(dots.iter().copied(), budget);
            prop_assert!(run.count() == 0 || run.encoded_len() <= budget);
            prop_assert_eq!(run.as_slice(), &dots[..run.count()]);
            let mut bytes = vec![];
            run.put(&mut bytes);
            prop_assert!((0..bytes.len()).all(|len| Dots::take(&mut &bytes[..len]).is_none()));
            let mut rest = &bytes[..];
            prop_assert_eq!(Dots::take(&mut rest), Some(run));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn any_bytes_have_one_reading_or_none(bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), any::<u8>()], 0..60)) {
            let mut rest = &bytes[..];
            if let Some(run) = Dots::take(&mut rest) {
                let mut again = vec![];
                run.put(&mut again);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - rest.len()]);
            }
        }
    }

    #[test]
    fn no_claim_is_allocated_for() {
        let mut bytes = vec![1];
        bytes.extend([0; 8]);
        bytes.put_varint(u64::MAX);
        assert_eq!(Dots::take(&mut &bytes[..]), None);
        bytes.truncate(9);
        bytes.put_varint(MOST as u64 + 1);
        bytes.push(1);
        bytes.extend([0; MOST]);
        assert_eq!(Dots::take(&mut &bytes[..]), None);
    }
}
