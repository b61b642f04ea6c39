//! Parameters of the sketch.

/// Bits of a position, which tell up to [`MAX_CELLS`] cells apart.
pub(crate) const POSITION_BITS: u32 = 21;

/// Length of the sequence, 2^20 cells, which carry about 900 000 differences.
pub const MAX_CELLS: usize = 1 << (POSITION_BITS - 1);

/// Bits of the check in each cell, on the wire and in memory. A divisor of 8.
///
/// Two suffice, since a cell must also be where its id belongs, none of the id's other cells may be empty, and a wrong
/// id is taken back. Cells needed, compared with eight bits: 0.9 % more at 10 or 100 differences, 0.2 % at 1 000, none
/// at 10 000; with four bits 0.2 %, 0.2 %, 0 and none; with one 2.1 %, 2.5 %, 0.6 % and 0.1 %. In bytes, two are best
/// at 100 and within 1.5 % of one beyond. All measurements: `benches/results/SWEEP.md`, "Check".
pub const CHECK_BITS: u32 = 2;

pub(crate) const CHECK_MASK: u8 = 0xff >> (8 - CHECK_BITS);

/// Positions of most elements, and of a few that join cells which the others leave apart. Both are odd, so that no
/// element cancels itself in a short table.
pub(crate) const SHORT: usize = 3;
pub(crate) const LONG: usize = 17;

/// Share of elements with [`LONG`] positions, in 65 536ths: 12 %. Other shares: `benches/results/SWEEP.md`, "Degrees".
pub(crate) const LONG_SHARE: u64 = 7_864;
