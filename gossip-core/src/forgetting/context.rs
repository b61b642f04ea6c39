//! `Context`: which dots a replica has seen.

use crate::element::{Dot, Named, ReplicaId};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The dots that a replica has seen: for each replica all up to a mark, and exceptions beyond it. A dot that is seen and
/// not live is gone, which is all that is kept of a removal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Context {
    marks: BTreeMap<ReplicaId, u32>,
    /// Dots seen beyond the marks. No counter follows its mark at once: then the mark is raised.
    beyond: BTreeMap<Dot, Seen>,
}

/// What has become of an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Seen {
    Live,
    Gone,
}

/// A name that a change of the context or of what is live has put in or taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Toggle {
    In(Named),
    Out(Named),
}

/// A mark as it would be if it were raised.
struct Raise {
    /// Where it ends: as high as asked for, and over the exceptions that follow.
    to: u32,
    toggles: Vec<Toggle>,
}

impl Context {
    /// The mark of a replica: all its dots up to there are seen.
    pub(crate) fn mark(&self, replica: ReplicaId) -> u32 {
        self.marks.get(&replica).copied().unwrap_or(0)
    }

    pub(crate) fn has_seen(&self, dot: Dot) -> bool {
        dot.counter <= self.mark(dot.replica) || self.beyond.contains_key(&dot)
    }

    /// The marks, from this replica's on.
    pub(crate) fn marks_from(&self, first: ReplicaId) -> impl Iterator<Item = Dot> {
        self.marks.range(first..).map(|(&replica, &counter)| Dot::new(replica, counter))
    }

    /// The exceptions that are gone, from this dot on.
    pub(crate) fn gone_from(&self, first: Dot) -> impl Iterator<Item = Dot> {
        self.beyond.range(first..).filter(|(_, seen)| **seen == Seen::Gone).map(|(dot, _)| *dot)
    }

    /// The greatest counter of this replica that was seen.
    pub(crate) fn last_of(&self, replica: ReplicaId) -> u32 {
        let beyond = self.beyond.range(Dot::new(replica, 0)..=Dot::new(replica, u32::MAX)).next_back();
        beyond.map_or_else(|| self.mark(replica), |(dot, _)| dot.counter)
    }

    /// How many names it has: one for each mark, and for each exception that is gone.
    #[cfg(test)]
    pub(crate) fn names(&self) -> impl Iterator<Item = Named> {
        let first = Dot::new(ReplicaId::from_bits(0), 0);
        let marks = self.marks_from(first.replica).map(|dot| Named::mark(dot.replica, dot.counter));
        marks.chain(self.gone_from(first).map(Named::gone))
    }

    /// Sees a dot, live or gone, that was not seen.
    pub(crate) fn see(&mut self, dot: Dot, live: bool) -> Vec<Toggle> {
        if self.mark(dot.replica).checked_add(1) == Some(dot.counter) {
            return self.raise(dot.replica, dot.counter);
        }
        self.beyond.insert(dot, if live { Seen::Live } else { Seen::Gone });
        let toggle = Toggle::In(Named::gone(dot));
        if live { Vec::new() } else { [toggle].into() }
    }

    /// Notes that a live dot is gone.
    pub(crate) fn lose(&mut self, dot: Dot) -> Option<Toggle> {
        // Below the mark, that it is not live says it all.
        let seen = self.beyond.get_mut(&dot)?;
        *seen = Seen::Gone;
        Some(Toggle::In(Named::gone(dot)))
    }

    /// Raises a mark, if it is lower.
    pub(crate) fn raise(&mut self, replica: ReplicaId, counter: u32) -> Vec<Toggle> {
        let Some(raise) = self.raised(replica, counter) else { return Vec::new() };
        self.marks.insert(replica, raise.to);
        while let Some((&dot, _)) = self.beyond.range(Dot::new(replica, 0)..=Dot::new(replica, raise.to)).next() {
            self.beyond.remove(&dot);
        }
        raise.toggles
    }

    /// The names that would change if these marks were raised.
    pub(crate) fn if_raised(&self, marks: &[Dot]) -> Vec<Toggle> {
        let raises = marks.iter().filter_map(|mark| self.raised(mark.replica, mark.counter));
        raises.flat_map(|raise| raise.toggles).collect()
    }

    /// The mark of a replica as it would be if it were raised; `None` if it is as high.
    fn raised(&self, replica: ReplicaId, counter: u32) -> Option<Raise> {
        let before = self.mark(replica);
        if counter <= before {
            return None;
        }
        let (mut to, mut toggles) = (counter, Vec::new());
        if before > 0 {
            toggles.push(Toggle::Out(Named::mark(replica, before)));
        }
        for (&dot, &seen) in self.beyond.range(Dot::new(replica, 0)..=Dot::new(replica, u32::MAX)) {
            if dot.counter > to && Some(dot.counter) != to.checked_add(1) {
                break;
            }
            to = to.max(dot.counter);
            if seen == Seen::Gone {
                toggles.push(Toggle::Out(Named::gone(dot)));
            }
        }
        toggles.push(Toggle::In(Named::mark(replica, to)));
        Some(Raise { to, toggles })
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Act {
        See(Dot, bool),
        Lose(usize),
        Raise(Dot),
    }

    fn dot() -> impl Strategy<Value = Dot> {
        (0_u64..3, 1_u32..12).prop_map(|(replica, counter)| Dot::new(ReplicaId::from_bits(replica), counter))
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            5 => (dot(), any::<bool>()).prop_map(|(dot, live)| Act::See(dot, live)),
            2 => any::<usize>().prop_map(Act::Lose),
            1 => dot().prop_map(Act::Raise),
        ]
    }

    /// Names by the definition: of the dots seen, and of those that are live.
    fn names(seen: &BTreeSet<Dot>, live: &BTreeSet<Dot>) -> BTreeSet<Named> {
        let mark = |replica| (1..).take_while(|&counter| seen.contains(&Dot::new(replica, counter))).last();
        let replicas = seen.iter().map(|dot| dot.replica);
        let marks = replicas.filter_map(|replica| Some(Named::mark(replica, mark(replica)?)));
        let is_beyond = |dot: &&Dot| mark(dot.replica).is_none_or(|mark| dot.counter > mark);
        marks.chain(seen.difference(live).filter(is_beyond).copied().map(Named::gone)).collect()
    }

    proptest! {
        /// As told by a set of the dots seen.
        #[test]
        fn a_context_is_what_a_set_of_dots_would_be(acts in prop::collection::vec(act(), 0..60)) {
            let (mut context, mut held) = (Context::default(), BTreeSet::new());
            let (mut seen, mut live) = (BTreeSet::new(), BTreeSet::new());
            for act in acts {
                let toggles = match act {
                    Act::See(dot, is_live) => {
                        if !seen.insert(dot) {
                            continue;
                        }
                        if is_live {
                            live.insert(dot);
                        }
                        context.see(dot, is_live)
                    }
                    Act::Lose(which) => {
                        let Some(&dot) = live.iter().nth(which % live.len().max(1)) else { continue };
                        live.remove(&dot);
                        context.lose(dot).into_iter().collect()
                    }
                    Act::Raise(mark) => {
                        seen.extend((1..=mark.counter).map(|counter| Dot::new(mark.replica, counter)));
                        let foretold = context.if_raised(&[mark]);
                        let toggles = context.raise(mark.replica, mark.counter);
                        prop_assert_eq!(&foretold, &toggles);
                        toggles
                    }
                };
                for toggle in toggles {
                    match toggle {
                        Toggle::In(name) => prop_assert!(held.insert(name)),
                        Toggle::Out(name) => prop_assert!(held.remove(&name)),
                    }
                }
                prop_assert_eq!(&held, &names(&seen, &live));
                prop_assert_eq!(&context.names().collect::<BTreeSet<_>>(), &held);
                for dot in (0..3).flat_map(|replica| (1..14).map(move |counter| Dot::new(ReplicaId::from_bits(replica), counter))) {
                    prop_assert_eq!(context.has_seen(dot), seen.contains(&dot));
                    let last = seen.iter().filter(|seen| seen.replica == dot.replica).map(|dot| dot.counter).max();
                    prop_assert_eq!(context.last_of(dot.replica), last.unwrap_or(0));
                }
            }
        }
    }

    #[test]
    fn a_counter_at_its_end_overflows_nothing() {
        let replica = ReplicaId::from_bits(1);
        let mut context = Context::default();
        assert_eq!(
            context.see(Dot::new(replica, u32::MAX), false),
            [Toggle::In(Named::gone(Dot::new(replica, u32::MAX)))]
        );
        context.raise(replica, u32::MAX - 1);
        assert_eq!((context.mark(replica), context.beyond.len()), (u32::MAX, 0));
        assert_eq!(context.raise(replica, u32::MAX), []);
    }
}
