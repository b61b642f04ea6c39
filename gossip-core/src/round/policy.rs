//! `Policy`: the numbers of an economy, how many cells to send and to ask for.

use super::cost::need;
use crate::config::Economy;
use crate::sketch::{DeepWidth, Estimate};

/// The numbers behind an [`Economy`].
///
/// Found by simulating exchanges of cells for differences of 1 to 10^5 over a grid of these numbers: what others give
/// is in `benches/results/SWEEP.md`, "Small differences", "Heads and deep bits" and "Requests".
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// The cells of a first answer, from a large set.
    head: usize,
    /// Spare cells for a known number of differences, in multiples of its square root: with 1 or 2, 8 or 9 of 10
    /// sketches of 2 to 20 differences are read at once.
    spare: u64,
    /// Share of the estimate that the first request covers, in thousandths. A first answer tells the difference to ±25
    /// %: cells beyond it are lost, and a top-up, which is exact, costs a round trip.
    first: u64,
    /// The fewest cells of a first answer to a peer that has told the difference.
    least_answer: usize,
    /// How far above the estimate each top-up aims, in thousandths of its standard error.
    sigmas: [i64; TOP_UPS],
    /// The fewest cells of each top-up, beside a share of those there are.
    least: [usize; TOP_UPS],
    /// The difference of counts from which the sides change parts, which costs half a round trip.
    threshold: u64,
}

/// From so many differences on the first request covers three quarters of them: at 120 000 a share of 0.9 took 0.1 MB
/// of 1.6 more, for 0.3 round trips.
const MANY: u64 = 1 << 15;

/// Below so many differences a first answer covers a standard error more than what is seen: a request for more takes as
/// many bytes as cells for four.
const FEW: u64 = 32;

/// The most top-ups, after the first request, before pages take over.
const TOP_UPS: usize = 4;

/// The most top-ups after these, by half of the cells each, where few cells are left to read: two elements that share
/// their cells in a table come apart in a longer one. Of 60 000 rounds of 30 to 1 000 differences 15 came to pages
/// without these four, and 3 do with them.
const MORE: usize = 4;

/// The smallest share of each top-up, in thousandths of the cells there are.
const SHARES: [usize; TOP_UPS] = [30, 100, 200, 400];

/// The deep bits of a first answer. Wide ones are read and not sent: they tell the difference to ±18 % instead of ±25 %,
/// which saves 2.3 % of a round's bytes at most, and none of its round trips; up to 10 differences they cost 13 %.
pub(crate) const DEEP_BITS: DeepWidth = DeepWidth::Narrow;

// Both lie on the front of what was measured: near 0.75 of the estimate a round trip costs 3 % of bytes, near 0.9 it
// costs 9 %, and above 1.0 it costs 19 %. So there is no third one beyond: 1.0 of it, spare cells of 4 and wide deep
// bits save 0.1 to 0.2 of 3.7 round trips from 100 differences on, and take 60 bytes more at every first meeting.
//
// Two are worth it: the first takes 132 bytes of 398 less at 1 difference, 110 of 459 at 10, for up to 0.4 round trips
// more from 100 on.
const FEWEST_BYTES: Policy = Policy {
    head: 16,
    spare: 1,
    first: 750,
    least_answer: 12,
    sigmas: [1_000, 1_500, 2_000, 3_000],
    least: [8, 24, 96, 192],
    threshold: 16,
};

const BALANCED: Policy = Policy {
    // 16 would save 29 % of bytes up to 10 differences, for half a round trip more from 10 to 100.
    head: 32,
    spare: 2,
    first: 900,
    least_answer: 16,
    sigmas: [1_500, 2_000, 2_000, 3_000],
    least: [16, 48, 96, 192],
    threshold: 128,
};

impl Policy {
    /// The policy of an economy; `None` for pages alone.
    pub(crate) const fn of(economy: Economy) -> Option<&'static Self> {
        match economy {
            Economy::Pages => None,
            Economy::FewestBytes => Some(&FEWEST_BYTES),
            Economy::Balanced => Some(&BALANCED),
        }
    }

    /// The number of cells in a first answer from a set of `count` elements: small sets differ by little.
    pub(crate) fn head(&self, count: u64) -> usize {
        self.head.min(8 + usize::try_from(count / 32).unwrap_or(self.head))
    }

    /// The difference of counts from which the sides change parts.
    pub(crate) const fn threshold(&self) -> u64 {
        self.threshold
    }

    /// The number of cells for a known number of differences. Saturates.
    pub(crate) fn cells_for(&self, differences: u64) -> usize {
        let spare = usize::try_from(self.spare * differences.isqrt()).unwrap_or(usize::MAX);
        if differences == 0 { 0 } else { need(differences).saturating_add(spare) }
    }

    /// The number of cells of a first answer from a set of `count` elements to a peer whose deep bits told this difference.
    pub(crate) fn first_answer(&self, estimate: Estimate, count: u64) -> usize {
        let least = self.least_answer.min(self.head(count));
        if estimate.differences < FEW && estimate.sigma > 0 {
            return need(estimate.shifted(1_000)).max(least);
        }
        self.first_request(estimate, 0).max(least)
    }

    /// The number of cells to have after the first request.
    pub(crate) fn first_request(&self, estimate: Estimate, have: usize) -> usize {
        // Of many differences the surplus of a high estimate is large beside a round trip.
        let share = if estimate.differences < MANY { self.first } else { self.first.min(750) };
        // Without an error the number is known, and there is nothing to save by asking for less.
        let cells = match estimate.sigma {
            0 => self.cells_for(estimate.differences),
            _ => need(estimate.differences.saturating_mul(share) / 1_000),
        };
        // An estimate below what is there has been refuted by it.
        cells.max(have + 8)
    }

    /// The number of cells to have after `top_ups` top-ups and one more; `None` after the last. `nearly` says that few
    /// cells are left to read.
    pub(crate) fn top_up(&self, top_ups: usize, estimate: Estimate, have: usize, nearly: bool) -> Option<usize> {
        // An estimate says nothing of elements that share cells. In a table twice as long they come apart in 7 of 8
        // cases.
        if nearly && (TOP_UPS..TOP_UPS + MORE).contains(&top_ups) {
            return Some(have + have / 2);
        }
        let (&sigmas, &least) = (self.sigmas.get(top_ups)?, self.least.get(top_ups)?);
        // The least step grows: an estimate that has failed twice may be far off, and each step costs a round trip.
        Some(need(estimate.shifted(sigmas)).max(have + have * SHARES[top_ups] / 1_000 + least))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

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
    fn known_differences_get_cells_to_spare_and_estimated_ones_a_share() {
        let cells = [&FEWEST_BYTES, &BALANCED].map(|policy| policy.cells_for(10));
        assert_eq!(cells, [15 + 3, 15 + 2 * 3]);
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
}
