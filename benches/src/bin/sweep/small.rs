//! Small differences: what a first answer costs that is made for them.

use std::io;

use benches::SplitMix;
use gossip_core::sketch::DeepWidth;

use crate::csv::Csv;
use crate::exchange::{Cost, Exchange, Policy, need};
use crate::wire;

pub(crate) fn answers(csv: &mut Csv, seed: u64) -> io::Result<()> {
    csv.row(["opening", "size", "bits", "d", "trials", "bytes", "round_trips"])?;
    for opening in Opening::all() {
        for d in (0..=12).chain([14, 16, 20, 24, 28, 32, 1_000, 100_000]) {
            let trials = csv.trials(if d <= 32 { 2_000 } else { 40_000 / d + 3 });
            let cost = rounds(opening, d, trials, seed);
            let (name, size, bits) = (opening.name(), opening.size(), opening.deep().map_or(0, |_| 32));
            let (bytes, trips) = (cost.mean_bytes(), cost.mean_trips());
            csv.row([
                name.to_string(),
                size.to_string(),
                bits.to_string(),
                d.to_string(),
                trials.to_string(),
                format!("{bytes:.1}"),
                format!("{trips:.3}"),
            ])?;
        }
    }
    Ok(())
}

pub(crate) fn hints(csv: &mut Csv, seed: u64) -> io::Result<()> {
    csv.row(["hint", "law", "mean", "rounds", "bytes", "round_trips"])?;
    for (law_name, law) in Law::ALL {
        for mean in [0.5, 1.0, 2.0, 5.0, 10.0, 20.0] {
            for (name, hint) in Hint::ALL {
                let rounds = csv.trials(4_000);
                let cost = steady(hint, law, mean, rounds, seed);
                let (bytes, trips) = (cost.mean_bytes(), cost.mean_trips());
                csv.row([
                    name.to_string(),
                    law_name.to_string(),
                    mean.to_string(),
                    rounds.to_string(),
                    format!("{bytes:.1}"),
                    format!("{trips:.3}"),
                ])?;
            }
        }
    }
    Ok(())
}

/// What a first answer consists of. But for what has bits, the probe has a byte that says how much is wanted.
#[derive(Clone, Copy, Debug)]
enum Opening {
    /// So many cells, and deep bits. Where there are none, they come with the second answer.
    Cells { cells: usize, deep: Option<DeepWidth> },
    /// So many cells, to an initiator that knows what it inserted since the two were last equal.
    Assisted(usize),
    /// So many power sums over GF(2^64), which tell as many differences. If more differ, then what is built in.
    Sums(usize),
    /// What the responder inserted or learned since the two were last equal: so many times what the initiator lacks.
    Recent(usize),
}

impl Opening {
    const fn name(self) -> &'static str {
        match self {
            Self::Cells { .. } => "cells",
            Self::Assisted(_) => "assisted",
            Self::Sums(_) => "power-sums",
            Self::Recent(_) => "recent",
        }
    }

    const fn size(self) -> usize {
        match self {
            Self::Cells { cells: size, .. } | Self::Assisted(size) | Self::Sums(size) | Self::Recent(size) => size,
        }
    }

    const fn deep(self) -> Option<DeepWidth> {
        match self {
            Self::Cells { deep, .. } => deep,
            _ => None,
        }
    }

    /// What a round that begins so takes.
    fn round(self, exchange: &mut Exchange) -> Cost {
        let deep = self.deep();
        let assisted = matches!(self, Self::Assisted(_));
        let policy = Policy { deep, assisted, hint: usize::from(deep.is_none()), ..Policy::BALANCED };
        let differences = exchange.differences();
        match self {
            Self::Cells { cells: head, .. } | Self::Assisted(head) => exchange.round(&Policy { head, ..policy }),
            Self::Sums(sums) if differences <= sums => exchange.told(policy.hint, 1 + 8 * sums),
            Self::Sums(sums) => {
                let mut cost = exchange.round(&Policy { head: 0, ..policy });
                cost.bytes += 8 * sums;
                cost
            }
            Self::Recent(times) => exchange.told(policy.hint, wire::ids(times * exchange.theirs())),
        }
    }

    /// Those that are tried.
    fn all() -> impl Iterator<Item = Self> {
        let sizes = [1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32, 40, 48];
        let hinted = sizes.into_iter().map(|cells| Self::Cells { cells, deep: None });
        let fixed = [8, 12, 16, 24, 32].into_iter().map(|cells| Self::Cells { cells, deep: Some(DeepWidth::Narrow) });
        let assisted = sizes.into_iter().map(Self::Assisted);
        let sums = [1, 2, 4, 8, 16].into_iter().map(Self::Sums);
        let recent = [1, 2, 4, 8].into_iter().map(Self::Recent);
        hinted.chain(fixed).chain(assisted).chain(sums).chain(recent)
    }
}

/// What rounds take, over as many random differences of one size.
fn rounds(opening: Opening, d: usize, trials: usize, seed: u64) -> Cost {
    let mut random = SplitMix::new(seed ^ (d as u64) << 32);
    let mut sum = Cost::default();
    for _ in 0..trials {
        sum += opening.round(&mut Exchange::new(d, &mut random));
    }
    sum
}

/// What the size of a first answer goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hint {
    /// Nothing: what is built in.
    None,
    /// Nothing: so many cells.
    Always(usize),
    /// Nothing: so many cells; and the initiator takes its own part away.
    AlwaysAssisted(usize),
    /// What differed last.
    Last,
    /// The moving average of what differed, a quarter of it the last.
    Average,
    /// What both inserted since they were last equal, which is what differs if nobody else inserts.
    Exact,
    /// The same; and the initiator takes its own part away.
    Assisted,
    /// As many power sums as the moving average and twice its root.
    Sums,
    /// The elements themselves that the responder inserted since.
    Recent,
}

impl Hint {
    const ALL: [(&str, Self); 10] = [
        ("none", Self::None),
        ("always-8", Self::Always(8)),
        ("assisted-8", Self::AlwaysAssisted(8)),
        ("assisted-12", Self::AlwaysAssisted(12)),
        ("last", Self::Last),
        ("average", Self::Average),
        ("exact", Self::Exact),
        ("assisted", Self::Assisted),
        ("power-sums", Self::Sums),
        ("recent", Self::Recent),
    ];
}

/// How many elements differ from round to round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Law {
    Poisson,
    Geometric,
}

impl Law {
    const ALL: [(&str, Self); 2] = [("poisson", Self::Poisson), ("geometric", Self::Geometric)];

    fn draw(self, mean: f64, random: &mut SplitMix) -> usize {
        let mut chance = uniform(random);
        let (mut differences, mut share) = (0, if self == Self::Poisson { (-mean).exp() } else { 1.0 / (1.0 + mean) });
        while chance > share && differences < 1_000 {
            chance -= share;
            differences += 1;
            share *= match self {
                Self::Poisson => mean / f64::from(differences),
                Self::Geometric => mean / (1.0 + mean),
            };
        }
        differences as usize
    }
}

/// A number from 0 to 1.
fn uniform(random: &mut SplitMix) -> f64 {
    (random.next() >> 11) as f64 / (1_u64 << 53) as f64
}

/// What rounds of two replicas take where something differs, one after the other, around a mean that wanders by up to a
/// tenth from each to the next and up to threefold in all.
fn steady(hint: Hint, law: Law, mean: f64, rounds: usize, seed: u64) -> Cost {
    let mut random = SplitMix::new(seed);
    let mut sum = Cost::default();
    let (mut wandering, mut last, mut average) = (mean, mean, mean);
    while sum.rounds < rounds {
        wandering = (wandering * (1.0 + (uniform(&mut random) - 0.5) / 5.0)).clamp(mean / 3.0, mean * 3.0);
        let d = law.draw(wandering, &mut random);
        if d == 0 {
            continue;
        }
        let mut exchange = Exchange::new(d, &mut random);
        let cells = |expected: f64| Opening::Cells { cells: need(expected.round().max(1.0) as u64), deep: None };
        let opening = match hint {
            Hint::None => Opening::Cells { cells: 32, deep: Some(DeepWidth::Narrow) },
            Hint::Always(cells) => Opening::Cells { cells, deep: None },
            Hint::AlwaysAssisted(cells) => Opening::Assisted(cells),
            Hint::Last => cells(last),
            Hint::Average => cells(average),
            Hint::Exact => cells(d as f64),
            Hint::Assisted => Opening::Assisted(need(exchange.theirs() as u64)),
            Hint::Sums => Opening::Sums((average + 2.0 * average.sqrt()).round().max(1.0) as usize),
            Hint::Recent => Opening::Recent(1),
        };
        sum += opening.round(&mut exchange);
        (last, average) = (d as f64, average + (d as f64 - average) / 4.0);
    }
    sum
}
