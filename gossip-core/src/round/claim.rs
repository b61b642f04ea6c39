//! `Claim`: what a sketch says, and whether that can be so.

use alloc::vec::Vec;

use super::cost::need;
use super::incoming::IncomingSketch;
use crate::digest::Digest;
use crate::element::Element;
use crate::set::Set;
use crate::sketch::{IdWidth, Prefix, cancel_pairs};
use crate::wire::{Place, WISH};

/// How a peer's set differs from ours, by names, all ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Claim {
    /// What we hold and the peer does not.
    pub(crate) ours: Vec<u64>,
    /// What the peer holds and we do not: numbers, which their names tell.
    pub(crate) numbers: Vec<u64>,
    /// What the peer holds and we do not, and what its names do not tell: wishes, the first 32 bits of ids. What else
    /// the peer has under a wish, one element in 4 300 at 10^6, costs less than further bits would.
    pub(crate) wanted: Vec<u64>,
    /// How much of ids these names are.
    pub(crate) width: IdWidth,
    /// Our digest and the peer's, where what is wanted has to come before it is known whether this is so.
    pub(crate) unconfirmed: Option<[Digest; 2]>,
}

/// What reading a sketch comes to.
#[derive(Clone, Debug)]
pub(crate) enum Reading {
    Clear(Claim),
    /// It takes more cells.
    Unclear,
    /// It takes more cells, and few are left to read.
    Nearly,
    /// More cells will not help.
    Hopeless,
}

/// How many cells an unread rest may be, as a share of all, for the sketch to be nearly read: an eighth. Two elements that
/// share all their cells leave three or so of a thousand; where too few cells came, a third or more are left.
const NEARLY: usize = 8;

impl Claim {
    /// What a peer holds that lists all it has, with these fingerprints, and what we hold beside: names alone.
    pub(crate) fn of_names(ours: Vec<u64>, width: Option<IdWidth>) -> Self {
        Self { ours, width: width.unwrap_or_default(), ..Self::default() }
    }

    /// What a peer's sketch says, if it agrees with the peer's digest: for numbers, to the last bit of what will be the
    /// digest; where elements are yet to be fetched, in their count. `left` is what our log up to `place` leaves of it.
    pub(crate) fn read<E: Element>(
        set: &Set<E>,
        incoming: &IncomingSketch,
        place: Place,
        left: Option<&Prefix>,
    ) -> Reading {
        let width = incoming.width();
        let same_width = set.width().is_none_or(|ours| ours == width);
        let (Some(tables), Some(left), true) = (set.tables(), left, same_width) else { return Reading::Hopeless };
        let since: Vec<u64> = set.names_since(place, width).collect();
        let mut reading = Reading::Unclear;
        let mut decodings = left.decodings(&tables.key());
        for mut names in decodings.by_ref() {
            let read = names.len() as u64;
            if !since.is_empty() {
                names.extend(&since);
                names.sort_unstable();
                cancel_pairs(&mut names);
            }
            if let Some(claim) = Self::confirm(set, &names, width, incoming.state().digest) {
                return Reading::Clear(claim);
            }
            // Twice as many cells as that takes are read right, but where somebody has looked for names that they
            // confound; and these no other number of cells does. So names coincide, or it is no sketch of that digest.
            if incoming.top_ups() > Some(0) && incoming.cells().len() >= 2 * need(read) {
                reading = Reading::Hopeless;
            }
        }
        match reading {
            Reading::Unclear if decodings.left() <= left.len() / NEARLY => Reading::Nearly,
            _ => reading,
        }
    }

    /// The claim that these names differ, if that gives the peer's digest.
    fn confirm<E: Element>(set: &Set<E>, names: &[u64], width: IdWidth, theirs: Digest) -> Option<Self> {
        let (fingerprinter, unnamed) = (set.fingerprinter(), width.unnamed_bits());
        let mut claim = Self { width, ..Self::default() };
        let mut expected = set.digest();
        let mut bytes = Vec::new();
        let mut fingerprint = |element: &E| {
            bytes.clear();
            element.encode(&mut bytes);
            fingerprinter.fingerprint(element, &bytes)
        };
        // All buckets are looked at before any is read: one after the other, each would wait for memory, which was a
        // quarter of a round of 1 000 differences at 10^6 elements.
        let own = set.may_name(names, unnamed);
        for (&name, may_be_own) in names.iter().zip(own) {
            let mut own = set.of_name(name, unnamed).take_while(|_| may_be_own).peekable();
            if own.peek().is_some() {
                own.for_each(|entry| expected.remove(fingerprint(entry.element)));
                claim.ours.push(name);
            } else if let Some(element) = fingerprinter.element(name) {
                expected.add(fingerprint(&element));
                claim.numbers.push(name);
            } else {
                claim.wanted.push(name >> (WISH - unnamed));
            }
        }
        let agrees = match claim.wanted.len() as u64 {
            0 => expected == theirs,
            // Too little to merge anything on.
            wanted => claim.numbers.is_empty() && expected.count().checked_add(wanted) == Some(theirs.count()),
        };
        claim.wanted.dedup();
        claim.unconfirmed = (!claim.wanted.is_empty()).then_some([set.digest(), theirs]);
        agrees.then_some(claim)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::config::Config;
    use crate::digest::State;
    use crate::message::Head;
    use crate::sketch::{Cell, Table};
    use crate::wire::Cells;

    #[test]
    fn a_sketch_is_nearly_read_where_one_cell_in_eight_is_left() {
        let mut set = Set::<u64>::new(&Config::default());
        (0..100).for_each(|number| assert_eq!(set.insert(number), Ok(true)));
        set.settle();
        let key = set.tables().expect("it keeps a sketch").key();
        // Two elements that share their three cells.
        let prefix =
            |pair: [u64; 2], cells: usize| Table::rebuild(key, 6, pair).prefix(cells).expect("the table is longer");
        let left = |pair, cells| {
            let prefix = prefix(pair, cells);
            let mut decodings = prefix.decodings(&key);
            (decodings.next(), decodings.left())
        };
        let mut pairs = (0..400).flat_map(|x| (0..x).map(move |y| [y, x]));
        let twins = pairs.find(|pair| [23, 24].map(|cells| left(*pair, cells)) == [const { (None, 3) }; 2]);
        let twins = twins.expect("there are such");
        let state = State { digest: Digest::from_parts(102, 7), bytes: 8 * 102 };
        let nearly = |cells: usize| {
            let run = Cells::new(IdWidth::Bits64, &vec![Cell::EMPTY; cells]);
            let incoming = IncomingSketch::new(&Head { state, deep: None }, &run, set.tables(), set.end(), 100);
            match Claim::read(&set, &incoming, set.end(), Some(&prefix(twins, cells))) {
                Reading::Nearly => true,
                Reading::Unclear => false,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!([23, 24].map(nearly), [false, true]);
    }
}
