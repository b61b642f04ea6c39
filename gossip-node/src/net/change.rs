//! `Change` and `Changes`: what subscribers are told.

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::peer_id::PeerId;
use super::replica::Stopped;

/// An element that is new to a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<E> {
    /// The element.
    pub element: E,
    /// The peer that it came from; `None` if it was written here.
    pub from: Option<PeerId>,
}

/// A key of a map under which something has changed: what is held there now, a look at the map tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange<K> {
    /// The key.
    pub key: K,
    /// The peer whose message changed it; `None` if it was written here.
    pub from: Option<PeerId>,
}

/// Changes as they come, up to a bound: whoever takes them too slowly misses the oldest, and is told how many.
#[derive(Debug)]
pub struct Changes<C>(pub(super) broadcast::Receiver<C>);

/// Why there is no next change.
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
