//! Along what values are pushed.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use gossip_core::Overlay;

/// Along what values are pushed.
///
/// ```
/// use gossip_node::Shape;
///
/// let tree: Shape = "tree:3".parse()?;
/// let place = tree.overlay(&1, 0..10).expect("a tree has a place for each");
/// assert_eq!((place.upstream(), place.downstream()), (&[0][..], &[4, 5, 6][..]));
/// assert_eq!(Shape::default().to_string(), "star");
/// # Ok::<(), gossip_node::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// Nothing is pushed: rounds repair what differs, with one node after the other.
    None,
    /// To and from the node whose id comes first.
    #[default]
    Star,
    /// A tree in which each node has so many children.
    Tree(NonZeroUsize),
    /// To the neighbours that the request `topology` names; nothing before it.
    Topology,
}

impl Shape {
    /// The shapes whose name is a word. One more of them takes a variant, a row here and an arm in
    /// [`overlay`](Self::overlay).
    const WORDS: [(&str, Self); 3] = [("none", Self::None), ("star", Self::Star), ("topology", Self::Topology)];

    /// The place of `me` among `nodes`, as far as these alone tell it: `None` where nothing is pushed, and where it is
    /// yet to be told its neighbours.
    pub fn overlay<P: Clone + Ord>(self, me: &P, nodes: impl IntoIterator<Item = P>) -> Option<Overlay<P>> {
        match self {
            Self::Star => Some(Overlay::star(me, nodes)),
            Self::Tree(fan_out) => Some(Overlay::tree(me, nodes, fan_out)),
            // Nobody has told the neighbours yet: until the request `topology` does, rounds do what pushes would.
            Self::None | Self::Topology => None,
        }
    }

    /// Whether values are pushed at all.
    pub const fn pushes(self) -> bool {
        !matches!(self, Self::None)
    }
}

/// As on a command line.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, Self::WORDS.iter().find(|(_, shape)| shape == self)) {
            (_, Some((word, _))) => f.write_str(word),
            (Self::Tree(fan_out), None) => write!(f, "{TREE}{fan_out}"),
            (_, None) => unreachable!("every other shape has a word"),
        }
    }
}

/// What the name of a tree begins with, before its fan-out.
const TREE: &str = "tree:";

/// A text that names no shape.
///
/// ```
/// use gossip_node::Shape;
///
/// let error = "tree:0".parse::<Shape>().unwrap_err();
/// assert_eq!(error.to_string(), "a shape is star, tree:K with K from 1, topology or none");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a shape is star, {TREE}K with K from 1, topology or none")]
pub struct ShapeError(());

impl FromStr for Shape {
    type Err = ShapeError;

    fn from_str(text: &str) -> Result<Self, ShapeError> {
        let word = Self::WORDS.iter().find(|(word, _)| *word == text).map(|&(_, shape)| shape);
        let tree = || text.strip_prefix(TREE).and_then(|fan_out| fan_out.parse().ok()).map(Self::Tree);
        word.or_else(tree).ok_or(ShapeError(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_read_as_it_is_written() {
        let tree = |fan_out| Shape::Tree(NonZeroUsize::new(fan_out).expect("from 1"));
        for shape in [Shape::None, Shape::Star, Shape::Topology, tree(1), tree(32)] {
            assert_eq!(shape.to_string().parse(), Ok(shape), "{shape}");
        }
        for text in ["", "Star", "tree", "tree:", "tree:0", "tree:-1", "graph"] {
            assert_eq!(text.parse::<Shape>(), Err(ShapeError(())), "{text}");
        }
    }
}
