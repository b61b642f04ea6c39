//! `Set`: elements, and what is derived from them: digest, sketch, pages.

mod bucket;
mod chunks;
mod claim;
mod excerpt;
mod index;
mod log;
mod merge;
mod pages;
mod past;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use crate::config::{Config, Economy};
use crate::digest::{Digest, State};
use crate::element::{ClusterTag, Element, Fingerprint, Fingerprinter, Rank, Stored, StoredRef, decode};
use crate::error::{NotKept, TooLarge};
use crate::sketch::{IdWidth, Tables};
use crate::wire::Place;
pub(crate) use claim::{Causal, Claim};
pub(crate) use excerpt::Excerpt;
use index::Store;
pub(crate) use merge::Merged;
pub(crate) use pages::{Held, Stretch};
pub(crate) use past::{Lacks, RECENT};

/// What an [`AntiEntropy`](crate::AntiEntropy) holds: a set that only grows, with digest, sketch and pages in step.
/// Opaque: it names a [kind](crate::Kind).
///
/// ```
/// use gossip_core::{AntiEntropy, Config, Engine, Set};
///
/// // `AntiEntropy<&str, u64>`, written out.
/// let mut machine: Engine<&str, Set<u64>> = AntiEntropy::new(Config::default(), 1);
/// assert_eq!(machine.insert(7), Ok(true));
/// ```
//
// The sketch knows elements by *names*, or short ids. The name of a number is its id, which tells the element. The
// name of another element is the first 48 bits of its id, as it has to be fetched anyway.
#[derive(Clone, Debug)]
pub struct Set<E> {
    store: Store<E>,
    digest: Digest,
    bytes: u64,
    /// Sketch of the names; `None` under [`Economy::Pages`].
    tables: Option<Tables>,
    /// Names that the sketch still lacks. Many at once take half as long as one by one, since they wait for memory
    /// together; and pushes bring many before anybody reads it.
    pending: Vec<u64>,
    fingerprinter: Fingerprinter,
    tag: ClusterTag,
    element_limit: usize,
    /// How many more bytes undecoded elements may take, each with [`UNDECODED`] more than its own.
    undecoded_room: usize,
    /// Buffer for encodings, kept for its allocation.
    scratch: Vec<u8>,
}

/// Inserts that wait to be entered in the sketch, unless it is read before: 16 KiB, and 0.1 ms at once. So a set that grows
/// unread skips most of the shorter sketches on its way: 10 000 inserts are 12 000 entries, and 18 000 if 128 wait.
const PENDING: usize = 2_048;

/// Inserts between two steps of a longer sketch that is being built.
const STEP_EVERY: usize = 128;

/// What an undecoded element counts beside its bytes: about what it takes in memory. Else elements of a few bytes would
/// take ten times as much as the limit says.
const UNDECODED: usize = 64;

impl<E: Element> Set<E> {
    /// Width of names.
    pub(crate) const WIDTH: IdWidth = if E::NUMBERS.is_some() { IdWidth::Bits64 } else { IdWidth::Bits48 };

    pub(crate) fn new(config: &Config) -> Self {
        let fingerprinter = Fingerprinter::new(&config.key);
        Self {
            store: Store::new(),
            digest: Digest::EMPTY,
            bytes: 0,
            tables: (config.economy != Economy::Pages).then(|| Tables::build(fingerprinter.sketch_key(), 0, [])),
            pending: Vec::new(),
            tag: fingerprinter.tag::<E>(config),
            fingerprinter,
            element_limit: config.element_limit(),
            undecoded_room: config.max_undecoded_bytes as usize,
            scratch: Vec::new(),
        }
    }

    pub(crate) fn insert(&mut self, element: E) -> Result<bool, TooLarge> {
        // One allocation for all inserts; out of `self` while that is lent.
        let mut bytes = core::mem::take(&mut self.scratch);
        bytes.clear();
        element.encode(&mut bytes);
        let inserted = self.check_len(bytes.len()).map(|()| self.insert_encoded(Stored::Value(element), &bytes));
        self.scratch = bytes;
        inserted
    }

    /// Inserts the element of these bytes: they themselves if it cannot be decoded.
    pub(crate) fn restore(&mut self, bytes: &[u8]) -> Result<bool, NotKept> {
        self.check_len(bytes.len())?;
        let mut scratch = core::mem::take(&mut self.scratch);
        let decoded = decode(bytes, &mut scratch).map(Stored::Value);
        self.scratch = scratch;
        if let Some(element) = decoded.or_else(|| self.keep(bytes)) {
            return Ok(self.insert_encoded(element, bytes));
        }
        let id = self.fingerprinter.fingerprint(StoredRef::<E>::Undecoded(bytes), bytes).id;
        // It takes no more room if it is there.
        if self.holds_encoding(id, bytes, &mut Vec::new()) { Ok(false) } else { Err(NotKept::Undecoded) }
    }

    /// The element of bytes that cannot be decoded: they themselves, if there is room for them. `None` where it should be a
    /// number, whose fingerprint follows from its value.
    fn keep(&self, bytes: &[u8]) -> Option<Stored<E>> {
        let fits = Self::undecoded_bytes(bytes.len()) <= self.undecoded_room;
        (fits && E::NUMBERS.is_none()).then(|| Stored::Undecoded(bytes.into()))
    }

    /// Tries again to decode what is not. Returns the values of what now is.
    pub(crate) fn refresh(&mut self) -> Vec<E> {
        let (mut scratch, mut room) = (core::mem::take(&mut self.scratch), 0);
        let decoded = self.store.log_mut().refresh(|bytes| {
            let element = decode(bytes, &mut scratch)?;
            room += Self::undecoded_bytes(bytes.len());
            Some(element)
        });
        self.undecoded_room += room;
        self.scratch = scratch;
        decoded
    }

    /// What an undecoded element with an encoding of `len` bytes counts.
    const fn undecoded_bytes(len: usize) -> usize {
        UNDECODED + len
    }

    /// Whether an element is within the cluster's limit.
    pub(crate) fn check(&self, element: &E) -> Result<(), TooLarge> {
        let mut bytes = Vec::new();
        element.encode(&mut bytes);
        self.check_len(bytes.len())
    }

    fn check_len(&self, len: usize) -> Result<(), TooLarge> {
        let limit = self.element_limit;
        if len <= limit { Ok(()) } else { Err(TooLarge { len, limit }) }
    }

    fn insert_encoded(&mut self, element: Stored<E>, bytes: &[u8]) -> bool {
        let fingerprint = self.fingerprinter.fingerprint(element.lend(), bytes);
        self.insert_fingerprinted(element, bytes.len(), fingerprint)
    }

    /// Inserts an element whose encoding has `len` bytes and this fingerprint.
    fn insert_fingerprinted(&mut self, element: Stored<E>, len: usize, fingerprint: Fingerprint) -> bool {
        let is_decoded = element.is_decoded();
        let inserted = self.store.insert(fingerprint.id, element, |entry| self.fingerprinter.rank(entry.element));
        if inserted {
            self.digest.add(fingerprint);
            self.bytes += len as u64;
            if !is_decoded {
                // It fits: that was seen before.
                self.undecoded_room = self.undecoded_room.saturating_sub(Self::undecoded_bytes(len));
            }
            if self.tables.is_some() {
                self.pending.push(fingerprint.id >> Self::WIDTH.unnamed_bits());
                let count = self.pending.len();
                if count.is_multiple_of(STEP_EVERY) && (count >= PENDING || self.grows_in_steps()) {
                    self.enter_pending();
                }
            }
        }
        inserted
    }

    /// Brings the sketch up to date, before it is sent or read.
    pub(crate) fn settle(&mut self) {
        if !self.pending.is_empty() {
            self.enter_pending();
        }
        if let Some(tables) = &mut self.tables {
            tables.refresh();
        }
    }

    /// Whether a longer sketch is due, and to be built in steps.
    fn grows_in_steps(&self) -> bool {
        let count = self.store.len();
        count > 2 * Tables::STEP && self.tables.as_ref().is_some_and(|tables| tables.are_outgrown(count))
    }

    fn enter_pending(&mut self) {
        let in_steps = self.grows_in_steps();
        let Some(tables) = &mut self.tables else { return };
        let (store, fingerprinter, unnamed) = (&self.store, &self.fingerprinter, Self::WIDTH.unnamed_bits());
        if tables.are_outgrown(store.len()) && !in_steps {
            *tables = Tables::build(tables.key(), store.len(), store.ids().map(|id| id >> unnamed));
            self.pending.clear();
        } else {
            self.pending.drain(..).for_each(|name| tables.toggle(name));
            tables.grow(store.len(), |name| {
                let entries = store.from(Rank::first_of(name << unnamed), |entry| fingerprinter.rank(entry.element));
                entries.map(move |entry| entry.id >> unnamed)
            });
        }
        // A set at rest has no use for more.
        self.pending.shrink_to(STEP_EVERY);
    }

    /// Has an up-to-date sketch of at least so many cells at hand, up to 2^20. Returns whether it had to be built, of all
    /// elements.
    pub(crate) fn lengthen(&mut self, cells: usize) -> bool {
        self.settle();
        let Some(tables) = &mut self.tables else { return false };
        tables.lengthen(cells, self.store.ids().map(|id| id >> Self::WIDTH.unnamed_bits()))
    }

    /// Gives up a sketch that is longer than the one it keeps.
    pub(crate) fn shorten(&mut self) {
        if let Some(tables) = &mut self.tables {
            tables.shorten(self.store.len());
        }
    }

    /// Inserts the numbers with these names, and returns those that were not held.
    pub(crate) fn insert_numbers(&mut self, names: &[u64]) -> Vec<E> {
        let mut learned = Vec::with_capacity(names.len());
        for &name in names {
            if let Some(element) = self.fingerprinter.element::<E>(name)
                // The claim agrees with a digest, but that is the peer's word: what is over the limit stays out all the
                // same.
                && self.insert(element.clone()) == Ok(true)
            {
                learned.push(element);
            }
        }
        learned
    }

    pub(crate) fn contains(&self, element: &E) -> bool {
        let id = self.fingerprinter.encode(element).0.id;
        self.store.holds(id, || self.fingerprinter.rank(element), |other| other == element.into())
    }

    /// Whether the element of this id and encoding is held, decoded or not; not for numbers. `scratch` is a buffer.
    fn holds_encoding(&self, id: u64, bytes: &[u8], scratch: &mut Vec<u8>) -> bool {
        let rank = || self.fingerprinter.rank(StoredRef::<E>::Undecoded(bytes));
        self.store.holds(id, rank, |element| element.is_encoded(bytes, scratch))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &E> {
        self.entries(Rank::default()).filter_map(|entry| entry.element.value())
    }

    /// Elements from a place in the log on, in order of arrival.
    pub(crate) fn since(&self, place: Place) -> impl Iterator<Item = StoredRef<'_, E>> {
        self.store.log().from(place.index())
    }

    /// The bytes of elements that are not decoded, in order of arrival.
    pub(crate) fn undecoded(&self) -> impl Iterator<Item = &[u8]> {
        self.store.log().undecoded()
    }

    pub(crate) fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether some elements share an id.
    pub(crate) fn shares_ids(&self) -> bool {
        self.store.shares_ids()
    }

    /// Whether some elements share a fingerprint: digests only count these.
    pub(crate) fn shares_fingerprints(&self) -> bool {
        self.store.shares_fingerprints()
    }

    /// End of the log.
    pub(crate) fn end(&self) -> Place {
        Place::new(self.store.len())
    }
}

impl<E> Set<E> {
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    pub(crate) fn state(&self) -> State {
        State { digest: self.digest, bytes: self.bytes }
    }

    pub(crate) fn tag(&self) -> ClusterTag {
        self.tag
    }

    /// The sketch, if there is one. Whoever reads it [settles](Self::settle) it first.
    pub(crate) fn tables(&self) -> Option<&Tables> {
        debug_assert!(self.pending.is_empty());
        self.tables.as_ref()
    }

    /// The keyed hash of elements.
    pub(crate) fn fingerprinter(&self) -> &Fingerprinter {
        &self.fingerprinter
    }
}
