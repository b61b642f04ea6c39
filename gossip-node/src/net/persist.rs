//! `Persist`: where what a replica holds outlives it.

use crate::store::StoreError;

/// Where what a replica holds outlives it, as encodings: read once, at the start, and appended to before anything that
/// rests on them leaves the replica. Its methods block, and are called where they may.
///
/// ```
/// use gossip_node::{StoreError, net::Persist};
///
/// /// Keeps encodings as long as the process lasts.
/// #[derive(Debug, Default)]
/// struct Memory(Vec<Vec<u8>>);
///
/// impl Persist for Memory {
///     fn load(&mut self, _cluster_tag: [u8; 4]) -> Result<Vec<Vec<u8>>, StoreError> {
///         Ok(self.0.clone())
///     }
///
///     fn append(&mut self, encoded: &[Vec<u8>]) -> Result<(), StoreError> {
///         Ok(self.0.extend_from_slice(encoded))
///     }
///
///     fn replace(&mut self, encoded: &[u8]) -> Result<(), StoreError> {
///         self.0 = vec![encoded.to_vec()];
///         Ok(())
///     }
/// }
///
/// let mut memory = Memory::default();
/// memory.append(&[vec![1], vec![2]])?;
/// memory.replace(&[1, 2])?;
/// memory.append(&[vec![3]])?;
/// assert_eq!(memory.load([0; 4])?, [vec![1, 2], vec![3]]);
/// # Ok::<(), StoreError>(())
/// ```
pub trait Persist: Send + 'static {
    /// Loads what is kept, in the order in which it came, for a cluster with this
    /// [tag](gossip_core::AntiEntropy::cluster_tag).
    ///
    /// # Errors
    ///
    /// It cannot be read, or is of another cluster. It is left as it is.
    fn load(&mut self, cluster_tag: [u8; 4]) -> Result<Vec<Vec<u8>>, StoreError>;

    /// Keeps more, all or none of it. It is kept, whatever happens then, once this returns.
    ///
    /// # Errors
    ///
    /// Nothing of it may be kept. The replica ends then.
    fn append(&mut self, encoded: &[Vec<u8>]) -> Result<(), StoreError>;

    /// Keeps this in place of all that it kept, or leaves that as it is. It is kept once this returns.
    ///
    /// # Errors
    ///
    /// What was kept is kept. The replica ends then.
    fn replace(&mut self, encoded: &[u8]) -> Result<(), StoreError>;
}
