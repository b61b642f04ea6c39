//! The parts of messages as bytes: bounds, places, runs of elements, ids and cells.

mod bound;
mod cells;
mod elements;
mod ids;
mod place;

pub(crate) use bound::Bound;
pub(crate) use cells::Cells;
pub(crate) use elements::{Elements, Item};
pub(crate) use ids::{Ids, WISH, id_bits};
pub use place::Place;
