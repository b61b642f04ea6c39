//! `Map`: a replicated map that forgets what is removed.

use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;
use core::ops::RangeBounds;

use crate::config::Config;
use crate::element::{Element, ReplicaId};
use crate::error::{RestoreError, TooLarge};
use crate::event::{MapEvent, Output};
#[cfg(feature = "sim")]
use crate::forgetting::Rule;
use crate::forgetting::{Forgetting, Item};
use crate::machine::Engine;
use crate::wire::Place;

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
pub type Map<P, K, V> = Engine<P, Forgetting<K, V>>;

/// The result of [`Map::poll`].
///
/// ```
/// use gossip_core::{Config, Map, MapOutput, ReplicaId, Time};
///
/// let id = ReplicaId::from_random(*b"8 random");
/// let mut map = Map::<&str, String, u64>::new(Config::default(), id, 1);
/// assert!(matches!(map.poll(Time::ZERO), MapOutput::Wait(None)), "it has no peers");
/// ```
pub type MapOutput<P, K, V> = Output<P, Item<K, V>, MapEvent<P, K>>;

impl<P: Clone + Ord, K: Element + Ord, V: Element> Map<P, K, V> {
    /// An empty replica without peers.
    pub fn new(config: Config, id: ReplicaId, seed: u64) -> Self {
        Self::over(Forgetting::new(&config, id, seed), config, seed)
    }

    /// All that is held and was seen, as bytes, for [`restore`](Self::restore). O(entries).
    pub fn save(&self) -> Vec<u8> {
        self.set.save()
    }

    /// Whether bytes are a whole map, for [`restore`](Self::restore), and not changes, for
    /// [`restore_since`](Self::restore_since): for whoever keeps both in a row.
    pub fn is_whole(saved: &[u8]) -> bool {
        Forgetting::<K, V>::is_whole(saved)
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
        Ok(Self::over(Forgetting::restore(&config, id, seed, saved)?, config, seed))
    }

    /// The place at which the log of changes ends now.
    pub const fn end(&self) -> Place {
        self.set.end()
    }

    /// What has changed since the log ended at a place, as bytes, for [`restore_since`](Self::restore_since): 12 bytes for each
    /// id that ever wrote, 2 to 12 for each entry that went, and the entries that came and are there. O(changes).
    ///
    /// `None` if more has changed since than is known: then [`save`](Self::save) all. The last 1 024 changes are known always.
    ///
    /// A service saves these, and it saves them before it sends: a change is on its way to peers once
    /// [`poll`](Self::poll) gives a message. Then it may go on under its id after a restart.
    ///
    /// ```
    /// use gossip_core::{Config, Map, ReplicaId};
    ///
    /// let id = ReplicaId::from_random(*b"8 random");
    /// let mut map = Map::<&str, String, u64>::new(Config::default(), id, 1);
    /// map.insert("tea".into(), 250).unwrap();
    /// let (whole, place) = (map.save(), map.end());
    /// map.insert("milk".into(), 90).unwrap();
    /// map.remove("tea");
    /// let changes = map.save_since(place).expect("they are few");
    ///
    /// let mut restored = Map::<&str, String, u64>::restore(Config::default(), id, 2, &whole).unwrap();
    /// restored.restore_since(&changes).unwrap();
    /// assert!(restored.get("tea").is_none() && restored.digest() == map.digest());
    /// ```
    pub fn save_since(&self, place: Place) -> Option<Vec<u8>> {
        self.set.save_since(place)
    }

    /// Takes in what was [saved since](Self::save_since) the state that it is, before it has peers. To take it in twice is
    /// harmless.
    ///
    /// # Errors
    ///
    /// Bytes that are no saved changes, or those of another key, type or element limit. Nothing changes.
    pub fn restore_since(&mut self, saved: &[u8]) -> Result<(), RestoreError> {
        self.write(|set| set.restore_since(saved))
    }

    /// Inserts a value, which replaces all that is seen here under the key. Returns how many values that were.
    ///
    /// No event reports it: what is held under the key has changed, whatever this returns. [`remove`](Self::remove) has changed
    /// it if it returns more than 0.
    ///
    /// ```
    /// use core::time::Duration;
    /// use gossip_core::{Config, Map, MapEvent, ReplicaId};
    ///
    /// let id = ReplicaId::from_random(*b"8 random");
    /// let mut map = Map::<&str, String, u64>::new(Config::default(), id, 1);
    /// let mut changed: Vec<String> = vec![]; // keys, whoever has changed what is held there
    /// map.insert("tea".into(), 250).unwrap();
    /// changed.push("tea".into());
    /// if map.remove("milk") > 0 {
    ///     changed.push("milk".into());
    /// }
    /// let others = |_: &mut _, event| if let MapEvent::Changed { key, .. } = event { changed.push(key) };
    /// map.drive(Duration::ZERO, |_, _, _| {}, others);
    /// assert_eq!(changed, ["tea"]);
    /// ```
    ///
    /// # Errors
    ///
    /// A key and value that are over the cluster's limit, which with what else an entry takes is 90 bytes below
    /// [`Config::max_element_bytes`]. The map is unchanged.
    pub fn insert(&mut self, key: K, value: V) -> Result<usize, TooLarge> {
        self.write(|set| set.insert(key, value))
    }

    /// Whether a key and value are within the cluster's limit, so that [`insert`](Self::insert) takes them. O(their length).
    ///
    /// # Errors
    ///
    /// As of [`insert`](Self::insert).
    pub fn fits(&self, key: &K, value: &V) -> Result<(), TooLarge> {
        self.set.check(key, value)
    }

    /// Removes all that is seen here under a key. Returns how many values went.
    pub fn remove<Q>(&mut self, key: &Q) -> usize
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.write(|set| set.remove(key))
    }

    /// Of the values of a key the one that all replicas agree on.
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.set.items_of(key).max_by_key(|item| (item.generation, item.dot)).map(|item| &item.value)
    }

    /// All values of a key: more than one if they were inserted without having seen each other.
    pub fn get_all<'a, Q>(&'a self, key: &Q) -> impl Iterator<Item = &'a V> + use<'a, P, K, V, Q>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.set.items_of(key).map(|item| &item.value)
    }

    /// The keys in a range with the value that [`get`](Self::get) gives, in their order.
    pub fn range<Q>(&self, range: impl RangeBounds<Q>) -> impl DoubleEndedIterator<Item = (&K, &V)>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.set.range(range).map(|item| (&item.key, &item.value))
    }

    /// All keys with the value that [`get`](Self::get) gives, in their order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.range::<K>(..)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.set.count()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id that inserts are counted under.
    pub const fn replica(&self) -> ReplicaId {
        self.set.own()
    }

    /// Makes a saboteur of this replica, to see that tests catch it.
    #[cfg(feature = "sim")]
    #[doc(hidden)]
    pub const fn break_rule(&mut self, rule: Rule) {
        self.set.broken = Some(rule);
    }
}

impl<P: fmt::Debug, K: Element + Ord, V: Element> fmt::Debug for Map<P, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.summarize("Map", self.set.digest(), f)
    }
}
