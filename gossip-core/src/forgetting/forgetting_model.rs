//! `ForgettingModel`: all of a set that forgets that decides a machine's future.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::changes::Change;
use super::context::Context;
use super::toggles::Past;
use super::{Forgetting, Item};
use crate::element::{Element, ReplicaId};
use crate::rng::Rng;

/// A set that forgets without what follows from its changes, its context and the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ForgettingModel<E> {
    /// The changes of which something is left, with their places: pushes go by these, holes between them included.
    changes: Vec<(usize, Change<E>)>,
    end: usize,
    known_from: usize,
    context: Context,
    own: ReplicaId,
    ids: Rng,
    /// A request for cells may name a state before this one, and the log does not tell what was there once it is gone.
    past: Past,
    forks: BTreeSet<ReplicaId>,
}

impl<K: Element + Ord, V: Element> Forgetting<K, V> {
    /// The state that decides the future of a machine.
    pub(crate) fn model(&self) -> ForgettingModel<Item<K, V>> {
        // All fields are named, so that a new one is not forgotten.
        let Self {
            changes,
            live: _,
            keys: _,
            context,
            own,
            ids,
            digest: _,
            of_context: _,
            bytes: _,
            tables: _,
            past,
            fingerprinter: _,
            tag: _,
            element_limit: _,
            forks,
            #[cfg(feature = "sim")]
                broken: _,
            scratch: _,
        } = self;
        let places = (0..changes.end()).map(|place| (place, changes.get(place).clone()));
        ForgettingModel {
            changes: places.filter(|(_, change)| *change != Change::Hole).collect(),
            end: changes.end(),
            known_from: changes.known_from(),
            context: context.clone(),
            own: *own,
            ids: ids.clone(),
            past: past.clone(),
            forks: forks.clone(),
        }
    }
}
