//! Along which peers fresh elements are pushed.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::num::NonZeroUsize;

/// A replica's place among those that push fresh elements to each other: whom it sends them up to, and whom down.
///
/// Every replica derives its own from the same names, without a word to the others. Above it stands a list: it attaches
/// to the first of it that answers, and comes back to a better one as soon as that does. Since whoever is above it comes
/// before it in the order of names, there are no cycles, whoever may be cut off from whom.
///
/// ```
/// use core::num::NonZeroUsize;
/// use gossip_core::Overlay;
///
/// let nodes = || ["n1", "n2", "n3", "n4", "n5"];
/// assert_eq!(Overlay::star(&"n1", nodes()).downstream(), ["n2", "n3", "n4", "n5"]);
/// let binary = NonZeroUsize::new(2).unwrap();
/// let place = Overlay::tree(&"n5", nodes(), binary);
/// assert_eq!(place.upstream(), ["n2", "n1", "n3", "n4"]); // its parent, the root, and whoever is left
/// assert_eq!(Overlay::tree(&"n2", nodes(), binary).downstream(), ["n4", "n5"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Overlay<P> {
    upstream: Vec<P>,
    downstream: Vec<P>,
    is_graph: bool,
}

impl<P: Clone + Ord> Overlay<P> {
    /// One hub, which is the first in the order of names: the fewest hops. Its hub sends as many messages an interval as
    /// there are others. `me` may or may not be one of `nodes`.
    pub fn star(me: &P, nodes: impl IntoIterator<Item = P>) -> Self {
        Self::tree(me, nodes, NonZeroUsize::MAX)
    }

    /// A tree in which everybody has up to `fan_out` others below, filled in the order of names: for clusters too large
    /// for one hub. `me` may or may not be one of `nodes`. O(nodes · log nodes).
    pub fn tree(me: &P, nodes: impl IntoIterator<Item = P>, fan_out: NonZeroUsize) -> Self {
        let mut nodes: BTreeSet<P> = nodes.into_iter().collect();
        nodes.insert(me.clone());
        let nodes: Vec<P> = nodes.into_iter().collect();
        let place = nodes.iter().position(|node| node == me).unwrap_or(0);
        let mut above: Vec<usize> = Vec::new();
        let mut at = place;
        while at > 0 {
            at = (at - 1) / fan_out;
            above.push(at);
        }
        let others = (0..place).filter(|other| !above.contains(other)).collect::<Vec<_>>();
        let first = place.saturating_mul(fan_out.get()).saturating_add(1).min(nodes.len());
        let end = first.saturating_add(fan_out.get()).min(nodes.len());
        Self {
            upstream: above.into_iter().chain(others).map(|other| nodes[other].clone()).collect(),
            downstream: nodes[first..end].to_vec(),
            is_graph: false,
        }
    }

    /// Any graph: each replica lists its neighbours, who list it. Elements travel along all edges, so more than a tree's
    /// cost messages, and spare the way around where one is cut.
    pub fn of(neighbours: impl IntoIterator<Item = P>) -> Self {
        let neighbours: BTreeSet<P> = neighbours.into_iter().collect();
        Self { upstream: Vec::new(), downstream: neighbours.into_iter().collect(), is_graph: true }
    }

    /// Whom it attaches to: the first of these that answers. Empty for the root, and in a graph.
    pub fn upstream(&self) -> &[P] {
        &self.upstream
    }

    /// Those who attach to it while nothing is amiss; in a graph, its neighbours.
    pub fn downstream(&self) -> &[P] {
        &self.downstream
    }

    pub(crate) const fn is_graph(&self) -> bool {
        self.is_graph
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_and_children_agree_and_parents_come_first() {
        for (count, fan_out) in (1..40).flat_map(|count| (1..6).map(move |fan_out| (count, fan_out))) {
            let fan_out = NonZeroUsize::new(fan_out).expect("from 1");
            let places: Vec<Overlay<usize>> = (0..count).map(|me| Overlay::tree(&me, 0..count, fan_out)).collect();
            for (me, place) in places.iter().enumerate() {
                assert!(place.upstream().iter().all(|other| *other < me));
                assert_eq!(place.upstream().iter().collect::<BTreeSet<_>>().len(), me, "all that come before, once");
                let parent = place.upstream().first();
                assert!(parent.is_none_or(|parent| places[*parent].downstream().contains(&me)));
                assert!(place.downstream().len() <= fan_out.get());
                assert!(place.downstream().iter().all(|child| places[*child].upstream().first() == Some(&me)));
            }
        }
    }

    #[test]
    fn a_graph_has_neighbours_and_nobody_above() {
        let place = Overlay::of([3, 1, 3]);
        assert_eq!((place.upstream(), place.downstream(), place.is_graph()), (&[][..], &[1, 3][..], true));
        assert!(!Overlay::star(&1, [1]).is_graph());
        assert_eq!(Overlay::star(&9, [1, 2]), Overlay::star(&9, [9, 2, 1]), "with or without itself, in any order");
    }
}
