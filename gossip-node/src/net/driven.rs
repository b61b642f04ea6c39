//! `Driven`: what a replica can drive.

use gossip_core::{AntiEntropy, Config, Content, Element, Engine, Event, Kind, Map, MapEvent, Place, ReplicaId, Set};
use gossip_core::{Digest, Forgetting, TooLarge};

use super::builder::SpawnError;
use super::change::{Change, KeyChange};
use super::peer_id::PeerId;

/// A machine that a [`Replica`](super::Replica) can drive: a set, [`AntiEntropy`], or a [`Map`].
///
/// What both have in common the replica asks of their [`Engine`]; this is what they differ in.
///
/// ```
/// use gossip_core::{AntiEntropy, Config, Place};
/// use gossip_node::net::{Driven, PeerId, SpawnError};
///
/// /// The machine that a restart makes of what was kept.
/// fn restart<D: Driven>(machine: &D) -> Result<D, SpawnError> {
///     let mut again = D::new(Config::default(), 2, [2; 8]);
///     machine.since(Place::START).iter().try_for_each(|kept| again.restore(kept, 2))?;
///     Ok(again)
/// }
///
/// let mut machine = <AntiEntropy<PeerId, u64> as Driven>::new(Config::default(), 1, [1; 8]);
/// machine.insert(7).expect("it is small");
/// assert_eq!(restart(&machine)?.digest(), machine.digest());
/// # Ok::<(), SpawnError>(())
/// ```
pub trait Driven: Sized + Send + Sync + 'static {
    /// The kind of the machine's set.
    type Kind: Kind;
    /// What is written here.
    type Write: Send + 'static;
    /// What the writer is told.
    type Wrote: Send + 'static;
    /// What subscribers are told.
    type Change: Clone + Send + 'static;

    /// An empty machine. `id` is 8 random bytes, of which no other life of a replica has the same.
    fn new(config: Config, seed: u64, id: [u8; 8]) -> Self;
    /// The engine.
    fn engine(&self) -> &Engine<PeerId, Self::Kind>;
    /// The engine, to act on.
    fn engine_mut(&mut self) -> &mut Engine<PeerId, Self::Kind>;
    /// Takes in a write of our own. Returns what the writer and subscribers are told of it.
    ///
    /// # Errors
    ///
    /// It is over the cluster's limit, and nothing is changed.
    fn write(&mut self, write: Self::Write) -> Result<(Self::Wrote, Option<Self::Change>), TooLarge>;
    /// What an event is to a replica; `None` if nothing.
    fn step(event: <Self::Kind as Content>::Event<PeerId>) -> Option<Step<Self::Change>>;
    /// Takes in what was kept before a restart, in the order in which it was.
    ///
    /// # Errors
    ///
    /// It is nothing of this machine's, and nothing is changed.
    fn restore(&mut self, kept: &[u8], seed: u64) -> Result<(), SpawnError>;
    /// How many elements it holds, or keys.
    fn count(&self) -> usize;
    /// Where the log ends.
    fn end(&self) -> Place;
    /// What is to be kept of all that changed since, but for what [`Step::Keep`] tells.
    fn since(&self, place: Place) -> Vec<Vec<u8>>;
    /// What is to be kept in place of all that was; `None` if that is no less.
    fn whole(&self) -> Option<Vec<u8>> {
        None
    }
    /// Whether it holds, once it has `now`, all that it held with `before`: of a set that only grows the counts say so. If
    /// not, only a state that it was in since then does.
    fn holds_more(before: Digest, now: Digest) -> bool;
}

/// What becomes of an event.
///
/// ```
/// use gossip_core::{AntiEntropy, Event};
/// use gossip_node::net::{Driven, PeerId, Step};
///
/// let from = PeerId::new("n2")?;
/// let step = AntiEntropy::<PeerId, u64>::step(Event::Learned { element: 7, from: from.clone() });
/// assert!(matches!(step, Some(Step::Change(change)) if change.element == 7 && change.from == Some(from)));
/// # Ok::<(), gossip_node::net::PeerIdError>(())
/// ```
#[derive(Clone, Debug)]
pub enum Step<C> {
    /// Something that came from a peer.
    Change(C),
    /// An encoding to keep that [`Driven::since`] does not tell.
    Keep(Vec<u8>),
    /// A proof that this peer holds what we do.
    InSync {
        /// The peer.
        peer: PeerId,
        /// The digest of both.
        digest: Digest,
    },
    /// The peer does not answer.
    Unreachable(PeerId),
    /// It answers again.
    Reachable(PeerId),
}

impl<E: Element + Send + Sync + 'static> Driven for AntiEntropy<PeerId, E> {
    type Kind = Set<E>;
    type Write = E;
    type Wrote = bool;
    type Change = Change<E>;

    fn new(config: Config, seed: u64, _: [u8; 8]) -> Self {
        Self::new(config, seed)
    }

    fn engine(&self) -> &Self {
        self
    }

    fn engine_mut(&mut self) -> &mut Self {
        self
    }

    fn write(&mut self, element: E) -> Result<(bool, Option<Change<E>>), TooLarge> {
        let change = Change { element: element.clone(), from: None };
        let is_new = self.insert(element)?;
        Ok((is_new, is_new.then_some(change)))
    }

    fn step(event: Event<PeerId, E>) -> Option<Step<Change<E>>> {
        Some(match event {
            Event::Learned { element, from } => Step::Change(Change { element, from: Some(from) }),
            Event::Undecoded { encoded, .. } => Step::Keep(encoded.into()),
            Event::InSync { peer, digest, .. } => Step::InSync { peer, digest },
            Event::Unreachable { peer } => Step::Unreachable(peer),
            Event::Reachable { peer } => Step::Reachable(peer),
            // Nothing is watched here, and nothing decoded anew.
            _ => return None,
        })
    }

    fn restore(&mut self, kept: &[u8], _: u64) -> Result<(), SpawnError> {
        self.restore(kept)?;
        Ok(())
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn end(&self) -> Place {
        self.end()
    }

    fn since(&self, place: Place) -> Vec<Vec<u8>> {
        let encode = |element: &E| {
            let mut encoded = Vec::new();
            element.encode(&mut encoded);
            encoded
        };
        self.since(place).map(encode).collect()
    }

    fn holds_more(before: Digest, now: Digest) -> bool {
        before.count() <= now.count()
    }
}

/// A write to a map.
///
/// ```
/// use gossip_core::Map;
/// use gossip_node::net::{MapWrite, PeerId, Replica};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let replica = Replica::<Map<PeerId, String, u64>>::builder("n1").insecure().spawn().await?;
/// let key = "tea".to_owned();
/// assert_eq!(replica.write(MapWrite::Insert { key: key.clone(), value: 2 }).await?, 0); // replaced none
/// assert_eq!(replica.write(MapWrite::Remove { key }).await?, 1);
/// assert!(replica.read(|map| map.is_empty()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapWrite<K, V> {
    /// The value replaces all that is seen under the key.
    Insert {
        /// The key.
        key: K,
        /// The value.
        value: V,
    },
    /// All that is seen under the key goes.
    Remove {
        /// The key.
        key: K,
    },
}

impl<K, V> Driven for Map<PeerId, K, V>
where
    K: Element + Ord + Send + Sync + 'static,
    V: Element + Send + Sync + 'static,
{
    type Kind = Forgetting<K, V>;
    type Write = MapWrite<K, V>;
    type Wrote = usize;
    type Change = KeyChange<K>;

    fn new(config: Config, seed: u64, id: [u8; 8]) -> Self {
        Self::new(config, ReplicaId::from_random(id), seed)
    }

    fn engine(&self) -> &Self {
        self
    }

    fn engine_mut(&mut self) -> &mut Self {
        self
    }

    fn write(&mut self, write: MapWrite<K, V>) -> Result<(usize, Option<KeyChange<K>>), TooLarge> {
        let (key, replaced, is_change) = match write {
            MapWrite::Insert { key, value } => (key.clone(), self.insert(key, value)?, true),
            MapWrite::Remove { key } => {
                let removed = self.remove(&key);
                (key, removed, removed > 0)
            }
        };
        Ok((replaced, is_change.then_some(KeyChange { key, from: None })))
    }

    fn step(event: MapEvent<PeerId, K>) -> Option<Step<KeyChange<K>>> {
        Some(match event {
            MapEvent::Changed { key, from } => Step::Change(KeyChange { key, from: Some(from) }),
            MapEvent::InSync { peer, digest, .. } => Step::InSync { peer, digest },
            MapEvent::Unreachable { peer } => Step::Unreachable(peer),
            MapEvent::Reachable { peer } => Step::Reachable(peer),
            MapEvent::Forked { replica } => {
                tracing::error!(%replica, "two lives of a replica have counted under one id: was a store put back?");
                return None;
            }
            _ => return None,
        })
    }

    /// What is kept begins with the id that inserts are counted under, so that a restart goes on under it.
    fn restore(&mut self, kept: &[u8], seed: u64) -> Result<(), SpawnError> {
        let Some((id, saved)) = kept.split_first_chunk() else {
            return Err(gossip_core::RestoreError::Malformed.into());
        };
        let id = ReplicaId::from_random(*id);
        if Self::is_whole(saved) {
            *self = Self::restore(self.config().clone(), id, seed, saved)?;
            return Ok(());
        }
        if id != self.replica() {
            *self = Self::restore(self.config().clone(), id, seed, &self.save())?;
        }
        self.restore_since(saved)?;
        Ok(())
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn end(&self) -> Place {
        self.end()
    }

    fn since(&self, place: Place) -> Vec<Vec<u8>> {
        if place == self.end() {
            return Vec::new();
        }
        let saved = self.save_since(place).unwrap_or_else(|| self.save());
        vec![[&self.replica().to_bytes()[..], &saved].concat()]
    }

    fn whole(&self) -> Option<Vec<u8>> {
        Some([&self.replica().to_bytes()[..], &self.save()].concat())
    }

    fn holds_more(before: Digest, now: Digest) -> bool {
        before == now
    }
}
