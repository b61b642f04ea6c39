//! Every decision of a round: which side asks, what a first answer has, how many cells to ask for, and when to walk.

use super::cost::{affordable, ids_are_cheaper, need, pages_are_cheaper};
use super::incoming::IncomingSketch;
use super::policy::{DEEP_BITS, Policy};
use crate::digest::{Digest, State};
use crate::message::longest;
use crate::sketch::{Estimate, IdWidth, Tables};

/// The most names that are listed at once, 1 MiB of them. A larger set walks instead.
pub(crate) const MOST_NAMES: usize = 1 << 17;

/// The difference of counts from which the sides change parts, where it comes to pages.
pub(crate) const THRESHOLD: u64 = 64;

/// The bytes of a set that always goes out whole in answer to a probe of another digest: about what a digest, two
/// bounds and another exchange take.
const TINY: usize = 256;

/// The most cells that all rounds together of a set of `count` elements hold and await: two of the longest sketches, or
/// 4 MiB of them if that is more.
pub(crate) fn cells_under_way(count: usize) -> usize {
    (2 * Tables::longest_for(count)).max(1 << 18)
}

/// Whether the side with digest `one` had better ask than answer a peer with digest `other`.
///
/// Numbers travel in a sketch, so the side that lacks more reads it. Other elements have to be wished for, and the side
/// that holds more has fewer wishes. Where one side holds many times as much it comes to pages, in which the smaller
/// set lists less. An empty set has nothing to send.
pub(crate) fn leads(width: IdWidth, one: Digest, other: Digest) -> bool {
    let wished_for = width != IdWidth::Bits64 && !is_multiple(one, other);
    if wished_for { one > other } else { one < other }
}

/// Whether one set is at least four times as large as the other.
pub(crate) fn is_multiple(one: Digest, other: Digest) -> bool {
    one.count().max(other.count()) / 4 >= one.count().min(other.count())
}

/// Whether our set goes out whole in answer to a probe of another digest: if it takes no more bytes than a first
/// answer, or than 256, and fits a message of `limit` bytes.
pub(crate) fn is_tiny(ours: State, width: IdWidth, policy: Option<&Policy>, limit: usize) -> bool {
    let first_answer = policy.map_or(0, |policy| {
        let head = policy.head(ours.digest.count());
        longest::HEAD_OF_CELLS + DEEP_BITS.encoded_len() + width.cells_encoded_len(head)
    });
    ours.bytes <= first_answer.max(TINY).min(limit - longest::PAGE) as u64
}

/// Whether a sketch may cost less than pages with a peer of this digest, by what is `seen` of the difference or by the
/// counts alone.
pub(crate) fn may_be_sketched(
    ours: State,
    theirs: Digest,
    seen: Option<Estimate>,
    width: IdWidth,
    policy: Option<&Policy>,
) -> bool {
    let Some(policy) = policy else { return false };
    let (we, they) = (ours.digest.count(), theirs.count());
    let theirs = alike(ours, theirs);
    let first_answer = DEEP_BITS.encoded_len() + width.cells_encoded_len(policy.head(we));
    // Here the peer asks, so the two states change places.
    let least = seen.map_or(0, |seen| seen.differences).max(we.abs_diff(they));
    !pages_are_cheaper(theirs, ours, width, least, need(least), first_answer as u64)
        && !seen.is_some_and(|seen| ids_are_cheaper(theirs, ours, width, seen, need(least)))
}

/// The number of cells of a first answer to a peer of this digest, whose deep bits told what is `seen` of the difference;
/// 0 where these might be in vain and not be made up for.
pub(crate) fn first_answer(policy: &Policy, ours: State, theirs: Digest, width: IdWidth, seen: Estimate) -> usize {
    let longest = |digest: Digest| Tables::longest_for(usize::try_from(digest.count()).unwrap_or(usize::MAX));
    let cells = policy.first_answer(seen, ours.digest.count()).min(longest(ours.digest)).min(longest(theirs));
    // Here the peer asks, so the two states change places.
    let most = affordable(alike(ours, theirs), ours, width, seen.shifted(3_000), true);
    if cells <= most { cells } else { 0 }
}

/// The state of a peer of this digest, if its elements are as long as ours on average: a digest has no bytes.
fn alike(ours: State, digest: Digest) -> State {
    let bytes = u128::from(ours.bytes) * u128::from(digest.count()) / u128::from(ours.digest.count().max(1));
    State { digest, bytes: u64::try_from(bytes).unwrap_or(u64::MAX) }
}

/// The number of cells of a first answer to a peer that had a proof with us: it lacks at most `inserted` of our
/// elements and has got `learned` of its own since. It reads the cells less what both had, so its own do not count.
///
/// `None` where a usual first answer costs less, or the peer would have to hash too many of its own elements.
pub(crate) fn cells_for_known_difference(
    policy: &Policy,
    width: IdWidth,
    count: u64,
    inserted: u64,
    learned: u64,
) -> Option<usize> {
    let few = policy.cells_for(inserted);
    let most = policy.head(count) + DEEP_BITS.encoded_len() / width.bytes();
    (few <= most && learned <= MOST_NAMES as u64).then_some(few)
}

/// The number of cells to have after the next request, or `None` if it had better come to pages.
///
/// `seen` is the estimate of the difference from the cells that are there, and `known` the number of elements to read,
/// if it is known. `nearly` says that few cells are left to read, `lists_ids` that pages may list ids.
pub(crate) fn target(
    policy: &Policy,
    ours: State,
    incoming: &IncomingSketch,
    known: Option<Estimate>,
    seen: Estimate,
    nearly: bool,
    lists_ids: bool,
) -> Option<usize> {
    let (theirs, have) = (incoming.state(), incoming.target());
    let estimate = known.filter(|known| known.differences < seen.differences).unwrap_or(seen);
    let cells = need(estimate.differences).saturating_sub(have);
    // By what is likeliest: a standard error more, a quarter after a first answer, turned two of five rounds to pages at
    // differences of half the sets, for a fifth more bytes.
    let width = incoming.width();
    if pages_are_cheaper(ours, theirs, width, seen.differences, cells, 0)
        || (lists_ids && ids_are_cheaper(ours, theirs, width, seen, cells))
    {
        return None;
    }
    let target = match incoming.top_ups() {
        None => policy.first_request(estimate, have),
        Some(top_ups) => policy.top_up(top_ups, estimate, have, nearly)?,
    };
    // How long the tables can be follows from the counts. Cells beyond the shorter of the two cannot be compared.
    let longest = |state: State| Tables::longest_for(usize::try_from(state.digest.count()).unwrap_or(usize::MAX));
    let longest = longest(ours).min(longest(theirs));
    // In one case of six the difference is so far below the estimate: then the whole table reads it.
    let target = match target {
        target if target <= longest => target,
        _ if need(estimate.shifted(-1_000)) <= longest => longest,
        _ => return None,
    };
    // By three standard errors, since law 3 is to hold unless an estimate errs by more.
    let most = affordable(ours, theirs, width, seen.shifted(3_000), lists_ids);
    (have < target && target <= most).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Economy;

    #[test]
    fn who_asks_is_who_lacks_more_numbers_or_holds_more_of_what_is_wished_for() {
        let of = |count| Digest::from_parts(count, 0);
        let multiples = [(8, 2), (2, 8), (7, 2), (4, 1), (3, 1), (0, 0), (5, 5)];
        let multiples = multiples.map(|(one, other)| is_multiple(of(one), of(other)));
        assert_eq!(multiples, [true, true, false, true, false, true, false]);
        let leads =
            |width| [(6, 5), (5, 6), (5, 5), (9, 2), (2, 9)].map(|(one, other)| leads(width, of(one), of(other)));
        assert_eq!(leads(IdWidth::Bits64), [false, true, false, false, true]);
        assert_eq!(leads(IdWidth::Bits48), [true, false, false, false, true]);
    }

    #[test]
    fn an_empty_set_is_never_sketched() {
        let policy = Policy::of(Economy::FewestBytes);
        let ours = State { digest: Digest::EMPTY, bytes: 0 };
        for theirs in [0, 1, 100, 1_000_000, u64::MAX].map(|count| Digest::from_parts(count, 7)) {
            let may_be = |width| may_be_sketched(ours, theirs, None, width, policy);
            assert_eq!([IdWidth::Bits48, IdWidth::Bits64].map(may_be), [false; 2], "{theirs:?}");
        }
    }
}
