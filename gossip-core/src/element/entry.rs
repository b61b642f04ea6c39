//! `Entry`: an element and its id.

use super::StoredRef;

/// An element and its id.
#[derive(Debug)]
pub(crate) struct Entry<'a, E> {
    pub(crate) id: u64,
    pub(crate) element: StoredRef<'a, E>,
}

impl<E> Clone for Entry<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Entry<'_, E> {}
