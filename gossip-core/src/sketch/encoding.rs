//! `IdWidth`, and the wire form of a run of cells.

use alloc::vec::Vec;

use super::cell::Cell;
use super::parameters::CHECK_BITS;

/// Checks in a byte.
const CHECKS: usize = (8 / CHECK_BITS) as usize;

/// Width of ids on the wire.
///
/// ```
/// use gossip_core::sketch::{Cell, IdWidth};
///
/// let cells = vec![Cell::new(7, 1), Cell::new(9, 3)];
/// let mut bytes = vec![];
/// IdWidth::Bits48.encode_cells(&cells, &mut bytes);
/// assert_eq!((bytes.len(), IdWidth::Bits48.cells_encoded_len(2)), (13, 13));
/// assert_eq!(IdWidth::Bits48.decode_cells(2, &bytes), Some(cells));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub enum IdWidth {
    /// 48 bits, for elements that are fetched by id: ids in the sketch are below 2^48. Other widths:
    /// `benches/results/SWEEP.md`, "Widths of ids".
    Bits48,
    /// 64 bits, for numbers.
    #[default]
    Bits64,
    /// 96 bits, for the names of a map, which tell what was inserted, and by whom.
    Bits96,
}

impl IdWidth {
    /// Bytes of one id.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Bits48 => 6,
            Self::Bits64 => 8,
            Self::Bits96 => 12,
        }
    }

    /// Bits of an id that do not travel.
    pub(crate) const fn unnamed_bits(self) -> u32 {
        64_u32.saturating_sub(8 * self.bytes() as u32)
    }

    /// Bytes of `count` cells on the wire with their checks: 8.25 (or 6.25, or 12.25) each, rounded up. Saturates.
    #[must_use]
    pub const fn cells_encoded_len(self, count: usize) -> usize {
        count.saturating_mul(self.bytes()).saturating_add(count.div_ceil(CHECKS))
    }

    /// The most cells in `budget` bytes.
    #[must_use]
    pub const fn cells_within(self, budget: usize) -> usize {
        let group = self.cells_encoded_len(CHECKS);
        // Four cells share a byte of checks; those of a group that is not full have one to themselves.
        budget / group * CHECKS + (budget % group).saturating_sub(1) / self.bytes()
    }

    /// Appends the wire form of `cells` to `out`: the ids, little-endian, then the checks, four to a byte from its low
    /// bits up, zeros after the last. Upper bits of wider ids are lost.
    pub fn encode_cells(self, cells: &[Cell], out: &mut Vec<u8>) {
        out.reserve(self.cells_encoded_len(cells.len()));
        match self {
            Self::Bits48 => put_ids::<6>(cells, out),
            Self::Bits64 => put_ids::<8>(cells, out),
            Self::Bits96 => cells.iter().for_each(|cell| {
                out.extend_from_slice(&cell.id().to_le_bytes());
                out.extend_from_slice(&cell.behind().to_le_bytes());
            }),
        }
        // Checks come behind all ids: 2 bits between them would move each id off its bytes.
        let pack = |group: &[Cell]| group.iter().rev().fold(0, |byte, cell| byte << CHECK_BITS | cell.check());
        out.extend(cells.chunks(CHECKS).map(pack));
    }

    /// Returns whether `bytes` are the wire form of `count` cells: of their length, with zeros after the last check.
    #[must_use]
    pub fn are_cells(self, count: usize, bytes: &[u8]) -> bool {
        let used = count % CHECKS * CHECK_BITS as usize;
        // A last byte of four checks has no bits to spare.
        let clean = used == 0 || bytes.last().is_some_and(|last| last >> used == 0);
        bytes.len() == self.cells_encoded_len(count) && clean
    }

    /// Reads `count` cells; `None` if `bytes` are not their wire form.
    ///
    /// Allocates no more than 16 bytes for each 6.25, 8.25 or 12.25 of `bytes`, whatever `count` says.
    #[must_use]
    pub fn decode_cells(self, count: usize, bytes: &[u8]) -> Option<Vec<Cell>> {
        if !self.are_cells(count, bytes) {
            return None;
        }
        // `are_cells` has compared `count` with bytes that are there, so it may size the result.
        let (ids, checks) = bytes.split_at_checked(count.checked_mul(self.bytes())?)?;
        Some(match self {
            Self::Bits48 => cells_of::<6>(ids, checks),
            Self::Bits64 => cells_of::<8>(ids, checks),
            Self::Bits96 => cells_of::<12>(ids, checks),
        })
    }
}

fn put_ids<const BYTES: usize>(cells: &[Cell], out: &mut Vec<u8>) {
    let ids = cells.iter().filter_map(|cell| cell.id().to_le_bytes().first_chunk::<BYTES>().copied());
    ids.for_each(|id| out.extend_from_slice(&id));
}

/// Cells of these ids, of so many bytes each, and checks. Of a width that is not known a cell took four times as long.
fn cells_of<const BYTES: usize>(ids: &[u8], checks: &[u8]) -> Vec<Cell> {
    let (ids, _) = ids.as_chunks::<BYTES>();
    let mut cells = Vec::with_capacity(ids.len());
    for (group, &checks) in ids.chunks(CHECKS).zip(checks) {
        cells.extend(group.iter().zip(0..).map(|(id, place)| {
            let mut word = [0; 16];
            word[..BYTES].copy_from_slice(id);
            let word = u128::from_le_bytes(word);
            Cell::wide(word as u64, (word >> 64) as u32, checks >> (CHECK_BITS * place))
        }));
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(count: u64, width: IdWidth) -> Vec<Cell> {
        let ids = (1..=count).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> width.unnamed_bits());
        let behind = |id: u64| if width == IdWidth::Bits96 { id as u32 ^ 5 } else { 0 };
        ids.map(|id| Cell::wide(id, behind(id), id.to_le_bytes()[1])).collect()
    }

    #[test]
    fn cells_survive_the_wire_in_exactly_the_bytes_foretold() {
        for width in [IdWidth::Bits48, IdWidth::Bits64, IdWidth::Bits96] {
            for count in 0..40 {
                let cells = cells(count, width);
                let mut bytes = Vec::new();
                width.encode_cells(&cells, &mut bytes);
                assert_eq!(bytes.len(), width.cells_encoded_len(cells.len()));
                assert_eq!(width.decode_cells(cells.len(), &bytes).as_ref(), Some(&cells));
                assert_eq!(width.cells_within(bytes.len()), cells.len());
                if count > 0 {
                    assert_eq!(width.cells_within(bytes.len() - 1), cells.len() - 1);
                    assert_eq!(width.decode_cells(cells.len(), &bytes[1..]), None);
                }
                bytes.push(0);
                assert_eq!(width.decode_cells(cells.len(), &bytes), None);
            }
            assert_eq!(width.decode_cells(usize::MAX, &[0; 64]), None);
        }
    }

    #[test]
    fn bits_after_the_last_check_are_refused() {
        let mut bytes = Vec::new();
        IdWidth::Bits64.encode_cells(&cells(5, IdWidth::Bits64), &mut bytes);
        for bit in CHECK_BITS..8 {
            let mut bytes = bytes.clone();
            bytes[5 * 8 + 1] |= 1 << bit;
            assert_eq!(IdWidth::Bits64.decode_cells(5, &bytes), None);
        }
    }
}
