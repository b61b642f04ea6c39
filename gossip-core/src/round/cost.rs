//! The costs of sketches and pages, in integers: equal on every platform.

use crate::digest::State;
use crate::sketch::{CHECK_BITS, Estimate, IdWidth};
use crate::wire::{WISH, id_bits};

/// The number of cells that decode so many differences in most cases: `1.13 d + √d + 1`. Saturates.
pub(crate) fn need(differences: u64) -> usize {
    // Hundreds and rest apart: 13 times the whole would overflow.
    let cells =
        differences.saturating_add(differences.isqrt()).saturating_add(differences / 100 * 13).saturating_add(1);
    usize::try_from(cells.saturating_add(differences % 100 * 13 / 100)).unwrap_or(usize::MAX)
}

/// Whether pages of all our elements cost no more than the rest of a sketch: so many more `cells`, of at least `least`
/// bytes, and the repair after them. Elements that one side lacks travel in both cases and count for neither.
pub(crate) fn pages_are_cheaper(
    ours: State,
    theirs: State,
    width: IdWidth,
    differences: u64,
    cells: usize,
    least: u64,
) -> bool {
    let parts = Parts::of(ours, theirs, differences);
    parts.by_sketch(width, cells, least) >= parts.by_elements(width)
}

/// Whether pages that list ids cost no more than the rest of a sketch, and [less](ids_beat_elements) than pages of
/// elements.
pub(crate) fn ids_are_cheaper(ours: State, theirs: State, width: IdWidth, seen: Estimate, cells: usize) -> bool {
    let likely = Parts::of(ours, theirs, seen.differences);
    likely.by_sketch(width, cells, 0) >= likely.worth_by_ids(width) && ids_beat_elements(ours, theirs, width, seen)
}

/// Whether pages that list ids cost less than pages of elements, and no more than those of both full states, and a 256th,
/// even if the difference is three standard errors above what is seen: law 3 is to hold unless an estimate errs by more.
pub(crate) fn ids_beat_elements(ours: State, theirs: State, width: IdWidth, seen: Estimate) -> bool {
    // The names of a map are no ids of its entries.
    if width == IdWidth::Bits96 {
        return false;
    }
    let likely = Parts::of(ours, theirs, seen.differences);
    let most = Parts::of(ours, theirs, seen.shifted(3_000)).bytes_by_ids(theirs, width);
    // Ids take 4 bytes of an element in vain if all differ, which is nothing beside 1 KiB: without the 256th one of three
    // rounds between such sets of which a half differ sent all that both hold, 20 MB instead of 10.
    let both = both(ours, theirs, width);
    likely.worth_by_ids(width) < likely.by_elements(width) && most <= both + both / 256
}

/// Bytes of pages of both full states.
fn both(ours: State, theirs: State, width: IdWidth) -> u128 {
    u128::from(page_bytes(ours, width)) + u128::from(page_bytes(theirs, width))
}

/// Bytes of pages of so many elements of a state.
fn pages_of(state: State, width: IdWidth, part: u64) -> u128 {
    u128::from(page_bytes(state, width)) * u128::from(part) / u128::from(state.digest.count().max(1))
}

/// Two sets, as far as costs go: ours, and what either side has alone.
struct Parts {
    ours: State,
    our_own: u64,
    their_own: u64,
}

impl Parts {
    fn of(ours: State, theirs: State, differences: u64) -> Self {
        let (we, they) = (ours.digest.count(), theirs.digest.count());
        let lacking = |more: u64, less: u64| differences.saturating_add(more).saturating_sub(less) / 2;
        // Half of the differences, corrected by the counts. A peer may claim any count, so neither may exceed the set that
        // it is a part of.
        Self { ours, our_own: lacking(we, they).min(we), their_own: lacking(they, we).min(they) }
    }

    /// Bits of a sketch. Numbers of theirs travel in it; what else we lack is asked for by 32 bits of its id.
    fn by_sketch(&self, width: IdWidth, cells: usize, least: u64) -> u128 {
        let cell_bits = 8 * width.bytes() as u64 + u64::from(CHECK_BITS);
        // In 128 bits, since counts may be any 64.
        let cells = (cells as u128 * u128::from(cell_bits)).max(8 * u128::from(least));
        cells
            + match width {
                IdWidth::Bits64 => ids(self.our_own, 0),
                IdWidth::Bits48 | IdWidth::Bits96 => ids(self.their_own, WISH),
            }
    }

    /// Bits of pages of elements: of numbers ours and what we lack, of others all that both have.
    fn by_elements(&self, width: IdWidth) -> u128 {
        let we = self.ours.digest.count();
        match width {
            IdWidth::Bits64 => ids(we.saturating_add(self.their_own), 0),
            IdWidth::Bits48 | IdWidth::Bits96 => {
                let common = we - self.our_own;
                (u128::from(self.ours.bytes) * 8).saturating_mul(common.into()) / u128::from(we.max(1))
            }
        }
    }

    /// Bits of pages that list 32 bits of our ids, and of the wishes for our own; of numbers, these and theirs too.
    fn by_ids(&self, width: IdWidth) -> u128 {
        let numbers = match width {
            IdWidth::Bits64 => ids(self.our_own, 0) + ids(self.their_own, 0),
            IdWidth::Bits48 | IdWidth::Bits96 => 0,
        };
        ids(self.ours.digest.count(), WISH) + ids(self.our_own, WISH) + numbers
    }

    /// The same, with what a round trip is worth: the elements wished for go out after the pages.
    fn worth_by_ids(&self, width: IdWidth) -> u128 {
        self.by_ids(width) + 8 * ROUND_TRIP
    }

    /// Bytes of all that pages that list ids lead to: what either side lacks travels in any case.
    fn bytes_by_ids(&self, theirs: State, width: IdWidth) -> u128 {
        let elements = match width {
            IdWidth::Bits64 => 0,
            IdWidth::Bits48 | IdWidth::Bits96 => {
                pages_of(self.ours, width, self.our_own) + pages_of(theirs, width, self.their_own)
            }
        };
        self.by_ids(width) / 8 + elements
    }
}

/// Bits of a run of so many ids that are shorter by some.
fn ids(count: u64, shorter: u32) -> u128 {
    u128::from(count) * u128::from(id_bits(count).saturating_sub(shorter.into()))
}

/// The most cells that may be in vain, should it come to pages after all, if no more than `differences` differ: what
/// pages take less than pages of both full states makes up for them (law 3). They list once what both sides hold, or ids.
pub(crate) fn affordable(ours: State, theirs: State, width: IdWidth, differences: u64, lists_ids: bool) -> usize {
    let parts = Parts::of(ours, theirs, differences);
    let whole = u128::from(page_bytes(ours, width)) + pages_of(theirs, width, parts.their_own);
    let pages = if lists_ids { parts.bytes_by_ids(theirs, width).min(whole) } else { whole };
    let spared = both(ours, theirs, width).saturating_sub(pages);
    width.cells_within(usize::try_from(spared).unwrap_or(usize::MAX).saturating_add(SLACK))
}

/// Bytes that a round trip less is worth.
const ROUND_TRIP: u128 = 4_096;

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
        IdWidth::Bits48 | IdWidth::Bits96 => state.bytes,
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
            (IdWidth::Bits48, 32, [1_000, 1_000], 1_292),
            (IdWidth::Bits48, 32, [1_000, 1_600], 1_648),
            (IdWidth::Bits48, 32, [1_600, 1_000], 1_718),
        ] {
            let cheaper = |d| pages_are_cheaper(state(we, each), state(they, each), width, d, need(d), 0);
            assert_eq!((1..).find(|&d| cheaper(d)), Some(from), "{we} and {they}");
        }
        // And from how many bytes that are sent in any case.
        for (width, each, least) in [(IdWidth::Bits64, 8, 6_969), (IdWidth::Bits48, 32, 30_219)] {
            let cheaper = |least| pages_are_cheaper(state(1_000, each), state(1_000, each), width, 100, 1, least);
            assert_eq!((1..).find(|&least| cheaper(least)), Some(least), "{width:?}");
        }
    }

    #[test]
    fn ids_are_listed_where_neither_a_sketch_nor_whole_elements_cost_less() {
        // From how many differences on, of 10^5 elements on either side: by what is likely, and where it may be far more.
        let of = |width, each, sigmas: u64| {
            let listed = |differences: u64| {
                let seen = Estimate { differences, sigma: differences / 4 * sigmas };
                ids_are_cheaper(state(100_000, each), state(100_000, each), width, seen, need(differences))
            };
            let from = (0..2_000).map(|step| 100 * step).find(|&differences| listed(differences));
            let end = (0..2_000).map(|step| 100 * step).rfind(|&differences| listed(differences));
            (from, end)
        };
        assert_eq!(of(IdWidth::Bits64, 8, 0), (Some(47_200), Some(85_200)));
        assert_eq!(of(IdWidth::Bits64, 8, 1), (Some(47_200), Some(79_700)));
        assert_eq!(of(IdWidth::Bits48, 32, 0), (Some(32_300), Some(173_400)));
        assert_eq!(of(IdWidth::Bits48, 32, 1), (Some(32_300), Some(106_900)));
        assert_eq!(of(IdWidth::Bits48, 1_024, 1), (Some(32_300), Some(199_100)));
    }

    #[test]
    fn what_can_be_lost_is_what_pages_would_save() {
        assert_eq!(page_bytes(state(1_000, 8), IdWidth::Bits64), 1_000 * (66 - 9) / 8);
        assert_eq!(page_bytes(state(2, 8), IdWidth::Bits64), 2 * 64 / 8);
        assert_eq!(page_bytes(state(1_000, 32), IdWidth::Bits48), 32_000);
        let bits64 = |d| affordable(state(1_000, 8), state(1_000, 8), IdWidth::Bits64, d, false);
        let cells = |bytes| IdWidth::Bits64.cells_within(bytes);
        assert_eq!([0, 400, 2_000].map(bits64), [cells(7_125 + 320), cells(5_700 + 320), cells(320)]);
        let bits48 = affordable(state(1_000, 8), state(1_000, 8), IdWidth::Bits48, 400, false);
        assert_eq!(bits48, IdWidth::Bits48.cells_within(6_400 + 320));
    }
}
