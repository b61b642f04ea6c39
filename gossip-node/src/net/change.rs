//! `Change` and `Changes`: what subscribers are told.

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::peer_id::PeerId;
use super::replica::Stopped;

/// An element that is new to a replica.
///
/// ```
/// use gossip_core::AntiEntropy;
/// use gossip_node::net::{Change, PeerId, Replica};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let replica = Replica::<AntiEntropy<PeerId, String>>::builder("n1").insecure().spawn().await?;
/// let mut changes = replica.subscribe();
/// replica.insert("tea".to_owned()).await?;
/// assert_eq!(changes.next().await?, Change { element: "tea".to_owned(), from: None });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<E> {
    /// The element.
    pub element: E,
    /// The peer that it came from; `None` if it was written here.
    pub from: Option<PeerId>,
}

/// A key of a map under which something has changed: what is held there now, a look at the map tells.
///
/// ```
/// use gossip_core::Map;
/// use gossip_node::net::{KeyChange, PeerId, Replica};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let replica = Replica::<Map<PeerId, String, u64>>::builder("n1").insecure().spawn().await?;
/// let mut changes = replica.subscribe();
/// replica.insert("tea".to_owned(), 2).await?;
/// let KeyChange { key, from } = changes.next().await?;
/// assert_eq!((key.as_str(), from), ("tea", None));
/// assert_eq!(replica.read(|map| map.get(&key).copied()), Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange<K> {
    /// The key.
    pub key: K,
    /// The peer whose message changed it; `None` if it was written here.
    pub from: Option<PeerId>,
}

/// Changes as they come, up to a bound: whoever takes them too slowly misses the oldest, and is told how many.
///
/// ```
/// use gossip_core::AntiEntropy;
/// use gossip_node::net::{Missed, PeerId, Replica, Stopped};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let replica = Replica::<AntiEntropy<PeerId, u64>>::builder("n1").insecure().spawn().await?;
/// let mut changes = replica.subscribe();
/// replica.insert(7).await?;
/// replica.insert(7).await?; // not new
/// replica.shutdown().await?;
/// assert_eq!(changes.next().await?.element, 7);
/// assert_eq!(changes.next().await, Err(Missed::Stopped(Stopped)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Changes<C>(pub(super) broadcast::Receiver<C>);

/// Why there is no next change.
///
/// ```
/// use gossip_core::AntiEntropy;
/// use gossip_node::net::{Missed, PeerId, Replica};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let replica = Replica::<AntiEntropy<PeerId, u64>>::builder("n1").insecure().spawn().await?;
/// let mut changes = replica.subscribe();
/// for number in 0..1_100 {
///     replica.insert(number).await?;
/// }
/// replica.shutdown().await?;
/// assert_eq!(changes.next().await, Err(Missed::Some(76)));
/// assert_eq!(changes.next().await?.element, 76);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missed {
    /// So many were missed since they were not taken in time. What is held tells what they were; the next call goes on behind
    /// them.
    #[error("{0} changes were missed")]
    Some(u64),
    /// The replica has stopped.
    #[error(transparent)]
    Stopped(Stopped),
}

impl<C: Clone> Changes<C> {
    /// The next change.
    ///
    /// # Errors
    ///
    /// Some were missed, or the replica has stopped.
    pub async fn next(&mut self) -> Result<C, Missed> {
        self.0.recv().await.map_err(|error| match error {
            RecvError::Lagged(count) => Missed::Some(count),
            RecvError::Closed => Missed::Stopped(Stopped),
        })
    }
}
