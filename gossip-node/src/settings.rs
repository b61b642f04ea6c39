//! What a node may be told.

mod max_line;
mod shape;

use std::time::Duration;

use gossip_core::{Config, Key};

use crate::workload::Workload;

pub(crate) use max_line::MAX_ID;
pub use max_line::MaxLine;
pub use shape::{Shape, ShapeError};

/// How a node behaves. All nodes of a cluster need equal settings, or at least an equal `max_line` and `key`.
///
/// ```
/// use gossip_node::{Node, Settings, Workload};
///
/// let mut settings = Settings::default();
/// settings.workload = Workload::GSet;
/// let node = Node::new(settings);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Which requests there are beside those that every workload has. Default: [`Workload::Broadcast`].
    pub workload: Workload,
    /// Along what values are pushed as they come. Default: [`Shape::Star`].
    pub overlay: Shape,
    /// How often they are, if they are: the longer, the fewer messages and the later values are everywhere. Default: 370
    /// ms.
    pub batch_every: Duration,
    /// The mean time between the repair rounds that this node begins; with an overlay only while it cannot push.
    /// Default: that of [`Config`].
    pub round_every: Duration,
    /// Mixed with the node's id, it seeds jitter and choice of peers, so one seed serves a whole cluster. Default: 0.
    pub seed: u64,
    /// The longest line. Default: 1 MiB.
    pub max_line: MaxLine,
    /// What keys fingerprints, and so digests. Default: [`Key::open`]. A secret one helps against clients who choose
    /// values to do harm only while they are kept from the request `digest`.
    pub key: Key,
}

impl Settings {
    /// How a node with these settings sets up its machine.
    pub fn config(&self) -> Config {
        let mut config = Config::default();
        config.key = self.key.clone();
        // Both follow from the line, so that whatever one node takes in, any other can be sent.
        config.max_element_bytes = self.max_line.encoded_element_bytes();
        config.max_message = self.max_line.message_budget();
        config.round_every = self.round_every;
        // Without a shape nobody is pushed to, and the machine is spared all that it keeps for that.
        config.batch_every = self.overlay.pushes().then_some(self.batch_every);
        config
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workload: Workload::default(),
            overlay: Shape::default(),
            batch_every: Duration::from_millis(370),
            round_every: Config::default().round_every,
            seed: 0,
            max_line: MaxLine::default(),
            key: Key::default(),
        }
    }
}
