//! `Model`: the folding sketch with other degrees and checks than those built in.

use std::fmt;
use std::str::FromStr;

/// The degrees of a sketch, that is, how many positions elements have, and the bits of its checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The degree of most elements.
    pub(crate) low: usize,
    /// The other degrees, each with its share of the elements in thousandths.
    pub(crate) high: Vec<(usize, u64)>,
    pub(crate) check_bits: u32,
}

impl Shape {
    /// Degrees `low`, and `high` for a share in thousandths; checks of 2 bits.
    pub(crate) fn of(low: usize, high: &[(usize, u64)]) -> Self {
        Self { low, high: high.to_vec(), check_bits: 2 }
    }

    /// The one that is built in.
    pub(crate) fn built_in() -> Self {
        Self::of(3, &[(17, 120)])
    }

    pub(crate) fn with_check_bits(self, check_bits: u32) -> Self {
        Self { check_bits, ..self }
    }

    /// The mean degree, in thousandths.
    pub(crate) fn mean_degree(&self) -> u64 {
        let others: u64 = self.high.iter().map(|&(_, share)| share).sum();
        let high: u64 = self.high.iter().map(|&(degree, share)| degree as u64 * share).sum();
        self.low as u64 * (1_000 - others) + high
    }

    fn longest(&self) -> usize {
        self.high.iter().map(|&(degree, _)| degree).fold(self.low, usize::max)
    }
}

/// As it is read, but for the bits of the check.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.low)?;
        self.high.iter().try_for_each(|(degree, share)| write!(f, "+{degree}:{share}"))
    }
}

/// `3+17:120` is degree 3 for most and 17 for 120 elements in a thousand.
impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || "a shape is written as 3+17:120: most elements' degree, and others with their shares in ‰";
        let mut parts = text.split('+');
        let degree = |text: &str| text.parse().ok().filter(|degree| (1..=LONGEST).contains(degree)).ok_or_else(error);
        let low = degree(parts.next().unwrap_or_default())?;
        let mut high = vec![];
        for part in parts {
            let (text, share) = part.split_once(':').ok_or_else(error)?;
            high.push((degree(text)?, share.parse().map_err(|_| error())?));
        }
        let shape = Self::of(low, &high);
        if shape.high.iter().map(|&(_, share)| share).sum::<u64>() <= 1_000 { Ok(shape) } else { Err(error().into()) }
    }
}

/// The highest degree there may be.
pub(crate) const LONGEST: usize = 32;

const POSITION_BITS: u32 = 21;
const FIELDS: usize = LONGEST.div_ceil(3);

/// A cell, or an element in it: id and check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) id: u64,
    pub(crate) check: u64,
}

impl Cell {
    #[inline]
    pub(crate) const fn is_empty(self) -> bool {
        self.id | self.check == 0
    }

    #[inline]
    pub(crate) const fn add(&mut self, other: Self) {
        self.id ^= other.id;
        self.check ^= other.check;
    }
}

fn add(into: &mut [Cell], from: &[Cell]) {
    into.iter_mut().zip(from).for_each(|(cell, other)| cell.add(*other));
}

/// A shape under a key. The hashes are those of `gossip_core::sketch::SketchKey`; at the built-in shape, so is every
/// cell.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    low: usize,
    /// Degrees, and what the highest bits of the hash are below for them, each beginning where the one before ends.
    high: Vec<(usize, u64)>,
    check_mask: u64,
    entry: u64,
    entry_factor: u64,
    spread: u64,
    factors: [u64; FIELDS],
}

impl Model {
    pub(crate) fn new(shape: &Shape, k0: u64, k1: u64) -> Self {
        assert!(shape.longest() <= LONGEST, "degrees are at most {LONGEST}");
        let secret = |index: u64| mix(mix(k0.wrapping_add(index.wrapping_mul(GOLDEN))).wrapping_add(k1));
        let mut factors = [0; FIELDS];
        for (factor, index) in factors.iter_mut().zip(4..) {
            *factor = secret(index) | 1;
        }
        let mut end = 0;
        let high = shape.high.iter().map(|&(degree, share)| {
            end += share;
            (degree, end * 65_536 / 1_000)
        });
        Self {
            low: shape.low,
            high: high.collect(),
            check_mask: (1 << shape.check_bits) - 1,
            entry: secret(1),
            entry_factor: secret(2) | 1,
            spread: secret(3),
            factors,
        }
    }

    #[inline]
    pub(crate) fn hash(&self, id: u64) -> u64 {
        fold(id ^ self.entry, self.entry_factor)
    }

    /// The check of an id with this hash.
    #[inline]
    pub(crate) fn check(&self, id: u64, hash: u64) -> u64 {
        hash & self.check_mask | u64::from(id == 0)
    }

    #[inline]
    pub(crate) fn degree(&self, hash: u64) -> usize {
        let top = hash >> 48;
        self.high.iter().find(|&&(_, end)| top < end).map_or(self.low, |&(degree, _)| degree)
    }

    /// The positions of an element of this hash and degree.
    #[inline]
    pub(crate) fn positions(&self, hash: u64, degree: usize) -> impl Iterator<Item = u32> + '_ {
        let field = move |index: usize| fold(hash ^ self.spread, self.factors[index]);
        let mut current = 0;
        (0..degree).map(move |index| {
            if index % 3 == 0 {
                current = field(index / 3);
            }
            let position = current as u32 & ((1 << POSITION_BITS) - 1);
            current >>= POSITION_BITS;
            position
        })
    }

    /// The table of 2^`log2` cells of a set.
    pub(crate) fn table(&self, log2: u32, ids: &[u64]) -> Vec<Cell> {
        let mut table = vec![Cell::default(); 1 << log2];
        let mask = table.len() - 1;
        for &id in ids {
            let hash = self.hash(id);
            let element = Cell { id, check: self.check(id, hash) };
            for position in self.positions(hash, self.degree(hash)) {
                table[position as usize & mask].add(element);
            }
        }
        table
    }
}

/// The slots of a table of any number of cells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    cells: u32,
    half: u32,
}

impl Layout {
    pub(crate) fn new(cells: usize) -> Self {
        let cells = u32::try_from(cells.max(1)).expect("tables have at most 2^20 cells");
        Self { cells, half: 1 << cells.ilog2() }
    }

    #[inline]
    pub(crate) const fn slot(self, position: u32) -> u32 {
        let rest = position & (2 * self.half - 1);
        if rest >= self.cells { rest - self.half } else { rest }
    }
}

/// The table of the first `cells` cells of the sequence, for one of a power of two that has as many.
pub(crate) fn prefix(table: &[Cell], cells: usize) -> Vec<Cell> {
    assert!(table.len().is_power_of_two() && (1..=table.len()).contains(&cells), "the table has as many");
    let width = cells.next_power_of_two();
    let mut short = table[..width].to_vec();
    table[width..].chunks_exact(width).for_each(|chunk| add(&mut short, chunk));
    if cells < width {
        let (kept, gone) = short.split_at_mut(cells);
        add(&mut kept[cells - width / 2..], gone);
        short.truncate(cells);
    }
    short
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the halves are taken apart")]
const fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use benches::SplitMix;
    use gossip_core::sketch::{SketchKey, Table};

    use super::*;
    use crate::peel::{Order, decode};

    #[test]
    fn the_built_in_shape_gives_the_cells_and_claims_of_the_library() {
        let mut random = SplitMix::new(1);
        for d in [1, 2, 5, 30, 300, 3_000] {
            let (k0, k1) = (random.next(), random.next());
            let (model, key) = (Model::new(&Shape::built_in(), k0, k1), SketchKey::new(k0, k1));
            let ids: Vec<u64> = (0..d).map(|_| random.next()).collect();
            let table = model.table(13, &ids);
            let library = Table::rebuild(key, 13, ids.iter().copied());
            for cells in (1..=40).chain([d, d + d / 7, d + d / 5, 4_096, 5_001, 8_192]) {
                let (ours, theirs) = (prefix(&table, cells), library.prefix(cells).expect("it is as long"));
                let pairs = || ours.iter().zip(theirs.cells());
                assert_eq!(ours.len(), theirs.len());
                assert!(pairs().all(|(a, b)| (a.id, a.check) == (b.id(), b.check().into())), "{d}, {cells}");
                let claims: Vec<_> = Order::BUILT_IN.iter().filter_map(|order| decode(&model, &ours, order)).collect();
                let mut expected: Vec<_> = theirs.decodings(&key).collect();
                // The library leaves out a claim that repeats the one before, and gives up where it is hopeless.
                expected.dedup();
                let mut distinct = claims;
                distinct.dedup();
                assert!(distinct.starts_with(&expected), "{d}, {cells}");
            }
        }
    }

    #[test]
    fn shapes_are_read_as_they_are_written() {
        for text in ["3", "3+17:120", "3+9:60+25:60", "2+21:200"] {
            assert_eq!(text.parse::<Shape>().expect("it is a shape").to_string(), text);
        }
        assert_eq!("3+17:120".parse(), Ok(Shape::built_in()));
        assert_eq!(Shape::built_in().mean_degree(), 4_680);
        for text in ["", "0", "3+17", "3+17:1001", "3+33:10", "3:10", "3+x:10"] {
            assert!(text.parse::<Shape>().is_err(), "{text}");
        }
    }
}
