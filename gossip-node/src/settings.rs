//! What a node may be told.

use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use gossip_core::{Config, Key, MessageBudget, Overlay};

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
        config.max_element_bytes = self.max_line.encoded_element_bytes();
        config.max_message = self.max_line.message_budget();
        config.round_every = self.round_every;
        config.batch_every = (self.overlay != Shape::None).then_some(self.batch_every);
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

/// Along what values are pushed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// Nothing is pushed: rounds repair what differs, with one node after the other.
    None,
    /// To and from the node whose id comes first.
    #[default]
    Star,
    /// A tree in which everybody has so many others below.
    Tree(NonZeroUsize),
    /// To the neighbours that the request `topology` names; nothing before it.
    Topology,
}

impl Shape {
    /// The place of `me` among `nodes`, as far as these alone tell it: `None` where nothing is pushed, and where it is
    /// yet to be told its neighbours.
    pub fn overlay<P: Clone + Ord>(self, me: &P, nodes: impl IntoIterator<Item = P>) -> Option<Overlay<P>> {
        match self {
            Self::Star => Some(Overlay::star(me, nodes)),
            Self::Tree(fan_out) => Some(Overlay::tree(me, nodes, fan_out)),
            Self::None | Self::Topology => None,
        }
    }
}

/// As on a command line.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Star => f.write_str("star"),
            Self::Tree(fan_out) => write!(f, "tree:{fan_out}"),
            Self::Topology => f.write_str("topology"),
        }
    }
}

/// A family of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workload {
    /// `broadcast`, and `read` answered with `messages`.
    #[default]
    Broadcast,
    /// `add`, and `read` answered with `value`.
    GSet,
    /// `add` of a `delta` that is not negative, and `read` answered with the sum as `value`.
    GCounter,
    /// The same with deltas of either sign.
    PnCounter,
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broadcast => "broadcast",
            Self::GSet => "g-set",
            Self::GCounter => "g-counter",
            Self::PnCounter => "pn-counter",
        })
    }
}

/// The longest line that a node reads, in bytes without the newline, from 4 KiB to 16 MiB.
///
/// It sets the largest element and the largest message between nodes too, so that a message always fits a peer's line:
/// three quarters of what is left beside the frame, since messages travel in base64. So it must be equal on all nodes:
/// where it is not, nodes refuse each other's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaxLine(usize);

impl MaxLine {
    /// The lowest limit, 4 KiB.
    pub const MIN: Self = Self(4 << 10);
    /// The highest limit, 16 MiB.
    pub const MAX: Self = Self(16 << 20);

    /// The limit of `bytes`, if it lies in the range.
    pub const fn new(bytes: usize) -> Option<Self> {
        if Self::MIN.0 <= bytes && bytes <= Self::MAX.0 { Some(Self(bytes)) } else { None }
    }

    /// The limit in bytes.
    pub const fn bytes(self) -> usize {
        self.0
    }

    /// The largest element, as its canonical text, in bytes.
    pub const fn element_bytes(self) -> usize {
        self.message_budget().bytes() - MessageBudget::OVERHEAD - LENGTH
    }

    /// The largest message whose base64 and frame fit a line.
    pub(crate) const fn message_budget(self) -> MessageBudget {
        MessageBudget::new((self.0 - LINE_FRAME) / 4 * 3)
    }

    /// The largest element as it is encoded.
    pub(crate) fn encoded_element_bytes(self) -> u32 {
        u32::try_from(self.element_bytes() + LENGTH).expect("a budget is at most 1 MiB")
    }
}

impl Default for MaxLine {
    fn default() -> Self {
        Self(1 << 20)
    }
}

/// The longest id of a node, as JSON text with its quotes, in bytes. It bounds the frame of a line between nodes.
pub(crate) const MAX_ID: usize = 256;

/// What a line between nodes holds beside the message: two ids, keys, braces.
pub(crate) const LINE_FRAME: usize = 2 * MAX_ID + 128;

/// The longest length in front of an element's text.
const LENGTH: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_outside_the_range_are_refused() {
        assert_eq!(MaxLine::new(4_096), Some(MaxLine::MIN));
        assert_eq!(MaxLine::new(4_095), None);
        assert_eq!(MaxLine::new(16 << 20), Some(MaxLine::MAX));
        assert_eq!(MaxLine::new((16 << 20) + 1), None);
    }

    #[test]
    fn the_largest_message_fits_the_line_in_base64() {
        for max_line in [MaxLine::MIN, MaxLine(4_097), MaxLine(5_003), MaxLine::default(), MaxLine::MAX] {
            let budget = max_line.message_budget().bytes();
            assert!(budget.div_ceil(3) * 4 + LINE_FRAME <= max_line.bytes());
            assert!(max_line.element_bytes() > 2_000);
            assert!(max_line.element_bytes() < 1 << 21, "a length of three bytes");
        }
    }
}
