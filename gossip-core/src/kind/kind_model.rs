//! `KindModel`: all of a set of either kind that decides a machine's future.

use alloc::vec::Vec;

use crate::element::Stored;
use crate::forgetting::ForgettingModel;

/// A set without what follows from its elements, in whichever form its kind has them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum KindModel<E> {
    /// In the order of the log: a request for cells may name a state before this one.
    Grows(Vec<Stored<E>>),
    Forgets(ForgettingModel<E>),
}
