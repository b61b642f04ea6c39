//! Trials on virtual time: what a cluster costs under load, and what it withstands.

pub mod chaos;
pub mod trial;
