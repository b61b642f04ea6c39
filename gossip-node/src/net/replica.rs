//! `Replica`: the handle of a replica that runs.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use gossip_core::{AntiEntropy, Element, Map, TooLarge};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::builder::Builder;
use super::change::Changes;
use super::driven::{Driven, MapWrite};
use super::driver::Input;
use super::peer_id::PeerId;
use super::status::PeerStatus;
use super::transport::Tcp;

/// A replica that runs, until it is [shut down](Self::shutdown) or dropped. What can be asked of it, its [`Handle`] has. See
/// [the module](super).
///
/// ```
/// use gossip_core::AntiEntropy;
/// use gossip_node::net::{PeerId, Replica};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let replica = Replica::<AntiEntropy<PeerId, String>>::builder("n1").insecure().spawn().await?;
/// assert!(replica.insert("tea".to_owned()).await?, "it is new");
/// assert_eq!(replica.read(|words| words.len()), 1);
/// replica.shutdown().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct Replica<D: Driven> {
    pub(super) handle: Handle<D>,
    pub(super) address: Option<SocketAddr>,
    #[cfg(feature = "http")]
    pub(super) http_address: Option<SocketAddr>,
    pub(super) links: TaskTracker,
    /// The tasks that let connections in and make them, and the driver. They end with the replica.
    pub(super) tasks: JoinSet<()>,
}

/// What can be asked of a replica, from anywhere. It does not keep the replica running.
///
/// ```
/// use gossip_core::AntiEntropy;
/// use gossip_node::net::{PeerId, Replica};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let replica = Replica::<AntiEntropy<PeerId, String>>::builder("n1").insecure().spawn().await?;
/// let handle = replica.handle();
/// tokio::spawn(async move { handle.insert("tea".to_owned()).await }).await??;
/// assert!(replica.read(|words| words.contains(&"tea".to_owned())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct Handle<D: Driven> {
    pub(super) id: PeerId,
    pub(super) machine: Arc<RwLock<D>>,
    pub(super) inbox: mpsc::Sender<Input<D>>,
    pub(super) changes: broadcast::WeakSender<D::Change>,
    /// Who is connected; its sender goes when the driver does.
    pub(super) connected: watch::Receiver<BTreeSet<PeerId>>,
}

/// Whose proof is waited for.
///
/// ```
/// use std::time::Duration;
/// use gossip_core::AntiEntropy;
/// use gossip_node::net::{PeerId, Quorum, Replica};
/// use tokio::time::timeout;
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let replica = Replica::<AntiEntropy<PeerId, String>>::builder("n1").insecure().spawn().await?;
/// replica.synced(Quorum::All).await?; // it has no peers
/// let one = timeout(Duration::from_millis(20), replica.synced(Quorum::AtLeast(1)));
/// assert!(one.await.is_err(), "it waits for the first");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quorum {
    /// All peers, those that are dialled and were not found yet included.
    All,
    /// As many as this.
    AtLeast(usize),
}

/// The replica has stopped: it was shut down, or its store has failed, of which the log has more.
///
/// ```
/// use gossip_core::AntiEntropy;
/// use gossip_node::net::{PeerId, Quorum, Replica, Stopped};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let replica = Replica::<AntiEntropy<PeerId, String>>::builder("n1").insecure().spawn().await?;
/// let handle = replica.handle();
/// replica.shutdown().await?;
/// assert_eq!(handle.synced(Quorum::All).await, Err(Stopped));
/// assert_eq!(Stopped.to_string(), "the replica has stopped");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the replica has stopped")]
pub struct Stopped;

/// Why a write was not taken in.
///
/// ```
/// use gossip_core::AntiEntropy;
/// use gossip_node::net::{InsertError, PeerId, Replica};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let replica = Replica::<AntiEntropy<PeerId, String>>::builder("n1").insecure().spawn().await?;
/// let error = replica.insert("x".repeat(2_000)).await.unwrap_err();
/// assert!(matches!(error, InsertError::TooLarge(_)));
/// assert_eq!(error.to_string(), "2002 encoded bytes are over the cluster's limit of 1024 an element");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InsertError {
    /// It is over the cluster's limit. Nothing is changed.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The replica has stopped. The write may or may not be kept.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// How long connections may take to end, once all is queued that was to be said.
const LAST_WORDS: Duration = Duration::from_secs(1);

impl<D: Driven> Replica<D> {
    /// A replica of this name, over TCP. The name is unique in the cluster.
    pub fn builder(name: &str) -> Builder<D, Tcp> {
        Builder::new(name, Tcp)
    }

    /// Where it listens, if it does.
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Where it serves HTTP, if it does.
    #[cfg(feature = "http")]
    pub const fn http_address(&self) -> Option<SocketAddr> {
        self.http_address
    }

    /// A handle of it.
    pub fn handle(&self) -> Handle<D> {
        self.handle.clone()
    }

    /// Stops: no connection is let in any more, what was written is kept and answered, and what peers are not known to hold
    /// goes out to those that are connected. Whether they hold it is awaited for a second, and that the last messages go out
    /// for another.
    ///
    /// # Errors
    ///
    /// It had stopped before.
    pub async fn shutdown(mut self) -> Result<(), Stopped> {
        let (done, stopped) = oneshot::channel();
        self.inbox.send(Input::Stop(done)).await.map_err(|_| Stopped)?;
        stopped.await.map_err(|_| Stopped)?;
        self.tasks.abort_all();
        while self.tasks.join_next().await.is_some() {}
        self.links.close();
        let _ = timeout(LAST_WORDS, self.links.wait()).await;
        Ok(())
    }
}

impl<D: Driven> Deref for Replica<D> {
    type Target = Handle<D>;

    fn deref(&self) -> &Handle<D> {
        &self.handle
    }
}

impl<D: Driven> Handle<D> {
    /// The replica's name.
    pub const fn id(&self) -> &PeerId {
        &self.id
    }

    /// Writes. Returns what came of it, once it is kept, if there is a store: a crash takes it back no more. While the
    /// replica has more to do than it can, this waits.
    ///
    /// # Errors
    ///
    /// The write is too large, or the replica has stopped.
    pub async fn write(&self, write: D::Write) -> Result<D::Wrote, InsertError> {
        let (done, answer) = oneshot::channel();
        self.inbox.send(Input::Write { write, done }).await.map_err(|_| Stopped)?;
        Ok(answer.await.map_err(|_| Stopped)??)
    }

    /// Waits for proofs: each of so many peers held, at some time, all that this replica holds now, and this replica held all
    /// that the peer did.
    ///
    /// # Errors
    ///
    /// The replica has stopped.
    pub async fn synced(&self, quorum: Quorum) -> Result<(), Stopped> {
        let (done, synced) = oneshot::channel();
        self.inbox.send(Input::Await { quorum, done }).await.map_err(|_| Stopped)?;
        synced.await.map_err(|_| Stopped)
    }

    /// All changes from now on, of peers and of our own, each once it is kept.
    pub fn subscribe(&self) -> Changes<D::Change> {
        // Once the driver is gone the channel is closed: what is subscribed to then says so at once.
        let receiver = self.changes.upgrade().map_or_else(|| broadcast::channel(1).1, |changes| changes.subscribe());
        Changes(receiver)
    }

    /// Looks at what is held. The replica waits meanwhile, so `look` should be short.
    pub fn read<R>(&self, look: impl FnOnce(&D) -> R) -> R {
        look(&self.machine.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is known of each peer.
    ///
    /// # Errors
    ///
    /// The replica has stopped.
    pub async fn peers(&self) -> Result<Vec<PeerStatus>, Stopped> {
        let (done, status) = oneshot::channel();
        self.inbox.send(Input::Status(done)).await.map_err(|_| Stopped)?;
        status.await.map_err(|_| Stopped)
    }

    /// Resolves once the replica has stopped, for whatever reason.
    pub async fn stopped(&self) {
        let mut connected = self.connected.clone();
        while connected.changed().await.is_ok() {}
    }
}

impl<E: Element + Send + Sync + 'static> Handle<AntiEntropy<PeerId, E>> {
    /// [Writes](Self::write) an element. Returns whether it is new.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub async fn insert(&self, element: E) -> Result<bool, InsertError> {
        self.write(element).await
    }
}

impl<K, V> Handle<Map<PeerId, K, V>>
where
    K: Element + Ord + Send + Sync + 'static,
    V: Element + Send + Sync + 'static,
{
    /// [Writes](Self::write) a value, which replaces all that is seen here under the key. Returns how many values that were.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub async fn insert(&self, key: K, value: V) -> Result<usize, InsertError> {
        self.write(MapWrite::Insert { key, value }).await
    }

    /// Removes all that is seen here under a key, as a [write](Self::write). Returns how many values went.
    ///
    /// # Errors
    ///
    /// The replica has stopped.
    pub async fn remove(&self, key: K) -> Result<usize, InsertError> {
        self.write(MapWrite::Remove { key }).await
    }
}

impl<D: Driven> std::fmt::Debug for Replica<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replica").field("id", self.id()).field("address", &self.address).finish_non_exhaustive()
    }
}

impl<D: Driven> Clone for Handle<D> {
    fn clone(&self) -> Self {
        let Self { id, machine, inbox, changes, connected } = self;
        let (id, machine, inbox) = (id.clone(), machine.clone(), inbox.clone());
        Self { id, machine, inbox, changes: changes.clone(), connected: connected.clone() }
    }
}

impl<D: Driven> std::fmt::Debug for Handle<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("id", &self.id).finish_non_exhaustive()
    }
}
