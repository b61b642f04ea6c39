//! `Cells`: a run of cells.

use alloc::vec::Vec;

use crate::codec::{Encode, Sink, take_varint};
use crate::sketch::{Cell, IdWidth};

/// Run of cells in wire form: a count, then ids and checks. It stays bytes until it is read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Cells {
    width: IdWidth,
    count: usize,
    bytes: Vec<u8>,
}

impl Cells {
    pub(crate) fn new(width: IdWidth, cells: &[Cell]) -> Self {
        let mut bytes = Vec::new();
        width.encode_cells(cells, &mut bytes);
        Self { width, count: cells.len(), bytes }
    }

    pub(crate) const fn width(&self) -> IdWidth {
        self.width
    }

    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// The most cells of a run of `budget` bytes.
    pub(crate) fn within(width: IdWidth, budget: usize) -> usize {
        // A byte counts up to 127, two up to 16 383, three up to 2^21; a longer count leaves less room, so each is
        // tried.
        let room = |len: usize| width.cells_within(budget.saturating_sub(len));
        (1..=3).map(|len| room(len).min((1 << (7 * len)) - 1)).max().unwrap_or(0)
    }

    /// Takes a run off the front of `input`; `None`, with `input` as it was, if it does not begin with one. Allocates a
    /// copy of its bytes alone.
    pub(crate) fn take(input: &mut &[u8], width: IdWidth) -> Option<Self> {
        let mut rest = *input;
        let count = usize::try_from(take_varint(&mut rest)?).ok()?;
        // The length saturates, so a count of 2^60 finds too few bytes here, before anything is allocated.
        let (bytes, rest) = rest.split_at_checked(width.cells_encoded_len(count))?;
        if !width.are_cells(count, bytes) {
            return None;
        }
        *input = rest;
        Some(Self { width, count, bytes: bytes.to_vec() })
    }

    pub(crate) fn to_vec(&self) -> Vec<Cell> {
        // `take` and `new` let nothing in but whole cells.
        self.width.decode_cells(self.count, &self.bytes).unwrap_or_default()
    }
}

impl Encode for Cells {
    fn put(&self, out: &mut impl Sink) {
        out.put_varint(self.count as u64);
        out.put(&self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;
    use crate::codec::varint_len;

    proptest! {
        #[test]
        fn cells_are_read_back_and_fit(ids in prop::collection::vec(any::<u32>(), 0..300), budget in 0_usize..2_000) {
            for width in [IdWidth::Bits48, IdWidth::Bits64, IdWidth::Bits96] {
                let all: Vec<Cell> = ids.iter().map(|&id| Cell::new(id.into(), id.to_le_bytes()[0])).collect();
                let fitting = Cells::within(width, budget).min(all.len());
                let run = Cells::new(width, &all[..fitting]);
                prop_assert!(fitting == 0 || run.encoded_len() <= budget);
                if fitting < all.len() {
                    prop_assert!(Cells::new(width, &all[..=fitting]).encoded_len() > budget);
                }
                let mut bytes = vec![];
                run.put(&mut bytes);
                prop_assert_eq!(bytes.len(), run.encoded_len());
                prop_assert!((0..bytes.len()).all(|len| Cells::take(&mut &bytes[..len], width).is_none()));
                let mut rest = &bytes[..];
                prop_assert_eq!(Cells::take(&mut rest, width), Some(run.clone()));
                prop_assert!(rest.is_empty());
                prop_assert_eq!(run.to_vec(), &all[..fitting]);
            }
        }
    }

    #[test]
    fn no_budget_holds_one_more_or_is_exceeded() {
        for width in [IdWidth::Bits48, IdWidth::Bits64, IdWidth::Bits96] {
            let encoded_len = |count: usize| varint_len(count as u64) + width.cells_encoded_len(count);
            let edges = [encoded_len(127), encoded_len(128), encoded_len(16_383), encoded_len(16_384)];
            for budget in edges.into_iter().flat_map(|edge| edge - 20..edge + 20) {
                let most = Cells::within(width, budget);
                assert!(encoded_len(most) <= budget && encoded_len(most + 1) > budget, "{most} in {budget}");
            }
        }
    }

    #[test]
    fn no_claim_overflows() {
        let mut claim = vec![];
        claim.put_varint(u64::MAX);
        claim.extend([0; 100]);
        assert_eq!(Cells::take(&mut &claim[..], IdWidth::Bits64), None);
    }
}
