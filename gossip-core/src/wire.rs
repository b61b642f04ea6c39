//! The parts of messages as bytes: bounds, places, runs of elements, ids, dots and cells.

mod bound;
mod cells;
mod dots;
mod elements;
mod encodings;
mod ids;
mod place;

pub(crate) use bound::Bound;
pub(crate) use cells::Cells;
pub(crate) use dots::Dots;
pub(crate) use elements::Elements;
pub(crate) use encodings::Encodings;
pub(crate) use ids::{Ids, WISH, id_bits};
pub use place::Place;
