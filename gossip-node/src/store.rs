//! The persistence of a node's elements.

#[cfg(feature = "store")]
mod database;
#[cfg(feature = "store")]
pub(crate) mod file;
#[cfg(all(test, feature = "store"))]
mod tests;
#[cfg(feature = "store")]
mod view;

use std::io;

use crate::json::{Json, JsonError};
use crate::workload::Workload;

#[cfg(feature = "store")]
pub use database::Store;

/// Where a node's elements outlive it: read once, at the start, and appended to before anything that rests on them is let
/// out. With the feature `store`, [`Store`] keeps them in a directory; others may keep them elsewhere:
///
/// ```
/// use gossip_node::{Json, Node, Persistence, Settings, StoreError};
///
/// /// Keeps elements as long as the process lasts.
/// #[derive(Debug, Default)]
/// struct Memory(Vec<Json>);
///
/// impl Persistence for Memory {
///     fn load(&mut self) -> Result<Vec<Json>, StoreError> {
///         Ok(self.0.clone())
///     }
///
///     fn append(&mut self, elements: &[Json]) -> Result<(), StoreError> {
///         Ok(self.0.extend_from_slice(elements))
///     }
/// }
///
/// let mut memory = Memory::default();
/// let node = Node::restored(Settings::default(), memory.load()?)?;
/// # Ok::<(), StoreError>(())
/// ```
pub trait Persistence {
    /// Loads the elements that are kept, in the order in which they came.
    ///
    /// # Errors
    ///
    /// They cannot be read. They are left as they are.
    fn load(&mut self) -> Result<Vec<Json>, StoreError>;

    /// Keeps more elements, all or none of them. They are kept, whatever happens then, once this returns.
    ///
    /// # Errors
    ///
    /// They cannot be kept. [`serve`](crate::serve()) ends then, before anybody hears of them.
    fn append(&mut self, elements: &[Json]) -> Result<(), StoreError>;
}

impl<P: Persistence + ?Sized> Persistence for Box<P> {
    fn load(&mut self) -> Result<Vec<Json>, StoreError> {
        (**self).load()
    }

    fn append(&mut self, elements: &[Json]) -> Result<(), StoreError> {
        (**self).append(elements)
    }
}

/// Why a store cannot be used. Its elements are as they were, to the byte.
///
/// ```
/// use gossip_node::{Json, MaxLine, Node, Settings, StoreError};
///
/// let mut settings = Settings::default();
/// settings.max_line = MaxLine::MIN;
/// // Kept while lines could be longer.
/// let kept = vec![Json::parse(&format!("{:?}", "x".repeat(4_000)), 10_000)?];
/// let error = StoreError::from(Node::restored(settings, kept).unwrap_err());
/// assert_eq!(error.to_string(), "the store has an element that is longer than 2493 bytes in canonical form");
/// # Ok::<(), gossip_node::JsonError>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A process has it open, perhaps this one.
    #[error("the store is in use")]
    InUse,
    /// It is no store, or was altered.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// A newer version of this program has written it.
    #[error("the store has the format {found}, of a newer version; this one knows {FORMAT}")]
    Newer {
        /// The number of its format.
        found: u64,
    },
    /// It was written under another [`key`](crate::Settings::key).
    #[error("the store was written under another key, or under none")]
    OtherKey,
    /// Its elements are not those of this [`workload`](crate::Settings::workload).
    #[error("the store has elements of another kind than the workload {0}")]
    OtherWorkload(Workload),
    /// It was written by another cluster: its key, element type or element limit is another.
    #[error("the store was written by a cluster with another key, element type or element limit")]
    OtherCluster,
    /// One of its elements is longer than [`max_line`](crate::Settings::max_line) allows.
    #[error("the store has an element that is {0}")]
    Element(#[from] JsonError),
    /// It cannot be read or written.
    #[error("the store: {0}")]
    Io(#[from] io::Error),
}

/// The number of the format that this version writes: the tables of a store, and what stands in them.
const FORMAT: u64 = 1;
