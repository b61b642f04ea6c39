//! Small differences: what a first answer costs that is made for them.

use benches::SplitMix;

use crate::round::{Cost, Deep, Exchange, Policy};
use crate::wire;

/// What a first answer consists of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Opening {
    /// So many cells, and so many deep bits a level. Where there are none, the probe has a byte that says how many
    /// cells are wanted, and bits come with the second answer.
    Cells { cells: usize, bits: u32 },
    /// So many power sums over GF(2^64), which tell as many differences, and a byte in the probe that says how many
    /// are wanted. If more differ, then what is built in.
    Sums(usize),
}

impl Opening {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cells { .. } => "cells",
            Self::Sums(_) => "power-sums",
        }
    }

    pub(crate) fn size(self) -> usize {
        match self {
            Self::Cells { cells, .. } => cells,
            Self::Sums(sums) => sums,
        }
    }

    pub(crate) fn bits(self) -> u32 {
        match self {
            Self::Cells { bits, .. } => bits,
            Self::Sums(_) => 0,
        }
    }

    fn policy(self) -> Policy {
        let head = match self {
            Self::Cells { cells, .. } => cells,
            Self::Sums(_) => 0,
        };
        let deep = Deep { bits: self.bits(), ..Deep::NARROW };
        Policy { head, deep, hint: usize::from(deep.bits == 0), ..Policy::BALANCED }
    }

    /// What a round that begins so takes.
    pub(crate) fn round(self, exchange: &mut Exchange) -> Cost {
        let mut cost = match self {
            Self::Sums(sums) if exchange.differences() <= sums => exchange.told(self.policy().hint),
            _ => exchange.round(&self.policy()),
        };
        if let Self::Sums(sums) = self
            && exchange.differences() > 0
        {
            cost.bytes += 8 * sums;
        }
        cost
    }

    /// Those that are tried.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let sizes = [1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32, 40, 48];
        let hinted = sizes.into_iter().map(|cells| Self::Cells { cells, bits: 0 });
        let fixed = [8, 12, 16, 24, 32]
            .into_iter()
            .flat_map(|cells| [16, 32].into_iter().map(move |bits| Self::Cells { cells, bits }));
        let sums = [1, 2, 4, 8, 16].into_iter().map(Self::Sums);
        hinted.chain(fixed).chain(sums)
    }
}

/// What rounds take, over as many random differences of one size.
pub(crate) fn rounds(opening: Opening, d: usize, trials: usize, seed: u64) -> Cost {
    let mut random = SplitMix::new(seed ^ (d as u64) << 32);
    let mut sum = Cost::default();
    for _ in 0..trials {
        sum += opening.round(&mut Exchange::new(d, &mut random));
    }
    sum
}

const _: () = assert!(wire::PROBE == 28 && wire::PROOF == 24);
