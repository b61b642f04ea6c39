//! Every decision of a round: who asks, what a first answer has, how many cells to ask for, and when pages take over.

use super::cost::{affordable, need, pages_are_cheaper};
use super::incoming::IncomingSketch;
use super::policy::Policy;
use crate::digest::{Digest, State};
use crate::message::longest;
use crate::sketch::{Estimate, IdWidth, Tables};

/// The largest set whose names are listed against a complete page, 1 MiB of them; a larger one is paged.
pub(crate) const MOST_NAMES: usize = 1 << 17;

/// By how many elements counts must differ for the sides to change parts, where it comes to pages.
pub(crate) const TURN: u64 = 64;

/// A set that takes no more than this goes out whole, as the answer to a probe that differs: about what a digest, two
/// bounds and an exchange more would take. Or no more than the first cells would.
const TINY: usize = 256;

/// How many cells all rounds together may have asked for: 4 MiB of them, two of the largest sketches.
pub(crate) const CELLS_UNDER_WAY: usize = 1 << 18;

/// Of two sides that differ, whether the one with this digest does better to ask than to answer. Numbers travel in a
/// sketch, so who lacks more reads it; what has to be asked for by id, who holds more need not ask for. Where one holds
/// many times as much it comes to pages, and who holds less lists less in them. An empty set has nothing to send.
pub(crate) fn leads(width: Option<IdWidth>, one: Digest, other: Digest) -> bool {
    let wished_for = width == Some(IdWidth::Bits48) && !is_multiple(one, other);
    if wished_for { one > other } else { one < other }
}

/// Whether one set is at least four times as large as the other.
pub(crate) fn is_multiple(one: Digest, other: Digest) -> bool {
    one.count().max(other.count()) / 4 >= one.count().min(other.count())
}

/// Whether our set goes out whole, as the answer to a probe that differs: where it takes no more than a first answer, and
/// fits a message of `limit` bytes.
pub(crate) fn is_tiny(ours: State, width: Option<IdWidth>, policy: Option<&Policy>, limit: usize) -> bool {
    let width = width.unwrap_or_default();
    let first_answer = policy.map_or(0, |policy| {
        let head = policy.head(ours.digest.count());
        longest::HEAD_OF_CELLS + policy.deep().encoded_len() + width.cells_encoded_len(head)
    });
    ours.bytes <= first_answer.max(TINY).min(limit - longest::PAGE) as u64
}

/// Whether a sketch may cost a peer with this digest less than pages, going by the counts.
pub(crate) fn may_be_sketched(ours: State, theirs: Digest, width: Option<IdWidth>, policy: Option<&Policy>) -> bool {
    let (Some(width), Some(policy)) = (width, policy) else { return false };
    let (we, they) = (ours.digest.count(), theirs.count());
    // As long as ours are, on average.
    let bytes = u128::from(ours.bytes) * u128::from(they) / u128::from(we.max(1));
    let theirs = State { digest: theirs, bytes: u64::try_from(bytes).unwrap_or(u64::MAX) };
    let first_answer = policy.deep().encoded_len() + width.cells_encoded_len(policy.head(we));
    let least = we.abs_diff(they);
    !pages_are_cheaper(theirs, ours, width, least, need(least), first_answer as u64)
}

/// The cells of a first answer to a peer that knows all but `inserted` of our elements, since it had a proof with us, and
/// has got `learned` since: it reads no more than what we got, whatever it got itself. `None` where a usual first answer
/// costs less, or the peer would have to look through too many of its own.
pub(crate) fn cells_for_known_difference(
    policy: &Policy,
    width: IdWidth,
    count: u64,
    inserted: u64,
    learned: u64,
) -> Option<usize> {
    let few = policy.cells_for(inserted);
    let most = policy.head(count) + policy.deep().encoded_len() / width.bytes();
    (few <= most && learned <= MOST_NAMES as u64).then_some(few)
}

/// How many cells there are to be, if they are worth it: by what is `seen` of the difference in those there are, and by
/// what is `known` of what has to be read. `nearly` tells that few cells are left to read, `longest` how many ours are.
pub(crate) fn target(
    policy: &Policy,
    ours: State,
    incoming: &IncomingSketch,
    longest: usize,
    known: Option<Estimate>,
    seen: Estimate,
    nearly: bool,
) -> Option<usize> {
    let (theirs, have) = (incoming.state(), incoming.target());
    let estimate = known.filter(|known| known.differences < seen.differences).unwrap_or(seen);
    let cells = need(estimate.shifted(1_000)).saturating_sub(have);
    if pages_are_cheaper(ours, theirs, incoming.width(), seen.shifted(1_000), cells, 0) {
        return None;
    }
    let target = match incoming.top_ups() {
        None => policy.first_request(estimate, have),
        Some(top_ups) => policy.top_up(top_ups, estimate, have, nearly)?,
    };
    let peers = usize::try_from(theirs.digest.count()).map_or(usize::MAX, Tables::longest_for);
    let longest = longest.min(peers);
    let target = match target {
        target if target.max(need(estimate.differences)) <= longest => target,
        // There may be enough for all that: a half tells how much it is to a percent or two.
        _ if have < longest / 2 && need(estimate.shifted(-2_000)) <= longest => longest / 2,
        _ if need(estimate.shifted(-1_000)) <= longest => longest,
        _ => return None,
    };
    let most = affordable(ours, theirs, incoming.width(), seen.shifted(3_000));
    (have < target && target <= most).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_is_who_lacks_more_numbers_or_holds_more_of_what_is_wished_for() {
        let of = |count| Digest::from_parts(count, 0);
        let multiples = [(8, 2), (2, 8), (7, 2), (4, 1), (3, 1), (0, 0), (5, 5)];
        let multiples = multiples.map(|(one, other)| is_multiple(of(one), of(other)));
        assert_eq!(multiples, [true, true, false, true, false, true, false]);
        let leads =
            |width| [(6, 5), (5, 6), (5, 5), (9, 2), (2, 9)].map(|(one, other)| leads(width, of(one), of(other)));
        assert_eq!(leads(Some(IdWidth::Bits64)), [false, true, false, false, true]);
        assert_eq!(leads(Some(IdWidth::Bits48)), [true, false, false, false, true]);
        assert_eq!(leads(None), [false, true, false, false, true]);
    }
}
