//! A node's elements in an embedded database.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use gossip_core::{AntiEntropy, Config};
use redb::backends::FileBackend;
use redb::{Builder, Database, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition};

use super::view::View;
use super::{FORMAT, Persistence, StoreError};
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

/// A file that is locked while the store is in use, by this process or another.
#[derive(Debug)]
struct Lock(File);

/// What the store is of, by name: `format`, a number; `element`, the kind of elements; `key`, the digest of a set known to all.
const TAG: TableDefinition<&str, &str> = TableDefinition::new("tag");

/// Canonical texts, numbered in the order in which they came: a commit is written to the end of one tree, whatever the
/// elements are.
const ELEMENTS: TableDefinition<u64, &str> = TableDefinition::new("elements");

/// The database's own memory. Elements are read once, at the start, so it holds no more than what a commit writes.
const CACHE_BYTES: usize = 8 << 20;

impl Store {
    /// Opens the store in `directory`, which is made if need be, and the node that goes on with what it holds.
    ///
    /// # Errors
    ///
    /// The store is in use, damaged, of a newer version, of another key or of another kind of elements, or it cannot be
    /// read. It is left as it was.
    pub fn open(directory: impl AsRef<Path>, settings: Settings) -> Result<(Node, Self), StoreError> {
        let directory = directory.as_ref();
        let path = directory.join("elements.redb");
        fs::create_dir_all(directory)?;
        // Before anything is looked at: a file that another process is writing to would look damaged.
        let lock = Lock::take(&directory.join("lock"))?;
        if !path.try_exists()? {
            create(directory, &path, &settings)?;
        }
        // Read-only, so that a store which is refused stays as it was even if this has a fault.
        let view = file(File::open(&path)?)?;
        let mut store = Self::over(view, || file(File::options().read(true).write(true).open(&path)?), &settings)?;
        store._lock = Some(lock);
        let elements = store.load()?;
        Ok((Node::restored(settings, elements)?, store))
    }

    /// The store in a file that is only read through `view`, until all of it is seen to be sound.
    pub(super) fn over<B: StorageBackend>(
        view: impl StorageBackend,
        file: impl FnOnce() -> Result<B, StoreError>,
        settings: &Settings,
    ) -> Result<Self, StoreError> {
        // Opened twice, and the first time through a view that is thrown away: to open a database is to write to it.
        let loaded = read(View::new(view)?, settings)?;
        let database = builder().create_with_backend(file()?).map_err(fault)?;
        let next = loaded.len() as u64;
        Ok(Self { database, loaded, next, _lock: None })
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

impl Lock {
    fn take(path: &Path) -> Result<Self, StoreError> {
        let file = File::options().create(true).append(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}

/// To close the file is not enough: a process that was forked off and has not got to its own program yet holds it too.
impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn file(file: File) -> Result<FileBackend, StoreError> {
    FileBackend::new(file).map_err(fault)
}

/// Makes an empty store under another name first, so that there is a whole one or none, wherever this ends.
fn create(directory: &Path, path: &Path, settings: &Settings) -> Result<(), StoreError> {
    let unfinished = directory.join("unfinished");
    // Truncated: an earlier try may have left a part of one.
    let new = File::options().read(true).write(true).create(true).truncate(true).open(&unfinished)?;
    initialise(file(new)?, settings)?;
    // What is synced can be renamed: the name never stands for less than a whole store.
    fs::rename(&unfinished, path)?;
    // A name is on disk once its directory is.
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
        File::open(directory.join(".."))?.sync_all()?;
    }
    Ok(())
}

pub(super) fn initialise(file: impl StorageBackend, settings: &Settings) -> Result<(), StoreError> {
    let database = builder().create_with_backend(file).map_err(fault)?;
    let transaction = database.begin_write().map_err(fault)?;
    transaction.open_table(ELEMENTS).map_err(fault)?;
    let mut tag = transaction.open_table(TAG).map_err(fault)?;
    for (name, value) in
        [("format", FORMAT.to_string()), ("element", settings.workload.elements()), ("key", key(settings))]
    {
        tag.insert(name, value.as_str()).map_err(fault)?;
    }
    drop(tag);
    transaction.commit().map_err(fault)
}

/// All elements, in the order in which they came, once every page is seen to be what was written.
fn read(view: View<impl StorageBackend>, settings: &Settings) -> Result<Vec<Json>, StoreError> {
    // All pages are checked, not only those that are read here: a wrong bit elsewhere would come to light at some later
    // write.
    let database = builder().set_check_integrity_on_open(true).create_with_backend(view).map_err(fault)?;
    let transaction = database.begin_read().map_err(fault)?;
    let tag = transaction.open_table(TAG).map_err(fault)?;
    let tag = |name: &str| match tag.get(name) {
        Ok(Some(value)) => Ok(value.value().to_owned()),
        Ok(None) => Err(StoreError::Damaged(format!("its tag has no {name}"))),
        Err(error) => Err(fault(error)),
    };
    // First of all, since in another format the rest may mean something else.
    match tag("format")?.parse() {
        Ok(FORMAT) => {}
        Ok(found) if found > FORMAT => return Err(StoreError::Newer { found }),
        _ => return Err(StoreError::Damaged("its format is none".into())),
    }
    // What was written under another key is another cluster's, and its elements would spread in this one.
    if tag("key")? != key(settings) {
        return Err(StoreError::OtherKey);
    }
    if tag("element")? != settings.workload.elements() {
        return Err(StoreError::OtherWorkload(settings.workload));
    }
    let table = transaction.open_table(ELEMENTS).map_err(fault)?;
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

fn fault(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::DatabaseAlreadyOpen => StoreError::InUse,
        redb::Error::Corrupted(what) => StoreError::Damaged(what),
        // A file that makes no sense is reported as invalid data: that is damage, while other errors are the disk's.
        redb::Error::Io(error) if error.kind() != io::ErrorKind::InvalidData => StoreError::Io(error),
        error => StoreError::Damaged(error.to_string()),
    }
}
