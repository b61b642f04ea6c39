//! What a peer's sketch or walk tells: the reading table, and when marks are raised.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Range;

use super::context::Toggle;
use super::{Forgetting, Item, Rule, apply};
use crate::digest::Digest;
use crate::element::{Dot, Element, Named, ReplicaId, Says};
use crate::set::{Causal, Claim};
use crate::sketch::{Cell, IdWidth, Prefix, WideName, cancel_pairs};
use crate::wire::{Place, WISH};

/// The names of a difference, by whose they are.
#[derive(Default)]
struct Sides {
    ours: Vec<Named>,
    theirs: Vec<Named>,
}

impl<K: Element + Ord, V: Element> Forgetting<K, V> {
    /// The claim that these names differ, if our names with that difference have the peer's digest.
    pub(crate) fn confirm(&self, names: &[WideName], width: IdWidth, theirs: Digest) -> Option<Claim> {
        let (mut sides, mut expected) = (Sides::default(), self.digest);
        for &name in names {
            let named = Named::from_wide(name)?;
            if self.holds(named) {
                expected.remove(self.fingerprint(named));
                sides.ours.push(named);
            } else {
                expected.add(self.fingerprint(named));
                sides.theirs.push(named);
            }
        }
        (expected == theirs).then(|| self.claim(&sides, width))
    }

    /// The claim of a map that was as ours is some changes ago, by its digest alone.
    pub(crate) fn known_claim(&self, theirs: Digest) -> Option<Claim> {
        let mut names: Vec<WideName> = self.names_since(self.place_of(theirs.tag())?).collect();
        names.sort_unstable();
        // What came and went since is where it was.
        cancel_pairs(&mut names);
        self.confirm(&names, Self::WIDTH, theirs)
    }

    /// Reads the table: what becomes of each name that one side alone has.
    fn claim(&self, sides: &Sides, width: IdWidth) -> Claim {
        let of = |names: &[Named], says| {
            names.iter().filter(move |named| named.says == says).map(|named| named.dot).collect()
        };
        let [live, gone, marks] = [Says::Live, Says::Gone, Says::Mark].map(|says| of(&sides.theirs, says));
        let [our_live, our_gone, our_marks]: [Vec<Dot>; 3] =
            [Says::Live, Says::Gone, Says::Mark].map(|says| of(&sides.ours, says));
        let (live, gone, mut marks): (Vec<Dot>, BTreeSet<Dot>, Vec<Dot>) =
            (live, Vec::into_iter(gone).collect(), marks);
        marks.sort_unstable();
        let mut theirs: BTreeMap<ReplicaId, u32> = our_marks.iter().map(|mark| (mark.replica, 0)).collect();
        theirs.extend(marks.iter().map(|mark| (mark.replica, mark.counter)));
        // Marks that both have cancel, so of a replica that is not here theirs is ours.
        let their_mark = |replica| theirs.get(&replica).copied().unwrap_or_else(|| self.context.mark(replica));
        let have_seen = |dot: &Dot| dot.counter <= their_mark(dot.replica) || gone.contains(dot);
        let (mut dropped, mut given): (Vec<Dot>, Vec<Dot>) = our_live.into_iter().partition(have_seen);
        let (mut seen, mut wished): (Vec<Dot>, Vec<Dot>) =
            live.into_iter().partition(|&dot| self.context.has_seen(dot));
        let broken = |rule, dots: &mut Vec<Dot>| if self.breaks(rule) { core::mem::take(dots) } else { Vec::new() };
        broken(Rule::Drop, &mut dropped).clear();
        broken(Rule::TellGone, &mut seen).clear();
        seen.extend(broken(Rule::Wish, &mut wished));
        dropped.extend(broken(Rule::Give, &mut given));
        let gone_there = sorted(dropped.into_iter().chain(gone.iter().copied()));
        let gone_here = sorted(seen.into_iter().chain(our_gone.into_iter().filter(|dot| !have_seen(dot))));
        let id = |dot: Dot| self.fingerprint(Named::live(dot)).id;
        let wanted = sorted(wished.iter().map(|&dot| id(dot) >> WISH));
        let causal =
            Causal { gone_there, gone_here, wished, marks, theirs: theirs.into_iter().collect(), end: Place::START };
        Claim {
            ours: sorted(given.into_iter().map(id)),
            wanted,
            width,
            causal: Some(Box::new(causal)),
            ..Claim::default()
        }
    }

    /// Takes over what is gone at the peer. Returns the entries that went.
    pub(crate) fn take_over(&mut self, causal: &Causal) -> Vec<Item<K, V>> {
        causal.marks.iter().chain(&causal.gone_there).for_each(|&dot| self.hear_of(dot));
        causal.gone_there.iter().filter_map(|&dot| self.see_gone(dot)).collect()
    }

    /// Raises marks to those of a state that was read, once each dot that was wished for is seen.
    pub(crate) fn adopt(&mut self, causal: &Causal) {
        if causal.wished.iter().all(|&dot| self.context.has_seen(dot)) || self.breaks(Rule::WishesFirst) {
            self.raise(&causal.marks);
        }
    }

    /// Raises marks to those that came with a question for a verdict, if the digest with them has the asker's tag. Returns
    /// how many names it hashed to know.
    pub(crate) fn adopt_if(&mut self, marks: &[Dot], tag: u64) -> usize {
        let toggles = self.context.if_raised(marks);
        let hashed = toggles.len();
        if hashed > 0 && (self.digest_after(toggles).tag() == tag || self.breaks(Rule::Verdict)) {
            self.raise(marks);
        }
        hashed
    }

    /// Raises marks to those that a walk was told, if what is live here is what is live there: if our entries have the
    /// peer's digest with the context that it has told, these marks and the dots `gone` beyond them.
    pub(crate) fn adopt_told(&mut self, marks: &[Dot], gone: &[Dot], theirs: Digest) {
        let (marks, gone) = (sorted(marks.iter().copied()), sorted(gone.iter().copied()));
        let mark_of = |replica| {
            let found = marks.binary_search_by_key(&replica, |mark| mark.replica);
            found.map_or(0, |found| marks[found].counter)
        };
        let mut told = self.digest;
        told.subtract(self.of_context);
        let exceptions = gone.iter().filter(|dot| dot.counter > mark_of(dot.replica)).map(|&dot| Named::gone(dot));
        for named in marks.iter().map(|mark| Named::mark(mark.replica, mark.counter)).chain(exceptions) {
            apply(Toggle::In(named), self.fingerprint(named), &mut told);
        }
        if told == theirs || self.breaks(Rule::Walk) {
            self.raise(&marks);
        }
    }

    /// Our marks of these replicas that are above those of the peer.
    pub(crate) fn marks_above(&self, theirs: &[(ReplicaId, u32)]) -> Vec<Dot> {
        let above = theirs.iter().filter(|(replica, theirs)| self.context.mark(*replica) > *theirs);
        above.map(|&(replica, _)| Dot::new(replica, self.context.mark(replica))).collect()
    }

    /// The marks of a peer that has told all, with 0 for each replica of ours that it has none of.
    pub(crate) fn beside(&self, told: &[Dot]) -> Vec<(ReplicaId, u32)> {
        let ours = self.context.marks_from(ReplicaId::from_bits(0)).map(|mark| (mark.replica, 0));
        let all: BTreeMap<_, _> = ours.chain(told.iter().map(|mark| (mark.replica, mark.counter))).collect();
        all.into_iter().collect()
    }

    /// End of the log when the digest had this tag; `None` if that is too long ago, or never was.
    pub(crate) fn place_of(&self, tag: u64) -> Option<Place> {
        let (mut digest, mut place) = (self.digest, self.changes.end());
        for (before, toggle) in self.past.back_to(self.past.since()) {
            if before < place {
                if digest.tag() == tag {
                    return Some(Place::new(place));
                }
                place = before;
            }
            undo(toggle, self.fingerprint(name_of(toggle)), &mut digest);
        }
        (digest.tag() == tag).then_some(Place::new(place))
    }

    /// Cells of the sketch as they were when the log ended at `place`; `None` if that is forgotten.
    pub(crate) fn cells(&self, range: Range<usize>, place: Place) -> Option<Vec<Cell>> {
        let tables = self.tables.as_ref()?;
        let mut cells = tables.covering(range.end).sequence(range.clone())?;
        if place.index() < self.past.since() {
            return None;
        }
        self.names_since(place).for_each(|name| tables.key().toggle_name_in_sequence(&mut cells, range.start, name));
        Some(cells)
    }

    /// Subtracts our names, as they were when the log ended at `place`, from a peer's first cells. Where that is forgotten,
    /// as they are.
    pub(crate) fn subtract(&self, cells: &[Cell], place: Place) -> Option<Prefix> {
        let tables = self.tables.as_ref()?;
        let mut cells = cells.to_vec();
        self.names_since(place).for_each(|name| tables.key().toggle_name_in_sequence(&mut cells, 0, name));
        tables.covering(cells.len()).difference(&cells)
    }

    /// Names that have changed since the log ended at `place`; none where that is forgotten.
    pub(crate) fn names_since(&self, place: Place) -> impl Iterator<Item = WideName> {
        let is_known = place.index() >= self.past.since();
        let toggles = is_known.then(|| self.past.back_to(place.index())).into_iter().flatten();
        toggles.map(|(_, toggle)| name_of(toggle).to_wide())
    }
}

const fn name_of(toggle: Toggle) -> Named {
    let (Toggle::In(named) | Toggle::Out(named)) = toggle;
    named
}

/// Takes a change of a name back.
fn undo(toggle: Toggle, fingerprint: crate::element::Fingerprint, digest: &mut Digest) {
    let back = match toggle {
        Toggle::In(named) => Toggle::Out(named),
        Toggle::Out(named) => Toggle::In(named),
    };
    apply(back, fingerprint, digest);
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items.dedup();
    items
}
