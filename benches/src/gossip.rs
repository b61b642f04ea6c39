//! The machine of `gossip-core`, under one configuration.

use std::hint::black_box;
use std::mem;
use std::time::{Duration, Instant};

use gossip_core::{AntiEntropy, Config, Element, Set};

use crate::pair::{Cost, Pair};
use crate::sets::{Sample, Sets};
use crate::system::{Prepared, System};

/// Two machines of one configuration.
#[derive(Clone, Debug)]
pub struct Gossip {
    name: &'static str,
    config: Config,
    before: Before,
}

/// What comes before the round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// A round between what they have in common, which they forget.
    Meeting,
    /// That round, which they remember.
    Proof,
    /// As [`Meeting`](Self::Meeting), and then other work, so that nothing of them is in a cache, nor of their code.
    OtherWork,
    /// Nothing: they have been filled.
    Load,
}

impl Gossip {
    /// Machines of this configuration, under a name, that have never met.
    pub fn new(name: &'static str, config: Config) -> Self {
        Self { name, config, before: Before::Meeting }
    }

    /// The same, but what both hold they have proven to each other.
    pub fn again(name: &'static str, config: Config) -> Self {
        Self { before: Before::Proof, ..Self::new(name, config) }
    }

    /// Those that have never met, but as the round begins nothing of them is in a cache, nor of their code.
    pub fn cold(name: &'static str, config: Config) -> Self {
        Self { before: Before::OtherWork, ..Self::new(name, config) }
    }

    /// Those that have never met anybody: what many inserts leave to the first message is in the time of the round.
    pub fn loaded(name: &'static str, config: Config) -> Self {
        Self { before: Before::Load, ..Self::new(name, config) }
    }
}

impl<E: Sample> System<E> for Gossip {
    fn name(&self) -> &'static str {
        self.name
    }

    fn prepare(&self, sets: &Sets<E>, seed: u64) -> Box<dyn Prepared<E>> {
        let (first, last) = sets.common.split_at(sets.common.len().saturating_sub(LAST));
        let machines = [0, 1].map(|side| AntiEntropy::new(self.config.clone(), 2 * seed + side as u64));
        let mut pair = Pair::new(machines);
        (0..2).for_each(|side| pair.extend(side, first.iter().cloned()));
        let (last, own) = (last.to_vec(), sets.own.clone());
        Box::new(Both { pair, last, own, before: self.before })
    }

    #[expect(clippy::disallowed_methods, reason = "a bench reads a clock")]
    fn inserts(&self, sets: &Sets<E>) -> Option<Duration> {
        let mut machine = AntiEntropy::<usize, E>::new(self.config.clone(), 0);
        machine.extend(sets.side(0).cloned()).expect(SMALL);
        let elements = sets.own[1].clone();
        let start = Instant::now();
        for element in elements {
            machine.insert(element).expect(SMALL);
        }
        Some(start.elapsed())
    }
}

const SMALL: &str = "samples are within the limit";

/// How many elements in common are inserted into a copy: it has no room to grow, and lies in cold memory.
const LAST: usize = 1_024;

/// Two machines that are at work when the round begins: they insert what they are yet to have in common, and then each
/// its own.
#[derive(Clone)]
struct Both<E: Element> {
    pair: Pair<Set<E>>,
    last: Vec<E>,
    own: [Vec<E>; 2],
    before: Before,
}

/// Twice what the largest caches hold.
const OTHER_WORK: usize = 128 << 20;

/// Leaves nothing in the caches of what was there.
fn work_on_other_things() {
    let mut other = vec![1_u8; OTHER_WORK];
    other.iter_mut().step_by(64).for_each(|byte| *byte = byte.wrapping_add(1));
    black_box(&other);
}

impl<E: Sample> Prepared<E> for Both<E> {
    fn fresh(&self) -> Box<dyn Prepared<E>> {
        Box::new(self.clone())
    }

    fn run(&mut self) -> Cost {
        let (last, own) = (mem::take(&mut self.last), mem::take(&mut self.own));
        (0..2).for_each(|side| self.pair.extend(side, last.iter().cloned()));
        if self.before != Before::Load {
            self.pair.round(0);
        }
        if self.before != Before::Proof {
            self.pair.part();
        }
        (0..2).zip(own).for_each(|(side, own)| self.pair.extend(side, own));
        if self.before == Before::OtherWork {
            work_on_other_things();
        }
        self.pair.round(0)
    }

    fn check(&self, sets: &Sets<E>) {
        for (name, machine) in ["initiator", "responder"].into_iter().zip(self.pair.machines()) {
            let missing = sets.union().filter(|element| !machine.contains(element)).count();
            assert_eq!(missing, 0, "the {name} holds all of the union");
            assert_eq!(machine.len(), sets.union().count(), "the {name} holds nothing but the union");
        }
    }
}

impl<E: Element> core::fmt::Debug for Both<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Both").field("machines", self.pair.machines()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::Blob;
    use crate::sets::Side;
    use crate::system::measure;

    #[test]
    fn a_round_is_measured_and_checked() {
        let gossip = Gossip::new("gossip", Config::default());
        let sets = Sets::<[u8; 32]>::new(1_000, 10, Side::Half, 1).expect("so many can differ");
        let cost = measure(&gossip, &sets, 1);
        assert!(cost.counts.bytes > 10 * 32 && cost.counts.hops >= 2 && !cost.cpu.is_zero());
    }

    #[test]
    fn the_largest_elements_travel_once_each() {
        let sets = Sets::<Blob<65_536>>::new(100, 4, Side::Half, 1).expect("so many can differ");
        for system in Blob::systems().iter().filter(|system| ["gossip", "gossip-loaded"].contains(&system.name())) {
            assert_eq!(measure(&**system, &sets, 1).counts.bytes / 65_536, 4, "{system:?}");
        }
    }

    #[test]
    #[should_panic(expected = "the initiator holds all of the union")]
    fn a_side_that_lacks_an_element_is_found_out() {
        let sets = Sets::<u64>::new(100, 10, Side::Right, 1).expect("so many can differ");
        Gossip::new("gossip", Config::default()).prepare(&sets, 1).check(&sets);
    }
}
