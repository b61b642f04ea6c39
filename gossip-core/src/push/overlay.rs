//! `Overlay`: the peers along which fresh elements are pushed.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::num::NonZeroUsize;

/// One replica's part of the overlay along which fresh elements are pushed: the candidates for its parent, and its
/// children or neighbours.
///
/// Every replica computes its own part from the same list of names, without a message. It attaches to the first
/// candidate that answers, and returns to a better one as soon as that answers again. All candidates come before it in
/// the order of names, so parents form no cycle, whichever replicas are cut off from each other.
///
/// ```
/// use core::num::NonZeroUsize;
/// use gossip_core::Overlay;
///
/// let nodes = || ["n1", "n2", "n3", "n4", "n5"];
/// assert_eq!(Overlay::star(&"n1", nodes()).downstream(), ["n2", "n3", "n4", "n5"]);
/// let binary = NonZeroUsize::new(2).unwrap();
/// let overlay = Overlay::tree(&"n5", nodes(), binary);
/// assert_eq!(overlay.upstream(), ["n2", "n1", "n3", "n4"]); // its parent, the root, and all others before it
/// assert_eq!(Overlay::tree(&"n2", nodes(), binary).downstream(), ["n4", "n5"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Overlay<P> {
    upstream: Vec<P>,
    downstream: Vec<P>,
    is_graph: bool,
}

impl<P: Clone + Ord> Overlay<P> {
    /// A star, with the first replica in the order of names as its hub: the fewest hops. The hub sends one message per
    /// interval to each other replica. `me` may or may not be one of `nodes`. O(nodes · log nodes).
    pub fn star(me: &P, nodes: impl IntoIterator<Item = P>) -> Self {
        Self::tree(me, nodes, NonZeroUsize::MAX)
    }

    /// A tree in which each replica has up to `fan_out` children, filled in the order of names: for clusters too large
    /// for one hub. `me` may or may not be one of `nodes`. O(nodes · log nodes).
    pub fn tree(me: &P, nodes: impl IntoIterator<Item = P>, fan_out: NonZeroUsize) -> Self {
        let mut nodes: BTreeSet<P> = nodes.into_iter().collect();
        nodes.insert(me.clone());
        let nodes: Vec<P> = nodes.into_iter().collect();
        let place = nodes.iter().position(|node| node == me).unwrap_or(0);
        // Places of a heap: the parent of place `i` is `(i − 1) / fan_out`, and its children follow `i · fan_out`.
        let mut above: Vec<usize> = Vec::new();
        let mut at = place;
        while at > 0 {
            at = (at - 1) / fan_out;
            above.push(at);
        }
        // Behind its ancestors come all others before it, so that it finds a parent while any of them answers. None
        // behind it: that one may have attached to us.
        let mut ancestors = above.iter().rev().copied().peekable();
        let others = (0..place).filter(|other| ancestors.next_if_eq(other).is_none()).collect::<Vec<_>>();
        let first = place.saturating_mul(fan_out.get()).saturating_add(1).min(nodes.len());
        let end = first.saturating_add(fan_out.get()).min(nodes.len());
        Self {
            upstream: above.into_iter().chain(others).map(|other| nodes[other].clone()).collect(),
            downstream: nodes[first..end].to_vec(),
            is_graph: false,
        }
    }

    /// Any graph: each replica lists its neighbours, and they list it. Elements travel along all edges, so edges beyond
    /// those of a tree cost messages, and spare detours where an edge is cut.
    pub fn of(neighbours: impl IntoIterator<Item = P>) -> Self {
        let neighbours: BTreeSet<P> = neighbours.into_iter().collect();
        Self { upstream: Vec::new(), downstream: neighbours.into_iter().collect(), is_graph: true }
    }

    /// The candidates for its parent, best first: it attaches to the first that answers. Empty for the root, and in a
    /// graph.
    pub fn upstream(&self) -> &[P] {
        &self.upstream
    }

    /// Its children: the replicas that attach to it while all answer; in a graph, its neighbours. They ascend.
    pub fn downstream(&self) -> &[P] {
        &self.downstream
    }

    pub(crate) const fn is_graph(&self) -> bool {
        self.is_graph
    }
}

/// A peer's standing in the overlay, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Standing {
    /// Elements go up to it.
    Parent,
    /// Elements from elsewhere go down to it.
    Child,
    /// An edge of a graph: elements from elsewhere go along it, and perhaps no other edge reaches the peer.
    Neighbour,
    /// Nothing is pushed to it.
    Detached,
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
