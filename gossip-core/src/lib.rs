//! x
#![no_std]
extern crate alloc;
mod config; mod digest; mod element; mod elements; mod fingerprint; mod laws; mod machine; mod message; mod output; mod peer; mod replica; mod rng; mod stats; mod store; mod time; mod walk; mod wire;
pub use machine::AntiEntropy;
pub use config::{Config, Key, MessageBudget};
pub use digest::{Digest, ParseDigestError};
pub use element::{Element, TypeTag};
pub use laws::{BrokenElementLaw, element_laws};
pub use message::{DecodeError, Message, MessageKind};
pub use output::{Event, Output, Reject, TooLarge};
pub use stats::{ByKind, Ledger, PeerStats, Stats, Traffic};
pub use time::Time;
