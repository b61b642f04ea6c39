//! `Store`: what a replica holds, in an embedded database.

use std::path::Path;

use redb::{Database, ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use super::persist::Persist;
use crate::store::StoreError;
use crate::store::file::{self, Lock, fault, set_tag, tag};

/// What a replica holds, in a directory of its own: an embedded database, which is synced before anything leaves the replica
/// that rests on what it keeps (feature `store`).
///
/// ```
/// use gossip_node::net::Store;
///
/// # let directory = std::env::temp_dir().join(format!("gossip-replica-{}", std::process::id()));
/// let store = Store::open(&directory)?;
/// assert!(Store::open(&directory).is_err(), "it is in use");
/// # drop(store);
/// # std::fs::remove_dir_all(&directory).unwrap();
/// # Ok::<(), gossip_node::StoreError>(())
/// ```
#[derive(Debug)]
pub struct Store {
    database: Database,
    /// What it held as it was opened, until somebody loads it.
    loaded: Vec<Vec<u8>>,
    /// The tag of its cluster; empty until a first one has loaded it.
    cluster: String,
    /// The number of the next element.
    next: u64,
    /// Let go after the database.
    _lock: Lock,
}

/// Encodings, numbered in the order in which they came: a commit is written to the end of one tree, whatever the elements are.
const ELEMENTS: TableDefinition<u64, &[u8]> = TableDefinition::new("encodings");

impl Store {
    /// Opens the store in `directory`, which is made if need be.
    ///
    /// # Errors
    ///
    /// It is in use, damaged or of a newer version, or cannot be read. It is left as it was.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, StoreError> {
        let initialise = |new: &WriteTransaction| {
            new.open_table(ELEMENTS).map_err(fault)?;
            set_tag(new, "cluster", "")
        };
        let (lock, database, (cluster, loaded)) = file::open(directory.as_ref(), "replica.redb", initialise, read)?;
        let next = loaded.len() as u64;
        Ok(Self { database, loaded, cluster, next, _lock: lock })
    }
}

impl Persist for Store {
    fn load(&mut self, cluster_tag: [u8; 4]) -> Result<Vec<Vec<u8>>, StoreError> {
        let tag = format!("{:08x}", u32::from_be_bytes(cluster_tag));
        if self.cluster.is_empty() {
            let transaction = self.database.begin_write().map_err(fault)?;
            set_tag(&transaction, "cluster", &tag)?;
            transaction.commit().map_err(fault)?;
            self.cluster = tag;
        } else if self.cluster != tag {
            // Its elements would spread in this one.
            return Err(StoreError::OtherCluster);
        }
        Ok(std::mem::take(&mut self.loaded))
    }

    fn append(&mut self, encoded: &[Vec<u8>]) -> Result<(), StoreError> {
        let transaction = self.database.begin_write().map_err(fault)?;
        let mut table = transaction.open_table(ELEMENTS).map_err(fault)?;
        for (number, encoded) in (self.next..).zip(encoded) {
            table.insert(number, encoded.as_slice()).map_err(fault)?;
        }
        drop(table);
        // It takes one sync, however many they are.
        transaction.commit().map_err(fault)?;
        self.next += encoded.len() as u64;
        Ok(())
    }

    fn replace(&mut self, encoded: &[u8]) -> Result<(), StoreError> {
        let transaction = self.database.begin_write().map_err(fault)?;
        transaction.delete_table(ELEMENTS).map_err(fault)?;
        transaction.open_table(ELEMENTS).map_err(fault)?.insert(0, encoded).map_err(fault)?;
        transaction.commit().map_err(fault)?;
        self.next = 1;
        Ok(())
    }
}

/// The tag of the cluster, and all encodings.
fn read(found: &ReadTransaction) -> Result<(String, Vec<Vec<u8>>), StoreError> {
    let table = found.open_table(ELEMENTS).map_err(fault)?;
    let encodings = (0..).zip(table.iter().map_err(fault)?).map(|(expected, row)| {
        let (number, encoded) = row.map_err(fault)?;
        // Written in order and without a gap.
        if number.value() != expected {
            return Err(StoreError::Damaged(format!("it has no element {expected}")));
        }
        Ok(encoded.value().to_vec())
    });
    Ok((tag(found, "cluster")?, encodings.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_loaded_again_and_by_its_cluster_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let elements = [vec![1, 2], vec![], vec![3]];
        {
            let mut store = Store::open(&directory).expect("it is new");
            assert!(matches!(Store::open(&directory), Err(StoreError::InUse)));
            assert!(store.load([1, 2, 3, 4]).expect("it is new").is_empty());
            store.append(&elements[..2]).expect("it can");
            store.append(&elements[2..]).expect("it can");
        }
        let mut store = Store::open(&directory).expect("it is sound");
        assert!(matches!(store.load([1, 2, 3, 5]), Err(StoreError::OtherCluster)));
        assert_eq!(store.load([1, 2, 3, 4]).expect("it is ours"), elements);
        store.append(&[vec![4]]).expect("it can");
        drop(store);
        let mut store = Store::open(&directory).expect("it is sound");
        assert_eq!(store.load([1, 2, 3, 4]).expect("it is ours").len(), 4);
    }

    #[test]
    fn what_is_no_store_or_a_newer_one_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("replica.redb");
        for garbage in [&b""[..], b"no database", &[7; 10_000]] {
            std::fs::write(&path, garbage).expect("it can");
            assert!(matches!(Store::open(&directory), Err(StoreError::Damaged(_))), "{garbage:?}");
            assert_eq!(std::fs::read(&path).expect("it is there"), garbage, "it is left as it was");
        }
        std::fs::remove_file(&path).expect("it is there");
        {
            let store = Store::open(&directory).expect("it is new");
            let transaction = store.database.begin_write().expect("it can");
            set_tag(&transaction, "format", "2").expect("it can");
            transaction.commit().expect("it can");
        }
        assert!(matches!(Store::open(&directory), Err(StoreError::Newer { found: 2 })));
    }
}
