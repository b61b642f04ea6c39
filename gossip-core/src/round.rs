//! One comparison with a peer that we began.

pub(crate) mod policy;
pub(crate) mod reception;
pub(crate) mod repair;
pub(crate) mod walk;
