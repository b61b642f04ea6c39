//! The folding sketch: two sets are compared at the price of their difference.
//!
//! A [`Table`] follows a set. Its owner sends the first cells of an unending sequence, as many as the other side asks
//! for. The other side subtracts its own and has a sketch of the symmetric difference alone. About 1.15 cells per
//! difference suffice to read it ([`Decodings`]). If they are too few, only the next cells of the sequence travel.
//! [`Evidence`] estimates beforehand how many are needed, from 64 bytes ([`DeepBits`]).
//!
//! The best scheme of this kind before is the rateless IBLT (Yang et al., "Practical Rateless Set Reconciliation with
//! Applications", SIGCOMM '24). Its sequence is made anew for each difference, or kept cell by cell; its cells count
//! their elements and carry 8 bytes of check. Here one table of fixed length yields the sequence, every prefix and
//! every shorter table, so an insert costs 3 or 17 cells, 11 to 16 ns; a cell carries 2 bits beside the id, and 1 000
//! differences need 1.15 cells each, not 1.36.
//!
//! The fold is that of linear hashing, and HRIBLT has it too ("Hierarchical Rateless Bloom Lookup Tables",
//! github.com/github/rust-gems, pull request 94, January 2026); the two were found apart. There an element has 5
//! positions, and a cell carries 8 bytes of check, whose sign tells the side of an element: 16 bytes with an integer.
//! Its documentation gives 1.3 to 1.4 cells for each of 100 differences and more.
//!
//! # The cells
//!
//! An element is its id, 64 uniform bits (or 48: [`IdWidth`]). Keyed hashes give it a check of [`CHECK_BITS`] and 3 or
//! 17 positions (see [`SketchKey`]). Cell `S_j` is the exclusive or of id and check over all positions
//! `h ≡ j (mod 2^len(j))`, `len(j)` the bit length of `j`. Positions that occur twice cancel.
//!
//! - **slot** of `h` in a table of `m` cells: with `b = floor(log2 m)` and `r = h mod 2^(b+1)`, it is `r` if `r < m`,
//!   else `r − 2^b`.
//! - **fold** a table of 2^c cells into the sequence, in place: for `l = c−1 … 0`, for `j < 2^l`: `T[j] ^= T[j + 2^l]`.
//! - **prefix**: the table of the first `m` is `T_j = S_j ^` all `S_(j + 2^i)` with `i ≥ len(j)`, `j + 2^i < m`.
//! - **extend** it from `m` to `m + 1`: `T[m] = S_m`; `T[m − 2^floor(log2 m)] ^= S_m`.
//!
//! # Reading them
//!
//! A cell is pure, of one element, if its id has that check and occurs in this cell an odd number of times, and if none
//! of the id's other cells is empty. A cell that was emptied by removal of the same id shows that the removal was
//! wrong: the id is put back. Cells do not count, so one's own set tells the side of an element. A decode is a claim,
//! to be confirmed by a digest.
//!
//! ```
//! use gossip_core::sketch::{DeepWidth, Evidence, SketchKey, Table};
//!
//! let key = SketchKey::new(17, 4);
//! let id = |index: u64| index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
//! let ours = Table::rebuild(key, 12, (0..40_000).map(id));
//! let theirs = Table::rebuild(key, 12, (300..40_400).map(id));
//!
//! // They send 64 bytes of deep bits, and we a request for as many cells as 0.9 times the estimate will need.
//! let mut bits = theirs.deep_bits(DeepWidth::Narrow);
//! bits.subtract(&ours.deep_bits(DeepWidth::Narrow));
//! let mut evidence = Evidence::at_least(100);
//! evidence.deep_bits(&bits, 0);
//! let estimate = evidence.estimate();
//! assert!(estimate.differences.abs_diff(700) < 3 * estimate.sigma);
//!
//! // These may not do; then the next cells are asked for, until they do.
//! let mut cells = 630;
//! let mut received = theirs.sequence(0..cells).expect("as long as that");
//! let claim = loop {
//!     let difference = ours.difference(&received).expect("as long as that");
//!     if let Some(claim) = difference.decodings(&key).next() {
//!         break claim;
//!     }
//!     received.extend(theirs.sequence(cells..cells + 40).expect("as long as that"));
//!     cells += 40;
//! };
//! assert_eq!(claim.len(), 700);
//! assert!(cells < 900);
//! ```
//!
//! Everything here is integer arithmetic, alike on every platform. No bytes of a peer lead to a panic, and no number in
//! them sizes an allocation.

mod cell;
mod deep;
mod encoding;
mod estimate;
mod layout;
mod likelihood;
mod name;
mod parameters;
mod peel;
mod prefix;
mod sketch_key;
mod table;
mod tables;

pub use cell::Cell;
pub use deep::{DeepBits, DeepWidth};
pub use encoding::IdWidth;
pub use estimate::{Estimate, Evidence};
pub(crate) use name::{Name, WideName};
pub use parameters::{CHECK_BITS, MAX_CELLS};
pub use peel::Decodings;
pub(crate) use peel::cancel_pairs;
pub use prefix::Prefix;
pub use sketch_key::SketchKey;
pub use table::Table;
pub use tables::Tables;

#[cfg(test)]
mod tests;
