//! `DeepBits`: check bits of cells far down the sequence, for an estimate of the difference.

use alloc::vec::Vec;

use super::parameters::POSITION_BITS;

/// First level: cells 2^5 to 2^6 − 1.
pub(crate) const FIRST_LEVEL: u32 = 5;

/// Last level: cells from 2^20 on.
pub(crate) const LAST_LEVEL: u32 = POSITION_BITS - 1;

/// Number of levels.
pub(crate) const LEVELS: usize = (LAST_LEVEL - FIRST_LEVEL + 1) as usize;

/// Bits kept per level. The first level has half as many cells, hence half as many bits.
pub(crate) const LEVEL_BITS: u32 = 64;

/// Bits of a level on the wire.
///
/// ```
/// use gossip_core::sketch::DeepWidth;
///
/// assert_eq!([DeepWidth::Narrow, DeepWidth::Wide].map(DeepWidth::encoded_len), [64, 124]);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub enum DeepWidth {
    /// 32 bits a level, 64 bytes in all: a standard error of about 25 %.
    #[default]
    Narrow,
    /// 64 bits a level, 32 for the first: 124 bytes in all, about 18 %.
    Wide,
}

impl DeepWidth {
    /// Bytes on the wire.
    #[must_use]
    pub const fn encoded_len(self) -> usize {
        match self {
            Self::Narrow => LEVELS * 4,
            Self::Wide => 4 + (LEVELS - 1) * 8,
        }
    }

    pub(crate) const fn bits(self, level: u32) -> u32 {
        match self {
            // Level 5 has 32 cells in all.
            Self::Wide if level > FIRST_LEVEL => 64,
            _ => 32,
        }
    }
}

/// The lowest check bit of cells 2^k to 2^k + 31 (or + 63) of the sequence, for levels `k` from 5 to 20.
///
/// They are added by exclusive or, like cells. Once one's own are [subtracted](Self::subtract), each bit is the parity
/// of a share of the difference, and shares halve from level to level. [`Evidence`](super::Evidence) reads them.
///
/// A cell of level `k` takes the positions `≡ 2^k + i (mod 2^(k+1))`, so no position counts at two levels. Levels below
/// the size of a [`Table`](super::Table) are read from its cells; the table keeps those beyond in a word each.
///
/// ```
/// use gossip_core::sketch::{DeepBits, DeepWidth, SketchKey, Table};
///
/// let bits = |ids| Table::rebuild(SketchKey::new(1, 2), 10, ids).deep_bits(DeepWidth::Narrow);
/// let mut sent = vec![];
/// bits(0..1_050).encode(&mut sent);
/// let mut received = DeepBits::decode(DeepWidth::Narrow, &sent).expect("64 bytes");
/// received.subtract(&bits(0..1_000));
/// assert_eq!(received, bits(1_000..1_050));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DeepBits {
    width: DeepWidth,
    levels: [u64; LEVELS],
}

impl DeepBits {
    pub(crate) fn new(width: DeepWidth, mut levels: [u64; LEVELS]) -> Self {
        for (word, level) in levels.iter_mut().zip(FIRST_LEVEL..) {
            // Tables keep 64 bits of each level; a narrow peer has told nothing of the upper half.
            *word &= u64::MAX >> (64 - width.bits(level));
        }
        Self { width, levels }
    }

    /// Subtracts the bits of another set; of another width, the bits that both have.
    pub fn subtract(&mut self, other: &Self) {
        // Bits that one side alone has would tell of its set, not of the difference.
        if other.width == DeepWidth::Narrow {
            self.width = DeepWidth::Narrow;
        }
        for (word, theirs) in self.levels.iter_mut().zip(other.levels) {
            *word ^= theirs;
        }
        *self = Self::new(self.width, self.levels);
    }

    /// Bits per level.
    #[must_use]
    pub const fn width(&self) -> DeepWidth {
        self.width
    }

    /// Appends the bits to `out`: the levels in order, each little-endian.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for (word, level) in self.levels.iter().zip(FIRST_LEVEL..) {
            let bytes = word.to_le_bytes();
            let len = if self.width.bits(level) == 64 { 8 } else { 4 };
            out.extend_from_slice(&bytes[..len]);
        }
    }

    /// Reads bits of this width; `None` if `bytes` have another length.
    #[must_use]
    pub fn decode(width: DeepWidth, bytes: &[u8]) -> Option<Self> {
        if bytes.len() != width.encoded_len() {
            return None;
        }
        // Parities may be anything, so the length is all that can be wrong.
        let mut levels = [0; LEVELS];
        let mut rest = bytes;
        for (word, level) in levels.iter_mut().zip(FIRST_LEVEL..) {
            let len = if width.bits(level) == 64 { 8 } else { 4 };
            let (taken, left) = rest.split_at_checked(len)?;
            let mut buffer = [0; 8];
            buffer[..len].copy_from_slice(taken);
            *word = u64::from_le_bytes(buffer);
            rest = left;
        }
        Some(Self { width, levels })
    }

    /// For each level its number, the number of bits that are set, and of all its bits.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (u32, u32, u32)> + '_ {
        self.levels.iter().zip(FIRST_LEVEL..).map(|(word, level)| (level, word.count_ones(), self.width.bits(level)))
    }
}
