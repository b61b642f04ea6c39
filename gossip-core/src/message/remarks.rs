//! `Remarks`: what a message of a map says beside its entries.

use crate::codec::{Encode, Sink};
use crate::wire::{Dots, Place};

/// What a message of a map says beside its entries, at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Remarks {
    /// Where the sender's log ends.
    pub(crate) end: Place,
    /// Dots that are gone.
    pub(crate) gone: Dots,
    /// Marks of the sender's.
    pub(crate) marks: Dots,
}

impl Remarks {
    /// The most bytes of remarks that have no dots.
    pub(crate) const LEAST: usize = 10 + 1 + 1;
}

impl Encode for Remarks {
    fn put(&self, out: &mut impl Sink) {
        out.put_varint(self.end.index() as u64);
        self.gone.put(out);
        self.marks.put(out);
    }
}
