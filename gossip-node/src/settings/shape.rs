//! Along what values are pushed.

use std::fmt;
use std::num::NonZeroUsize;

use gossip_core::Overlay;

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
