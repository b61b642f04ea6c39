//! What rounds cost: two sets that differ, systems that reconcile them, the driver that counts and checks, and the table and
//! figures of what came of it. What it costs to keep a cluster in step under load. And what a map that forgets costs.

mod blob;
#[cfg(feature = "report")]
mod broadcast;
mod bytes;
mod decodes;
mod difference;
mod exchange;
#[cfg(feature = "report")]
mod figures;
mod gossip;
#[cfg(feature = "report")]
mod map;
mod number;
mod origin;
mod pair;
#[cfg(feature = "peers")]
mod peers;
#[cfg(feature = "report")]
mod picture;
#[cfg(feature = "report")]
mod plot;
mod sets;
mod system;
#[cfg(feature = "report")]
mod table;

pub use blob::Blob;
#[cfg(feature = "report")]
pub use broadcast::{Broadcast, Cluster, broadcast_figures, overlays};
pub use bytes::Bytes;
pub use decodes::{Decoder, Decodes, log_uniform};
pub use difference::Difference;
pub use exchange::exchange;
#[cfg(feature = "report")]
pub use figures::figures;
pub use gossip::Gossip;
#[cfg(feature = "report")]
pub use map::{Figures, MapCase, MapRow, MapSystem, Work, map_systems, operation_times, round_cost};
#[cfg(feature = "memory")]
pub use map::{memory_held, memory_pushed};
pub use number::number;
pub use origin::Origin;
pub use pair::{Cost, Counts, Pair};
#[cfg(feature = "report")]
pub use picture::Picture;
#[cfg(feature = "report")]
pub use plot::{Axis, Line, Plot};
pub use sets::{Sample, Sets, Side, SplitMix, spread};
pub use system::{Prepared, System, measure};
#[cfg(feature = "report")]
pub use table::{Key, Record, Row, Sum, Table};
