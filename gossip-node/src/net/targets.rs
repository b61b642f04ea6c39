//! `Targets`: the addresses that are dialled, and who was found there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::peer_id::PeerId;

/// The addresses that are dialled, and who was found there; `None` while they are not known.
#[derive(Debug, Default)]
pub(super) struct Targets(Mutex<Option<BTreeMap<String, Found>>>);

/// Who was found at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nobody,
    Ourselves,
    Peer(PeerId),
}

impl Targets {
    fn lock(&self) -> MutexGuard<'_, Option<BTreeMap<String, Found>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes these addresses, and forgets who was found at others.
    pub(super) fn set(&self, addresses: &BTreeSet<String>) {
        let mut targets = self.lock();
        let before = targets.take().unwrap_or_default();
        let found = |address: &String| before.get(address).cloned().unwrap_or(Found::Nobody);
        *targets = Some(addresses.iter().map(|address| (address.clone(), found(address))).collect());
    }

    /// Notes who was found at an address, if it is still one.
    pub(super) fn find(&self, address: &str, who: Found) {
        if let Some(found) = self.lock().as_mut().and_then(|targets| targets.get_mut(address)) {
            *found = who;
        }
    }

    /// Whether a peer is to be dialled.
    pub(super) fn has(&self, peer: &PeerId) -> bool {
        self.lock().iter().flat_map(BTreeMap::values).any(|found| matches!(found, Found::Peer(found) if found == peer))
    }

    /// Whether somebody was found at each address, who is a peer by now or the replica itself. Who was found may still wait
    /// to be let in.
    pub(super) fn are_peers(&self, is_peer: impl Fn(&PeerId) -> bool) -> bool {
        let is_known = |found: &Found| match found {
            Found::Nobody => false,
            Found::Ourselves => true,
            Found::Peer(peer) => is_peer(peer),
        };
        self.lock().as_ref().is_some_and(|targets| targets.values().all(is_known))
    }
}
