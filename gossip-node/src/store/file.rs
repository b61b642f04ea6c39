//! A database in a directory of its own: locked while it is in use, made whole or not at all, and read through a view before
//! anything is written.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Builder, Database, ReadTransaction, ReadableDatabase, StorageBackend, TableDefinition, WriteTransaction};

use super::view::View;
use super::{FORMAT, StoreError};

/// A file that is locked while a store is in use, by this process or another.
#[derive(Debug)]
pub(crate) struct Lock(File);

/// What a store is of, by name. `format` is a number; the others are the store's own.
const TAG: TableDefinition<&str, &str> = TableDefinition::new("tag");

/// The database's own memory. Elements are read once, at the start, so it holds no more than what a commit writes.
const CACHE_BYTES: usize = 8 << 20;

/// Opens the file `name` in `directory`, both of which are made if need be. Returns what `read` finds in it.
pub(crate) fn open<T>(
    directory: &Path,
    name: &str,
    initialise: impl FnOnce(&WriteTransaction) -> Result<(), StoreError>,
    read: impl FnOnce(&ReadTransaction) -> Result<T, StoreError>,
) -> Result<(Lock, Database, T), StoreError> {
    let path = directory.join(name);
    fs::create_dir_all(directory)?;
    // Before anything is looked at: a file that another process is writing to would look damaged.
    let lock = Lock::take(&directory.join("lock"))?;
    if !path.try_exists()? {
        create(directory, &path, initialise)?;
    }
    // Read-only, so that a store which is refused stays as it was even if this has a fault.
    let view = file(File::open(&path)?)?;
    let (database, found) = over(view, || file(File::options().read(true).write(true).open(&path)?), read)?;
    Ok((lock, database, found))
}

/// Opens a database in a file that is only read through `view`, until all of it is seen to be sound.
pub(super) fn over<T, B: StorageBackend>(
    view: impl StorageBackend,
    file: impl FnOnce() -> Result<B, StoreError>,
    read: impl FnOnce(&ReadTransaction) -> Result<T, StoreError>,
) -> Result<(Database, T), StoreError> {
    // Opened twice, and the first time through a view that is thrown away: to open a database is to write to it. All pages
    // are checked, not only those that are read here: a wrong bit elsewhere would come to light at some later write.
    let viewed = builder().set_check_integrity_on_open(true).create_with_backend(View::new(view)?).map_err(fault)?;
    let transaction = viewed.begin_read().map_err(fault)?;
    // First of all, since in another format the rest may mean something else.
    match tag(&transaction, "format")?.parse() {
        Ok(FORMAT) => {}
        Ok(found) if found > FORMAT => return Err(StoreError::Newer { found }),
        _ => return Err(StoreError::Damaged("its format is none".into())),
    }
    let found = read(&transaction)?;
    Ok((builder().create_with_backend(file()?).map_err(fault)?, found))
}

/// What the store's tag says under this name.
pub(crate) fn tag(transaction: &ReadTransaction, name: &str) -> Result<String, StoreError> {
    match transaction.open_table(TAG).map_err(fault)?.get(name) {
        Ok(Some(value)) => Ok(value.value().to_owned()),
        Ok(None) => Err(StoreError::Damaged(format!("its tag has no {name}"))),
        Err(error) => Err(fault(error)),
    }
}

/// Has the store's tag say this.
pub(crate) fn set_tag(transaction: &WriteTransaction, name: &str, value: &str) -> Result<(), StoreError> {
    transaction.open_table(TAG).map_err(fault)?.insert(name, value).map_err(fault)?;
    Ok(())
}

/// Makes an empty store.
pub(super) fn initialise(
    file: impl StorageBackend,
    initialise: impl FnOnce(&WriteTransaction) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let database = builder().create_with_backend(file).map_err(fault)?;
    let transaction = database.begin_write().map_err(fault)?;
    set_tag(&transaction, "format", &FORMAT.to_string())?;
    initialise(&transaction)?;
    transaction.commit().map_err(fault)
}

/// Makes an empty store under another name first, so that there is a whole one or none, wherever this ends.
fn create(
    directory: &Path,
    path: &Path,
    contents: impl FnOnce(&WriteTransaction) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let unfinished = directory.join("unfinished");
    // Truncated: an earlier try may have left a part of one.
    let new = File::options().read(true).write(true).create(true).truncate(true).open(&unfinished)?;
    initialise(file(new)?, contents)?;
    // What is synced can be renamed: the name never stands for less than a whole store.
    fs::rename(&unfinished, path)?;
    // A name is on disk once its directory is.
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
        File::open(directory.join(".."))?.sync_all()?;
    }
    Ok(())
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

pub(crate) fn fault(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::DatabaseAlreadyOpen => StoreError::InUse,
        redb::Error::Corrupted(what) => StoreError::Damaged(what),
        // A file that makes no sense is reported as invalid data: that is damage, while other errors are the disk's.
        redb::Error::Io(error) if error.kind() != io::ErrorKind::InvalidData => StoreError::Io(error),
        error => StoreError::Damaged(error.to_string()),
    }
}
