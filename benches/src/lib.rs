//! What rounds cost: two sets that differ, systems that reconcile them, the driver that counts and checks, and the table and
//! figures of what came of it. What it costs to keep a cluster in step under load. And what a map that forgets costs.

mod blob;
#[cfg(feature = "report")]
mod broadcast;
mod bytes;
mod decodes;
mod difference;
mod exchange;
mod figures;
mod gossip;
mod map;
mod number;
mod origin;
mod pair;
#[cfg(feature = "peers")]
mod peers;
mod picture;
mod plot;
mod sets;
mod system;
mod table;

pub use blob::Blob;
#[cfg(feature = "report")]
pub use broadcast::{Broadcast, Cluster, broadcast_figures, overlays};
pub use bytes::Bytes;
pub use decodes::{Decoder, Decodes, log_uniform};
pub use difference::Difference;
pub use exchange::exchange;
pub use figures::figures;
pub use gossip::Gossip;
pub use map::{Figures, MapCase, MapRow, MapSystem, Work, map_systems, operation_times, round_cost};
#[cfg(feature = "memory")]
pub use map::{memory_held, memory_pushed};
pub use number::number;
pub use origin::Origin;
pub use pair::{Cost, Counts, Pair};
pub use picture::Picture;
pub use plot::{Axis, Line, Plot};
pub use sets::{Sample, Sets, Side, SplitMix, spread};
pub use system::{Prepared, System, measure};
pub use table::{Key, Record, Row, Sum, Table};
