//! `Reading`: what a peer's sketch tells.

use alloc::vec::Vec;

use super::cost::need;
use super::incoming::IncomingSketch;
use crate::kind::Kind;
use crate::set::Claim;
use crate::sketch::{Prefix, cancel_pairs};
use crate::wire::Place;

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

impl Reading {
    /// Reads a peer's sketch. A claim must agree with the peer's digest: for numbers, in all bits of the digest that we
    /// will have; where elements have to be fetched, in their count. `left` is the sketch less our log up to `place`.
    ///
    /// O(cells) for each order of peeling, and a hash for each name.
    pub(crate) fn of<S: Kind>(set: &S, incoming: &IncomingSketch, place: Place, left: Option<&Prefix>) -> Self {
        let width = incoming.width();
        // Widths differ only where a peer lies, or gives numbers to a type that has none here: no cells will help.
        let same_width = width == S::WIDTH;
        let (Some(tables), Some(left), true) = (set.tables(), left, same_width) else { return Self::Hopeless };
        let since: Vec<S::Name> = set.names_since(place).collect();
        let mut reading = Self::Unclear;
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
                return Self::Clear(claim);
            }
            // Twice the cells that these names need are read right, save where somebody has searched for names that
            // share cells; and those come apart in no table. So two names coincide, or it is no sketch of that digest.
            if incoming.has_been_topped_up() && incoming.cells().len() >= 2 * need(read) {
                reading = Self::Hopeless;
            }
        }
        match reading {
            Self::Unclear if decodings.left() <= left.len() / NEARLY => Self::Nearly,
            _ => reading,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::config::Config;
    use crate::digest::{Digest, State};
    use crate::message::{Head, Tells};
    use crate::set::Set;
    use crate::sketch::{Cell, IdWidth, Table};
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
            match Reading::of(&set, &incoming, set.end(), Some(&prefix(twins, cells))) {
                Reading::Nearly => true,
                Reading::Unclear => false,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!([23, 24].map(nearly), [false, true]);
    }
}
