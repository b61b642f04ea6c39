//! The command line.

pub(crate) mod key_file;
pub(crate) mod options;
pub(crate) mod simulate;
pub(crate) mod soak;
