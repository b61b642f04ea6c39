//! The command line: what it says, and what is done instead of being a node.

mod choice;
mod key_file;
mod options;
#[cfg(all(feature = "http", feature = "store", unix))]
mod replica;
#[cfg(feature = "lab")]
mod simulate;
#[cfg(feature = "lab")]
mod soak;
#[cfg(feature = "lab")]
mod trial_options;

#[cfg(any(feature = "lab", all(feature = "http", feature = "store", unix)))]
pub(crate) use options::Command;
pub(crate) use options::Options;
