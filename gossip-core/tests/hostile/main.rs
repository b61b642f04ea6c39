//! What those can do who mean harm: writers who choose elements, peers that ask, answer or push without end, and
//! whoever sends bytes.

#[path = "../common/mod.rs"]
mod common;

mod alike;
mod bytes;
mod cells;
mod floods;
mod maps;
mod peers;
mod pushes;
mod siege;
mod work;
mod writers;
