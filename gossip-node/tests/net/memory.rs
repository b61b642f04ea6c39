//! `Memory`: a store that outlives replicas, in memory.

use std::sync::{Arc, Mutex, PoisonError};

use gossip_node::StoreError;
use gossip_node::net::Persist;

/// A store that outlives replicas, in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Arc<Mutex<Vec<Vec<u8>>>>);

impl Memory {
    /// How many bytes it keeps.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(Vec::len).sum()
    }
}

impl Persist for Memory {
    fn load(&mut self, _cluster_tag: [u8; 4]) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn append(&mut self, encoded: &[Vec<u8>]) -> Result<(), StoreError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(encoded);
        Ok(())
    }

    fn replace(&mut self, encoded: &[u8]) -> Result<(), StoreError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = vec![encoded.to_vec()];
        Ok(())
    }
}
