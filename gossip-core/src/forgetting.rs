//! `Forgetting`: the set of a map, of which what is removed leaves nothing.
//!
//! # How a map fits the machine
//!
//! The machine compares *names*, and gives, wishes for and pages *items*. A set that only grows has one name for each
//! item, and so the two are one there. Here they come apart:
//!
//! - **Names** ([`Named`]) are what digests count and sketches hold: one for each entry that is live, one for each
//!   replica's mark, one for each exception that is gone. A name tells its dot, so a decode tells both sides' contexts,
//!   and the digest confirms it to the last bit before anything is done or fetched.
//! - **Items** ([`Item`]) are what runs of elements hold: entries, ordered by the fingerprints of their names.
//! - **Remarks** are what else a message says: dots that are gone, marks, and where the sender's log ends.
//!
//! So a round runs as it does for other sets, from the probe to the proof, and a claim that is [read](Self::read) tells
//! three things more: which of our entries go at once, which dots the peer is to be told of, and the peer's marks.
//!
//! A mark says of all dots up to it that those not live here are gone. So no message raises one by itself. It is raised by
//! an insert of our own, by dots that come without a gap, and
//!
//! - by the asker, to the marks of the state it has read, once each dot that it wished for is seen ([`Self::adopt`]);
//! - by the responder, to marks that come with a question for a verdict, if its digest with them is the asker's
//!   ([`Self::adopt_if`]);
//! - at the end of a walk, to the marks that it was told, if what is live here is what is live there: that is, if our
//!   entries with the context that was told have the peer's digest ([`Self::adopt_told`]).
//!
//! The last is the rule of the design in another form. Our digest *with those marks beside our own* is the peer's only if
//! we know no mark that the peer lacks, and where each side does, no walk would end: 2 of 3 first meetings.

mod changes;
mod context;
#[cfg(feature = "model")]
mod forgetting_model;
mod item;
mod join;
mod marks;
mod places;
mod rule;
mod saved;
mod spans;
#[cfg(test)]
mod tests;
mod toggles;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::ops::RangeBounds;

use crate::config::{Config, Economy};
use crate::digest::{Digest, State};
use crate::element::{ClusterTag, Dot, Element, Fingerprint, Fingerprinter, Named, ReplicaId, Says};
use crate::error::TooLarge;
use crate::rng::Rng;
use crate::sketch::{IdWidth, Tables, WideName};
use crate::wire::Place;

use changes::{Change, Changes};
use context::{Context, Toggle};
#[cfg(feature = "model")]
pub(crate) use forgetting_model::ForgettingModel;
pub use item::Item;
use places::Places;
#[cfg_attr(not(feature = "sim"), expect(unreachable_pub, reason = "`sim` lends it to tests"))]
pub use rule::Rule;
use toggles::Past;

/// What a [`Map`](crate::Map) holds: live entries, by dot and by key, and the context, which tells what else was seen.
/// Opaque: it names a [kind](crate::Kind).
///
/// ```
/// use gossip_core::{Config, Engine, Forgetting, Map, ReplicaId};
///
/// // `Map<&str, String, u64>`, written out.
/// let id = ReplicaId::from_random(*b"8 random");
/// let mut map: Engine<&str, Forgetting<String, u64>> = Map::new(Config::default(), id, 1);
/// assert_eq!(map.insert("tea".into(), 250), Ok(0));
/// ```
#[derive(Clone, Debug)]
pub struct Forgetting<K, V> {
    changes: Changes<Item<K, V>>,
    /// Where each live entry is among the changes, by the fingerprint of its name.
    live: BTreeMap<Fingerprint, usize>,
    /// The same by key.
    keys: BTreeMap<K, Places>,
    context: Context,
    /// The id that inserts of our own are counted under.
    own: ReplicaId,
    /// Source of another one, should it turn out to be used twice.
    ids: Rng,
    digest: Digest,
    /// The digest of the context's names alone.
    of_context: Digest,
    bytes: u64,
    /// Sketch of the names; `None` under [`Economy::Pages`].
    tables: Option<Tables<WideName>>,
    past: Past,
    fingerprinter: Fingerprinter,
    tag: ClusterTag,
    element_limit: usize,
    /// Replica ids that were used twice, which are yet to be reported.
    forks: BTreeSet<ReplicaId>,
    /// The rule that it breaks, for tests.
    #[cfg(feature = "sim")]
    pub(crate) broken: Option<Rule>,
    /// Buffer for encodings, kept for its allocation.
    scratch: Vec<u8>,
}

/// What a message has beside a largest entry, beyond what it has beside an element of a set: remarks with a few dots.
const BESIDE: usize = 64;

impl<K: Element + Ord, V: Element> Forgetting<K, V> {
    /// Width of names.
    pub(crate) const WIDTH: IdWidth = IdWidth::Bits96;

    pub(crate) fn new(config: &Config, own: ReplicaId, seed: u64) -> Self {
        let fingerprinter = Fingerprinter::new(&config.key);
        Self {
            changes: Changes::new(),
            live: BTreeMap::new(),
            keys: BTreeMap::new(),
            context: Context::default(),
            own,
            ids: Rng::new(seed ^ own.bits()),
            digest: Digest::EMPTY,
            of_context: Digest::EMPTY,
            bytes: 0,
            tables: (config.economy != Economy::Pages).then(|| Tables::build_of(fingerprinter.sketch_key(), 0, [])),
            past: Past::new(),
            tag: fingerprinter.tag::<Item<K, V>>(config),
            fingerprinter,
            element_limit: config.element_limit().saturating_sub(BESIDE),
            forks: BTreeSet::new(),
            #[cfg(feature = "sim")]
            broken: None,
            scratch: Vec::new(),
        }
    }

    /// Inserts an entry of our own, which replaces what is seen here under its key. Returns how many that were.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Result<usize, TooLarge> {
        if self.context.last_of(self.own) == u32::MAX {
            self.take_another_id();
        }
        let replaced = self.dots_of(&key);
        let item = self.next_item(key, value);
        let len = self.check_len(&item)?;
        // The new one first: whoever is sent both in two messages is never without either.
        self.add(item, len);
        replaced.iter().for_each(|&dot| drop(self.drop_live(dot)));
        if self.breaks(Rule::OwnInsert) {
            let others: Vec<Dot> = self.items().map(|item| item.dot).collect();
            self.raise(&others);
        }
        Ok(replaced.len())
    }

    /// Whether an entry of our own is within the cluster's limit.
    pub(crate) fn check(&self, key: &K, value: &V) -> Result<(), TooLarge> {
        let mut bytes = Vec::new();
        self.next_item(key.clone(), value.clone()).encode(&mut bytes);
        let (len, limit) = (bytes.len(), self.element_limit);
        if len <= limit { Ok(()) } else { Err(TooLarge { len, limit }) }
    }

    /// The next entry of our own.
    fn next_item(&self, key: K, value: V) -> Item<K, V> {
        let dot = Dot::new(self.own, self.context.last_of(self.own).saturating_add(1));
        let greatest = self.items_of(&key).map(|item| item.generation).max().unwrap_or(0);
        Item { dot, generation: greatest.saturating_add(1), key, value }
    }

    /// Removes all that is seen here under a key. Returns how many entries went.
    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> usize
    where
        K: Borrow<Q>,
    {
        let removed = self.dots_of(key);
        removed.iter().for_each(|&dot| drop(self.drop_live(dot)));
        removed.len()
    }

    /// The entries of a key.
    pub(crate) fn items_of<'a, Q: Ord + ?Sized>(
        &'a self,
        key: &Q,
    ) -> impl Iterator<Item = &'a Item<K, V>> + use<'a, K, V, Q>
    where
        K: Borrow<Q>,
    {
        let places = self.keys.get(key).map_or(&[][..], Places::as_slice);
        places.iter().filter_map(|&place| self.changes.item(place))
    }

    /// Of each key in a range the entry that all replicas agree on.
    pub(crate) fn range<Q: Ord + ?Sized>(
        &self,
        range: impl RangeBounds<Q>,
    ) -> impl DoubleEndedIterator<Item = &Item<K, V>>
    where
        K: Borrow<Q>,
    {
        let winner = |places: &Places| {
            let items = places.as_slice().iter().filter_map(|&place| self.changes.item(place));
            items.max_by_key(|item| (item.generation, item.dot))
        };
        self.keys.range(range).filter_map(move |(_, places)| winner(places))
    }

    /// How many keys there are.
    pub(crate) fn count(&self) -> usize {
        self.keys.len()
    }

    /// All entries, in the order in which they came.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Item<K, V>> {
        self.changes.items()
    }

    /// How many entries are live.
    pub(crate) fn live_count(&self) -> usize {
        self.live.len()
    }

    /// The names of entries that a peer has not, which has listed all its own.
    pub(crate) fn names_except(&self, held: &[Fingerprint]) -> Vec<u64> {
        self.live.keys().filter(|name| held.binary_search(name).is_err()).map(|name| name.id).collect()
    }

    /// The id that inserts of our own are counted under.
    pub(crate) const fn own(&self) -> ReplicaId {
        self.own
    }

    /// A replica id that was found to be used twice, and is yet to be reported.
    pub(crate) fn take_fork(&mut self) -> Option<ReplicaId> {
        self.forks.pop_first()
    }

    /// Whether it is a saboteur that breaks this rule.
    #[inline]
    #[cfg_attr(not(feature = "sim"), expect(clippy::unused_self, reason = "nobody breaks rules but tests"))]
    fn breaks(&self, rule: Rule) -> bool {
        #[cfg(feature = "sim")]
        let breaks = self.broken == Some(rule);
        #[cfg(not(feature = "sim"))]
        let breaks = {
            let _ = rule;
            false
        };
        breaks
    }

    fn dots_of<Q: Ord + ?Sized>(&self, key: &Q) -> Vec<Dot>
    where
        K: Borrow<Q>,
    {
        self.items_of(key).map(|item| item.dot).collect()
    }

    /// Counts inserts of our own under another id from here on.
    fn take_another_id(&mut self) {
        // Two lives of one id may hear of each other at once: what they hold tells them apart, or they hold the same.
        let bits = self.ids.next_u64() ^ self.digest.sum() as u64 ^ (self.digest.sum() >> 64) as u64;
        self.own = ReplicaId::from_bits(bits ^ self.ids.next_u64());
    }

    fn check_len(&mut self, item: &Item<K, V>) -> Result<usize, TooLarge> {
        self.scratch.clear();
        item.encode(&mut self.scratch);
        let (len, limit) = (self.scratch.len(), self.element_limit);
        if len <= limit { Ok(len) } else { Err(TooLarge { len, limit }) }
    }

    /// Adds an entry of `len` bytes, whose dot was not seen; or was, and the entry is put back.
    fn add(&mut self, item: Item<K, V>, len: usize) {
        let (named, place) = (Named::live(item.dot), self.changes.end());
        self.toggle(Toggle::In(named));
        if !self.context.has_seen(item.dot) {
            self.context.see(item.dot, true).into_iter().for_each(|toggle| self.toggle(toggle));
        }
        self.live.insert(self.fingerprint(named), place);
        match self.keys.get_mut(&item.key) {
            None => _ = self.keys.insert(item.key.clone(), Places::One(place)),
            Some(places) => *places = Places::Many([places.as_slice(), &[place]].concat().into()),
        }
        self.bytes += len as u64;
        self.changes.push(Change::Came(item));
    }

    /// Drops a live entry, which is gone then. `None` if it is not live.
    fn drop_live(&mut self, dot: Dot) -> Option<Item<K, V>> {
        let named = Named::live(dot);
        let place = self.live.remove(&self.fingerprint(named))?;
        self.toggle(Toggle::Out(named));
        self.context.lose(dot).into_iter().for_each(|toggle| self.toggle(toggle));
        let item = self.changes.take(place)?;
        let left = self.keys.remove(&item.key);
        let left: Vec<usize> =
            left.iter().flat_map(|places| places.as_slice()).copied().filter(|&other| other != place).collect();
        if let Some(places) = Places::of(&left) {
            self.keys.insert(item.key.clone(), places);
        }
        self.scratch.clear();
        item.encode(&mut self.scratch);
        self.bytes -= self.scratch.len() as u64;
        self.changes.push(Change::Went(dot));
        Some(item)
    }

    /// Sees a dot that is gone. Returns the entry that went with it, if it was live.
    fn see_gone(&mut self, dot: Dot) -> Option<Item<K, V>> {
        if !self.context.has_seen(dot) {
            if self.breaks(Rule::TakeOver) {
                return None;
            }
            self.context.see(dot, false).into_iter().for_each(|toggle| self.toggle(toggle));
            self.changes.push(Change::Went(dot));
            return None;
        }
        self.drop_live(dot)
    }

    /// Raises marks that are lower. The five rules say when that may be.
    fn raise(&mut self, marks: &[Dot]) {
        for mark in marks {
            let toggles = self.context.raise(mark.replica, mark.counter);
            if !toggles.is_empty() {
                toggles.into_iter().for_each(|toggle| self.toggle(toggle));
                // A change of its own, so that each state has a place.
                self.changes.push(Change::Hole);
            }
        }
    }

    /// Puts a name in, or takes it out: of digest, sketch and what is known of the past.
    fn toggle(&mut self, toggle: Toggle) {
        let (Toggle::In(named) | Toggle::Out(named)) = toggle;
        apply(toggle, self.fingerprint(named), &mut self.digest);
        if named.says != Says::Live {
            apply(toggle, self.fingerprint(named), &mut self.of_context);
        }
        if let Some(tables) = &mut self.tables {
            tables.toggle(named.to_wide());
        }
        self.past.push(self.changes.end(), toggle);
    }

    /// The digest after these changes of names.
    fn digest_after(&self, toggles: impl IntoIterator<Item = Toggle>) -> Digest {
        let mut digest = self.digest;
        for toggle in toggles {
            let (Toggle::In(named) | Toggle::Out(named)) = toggle;
            apply(toggle, self.fingerprint(named), &mut digest);
        }
        digest
    }

    fn fingerprint(&self, named: Named) -> Fingerprint {
        self.fingerprinter.of_name(&named.bytes())
    }

    /// Whether this name is among ours.
    fn holds(&self, named: Named) -> bool {
        match named.says {
            Says::Live => self.live.contains_key(&self.fingerprint(named)),
            Says::Mark => self.context.mark(named.dot.replica) == named.dot.counter,
            Says::Gone => self.context.gone_from(named.dot).next() == Some(named.dot),
        }
    }

    /// All names.
    fn names(&self) -> impl Iterator<Item = Named> {
        let first = Dot::new(ReplicaId::from_bits(0), 0);
        let marks = self.context.marks_from(first.replica).map(|dot| Named::mark(dot.replica, dot.counter));
        let live = self.items().map(|item| Named::live(item.dot));
        live.chain(marks).chain(self.context.gone_from(first).map(Named::gone))
    }

    /// Brings the sketch up to date, before it is sent or read.
    pub(crate) fn settle(&mut self) {
        let count = self.digest.count() as usize;
        if self.tables.as_ref().is_some_and(|tables| tables.are_outgrown(count)) {
            let key = self.fingerprinter.sketch_key();
            self.tables = Some(Tables::build_of(key, count, self.names().map(Named::to_wide)));
        }
        self.tables.iter_mut().for_each(Tables::refresh);
    }

    /// Has an up-to-date sketch of at least so many cells at hand. Returns whether it had to be built, of all names.
    pub(crate) fn lengthen(&mut self, cells: usize) -> bool {
        self.settle();
        let Some(mut tables) = self.tables.take() else { return false };
        let built = tables.lengthen(cells, self.names().map(Named::to_wide));
        self.tables = Some(tables);
        built
    }

    /// Gives up a sketch that is longer than the one it keeps.
    pub(crate) fn shorten(&mut self) {
        let count = self.digest.count() as usize;
        if let Some(tables) = &mut self.tables {
            tables.shorten(count);
        }
    }

    /// End of the log.
    pub(crate) const fn end(&self) -> Place {
        Place::new(self.changes.end())
    }

    pub(crate) const fn digest(&self) -> Digest {
        self.digest
    }

    pub(crate) const fn state(&self) -> State {
        State { digest: self.digest, bytes: self.bytes }
    }

    pub(crate) const fn tag(&self) -> ClusterTag {
        self.tag
    }

    /// The sketch, if there is one. Whoever reads it [settles](Self::settle) it first.
    pub(crate) fn tables(&self) -> Option<&Tables<WideName>> {
        debug_assert!(self.tables.iter().all(|tables| !tables.are_outgrown(self.digest.count() as usize)));
        self.tables.as_ref()
    }
}

/// Enters a change of a name of this fingerprint in a digest.
fn apply(toggle: Toggle, fingerprint: Fingerprint, digest: &mut Digest) {
    match toggle {
        Toggle::In(_) => digest.add(fingerprint),
        Toggle::Out(_) => digest.remove(fingerprint),
    }
}
