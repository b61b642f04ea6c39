//! `Walks`: how many walks of ours are under way at once.

use alloc::collections::VecDeque;

/// The walks of our rounds, which ask peers for what we lack without knowing what it is. Two of them at once bring the same
/// elements twice, so one goes first. Each that ends lets two begin: what peers hold alone comes a few round trips later,
/// however many they are, and what they hold alike comes once or twice.
///
/// Ten replicas that each held a random half of 1 000 elements moved 1.5 copies for each that was needed, as the one
/// that all compare with walked with all nine at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Walks<P> {
    under_way: usize,
    /// How many may be under way.
    most: usize,
    /// Peers whose walks wait, in their order.
    waiting: VecDeque<P>,
}

/// A peer's part in [`Walks`]. Only they change it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Pass {
    /// None of our rounds walks with it.
    #[default]
    None,
    /// One is to walk, and others do.
    Waiting,
    /// One walks.
    Walking,
}

impl<P: Clone + PartialEq> Walks<P> {
    pub(super) const fn new() -> Self {
        Self { under_way: 0, most: 1, waiting: VecDeque::new() }
    }

    /// Returns whether a peer's walk may go on, or begin. If not it waits.
    pub(crate) fn admit(&mut self, peer: &P, pass: &mut Pass) -> bool {
        match pass {
            Pass::None if self.under_way < self.most => self.begin(pass),
            Pass::None => {
                *pass = Pass::Waiting;
                self.waiting.push_back(peer.clone());
            }
            Pass::Waiting | Pass::Walking => {}
        }
        *pass == Pass::Walking
    }

    fn begin(&mut self, pass: &mut Pass) {
        *pass = Pass::Walking;
        self.under_way += 1;
    }

    /// Admits a walk that has waited, whatever others do. Returns whether there is one.
    pub(crate) fn let_in(&mut self, peer: &P, pass: &mut Pass) -> bool {
        let waits = *pass == Pass::Waiting;
        if waits {
            self.waiting.retain(|other| other != peer);
            self.begin(pass);
        }
        waits
    }

    /// Ends a peer's walk, or its waiting for one. O(1) for a walk.
    pub(crate) fn leave(&mut self, peer: &P, pass: &mut Pass) {
        match core::mem::take(pass) {
            Pass::None => {}
            Pass::Waiting => self.waiting.retain(|other| other != peer),
            Pass::Walking => {
                self.under_way -= 1;
                self.most += 1;
            }
        }
        if self.under_way == 0 && self.waiting.is_empty() {
            self.most = 1;
        }
    }

    /// The next peer whose walk has waited and may begin.
    pub(crate) fn next(&self) -> Option<&P> {
        self.waiting.front().filter(|_| self.under_way < self.most)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn each_walk_that_ends_lets_two_begin() {
        let (mut walks, mut passes) = (Walks::new(), [Pass::None; 8]);
        let mut begun = [0; 4];
        assert!(walks.admit(&0, &mut passes[0]));
        assert!((1..8).all(|peer: usize| !walks.admit(&peer, &mut passes[peer])));
        for begun in &mut begun {
            let under_way: Vec<usize> = (0..8).filter(|&peer| passes[peer] == Pass::Walking).collect();
            *begun = under_way.len();
            under_way.into_iter().for_each(|peer| walks.leave(&peer, &mut passes[peer]));
            while let Some(&peer) = walks.next() {
                assert!(walks.let_in(&peer, &mut passes[peer]));
            }
        }
        assert_eq!(begun, [1, 2, 4, 1]);
        assert_eq!(walks, Walks::new());
    }

    #[test]
    fn who_waits_may_give_up_or_be_let_in_before_others() {
        let (mut walks, mut passes) = (Walks::new(), [Pass::None; 3]);
        let admitted = [0, 1, 2].map(|peer| walks.admit(&peer, &mut passes[peer]));
        assert_eq!((admitted, walks.next()), ([true, false, false], None));
        assert!(walks.let_in(&2, &mut passes[2]) && !walks.let_in(&2, &mut passes[2]));
        walks.leave(&1, &mut passes[1]);
        assert_eq!((passes, walks.next()), ([Pass::Walking, Pass::None, Pass::Walking], None));
        [0, 2].into_iter().for_each(|peer| walks.leave(&peer, &mut passes[peer]));
        assert_eq!(walks, Walks::new());
    }
}
