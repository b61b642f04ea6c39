//! A node's elements in an embedded database.

use std::path::Path;

use gossip_core::{AntiEntropy, Config};
#[cfg(test)]
use redb::StorageBackend;
use redb::{Database, ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use super::file::{self, Lock, fault, set_tag, tag};
use super::{Persistence, StoreError};
use crate::json::{Json, JsonError};
use crate::node::Node;
use crate::settings::Settings;

/// A node's elements in a directory of its own: an embedded database, which [`serve`](crate::serve()) writes to and syncs
/// before it lets out anything that rests on them.
///
/// ```
/// use gossip_node::{Settings, Store};
///
/// # let directory = std::env::temp_dir().join(format!("gossip-node-{}", std::process::id()));
/// let (node, store) = Store::open(&directory, Settings::default())?;
/// assert!(Store::open(&directory, Settings::default()).is_err(), "it is in use");
/// # drop(store);
/// # std::fs::remove_dir_all(&directory).unwrap();
/// # Ok::<(), gossip_node::StoreError>(())
/// ```
#[derive(Debug)]
pub struct Store {
    database: Database,
    /// What it held as it was opened, until somebody loads it. It was read then, to see that it is sound.
    loaded: Vec<Json>,
    /// The number of the next element.
    next: u64,
    /// Let go after the database.
    _lock: Option<Lock>,
}

/// Canonical texts, numbered in the order in which they came: a commit is written to the end of one tree, whatever the
/// elements are.
const ELEMENTS: TableDefinition<u64, &str> = TableDefinition::new("elements");

impl Store {
    /// Opens the store in `directory`, which is made if need be, and the node that goes on with what it holds.
    ///
    /// # Errors
    ///
    /// The store is in use, damaged, of a newer version, of another key or of another kind of elements, or it cannot be
    /// read. It is left as it was.
    pub fn open(directory: impl AsRef<Path>, settings: Settings) -> Result<(Node, Self), StoreError> {
        let initialise = |new: &WriteTransaction| initialise(new, &settings);
        let read = |found: &ReadTransaction| read(found, &settings);
        let (lock, database, loaded) = file::open(directory.as_ref(), "elements.redb", initialise, read)?;
        let mut store = Self::of(database, loaded);
        store._lock = Some(lock);
        let elements = store.load()?;
        Ok((Node::restored(settings, elements)?, store))
    }

    /// The store in a file that is only read through `view`, until all of it is seen to be sound.
    #[cfg(test)]
    pub(super) fn over<B: StorageBackend>(
        view: impl StorageBackend,
        file: impl FnOnce() -> Result<B, StoreError>,
        settings: &Settings,
    ) -> Result<Self, StoreError> {
        let (database, loaded) = file::over(view, file, |found| read(found, settings))?;
        Ok(Self::of(database, loaded))
    }

    const fn of(database: Database, loaded: Vec<Json>) -> Self {
        let next = loaded.len() as u64;
        Self { database, loaded, next, _lock: None }
    }
}

impl Persistence for Store {
    fn load(&mut self) -> Result<Vec<Json>, StoreError> {
        Ok(std::mem::take(&mut self.loaded))
    }

    fn append(&mut self, elements: &[Json]) -> Result<(), StoreError> {
        let transaction = self.database.begin_write().map_err(fault)?;
        let mut table = transaction.open_table(ELEMENTS).map_err(fault)?;
        for (number, element) in (self.next..).zip(elements) {
            table.insert(number, element.as_str()).map_err(fault)?;
        }
        drop(table);
        // It takes one sync, however many they are.
        transaction.commit().map_err(fault)?;
        self.next += elements.len() as u64;
        Ok(())
    }
}

/// Makes the tables of an empty store.
fn initialise(new: &WriteTransaction, settings: &Settings) -> Result<(), StoreError> {
    new.open_table(ELEMENTS).map_err(fault)?;
    // `element` is the kind of elements, and `key` the digest of a set known to all.
    set_tag(new, "element", &settings.workload.elements())?;
    set_tag(new, "key", &key(settings))
}

/// An empty store in this file.
#[cfg(test)]
pub(super) fn make(file: impl StorageBackend, settings: &Settings) -> Result<(), StoreError> {
    file::initialise(file, |new| initialise(new, settings))
}

/// All elements, in the order in which they came.
fn read(found: &ReadTransaction, settings: &Settings) -> Result<Vec<Json>, StoreError> {
    // What was written under another key is another cluster's, and its elements would spread in this one.
    if tag(found, "key")? != key(settings) {
        return Err(StoreError::OtherKey);
    }
    if tag(found, "element")? != settings.workload.elements() {
        return Err(StoreError::OtherWorkload(settings.workload));
    }
    let table = found.open_table(ELEMENTS).map_err(fault)?;
    let limit = settings.max_line.element_bytes();
    let elements = (0..).zip(table.iter().map_err(fault)?).map(|(expected, row)| {
        let (number, text) = row.map_err(fault)?;
        match Json::parse(text.value(), limit) {
            // Only canonical texts were ever written, in order and without a gap. Whatever else is there was altered,
            // and it is not for this program to guess how.
            Ok(value) if value.as_str() == text.value() && number.value() == expected => Ok(value),
            Err(error @ JsonError::TooLong { .. }) => Err(StoreError::Element(error)),
            _ => Err(StoreError::Damaged(format!("its element {} is none", number.value()))),
        }
    });
    elements.collect()
}

/// Tells keys apart, and nothing else about them: a keyed fingerprint of what everybody knows.
fn key(settings: &Settings) -> String {
    let mut config = Config::default();
    config.key = settings.key.clone();
    let mut machine = AntiEntropy::<(), String>::new(config, 0);
    machine.insert("gossip-node".into()).expect("it is short");
    machine.digest().to_string()
}
