//! The bodies of the fuzz targets, which stable tests run too.

pub mod converge;
pub mod decode;
pub mod machine;
pub mod map;

mod choice;
mod forge;
mod script;
mod subject;
