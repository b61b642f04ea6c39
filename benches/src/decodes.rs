//! `Decodes`: how sketches fare at the sizes that rounds ask for.
#![expect(clippy::float_arithmetic, reason = "shares of a report, and a logarithmic scale")]

use core::fmt;
use std::collections::BTreeMap;

use gossip_core::{AntiEntropy, Config, Element, MessageKind, Set};

use crate::pair::Pair;
use crate::sets::{Sample, SplitMix};

/// What came of the sketches of many rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decodes {
    /// Rounds, each of which ended with both sides in sync.
    pub rounds: u64,
    /// Attempts to read a sketch: of the cells that came first, and of those after each request for more.
    pub decodes: u64,
    /// Rounds that needed more than two top-ups, which are requests after a first one.
    pub many_top_ups: u64,
    /// Rounds that turned to pages.
    pub walks: u64,
    /// Elements that a side held in the end and nobody had inserted.
    pub wrong: u64,
}

impl Decodes {
    /// Adds those of other rounds.
    pub fn add(&mut self, other: Self) {
        self.rounds += other.rounds;
        self.decodes += other.decodes;
        self.many_top_ups += other.many_top_ups;
        self.walks += other.walks;
        self.wrong += other.wrong;
    }
}

impl fmt::Display for Decodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, decodes, many_top_ups, walks, wrong } = self;
        let share = |of: &u64| *of as f64 * 100.0 / (*rounds).max(1) as f64;
        writeln!(f, "rounds: {rounds}")?;
        writeln!(f, "decodes: {decodes}")?;
        writeln!(f, "rounds of more than two top-ups: {many_top_ups} ({:.3} %)", share(many_top_ups))?;
        writeln!(f, "rounds that turned to pages: {walks} ({:.3} %)", share(walks))?;
        writeln!(f, "elements that nobody inserted: {wrong}")
    }
}

/// Plays rounds between sets of which up to an eighth differs. What they have in common is built once for each size,
/// and each round has a copy of it.
#[derive(Debug)]
pub struct Decoder<E: Element> {
    config: Config,
    random: SplitMix,
    common: BTreeMap<usize, Common<E>>,
}

#[derive(Debug)]
struct Common<E: Element> {
    elements: Vec<E>,
    pair: Pair<Set<E>>,
}

/// The fewest elements in common.
const FEWEST: usize = 1 << 14;

impl<E: Sample> Decoder<E> {
    /// Machines of this configuration, whose elements are those of a seed.
    pub fn new(config: Config, seed: u64) -> Self {
        Self { config, random: SplitMix::new(seed), common: BTreeMap::new() }
    }

    /// One round of `d` differences, half on either side.
    ///
    /// # Panics
    ///
    /// If it does not end with all of the union on both sides, and a proof for each.
    pub fn round(&mut self, d: usize) -> Decodes {
        let Self { config, random, common } = self;
        let count = d.saturating_mul(8).max(FEWEST).next_power_of_two();
        let common = common.entry(count).or_insert_with(|| Common::new(config, count, random));
        let mut pair = common.pair.clone();
        let own: [Vec<E>; 2] = [d / 2, d - d / 2].map(|own| (0..own).map(|_| E::random(random)).collect());
        (0..2).for_each(|side| pair.extend(side, own[side].iter().cloned()));
        pair.round(0);
        let mut decodes = Decodes { rounds: 1, ..Decodes::default() };
        let (mut top_ups, mut walks) = (0, 0);
        for machine in pair.machines() {
            let ledger = &machine.stats().total;
            // One that failed is followed by a request for more, or by pages.
            decodes.decodes += ledger.sketches + ledger.sent[MessageKind::WantCells].messages + ledger.walks;
            top_ups += ledger.top_ups;
            walks += ledger.walks;
            let union = common.elements.iter().chain(own.iter().flatten());
            let missing = union.filter(|element| !machine.contains(element)).count();
            assert_eq!(missing, 0, "each holds all of the union");
            decodes.wrong += (machine.len() - common.elements.len() - d) as u64;
        }
        decodes.many_top_ups = u64::from(top_ups > 2);
        decodes.walks = u64::from(walks > 0);
        decodes
    }
}

impl<E: Sample> Common<E> {
    fn new(config: &Config, count: usize, random: &mut SplitMix) -> Self {
        let elements: Vec<E> = (0..count).map(|_| E::random(random)).collect();
        let mut pair = Pair::new([0, 1].map(|seed| AntiEntropy::new(config.clone(), seed)));
        (0..2).for_each(|side| pair.extend(side, elements.iter().cloned()));
        Self { elements, pair }
    }
}

/// A number from 1 to `most`, as likely between 1 and 2 as between 100 and 200.
pub fn log_uniform(most: usize, random: &mut SplitMix) -> usize {
    let share = (random.next() >> 11) as f64 / (1_u64 << 53) as f64;
    ((most as f64 + 1.0).powf(share) as usize).clamp(1, most.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds<E: Sample>(config: &Config) -> Decodes {
        let mut decoder = Decoder::<E>::new(config.clone(), 1);
        let mut decodes = Decodes::default();
        [1, 10, 100, 1_000].into_iter().for_each(|d| decodes.add(decoder.round(d)));
        decodes
    }

    #[test]
    fn every_attempt_is_counted() {
        for decodes in [rounds::<u64>(&Config::default()), rounds::<[u8; 32]>(&Config::default())] {
            assert_eq!((decodes.rounds, decodes.walks, decodes.wrong), (4, 0, 0));
            // One is told by a digest. The first cells tell most others, and further ones the rest.
            assert!((3..9).contains(&decodes.decodes), "{decodes}");
        }
    }

    #[test]
    fn pages_are_none() {
        let mut config = Config::default();
        config.economy = gossip_core::Economy::Pages;
        let decodes = Decoder::<u64>::new(config, 1).round(10);
        assert_eq!((decodes.rounds, decodes.walks), (1, 1));
    }

    #[test]
    fn sizes_are_spread_over_all_magnitudes() {
        let mut random = SplitMix::new(1);
        let sizes: Vec<usize> = (0..4_000).map(|_| log_uniform(10_000, &mut random)).collect();
        assert!(sizes.iter().all(|size| (1..=10_000).contains(size)));
        for least in [1, 10, 100, 1_000] {
            let count = sizes.iter().filter(|&&size| (least..10 * least).contains(&size)).count();
            assert!((900..1_100).contains(&count), "{least}: {count}");
        }
    }
}
