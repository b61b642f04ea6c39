//! What the machine tells of itself.

use core::borrow::Borrow;
use core::fmt;

use super::AntiEntropy;
use crate::config::Config;
use crate::digest::Digest;
use crate::element::{Element, StoredRef};
use crate::stats::{PeerStats, Stats};
use crate::wire::Place;

impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
    /// Whether this element is held, decoded or not.
    pub fn contains(&self, element: &E) -> bool {
        self.set.contains(element)
    }

    /// How many elements are held, [undecoded](Self::undecoded) ones included.
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether no element is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements held, in the order of their ids: the same on all replicas that hold the same and decode it. Undecoded
    /// ones are passed over.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.set.iter()
    }

    /// The place at which the log ends now; the next element stands behind it.
    pub fn end(&self) -> Place {
        self.set.end()
    }

    /// The elements behind a place of the log, in the order in which they came: both those inserted here and those
    /// learned from peers, whether or not an event has reported them. Undecoded ones are passed over. O(1) before the first
    /// element and O(1) for each.
    ///
    /// A service saves these, and it saves them before it sends: an element is on its way to peers once
    /// [`poll`](Self::poll) gives a message.
    ///
    /// ```
    /// use gossip_core::{AntiEntropy, Config, Place};
    ///
    /// let mut machine = AntiEntropy::<&str, u64>::new(Config::default(), 1);
    /// let mut file: Vec<u64> = vec![]; // and sync it after each write
    /// machine.extend([3, 1]).unwrap();
    /// file.extend(machine.since(Place::START));
    /// let saved = machine.end();
    /// machine.insert(2).unwrap();
    /// file.extend(machine.since(saved));
    /// assert_eq!(file, [3, 1, 2]);
    /// assert!(machine.since(Place::START).eq(&[3, 1, 2]));
    /// ```
    pub fn since(&self, place: Place) -> impl Iterator<Item = &E> {
        self.set.since(place).filter_map(StoredRef::value)
    }

    /// The digest of what is held. O(1).
    pub fn digest(&self) -> Digest {
        self.set.digest()
    }

    /// The configuration given to [`new`](Self::new).
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The peers, in their order.
    pub fn peers(&self) -> impl Iterator<Item = &P> {
        self.peers.keys()
    }

    /// The statistics.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The statistics about one peer.
    pub fn peer_stats<Q>(&self, peer: &Q) -> Option<PeerStats>
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.peers.get(peer).map(|peer| peer.stats(self.set.end()))
    }
}

impl<P: fmt::Debug, E> fmt::Debug for AntiEntropy<P, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A summary: a set may hold millions of elements, and `E` need not be `Debug`.
        f.debug_struct("AntiEntropy")
            .field("digest", &self.set.digest())
            .field("peers", &self.peers.keys())
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}
