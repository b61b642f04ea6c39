//! `SketchKey`: positions and checks of elements.

use core::fmt;

use super::cell::Cell;
use super::layout::add_to_sequence;
use super::name::Name;
use super::parameters::{CHECK_MASK, LONG, LONG_SHARE, POSITION_BITS, SHORT};

// A word of 64 bits has three positions of 21.
const FIELDS: usize = LONG.div_ceil(SHORT);
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Key of positions and checks. Two replicas need equal keys to compare sketches.
///
/// A writer with the key can choose ids that a sketch cannot tell apart. That costs rounds, never correctness, as a
/// decode is only a claim. `Debug` prints nothing of the key.
///
/// The derivation is part of the wire form. With `mix` the finalizer of SplitMix64 (Steele, Lea and Flood, "Fast
/// splittable pseudorandom number generators", OOPSLA '14) and `fold(a, b)` the exclusive or of the two halves of the
/// 128-bit product, `s(i) = mix(mix(k0 + i·0x9e3779b97f4a7c15) + k1)` for `i = 1, 2, …`, and for an id `x`:
///
/// - `a = fold(x ^ s(1), s(2) | 1)`;
/// - the check is `a mod 4`, its lowest bit set where `x = 0`;
/// - there are 17 positions where `a >> 48 < 7864`, otherwise 3;
/// - `b(i) = fold(a ^ s(3), s(4 + i) | 1)` holds positions `3i`, `3i + 1`, `3i + 2`, each 21 bits, lowest first.
///
/// ```
/// use gossip_core::sketch::{SketchKey, Table};
///
/// let key = SketchKey::new(1, 2);
/// let mut cells = Table::rebuild(key, 10, [3, 5]).sequence(0..20).expect("the table is longer");
/// key.toggle_in_sequence(&mut cells, 0, 8);
/// assert_eq!(Some(cells), Table::rebuild(key, 10, [3, 5, 8]).sequence(0..20));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SketchKey {
    entry: u64,
    entry_factor: u64,
    spread: u64,
    factors: [u64; FIELDS],
}

impl SketchKey {
    /// Key of two secret words without another use.
    #[must_use]
    pub const fn new(k0: u64, k1: u64) -> Self {
        let mut factors = [0; FIELDS];
        let mut i = 0;
        while i < FIELDS {
            // Odd, so that the lower half of a product keeps all bits of the other factor.
            factors[i] = secret(k0, k1, 4 + i as u64) | 1;
            i += 1;
        }
        Self { entry: secret(k0, k1, 1), entry_factor: secret(k0, k1, 2) | 1, spread: secret(k0, k1, 3), factors }
    }

    /// Inserts an element in a run of the sequence from cell `from` on, or removes it if it is there: for cells of an
    /// earlier or later state. Touches about 50 cells.
    pub fn toggle_in_sequence(&self, cells: &mut [Cell], from: usize, id: u64) {
        self.toggle_name_in_sequence(cells, from, id);
    }

    /// The same, of any name.
    pub(crate) fn toggle_name_in_sequence<N: Name>(&self, cells: &mut [Cell], from: usize, name: N) {
        let mark = self.mark(name.id());
        let element = name.cell(mark.check());
        self.each_position(mark, |position| add_to_sequence(cells, from, position, element));
    }

    /// Keyed hash of an id: source of its check, its number of positions, and these.
    #[inline]
    pub(crate) const fn mark(&self, id: u64) -> Mark {
        Mark { hash: fold(id ^ self.entry, self.entry_factor), zero: id == 0 }
    }

    /// Three positions of an element, in one word.
    #[inline]
    const fn field(&self, mark: Mark, index: usize) -> u64 {
        fold(mark.hash ^ self.spread, self.factors[index])
    }

    /// Calls `visit` with each position of the element, repetitions included.
    #[inline]
    pub(crate) fn each_position(&self, mark: Mark, mut visit: impl FnMut(u32)) {
        // Written out: 88 of 100 elements have these and no more, and an insert takes 11 to 16 ns in all.
        let field = self.field(mark, 0);
        visit(part(field, 0));
        visit(part(field, 1));
        visit(part(field, 2));
        if mark.is_long() {
            self.each_further(mark, &mut visit);
        }
    }

    /// Positions beyond the first three, of one element in eight; kept apart, so that the path of the others is short.
    #[inline(never)]
    fn each_further(&self, mark: Mark, visit: &mut impl FnMut(u32)) {
        for index in 1..FIELDS {
            let field = self.field(mark, index);
            visit(part(field, 0));
            visit(part(field, 1));
            // 17 is 5 · 3 + 2: the last word has one to spare.
            if index + 1 < FIELDS {
                visit(part(field, 2));
            }
        }
    }
}

impl fmt::Debug for SketchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SketchKey(..)")
    }
}

/// Keyed hash of an id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    hash: u64,
    // 0 may have the check 0: then a cell of it alone would be empty.
    zero: bool,
}

impl Mark {
    /// Check of the id; not zero for id 0, so that no cell of one element looks empty.
    #[inline]
    pub(crate) const fn check(self) -> u8 {
        (self.hash.to_le_bytes()[0] & CHECK_MASK) | self.zero as u8
    }

    #[inline]
    pub(crate) const fn is_long(self) -> bool {
        // The upper 16 bits, since the check is made of the lowest two.
        self.hash >> 48 < LONG_SHARE
    }
}

#[inline]
const fn part(field: u64, index: u32) -> u32 {
    ((field >> (index * POSITION_BITS)) & ((1 << POSITION_BITS) - 1)) as u32
}

const fn secret(k0: u64, k1: u64, index: u64) -> u64 {
    mix(mix(k0.wrapping_add(index.wrapping_mul(GOLDEN))).wrapping_add(k1))
}

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
    use super::*;

    #[test]
    fn twelve_marks_in_a_hundred_are_long() {
        let is_long = |hash| Mark { hash, zero: false }.is_long();
        assert_eq!([(LONG_SHARE << 48) - 1, LONG_SHARE << 48].map(is_long), [true, false]);
    }
}
