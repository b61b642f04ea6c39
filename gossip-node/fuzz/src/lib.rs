//! The body of the fuzz target, which a stable test runs too.

pub mod lines;

mod fields;
mod heard;
mod said;
