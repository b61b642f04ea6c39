//! How many cells to send and to ask for, and when pages are cheaper: integer tables.

use crate::config::Economy;
use crate::digest::State;
use crate::sketch::{DeepWidth, Estimate, IdWidth};

/// The numbers behind a [`Economy`].
///
/// Found by simulating exchanges of cells for differences of 1 to 10^5 over a grid of these numbers: what others give is
/// in `benches/results/SWEEP.md`, "Small differences", "Heads and deep bits" and "Requests".
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// The cells of a first answer, from a large set.
    head: usize,
    /// How many times the square root of a number that is known goes beyond the cells it needs in most cases: all in
    /// all they decode about 8 of 10, 9 of 10 or 19 of 20, where 2 to 20 differ.
    spare: u64,
    /// The deep bits of a first answer.
    pub(crate) deep: DeepWidth,
    /// The share of the estimate that the first request is for, in thousandths: what the first answer tells is ±25 %,
    /// and what is asked for in vain is lost, while a top-up that is exact costs a round trip.
    first: u64,
    /// By how much each top-up aims above the estimate, in thousandths of its standard error.
    sigmas: [i64; TOP_UPS],
    /// The least cells of each top-up, beside a share of those there are.
    least: [usize; TOP_UPS],
    /// By how many elements the counts must differ for the sides to change parts: it costs half a round trip.
    pub(crate) turn: u64,
}

/// How many top-ups are asked for, after the first request, before pages take over.
const TOP_UPS: usize = 4;

/// How many more are, by half of the cells each, where few are left to read: two elements that share their cells in a table
/// come apart in a longer one.
const MORE: usize = 4;

/// The least share of each top-up, in thousandths of the cells there are.
const SHARES: [usize; TOP_UPS] = [30, 100, 200, 400];

const FEWEST_BYTES: Policy = Policy {
    head: 16,
    spare: 1,
    deep: DeepWidth::Narrow,
    first: 750,
    sigmas: [1_000, 1_500, 2_000, 3_000],
    least: [8, 24, 96, 192],
    turn: 16,
};

const BALANCED: Policy = Policy {
    head: 32,
    spare: 2,
    deep: DeepWidth::Narrow,
    first: 900,
    sigmas: [1_500, 2_000, 2_000, 3_000],
    least: [16, 48, 96, 192],
    turn: 128,
};

const FEWEST_ROUND_TRIPS: Policy = Policy {
    head: 32,
    spare: 4,
    deep: DeepWidth::Wide,
    first: 1_000,
    sigmas: [1_500, 2_000, 2_000, 3_000],
    least: [8, 24, 96, 192],
    turn: 1_024,
};

impl Policy {
    /// `None` where there are pages alone.
    pub(crate) const fn of(economy: Economy) -> Option<&'static Self> {
        match economy {
            Economy::Pages => None,
            Economy::FewestBytes => Some(&FEWEST_BYTES),
            Economy::Balanced => Some(&BALANCED),
            Economy::FewestRoundTrips => Some(&FEWEST_ROUND_TRIPS),
        }
    }

    /// The cells of a first answer from a set of so many elements: few differ where there are few.
    pub(crate) fn head(&self, count: usize) -> usize {
        self.head.min(8 + count / 32)
    }

    /// The cells for differences whose number is known. Saturates.
    pub(crate) fn cells_for(&self, differences: u64) -> usize {
        let spare = usize::try_from(self.spare * differences.isqrt()).unwrap_or(usize::MAX);
        if differences == 0 { 0 } else { need(differences).saturating_add(spare) }
    }

    /// How many cells to have after the first request.
    pub(crate) fn first_request(&self, estimate: Estimate, have: usize) -> usize {
        let cells = match estimate.sigma {
            0 => self.cells_for(estimate.differences),
            _ => need(estimate.differences.saturating_mul(self.first) / 1_000),
        };
        cells.max(have + 8)
    }

    /// How many cells to have after so many top-ups and one more; `None` after the last. `nearly` tells that few cells are
    /// left to read.
    pub(crate) fn top_up(&self, top_ups: usize, estimate: Estimate, have: usize, nearly: bool) -> Option<usize> {
        if nearly && (TOP_UPS..TOP_UPS + MORE).contains(&top_ups) {
            return Some(have + have / 2);
        }
        let (&sigmas, &least) = (self.sigmas.get(top_ups)?, self.least.get(top_ups)?);
        Some(need(estimate.shifted(sigmas)).max(have + have * SHARES[top_ups] / 1_000 + least))
    }
}

/// The cells that decode so many differences, in most cases: 1.13 each, more for few. Saturates.
pub(crate) fn need(differences: u64) -> usize {
    let cells =
        differences.saturating_add(differences.isqrt()).saturating_add(differences / 100 * 13).saturating_add(1);
    usize::try_from(cells.saturating_add(differences % 100 * 13 / 100)).unwrap_or(usize::MAX)
}

/// Whether paging both states costs no more than what is left of a sketch, so many `cells` which take `least` bytes in
/// any case, where so much differs. What both would send, elements that one side lacks, counts for neither.
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
    // What we hold alone, and what they hold alone.
    let (our_own, their_own) = (lacking(we, they).min(we), lacking(they, we).min(they));
    let cell_bits = 8 * width.bytes() as u64 + 2;
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
            // A peer may claim any count.
            let bits = (u128::from(ours.bytes) * 8).saturating_mul(common.into()) / u128::from(we.max(1));
            u128::from(sketch) >= bits
        }
    }
}

/// The most cells whose loss can be borne, should it come to pages after all, where no more than this differs: what
/// pages list once instead of twice, which is all that both hold, makes up for it.
pub(crate) fn affordable(ours: State, theirs: State, width: IdWidth, differences: u64) -> usize {
    let (we, they) = (ours.digest.count(), theirs.digest.count());
    let common = we.saturating_add(they).saturating_sub(differences) / 2;
    let listed = u128::from(page_bytes(ours, width)) * u128::from(common) / u128::from(we.max(1));
    let bytes = usize::try_from(listed).unwrap_or(usize::MAX).saturating_add(SLACK);
    width.cells_within(bytes)
}

/// What a round may cost beyond both full states, in bytes, less its other messages and what a first answer has beside
/// cells.
const SLACK: usize = 384 - 64;

/// The bytes that the pages of a state take, framing aside.
pub(crate) fn page_bytes(state: State, width: IdWidth) -> u64 {
    match width {
        IdWidth::Bits64 => {
            let count = state.digest.count();
            count.saturating_mul(id_bits(count)) / 8
        }
        IdWidth::Bits48 => state.bytes,
    }
}

/// What an id of so many takes, sorted and delta-coded.
fn id_bits(count: u64) -> u64 {
    66 - u64::from(count.max(4).ilog2())
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

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
    fn top_ups_grow_and_end() {
        let estimate = Estimate { differences: 100, sigma: 20 };
        let mut have = BALANCED.first_request(estimate, 32);
        assert_eq!(have, need(90));
        let mut top_ups = 0;
        while let Some(more) = BALANCED.top_up(top_ups, estimate, have, false) {
            assert!(more > have + have * SHARES[top_ups] / 1_000);
            (have, top_ups) = (more, top_ups + 1);
        }
        assert_eq!(top_ups, TOP_UPS);
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
    fn known_differences_get_cells_to_spare_and_estimated_ones_a_share() {
        let cells = [&FEWEST_BYTES, &BALANCED, &FEWEST_ROUND_TRIPS].map(|policy| policy.cells_for(10));
        assert_eq!(cells, [15 + 3, 15 + 2 * 3, 15 + 4 * 3]);
        assert_eq!((BALANCED.cells_for(0), BALANCED.cells_for(u64::MAX)), (0, usize::MAX));
        assert_eq!([0, 31, 32, 767, 768, 1_000_000].map(|count| BALANCED.head(count)), [8, 8, 9, 31, 32, 32]);
        let (known, estimated) = (Estimate { differences: 100, sigma: 0 }, Estimate { differences: 100, sigma: 20 });
        assert_eq!([32, 140].map(|have| BALANCED.first_request(known, have)), [124 + 2 * 10, 140 + 8]);
        assert_eq!([32, 110].map(|have| BALANCED.first_request(estimated, have)), [need(90), 110 + 8]);
        assert_eq!(BALANCED.top_up(0, estimated, 32, false), Some(need(130)));
        let least = |nearly| (0..9).map_while(|top_ups| BALANCED.top_up(top_ups, estimated, 1_000, nearly)).collect();
        let usual = [1_000 + 30 + 16, 1_000 + 100 + 48, 1_000 + 200 + 96, 1_000 + 400 + 192];
        let least: [Vec<usize>; 2] = [false, true].map(least);
        assert_eq!(least, [usual.to_vec(), [usual, [1_500; MORE]].concat()]);
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
