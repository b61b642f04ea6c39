//! `Claim`: the difference that a sketch decodes to, confirmed by digests.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::cost::need;
use super::incoming::IncomingSketch;
use crate::digest::Digest;
use crate::element::{Element, StoredRef};
use crate::forgetting::Causal;
use crate::kind::Kind;
use crate::set::Set;
use crate::sketch::{IdWidth, Prefix, cancel_pairs};
use crate::wire::{Place, WISH};

/// How a peer's set differs from ours. All lists ascend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Claim {
    /// Names of elements that we hold and the peer does not.
    pub(crate) ours: Vec<u64>,
    /// Names of numbers that the peer holds and we do not. The name tells the number, so nothing has to be fetched.
    pub(crate) numbers: Vec<u64>,
    /// Wishes for elements that the peer holds and we do not: the first 32 bits of their ids. Other elements of the
    /// peer's under the same wish, one in 4 300 at 10^6, cost less than more bits would.
    pub(crate) wanted: Vec<u64>,
    /// How many bits of an id a name has.
    pub(crate) width: IdWidth,
    /// Our digest and the peer's when the sketch was read, if only the elements wanted can confirm the claim.
    pub(crate) unconfirmed: Option<[Digest; 2]>,
    /// What goes by dots; of a set that forgets.
    pub(crate) causal: Option<Box<Causal>>,
}

/// The result of reading a sketch.
#[derive(Clone, Debug)]
pub(crate) enum Reading {
    /// The sketch tells the difference.
    Clear(Claim),
    /// It takes more cells.
    Unclear,
    /// It takes more cells, and few are left to read.
    Nearly,
    /// More cells will not help.
    Hopeless,
}

/// The largest share of cells that a nearly read sketch leaves, as a divisor. Two elements that share all their cells
/// leave about three of a thousand cells; a sketch of too few cells leaves a third or more.
const NEARLY: usize = 8;

impl Claim {
    /// The claim against a peer that has listed its whole set: these names are ours alone, and nothing is wanted.
    pub(crate) fn of_names(ours: Vec<u64>, width: IdWidth) -> Self {
        Self { ours, width, ..Self::default() }
    }

    /// Reads a peer's sketch. A claim must agree with the peer's digest: for numbers, in all bits of the digest that we
    /// will have; where elements have to be fetched, in their count. `left` is the sketch less our log up to `place`.
    ///
    /// O(cells) for each order of peeling, and a hash for each name.
    pub(crate) fn read<S: Kind>(set: &S, incoming: &IncomingSketch, place: Place, left: Option<&Prefix>) -> Reading {
        let width = incoming.width();
        // Widths differ only where a peer lies, or gives numbers to a type that has none here: no cells will help.
        let same_width = width == S::WIDTH;
        let (Some(tables), Some(left), true) = (set.tables(), left, same_width) else { return Reading::Hopeless };
        let since: Vec<S::Name> = set.names_since(place).collect();
        let mut reading = Reading::Unclear;
        let mut decodings = left.decodings_of::<S::Name>(&tables.key());
        for mut names in decodings.by_ref() {
            let read = names.len() as u64;
            // What we got since `place` was not taken away before the sketch was read, so it is taken from the names:
            // what the peer has got too cancels, and the rest is ours alone.
            if !since.is_empty() {
                names.extend(&since);
                names.sort_unstable();
                cancel_pairs(&mut names);
            }
            if let Some(claim) = set.confirm(&names, width, incoming.state().digest) {
                return Reading::Clear(claim);
            }
            // Twice the cells that these names need are read right, save where somebody has searched for names that
            // share cells; and those come apart in no table. So two names coincide, or it is no sketch of that digest.
            if incoming.has_been_topped_up() && incoming.cells().len() >= 2 * need(read) {
                reading = Reading::Hopeless;
            }
        }
        match reading {
            Reading::Unclear if decodings.left() <= left.len() / NEARLY => Reading::Nearly,
            _ => reading,
        }
    }

    /// The claim that these names differ, if our set with that difference has the peer's digest.
    pub(crate) fn confirm<E: Element>(set: &Set<E>, names: &[u64], width: IdWidth, theirs: Digest) -> Option<Self> {
        let (fingerprinter, unnamed) = (set.fingerprinter(), width.unnamed_bits());
        let mut claim = Self { width, ..Self::default() };
        let mut expected = set.digest();
        let mut bytes = Vec::new();
        let mut fingerprint = |element: StoredRef<'_, E>| {
            bytes.clear();
            element.encode(&mut bytes);
            fingerprinter.fingerprint(element, &bytes)
        };
        // All buckets are looked at before any is read: one after the other, each would wait for memory, which was a
        // quarter of a round of 1 000 differences at 10^6 elements.
        let own = set.may_name(names, unnamed);
        let ours = own.iter().filter(|&&may_be_own| may_be_own).count();
        claim.ours.reserve_exact(ours);
        let of_theirs = if E::NUMBERS.is_some() { &mut claim.numbers } else { &mut claim.wanted };
        of_theirs.reserve_exact(names.len() - ours);
        for (&name, may_be_own) in names.iter().zip(own) {
            let mut own = set.of_name(name, unnamed).take_while(|_| may_be_own).peekable();
            // A cell does not say whose an element is: our own set does. A name may be that of several elements of
            // ours, and then all of them are ours alone.
            if own.peek().is_some() {
                own.for_each(|entry| expected.remove(fingerprint(entry.element)));
                claim.ours.push(name);
            } else if let Some(element) = fingerprinter.element(name) {
                expected.add(fingerprint(StoredRef::Value(&element)));
                claim.numbers.push(name);
            } else {
                claim.wanted.push(name >> (WISH - unnamed));
            }
        }
        let agrees = match claim.wanted.len() as u64 {
            0 => expected == theirs,
            // A count agrees by chance now and then: enough to fetch elements, too little to merge numbers on. A claim
            // of both kinds once merged a number that nobody had inserted.
            wanted => claim.numbers.is_empty() && expected.count().checked_add(wanted) == Some(theirs.count()),
        };
        // Two names may share a wish, which then brings both elements.
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
    use crate::message::{Head, Tells};
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
            let incoming =
                IncomingSketch::new(&Head { state, tells: Tells::Nothing }, &run, set.tables(), set.end(), 100);
            match Claim::read(&set, &incoming, set.end(), Some(&prefix(twins, cells))) {
                Reading::Nearly => true,
                Reading::Unclear => false,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!([23, 24].map(nearly), [false, true]);
    }
}
