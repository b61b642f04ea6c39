//! `Builder`: what a replica is told before it runs.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::marker::PhantomData;
#[cfg(feature = "http")]
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use gossip_core::{Config, NotKept, RestoreError};
#[cfg(feature = "http")]
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

use super::dial::{Dialler, mix};
use super::door::{Complaints, Door};
use super::driven::Driven;
use super::driver::Driver;
use super::handshake::Hello;
#[cfg(feature = "http")]
use super::http::{Api, Elements, OfKeys};
use super::listen::listen;
use super::peer_id::{PeerId, PeerIdError};
use super::peers::Peers;
use super::persist::Persist;
use super::replica::{Handle, Replica};
use super::targets::Targets;
use super::tls::Tls;
use super::transport::Transport;
use crate::store::StoreError;

/// What a replica is told before it runs. It has to be told how connections are secured: by [`tls`](Self::tls) or, said
/// explicitly, not at all; unless its transport secures them.
///
/// ```
/// use std::time::Duration;
/// use gossip_core::{AntiEntropy, Config};
/// use gossip_node::net::{PeerId, Replica};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let mut config = Config::default();
/// config.batch_every = Some(Duration::from_millis(10));
/// let builder = Replica::<AntiEntropy<PeerId, String>>::builder("n1").listen("127.0.0.1:0").config(config);
/// let replica = builder.roster([PeerId::new("n2")?]).insecure().spawn().await?;
/// assert_ne!(replica.address().expect("it listens").port(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[must_use = "it runs once it is spawned"]
pub struct Builder<D: Driven, T> {
    name: String,
    transport: T,
    listen: Option<String>,
    security: Security,
    roster: Option<Vec<PeerId>>,
    peers: Peers,
    store: Option<Box<dyn Persist>>,
    #[cfg(feature = "http")]
    http: Option<Http<D>>,
    config: Config,
    seed: Option<u64>,
    machine: PhantomData<fn() -> D>,
}

/// Where HTTP is served, and what beside that which is the same for all.
#[cfg(feature = "http")]
struct Http<D: Driven> {
    address: String,
    api: Option<Box<dyn Api<D>>>,
}

enum Security {
    Unsaid,
    Insecure,
    Tls(Tls),
}

impl Security {
    fn tls(self, is_secure: bool) -> Result<Option<Tls>, SpawnError> {
        match self {
            Self::Unsaid if is_secure => Ok(None),
            Self::Unsaid => Err(SpawnError::Unsecured),
            Self::Insecure => Ok(None),
            Self::Tls(tls) => Ok(Some(tls)),
        }
    }
}

#[cfg(feature = "http")]
impl<D: Driven> Http<D> {
    async fn listen(self) -> Result<(TcpListener, SocketAddr, Option<Box<dyn Api<D>>>), SpawnError> {
        let Self { address: at, api } = self;
        match super::http::listen(&at).await {
            Ok((listener, address)) => Ok((listener, address, api)),
            Err(error) => Err(SpawnError::Listen { at, error }),
        }
    }
}

/// Why a replica does not run.
///
/// ```
/// use gossip_core::AntiEntropy;
/// use gossip_node::net::{PeerId, Replica, SpawnError};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let error = Replica::<AntiEntropy<PeerId, String>>::builder("n1").spawn().await.unwrap_err();
/// assert!(matches!(error, SpawnError::Unsecured));
/// assert_eq!(error.to_string(), "say `tls` or `insecure`: nothing was said of how connections are secured");
/// # });
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// Its name is none.
    #[error(transparent)]
    Name(#[from] PeerIdError),
    /// Nothing was said of how connections are secured.
    #[error("say `tls` or `insecure`: nothing was said of how connections are secured")]
    Unsecured,
    /// It cannot listen.
    #[error("cannot listen at {at}: {error}")]
    Listen {
        /// Where.
        at: String,
        /// Why not.
        error: io::Error,
    },
    /// What was kept cannot be had.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was kept is more than this configuration takes.
    #[error("what was kept: {0}")]
    Kept(#[from] NotKept),
    /// What was kept is no map, or one of another cluster.
    #[error("what was kept: {0}")]
    Map(#[from] RestoreError),
}

/// How many inputs wait for the driver.
const INBOX: usize = 1_024;

/// How many changes wait for a subscriber.
const CHANGES: usize = 1_024;

/// The default interval between pushes.
const BATCH_EVERY: Duration = Duration::from_millis(50);

impl<D: Driven, T: Transport> Builder<D, T> {
    /// A replica of this name, over any transport.
    pub fn new(name: &str, transport: T) -> Self {
        // Fresh writes are pushed, and rounds repair: on a network of milliseconds they are everywhere in 50 of them, instead
        // of after a round a second.
        let mut config = Config::default();
        config.batch_every = Some(BATCH_EVERY);
        Self {
            name: name.to_owned(),
            transport,
            listen: None,
            security: Security::Unsaid,
            roster: None,
            peers: Peers::fixed([] as [&str; 0]),
            store: None,
            #[cfg(feature = "http")]
            http: None,
            config,
            seed: None,
            machine: PhantomData,
        }
    }

    /// Listens at this address, a host and a port. Default: it only dials.
    pub fn listen(self, address: impl Into<String>) -> Self {
        Self { listen: Some(address.into()), ..self }
    }

    /// Secures connections by TLS, with a certificate on both sides.
    pub fn tls(self, tls: Tls) -> Self {
        Self { security: Security::Tls(tls), ..self }
    }

    /// Secures connections by nothing: whoever is on the network can read, write and pretend to be any replica.
    pub fn insecure(self) -> Self {
        Self { security: Security::Insecure, ..self }
    }

    /// Only these replicas are welcome. Default: whoever has a certificate of the authority; or anybody, without TLS.
    pub fn roster(self, roster: impl IntoIterator<Item = PeerId>) -> Self {
        Self { roster: Some(roster.into_iter().collect()), ..self }
    }

    /// Dials these. Default: nobody.
    pub fn peers(self, peers: Peers) -> Self {
        Self { peers, ..self }
    }

    /// Keeps all it holds here, before it tells anybody. Default: it holds it in memory alone.
    pub fn store(self, store: impl Persist) -> Self {
        Self { store: Some(Box::new(store)), ..self }
    }

    /// Serves HTTP at this address, a host and a port: `/healthz`; `/readyz`, once as many `peers` as the query says, or one,
    /// have proven to hold what the replica did, `within` so many seconds; `/synced`, which waits for the proof of so many
    /// `peers`, or of all, as [`synced`](super::Handle::synced) does; `/metrics` for Prometheus; `/stats`; and `/`, a page
    /// for people (feature `http`). It is neither encrypted nor does it ask who is there: it is for this machine, or for a
    /// network that is to be trusted.
    #[cfg(feature = "http")]
    pub fn http(self, address: impl Into<String>) -> Self {
        Self { http: Some(Http { address: address.into(), api: None }), ..self }
    }

    /// Configures the machine. Default: as `Config` has it, and pushes every 50 ms.
    pub fn config(self, config: Config) -> Self {
        Self { config, ..self }
    }

    /// Draws all chance from this, for simulations: every replica and every life needs another. Default: another each time.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed: Some(seed), ..self }
    }

    /// Runs it on the current tokio runtime. It listens when this returns, and holds what was kept.
    ///
    /// # Errors
    ///
    /// It cannot; nothing runs then.
    pub async fn spawn(self) -> Result<Replica<D>, SpawnError> {
        let id = PeerId::new(&self.name)?;
        let tls = self.security.tls(T::IS_SECURE)?;
        let seed = self.seed.unwrap_or_else(|| RandomState::new().hash_one(&self.name));
        let pushes = self.config.batch_every.is_some();
        let life = mix(seed);
        let blank = D::new(self.config.clone(), seed, mix(life).to_le_bytes());
        let machine = D::new(self.config, seed, mix(life).to_le_bytes());
        let (machine, store, appended) = restore(machine, self.store, seed).await?;
        let listener = match self.listen {
            Some(at) => Some(self.transport.listen(&at).await.map_err(|error| SpawnError::Listen { at, error })?),
            None => None,
        };
        let address = listener.as_ref().map(|(_, address)| *address);
        #[cfg(feature = "http")]
        let http = match self.http {
            Some(http) => Some(http.listen().await?),
            None => None,
        };
        let (inbox, inputs) = mpsc::channel(INBOX);
        let (changes, _) = broadcast::channel(CHANGES);
        let (connect, connected) = watch::channel(BTreeSet::new());
        let (targets, links, mut tasks) = (Arc::new(Targets::default()), TaskTracker::new(), JoinSet::new());
        let weak_changes = changes.downgrade();
        let machine = Arc::new(RwLock::new(machine));
        let us = Hello { peer: id.clone(), life, cluster_tag: blank.engine().cluster_tag() };
        let door = Arc::new(Door {
            us,
            roster: self.roster,
            tls,
            difference: Box::new(move |tag| blank.engine().difference(tag)),
            inbox: inbox.clone(),
            links: links.clone(),
            complaints: Complaints::default(),
        });
        let (me, of_driver, at) = (id.clone(), machine.clone(), targets.clone());
        let driver = Driver {
            me,
            machine: of_driver,
            inbox: inputs,
            store,
            changes,
            connected: connect,
            targets: at,
            appended,
            pushes,
        };
        tasks.spawn(async move { _ = driver.run().await });
        let (know, addresses) = watch::channel(None);
        tasks.spawn(self.peers.run(self.transport.clone(), know));
        let dialler =
            Dialler { door: door.clone(), transport: self.transport, targets, connected: connected.clone(), seed };
        tasks.spawn(dialler.run(addresses));
        if let Some((listener, _)) = listener {
            tasks.spawn(listen::<T, D>(door, listener));
        }
        let handle = Handle { id, machine, inbox, changes: weak_changes, connected };
        #[cfg(feature = "http")]
        let http_address = http.map(|(listener, address, api)| {
            tasks.spawn(super::http::serve(listener, handle.clone(), api));
            address
        });
        Ok(Replica {
            handle,
            address,
            #[cfg(feature = "http")]
            http_address,
            links,
            tasks,
        })
    }
}

#[cfg(feature = "http")]
impl<T: Transport> Builder<gossip_core::AntiEntropy<PeerId, crate::json::Json>, T> {
    /// Serves HTTP as [`http`](Self::http) does, and the elements too: `GET /v1/elements`, all of them; `POST /v1/elements`,
    /// which inserts the JSON value of its body; and `GET /v1/watch`, changes as server-sent events.
    pub fn http_with_elements(self, address: impl Into<String>) -> Self {
        Self { http: Some(Http { address: address.into(), api: Some(Box::new(Elements)) }), ..self }
    }
}

#[cfg(feature = "http")]
impl<T: Transport> Builder<gossip_core::Map<PeerId, String, crate::json::Json>, T> {
    /// Serves HTTP as [`http`](Self::http) does, and the keys too: `GET`, `PUT` and `DELETE /v1/keys/{key}`, with a JSON value
    /// as the body, and `?all` for all values that were put without having seen each other; `GET /v1/keys?prefix=`, an object;
    /// and `GET /v1/watch`, changes as server-sent events.
    pub fn http_with_keys(self, address: impl Into<String>) -> Self {
        Self { http: Some(Http { address: address.into(), api: Some(Box::new(OfKeys)) }), ..self }
    }
}

/// A machine that holds what was kept, its store, and how many bytes that has.
async fn restore<D: Driven>(
    mut machine: D,
    store: Option<Box<dyn Persist>>,
    seed: u64,
) -> Result<(D, Option<Box<dyn Persist>>, u64), SpawnError> {
    let Some(mut store) = store else { return Ok((machine, None, 0)) };
    let load = move || {
        let mut bytes = 0;
        for kept in store.load(machine.engine().cluster_tag())? {
            machine.restore(&kept, seed)?;
            bytes += kept.len() as u64;
        }
        Ok((machine, Some(store), bytes))
    };
    tokio::task::spawn_blocking(load).await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

impl<D: Driven, T> std::fmt::Debug for Builder<D, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("name", &self.name).finish_non_exhaustive()
    }
}
