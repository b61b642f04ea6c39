//! `Value`: what is written to a replica, and what of the replica goes by its kind.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::Hash;

use gossip_core::{AntiEntropy, Config, Content, Digest, Element, Engine, Event, Kind, Set};

use crate::bug::{Malady, Tampering};

/// What is written to a replica, and told by itself from all else that is.
pub(crate) trait Value: Clone + Debug + Ord + Hash + Send + Sync + 'static {
    /// What the replica holds it in.
    type Kind: Kind<Element: Debug + Hash + Send + Sync> + Clone + Send + Sync + 'static;
    /// What a replica keeps over the loss of its memory.
    type Saved: Clone + Send + Sync;
    type Malady: Malady<Self>;

    /// A machine without peers, of what was saved, in this life of this replica.
    fn machine(
        config: &Config,
        replica: usize,
        life: u8,
        seed: u64,
        saved: Option<&Self::Saved>,
    ) -> Engine<usize, Self::Kind>;

    fn save(machine: &Engine<usize, Self::Kind>) -> Self::Saved;

    /// Writes it. Returns what it replaces.
    fn insert(self, machine: &mut Engine<usize, Self::Kind>) -> Vec<Self>;

    /// Removes what can be removed. Returns it.
    fn remove(machine: &mut Engine<usize, Self::Kind>) -> Vec<Self>;

    fn held(machine: &Engine<usize, Self::Kind>) -> BTreeSet<Self>;

    /// The peer and the digest of a proof, if that is what it is.
    fn proof(event: &<Self::Kind as Content>::Event<usize>) -> Option<(usize, Digest)>;
}

/// An element of a set that only grows.
pub(crate) trait Plain: Element + Debug + Ord + Hash + Send + Sync + 'static {}

impl<E: Element + Debug + Ord + Hash + Send + Sync + 'static> Plain for E {}

impl<E: Plain> Value for E {
    type Kind = Set<E>;
    type Saved = Vec<E>;
    type Malady = Tampering<E>;

    fn machine(config: &Config, _: usize, _: u8, seed: u64, saved: Option<&Vec<E>>) -> AntiEntropy<usize, E> {
        let mut machine = AntiEntropy::new(config.clone(), seed);
        machine.extend(saved.into_iter().flatten().cloned()).expect("they fit");
        machine
    }

    fn save(machine: &AntiEntropy<usize, E>) -> Vec<E> {
        machine.iter().cloned().collect()
    }

    fn insert(self, machine: &mut AntiEntropy<usize, E>) -> Vec<E> {
        machine.insert(self).expect("it fits");
        vec![]
    }

    fn remove(_: &mut AntiEntropy<usize, E>) -> Vec<E> {
        vec![]
    }

    fn held(machine: &AntiEntropy<usize, E>) -> BTreeSet<E> {
        machine.iter().cloned().collect()
    }

    fn proof(event: &Event<usize, E>) -> Option<(usize, Digest)> {
        if let Event::InSync { peer, digest, .. } = event { Some((*peer, *digest)) } else { None }
    }
}
