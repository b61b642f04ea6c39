//! What rounds cost: two sets that differ, systems that reconcile them, and the driver that counts and checks.

mod bytes;
mod decodes;
mod gossip;
mod number;
mod origin;
mod pair;
#[cfg(feature = "peers")]
mod peers;
mod sets;
mod system;
mod table;

pub use bytes::Bytes;
pub use decodes::{Decoder, Decodes, log_uniform};
pub use gossip::Gossip;
pub use number::number;
pub use origin::Origin;
pub use pair::{Cost, Counts, Pair};
pub use sets::{Sample, Sets, Side, SplitMix, spread};
pub use system::{Prepared, System, measure};
pub use table::{Key, Row, Sum, Table};
