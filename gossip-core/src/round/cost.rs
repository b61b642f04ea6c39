//! The costs of sketches and pages, in integers: equal on every platform.

use crate::digest::State;
use crate::sketch::{CHECK_BITS, IdWidth};
use crate::wire::id_bits;

/// The number of cells that decode so many differences in most cases: `1.13 d + √d + 1`. Saturates.
pub(crate) fn need(differences: u64) -> usize {
    // Hundreds and rest apart: 13 times the whole would overflow.
    let cells =
        differences.saturating_add(differences.isqrt()).saturating_add(differences / 100 * 13).saturating_add(1);
    usize::try_from(cells.saturating_add(differences % 100 * 13 / 100)).unwrap_or(usize::MAX)
}

/// Whether paging both states costs no more than the rest of a sketch: so many more `cells`, of at least `least` bytes,
/// and the repair after them. Elements that one side lacks travel in both cases and count for neither.
pub(crate) fn pages_are_cheaper(
    ours: State,
    theirs: State,
    width: IdWidth,
    differences: u64,
    cells: usize,
    least: u64,
) -> bool {
    let (we, they) = (ours.digest.count(), theirs.digest.count());
    let lacking = |more: u64, less: u64| differences.saturating_add(more).saturating_sub(less) / 2;
    // Each side's own part: half of the differences, corrected by the counts. A peer may claim any count, so neither
    // may exceed the set that it is a part of.
    let (our_own, their_own) = (lacking(we, they).min(we), lacking(they, we).min(they));
    let cell_bits = 8 * width.bytes() as u64 + u64::from(CHECK_BITS);
    let sketch = (cells as u64).saturating_mul(cell_bits).max(8 * least);
    match width {
        // They travel in the sketch, and ours once more; by pages, ours and what we lack.
        IdWidth::Bits64 => {
            let sketch = sketch.saturating_add(our_own.saturating_mul(id_bits(our_own)));
            let listed = we.saturating_add(their_own);
            sketch >= listed.saturating_mul(id_bits(listed))
        }
        // What we lack is asked for by id; by pages, all of ours travels.
        IdWidth::Bits48 => {
            let sketch = sketch.saturating_add(their_own.saturating_mul(id_bits(their_own).saturating_sub(16)));
            let common = we - our_own;
            // In 128 bits, since counts and bytes may be any 64.
            let bits = (u128::from(ours.bytes) * 8).saturating_mul(common.into()) / u128::from(we.max(1));
            u128::from(sketch) >= bits
        }
    }
}

/// The most cells that may be in vain, should it come to pages after all, if no more than `differences` differ. Pages
/// list once what both sides hold, and full states twice: what that saves makes up for the cells (law 3).
pub(crate) fn affordable(ours: State, theirs: State, width: IdWidth, differences: u64) -> usize {
    let (we, they) = (ours.digest.count(), theirs.digest.count());
    let common = we.saturating_add(they).saturating_sub(differences) / 2;
    let listed = u128::from(page_bytes(ours, width)) * u128::from(common) / u128::from(we.max(1));
    let bytes = usize::try_from(listed).unwrap_or(usize::MAX).saturating_add(SLACK);
    width.cells_within(bytes)
}

/// Bytes that cells may cost beyond what pages save: of the 512 that law 3 allows beyond both full states, 128 are left
/// to the other messages of a round, and 64 to the deep bits of a first answer.
const SLACK: usize = 384 - 64;

/// The bytes of all pages of a state, framing aside.
pub(crate) fn page_bytes(state: State, width: IdWidth) -> u64 {
    match width {
        IdWidth::Bits64 => {
            let count = state.digest.count();
            count.saturating_mul(id_bits(count)) / 8
        }
        IdWidth::Bits48 => state.bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn state(count: u64, each: u64) -> State {
        State { digest: Digest::from_parts(count, 0), bytes: count * each }
    }

    #[test]
    fn cells_needed_follow_the_measurements() {
        assert_eq!([0, 1, 10, 100, 1_000, 100_000].map(need), [1, 3, 15, 124, 1_162, 113_317]);
        assert_eq!(need(u64::MAX), usize::MAX);
    }

    #[test]
    fn pages_are_cheaper_from_a_good_part_of_the_sets_on() {
        let cheaper = |n, d, width, each| pages_are_cheaper(state(n, each), state(n, each), width, d, need(d), 0);
        assert!(!cheaper(1_000_000, 580_000, IdWidth::Bits64, 8));
        assert!(cheaper(1_000_000, 640_000, IdWidth::Bits64, 8));
        assert!(!cheaper(10_000, 10_000, IdWidth::Bits48, 32));
        assert!(cheaper(10_000, 17_000, IdWidth::Bits48, 32));
        assert!(cheaper(0, 0, IdWidth::Bits64, 8));
        assert!(cheaper(u64::MAX, u64::MAX, IdWidth::Bits64, 0));
        assert!(!cheaper(u64::MAX, 1, IdWidth::Bits48, 1));
    }

    #[test]
    fn pages_are_weighed_to_the_bit() {
        // From how many differences on pages are cheaper, for sets of so many elements.
        for (width, each, [we, they], from) in [
            (IdWidth::Bits64, 8, [1_000, 1_000], 718),
            (IdWidth::Bits64, 8, [1_000, 1_600], 1_164),
            (IdWidth::Bits64, 8, [1_600, 1_000], 719),
            (IdWidth::Bits48, 32, [1_000, 1_000], 1_241),
            (IdWidth::Bits48, 32, [1_000, 1_600], 1_560),
            (IdWidth::Bits48, 32, [1_600, 1_000], 1_674),
        ] {
            let cheaper = |d| pages_are_cheaper(state(we, each), state(they, each), width, d, need(d), 0);
            assert!(!cheaper(from - 1) && cheaper(from), "{we} and {they}");
        }
        // And from how many bytes that are sent in any case.
        for (width, each, least) in [(IdWidth::Bits64, 8, 6_969), (IdWidth::Bits48, 32, 30_119)] {
            let cheaper = |least| pages_are_cheaper(state(1_000, each), state(1_000, each), width, 100, 1, least);
            assert!(!cheaper(least - 1) && cheaper(least), "{width:?}");
        }
    }

    #[test]
    fn what_can_be_lost_is_what_pages_would_save() {
        assert_eq!(page_bytes(state(1_000, 8), IdWidth::Bits64), 1_000 * (66 - 9) / 8);
        assert_eq!(page_bytes(state(2, 8), IdWidth::Bits64), 2 * 64 / 8);
        assert_eq!(page_bytes(state(1_000, 32), IdWidth::Bits48), 32_000);
        let bits64 = |d| affordable(state(1_000, 8), state(1_000, 8), IdWidth::Bits64, d);
        let cells = |bytes| IdWidth::Bits64.cells_within(bytes);
        assert_eq!([0, 400, 2_000].map(bits64), [cells(7_125 + 320), cells(5_700 + 320), cells(320)]);
        let bits48 = affordable(state(1_000, 8), state(1_000, 8), IdWidth::Bits48, 400);
        assert_eq!(bits48, IdWidth::Bits48.cells_within(6_400 + 320));
    }
}
