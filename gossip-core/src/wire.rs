//! What messages are made of: bounds, and runs of elements, ids and cells, as bytes.

mod bound;
mod cells;
mod elements;
mod ids;

pub(crate) use bound::Bound;
pub(crate) use cells::Cells;
pub(crate) use elements::{Elements, Item};
pub(crate) use ids::{Ids, WISH};
