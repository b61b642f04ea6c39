//! `Map`: a replicated map that forgets what is removed.

use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;
use core::ops::RangeBounds;

use crate::config::Config;
use crate::digest::Digest;
use crate::element::{ClusterTag, Element};
use crate::error::{Foreign, Reject, RestoreError, TooLarge};
use crate::event::{Event, Output};
#[cfg(feature = "sim")]
use crate::forgetting::Rule;
use crate::forgetting::{Forgetting, Item, ReplicaId};
use crate::machine::Engine;
use crate::message::Message;
use crate::push::Overlay;
use crate::stats::{PeerStats, Stats};
use crate::time::Time;

/// A replica of a map that repairs itself with its peers: the machine of [`AntiEntropy`](crate::AntiEntropy), over a set
/// that forgets.
///
/// A removed entry leaves nothing behind, and never comes back, however long a replica was away, with no clock, no roster
/// and no waiting. A removal costs what an insert costs: it is one name in the difference.
///
/// ```
/// use gossip_core::{Config, Map, MapOutput, ReplicaId, Time};
///
/// // 8 random bytes each, new ones for each life of a replica.
/// let ids = [*b"\x1c\x3a\x95\x07\xee\x42\x10\x6b", *b"\x88\xd1\x2f\x55\x09\xb3\x7c\x21"].map(ReplicaId::from_random);
/// let [mut left, mut right] = ids.map(|id| Map::<&str, String, u64>::new(Config::default(), id, 1));
/// left.insert("tea".into(), 250).unwrap();
/// left.insert("milk".into(), 90).unwrap();
/// left.add_peer("right");
/// right.add_peer("left");
/// sync(&mut left, &mut right);
/// assert_eq!(right.get("tea"), Some(&250));
///
/// // Both replace what they have seen, and neither has seen the other's: both values stay.
/// left.insert("tea".into(), 260).unwrap();
/// right.insert("tea".into(), 270).unwrap();
/// right.remove("milk");
/// sync(&mut left, &mut right);
/// assert!(left.get("milk").is_none() && left.get("tea") == right.get("tea"));
/// assert_eq!(left.get_all("tea").collect::<std::collections::BTreeSet<_>>(), [&260, &270].into());
///
/// // The next insert replaces both.
/// assert_eq!(left.insert("tea".into(), 280), Ok(2));
/// sync(&mut left, &mut right);
/// assert_eq!((right.get("tea"), right.len(), right.digest()), (Some(&280), 1, left.digest()));
///
/// # type Replica = Map<&'static str, String, u64>;
/// fn sync(left: &mut Replica, right: &mut Replica) {
///     left.sync_now(&"right");
///     for _ in 0..10 {
///         carry(left, right, "left");
///         carry(right, left, "right");
///     }
/// }
///
/// fn carry(map: &mut Replica, other: &mut Replica, name: &'static str) {
///     loop {
///         match map.poll(Time::ZERO) {
///             MapOutput::Send { message, .. } => other.receive_bytes(&name, &message.encode()).unwrap(),
///             MapOutput::Event(_) => {}
///             MapOutput::Wait(_) => break,
///         }
///     }
/// }
/// ```
///
/// # What stays
///
/// What a replica has seen is kept as one counter for each [`ReplicaId`] that ever wrote, 12 bytes as a name, for good. Of
/// a removal nothing else is kept. (Where a writer died before anybody had all that it wrote, what it removed after the
/// gap stays as a dot each.) A set with removal is `Map<P, E, ()>`.
///
/// # Concurrent writes
///
/// An insert replaces what its replica has *seen* under the key, and a removal removes that, and no more. What another
/// replica inserted meanwhile stays, beside it: [`get_all`](Self::get_all) has all, and [`get`](Self::get) the same one
/// on all replicas.
///
/// So expiry needs no rule of its own. Whoever's timer fires calls [`remove`](Self::remove), and a heartbeat elsewhere that
/// it has not seen survives it.
///
/// # Against whom
///
/// Who may write may remove. A peer can say that what a writer is yet to write was written and is gone, and nobody will
/// take it in then: so peers are trusted as writers are. Bounds on work, memory and messages hold against any peer.
///
/// Entries that this replica cannot decode are dropped, and [counted](crate::Ledger::dropped): its digest differs from that
/// of peers that can for as long as these hold them.
#[derive(Clone)]
pub struct Map<P, K, V> {
    engine: Engine<P, Item<K, V>, Forgetting<K, V>>,
}

/// The result of [`Map::poll`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an output that is not acted on is lost"]
pub enum MapOutput<P, K, V> {
    /// Something the application may want to know.
    Event(MapEvent<P, K>),
    /// A message to send. To drop it is always safe and costs time.
    Send {
        /// The peer to send it to.
        to: P,
        /// The message.
        message: Message<Item<K, V>>,
    },
    /// Nothing is due until new input or, if given, until this instant.
    Wait(Option<Time>),
}

/// Something the application may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MapEvent<P, K> {
    /// What is held under a key has changed by a message: an entry came, or went.
    Changed {
        /// The key.
        key: K,
        /// The peer whose message changed it.
        from: P,
    },
    /// A proof that both maps are equal.
    InSync {
        /// The peer.
        peer: P,
        /// The digest both had.
        digest: Digest,
    },
    /// This replica id was used twice.
    Forked {
        /// The id.
        replica: ReplicaId,
    },
    /// Two rounds in a row had no answer from this peer.
    Unreachable {
        /// The peer.
        peer: P,
    },
    /// A peer that was unreachable has sent a valid message.
    Reachable {
        /// The peer.
        peer: P,
    },
}

impl<P: Clone + Ord, K: Element + Ord, V: Element> Map<P, K, V> {
    /// An empty replica without peers.
    pub fn new(config: Config, id: ReplicaId, seed: u64) -> Self {
        Self { engine: Engine::new(Forgetting::new(&config, id, seed), config, seed) }
    }

    /// All that is held and was seen, as bytes, for [`restore`](Self::restore). O(entries).
    pub fn save(&self) -> Vec<u8> {
        self.engine.set.save()
    }

    /// A replica of what was [saved](Self::save), without peers.
    ///
    /// Give it a *new* id, unless `saved` has the last insert that was made under the old one and sent: that is, unless each
    /// state is on the disk before the messages of it go out. What was saved earlier than that counts from further back,
    /// and gives another entry the dot of one that is there: neither is replaced then, on no replica that has one of them.
    /// [`MapEvent::Forked`] tells it, and a replica that hears of its own id beyond what it has counted takes another one.
    /// A new id costs 12 bytes for good.
    ///
    /// A state of any age may be restored under a new id. What was removed since does not come back.
    ///
    /// # Errors
    ///
    /// Bytes that are no saved map, or one of another key, type or element limit.
    pub fn restore(config: Config, id: ReplicaId, seed: u64, saved: &[u8]) -> Result<Self, RestoreError> {
        let set = Forgetting::restore(&config, id, seed, saved)?;
        let mut engine = Engine::new(set, config, seed);
        engine.stats.state_bytes = engine.set.state().bytes;
        Ok(Self { engine })
    }

    /// Inserts a value, which replaces all that is seen here under the key. Returns how many values that were.
    ///
    /// # Errors
    ///
    /// A key and value that are over the cluster's limit, which with what else an entry takes is 90 bytes below
    /// [`Config::max_element_bytes`]. The map is unchanged.
    pub fn insert(&mut self, key: K, value: V) -> Result<usize, TooLarge> {
        let replaced = self.engine.set.insert(key, value);
        self.engine.stats.state_bytes = self.engine.set.state().bytes;
        replaced
    }

    /// Removes all that is seen here under a key. Returns how many values went.
    pub fn remove<Q>(&mut self, key: &Q) -> usize
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let removed = self.engine.set.remove(key);
        self.engine.stats.state_bytes = self.engine.set.state().bytes;
        removed
    }

    /// Of the values of a key the one that all replicas agree on.
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.engine.set.items_of(key).max_by_key(|item| (item.generation, item.dot)).map(|item| &item.value)
    }

    /// All values of a key: more than one if they were inserted without having seen each other.
    pub fn get_all<'a, Q>(&'a self, key: &Q) -> impl Iterator<Item = &'a V> + use<'a, P, K, V, Q>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.engine.set.items_of(key).map(|item| &item.value)
    }

    /// The keys in a range with the value that [`get`](Self::get) gives, in their order.
    pub fn range<Q>(&self, range: impl RangeBounds<Q>) -> impl DoubleEndedIterator<Item = (&K, &V)>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.engine.set.range(range).map(|item| (&item.key, &item.value))
    }

    /// All keys with the value that [`get`](Self::get) gives, in their order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.range::<K>(..)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.engine.set.count()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id that inserts are counted under.
    pub const fn replica(&self) -> ReplicaId {
        self.engine.set.own()
    }

    /// The digest of all that is held and of all that was seen. O(1).
    pub const fn digest(&self) -> Digest {
        self.engine.set.digest()
    }

    /// Adds a peer. Returns whether it is new. Messages are accepted from peers only.
    pub fn add_peer(&mut self, peer: P) -> bool {
        self.engine.add_peer(peer)
    }

    /// Forgets a peer and drops what was under way with it. Returns whether there was such a peer.
    pub fn remove_peer<Q>(&mut self, peer: &Q) -> bool
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.engine.remove_peer(peer)
    }

    /// Begins a round with this peer at the next poll.
    pub fn sync_now<Q>(&mut self, peer: &Q)
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.engine.sync_now(peer);
    }

    /// Notes whether the transport to this peer takes messages now; as
    /// [`AntiEntropy::set_writable`](crate::AntiEntropy::set_writable).
    pub fn set_writable<Q>(&mut self, peer: &Q, writable: bool)
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.engine.set_writable(peer, writable);
    }

    /// Pushes changes along this overlay from now on, if [`Config::batch_every`] is set; as
    /// [`AntiEntropy::set_overlay`](crate::AntiEntropy::set_overlay).
    pub fn set_overlay(&mut self, overlay: Overlay<P>) {
        self.engine.set_overlay(overlay);
    }

    /// What replicas of one cluster share, in four bytes: the key, the type and the limit of entries.
    pub fn cluster_tag(&self) -> [u8; 4] {
        self.engine.set.tag().bytes()
    }

    /// What sets a cluster with this [tag](Self::cluster_tag) apart from ours; `None` if nothing does, as far as four bytes
    /// can tell.
    pub fn difference(&self, cluster_tag: [u8; 4]) -> Option<Foreign> {
        self.engine.set.tag().difference(ClusterTag::from_bytes(cluster_tag))
    }

    /// Takes in one message.
    ///
    /// # Errors
    ///
    /// A message from a stranger, from another cluster, or with an invalid entry. It leaves all but the counters
    /// unchanged.
    pub fn receive(&mut self, from: &P, message: Message<Item<K, V>>) -> Result<(), Reject> {
        self.engine.receive(from, message)
    }

    /// Decodes one message and takes it in.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive), and bytes that are no message.
    pub fn receive_bytes(&mut self, from: &P, bytes: &[u8]) -> Result<(), Reject> {
        self.engine.receive_bytes(from, bytes)
    }

    /// The next output at `now`.
    pub fn poll(&mut self, now: Time) -> MapOutput<P, K, V> {
        if let Some(replica) = self.engine.set.take_fork() {
            return MapOutput::Event(MapEvent::Forked { replica });
        }
        loop {
            return match self.engine.poll(now) {
                Output::Event(Event::Learned { element, from }) => {
                    MapOutput::Event(MapEvent::Changed { key: element.key, from })
                }
                Output::Event(Event::InSync { peer, digest }) => MapOutput::Event(MapEvent::InSync { peer, digest }),
                Output::Event(Event::Unreachable { peer }) => MapOutput::Event(MapEvent::Unreachable { peer }),
                Output::Event(Event::Reachable { peer }) => MapOutput::Event(MapEvent::Reachable { peer }),
                // Nothing of a map is held undecoded, and nobody watches places.
                Output::Event(Event::Undecoded { .. } | Event::Decoded { .. } | Event::Reached { .. }) => continue,
                Output::Send { to, message } => MapOutput::Send { to, message },
                Output::Wait(until) => MapOutput::Wait(until),
            };
        }
    }

    /// Makes a saboteur of this replica, to see that tests catch it.
    #[cfg(feature = "sim")]
    #[doc(hidden)]
    pub const fn break_rule(&mut self, rule: Rule) {
        self.engine.set.broken = Some(rule);
    }

    /// The statistics.
    pub fn stats(&self) -> &Stats {
        &self.engine.stats
    }

    /// The statistics about one peer.
    pub fn peer_stats<Q>(&self, peer: &Q) -> Option<PeerStats>
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.engine.peer_stats(peer)
    }

    /// The configuration given to [`new`](Self::new).
    pub const fn config(&self) -> &Config {
        &self.engine.config
    }
}

impl<P: fmt::Debug, K: Element + Ord, V: Element> fmt::Debug for Map<P, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("digest", &self.engine.set.digest()).finish_non_exhaustive()
    }
}
