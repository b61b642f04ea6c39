//! The set of a map beside a plain model: what was seen, and what is live.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::config::Room;
use crate::message::Remarks;
use crate::set::Held;
use crate::wire::{Bound, Dots, Elements};

type Set = Forgetting<u8, u64>;

/// The state of a replica, plainly: two sets, and their join.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Plain {
    seen: BTreeSet<Dot>,
    live: BTreeMap<Dot, (u8, u64, u64)>,
}

impl Plain {
    fn join(&mut self, other: &Self) {
        self.live.retain(|dot, _| other.live.contains_key(dot) || !other.seen.contains(dot));
        for (dot, entry) in &other.live {
            if !self.seen.contains(dot) {
                self.live.insert(*dot, *entry);
            }
        }
        self.seen.extend(&other.seen);
    }

    fn names(&self) -> BTreeSet<Named> {
        let mark = |replica| (1..).take_while(|&counter| self.seen.contains(&Dot::new(replica, counter))).last();
        let marks = self.seen.iter().filter_map(|dot| Some(Named::mark(dot.replica, mark(dot.replica)?)));
        let is_beyond = |dot: &&Dot| mark(dot.replica).is_none_or(|mark| dot.counter > mark);
        let gone = self.seen.iter().filter(|dot| !self.live.contains_key(*dot)).filter(is_beyond);
        marks.chain(gone.map(|dot| Named::gone(*dot))).chain(self.live.keys().map(|dot| Named::live(*dot))).collect()
    }
}

fn set(index: u64) -> Set {
    Set::new(&Config::default(), ReplicaId::from_bits(index + 1), index)
}

fn plain(set: &Set) -> Plain {
    let live = set.items().map(|item| (item.dot, (item.key, item.generation, item.value))).collect();
    let replicas: BTreeSet<ReplicaId> = set.names().map(|named| named.dot.replica).collect();
    let dots = replicas.iter().flat_map(|&replica| {
        let last = set.context.last_of(replica);
        (1..=last).map(move |counter| Dot::new(replica, counter))
    });
    Plain { seen: dots.filter(|dot| set.context.has_seen(*dot)).collect(), live }
}

/// What all that is derived would be if it were made anew.
fn check(set: &mut Set) -> Result<(), TestCaseError> {
    let names: BTreeSet<Named> = set.names().collect();
    prop_assert_eq!(&names, &plain(set).names());
    let mut digest = Digest::EMPTY;
    names.iter().for_each(|named| digest.add(set.fingerprint(*named)));
    prop_assert_eq!(set.digest(), digest);
    let count = digest.count() as usize;
    set.settle();
    let tables = Tables::build_of(set.fingerprinter.sketch_key(), count, names.iter().map(|named| named.to_wide()));
    let cells = |tables: &Tables<WideName>| tables.covering(40).sequence(0..40);
    prop_assert_eq!(cells(set.tables().expect("it has one")), cells(&tables));
    let bytes: usize = set
        .items()
        .map(|item| {
            let mut out = Vec::new();
            item.encode(&mut out);
            out.len()
        })
        .sum();
    prop_assert_eq!(set.state().bytes, bytes as u64);
    let by_key: BTreeSet<Dot> = (0..=u8::MAX).flat_map(|key| set.items_of(&key).map(|item| item.dot)).collect();
    prop_assert!(by_key.into_iter().eq(plain(set).live.into_keys()));
    Ok(())
}

/// All that a set has to say.
fn all(set: &Set) -> (Elements, Remarks) {
    let (elements, to) = set.page(Bound::START, Bound::End, Held::NONE, Room::from(1 << 20));
    let (marks, gone, reach) = set.context_between(Bound::START, Bound::End, true, 1 << 20);
    assert_eq!((to, reach), (Bound::End, Bound::End));
    (elements, Remarks { end: set.end(), gone, marks })
}

#[derive(Clone, Debug)]
enum Act {
    Insert(usize, u8),
    Remove(usize, u8),
    Join(usize, usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0_usize..3, 0_u8..5).prop_map(|(at, key)| Act::Insert(at, key)),
        2 => (0_usize..3, 0_u8..5).prop_map(|(at, key)| Act::Remove(at, key)),
        1 => (0_usize..3, 0_usize..3).prop_map(|(at, from)| Act::Join(at, from)),
    ]
}

proptest! {
    #[test]
    fn states_join_as_two_plain_sets_do(acts in prop::collection::vec(act(), 0..60)) {
        let (mut sets, mut plains) = ([0, 1, 2].map(set), [const { None }; 3].map(|_: Option<()>| Plain::default()));
        for (value, act) in (0..).zip(acts) {
            match act {
                Act::Insert(at, key) => {
                    let replaced = sets[at].insert(key, value).expect("it is short");
                    let (own, plain) = (sets[at].own(), &mut plains[at]);
                    let dot = Dot::new(own, plain.seen.iter().filter(|dot| dot.replica == own).count() as u32 + 1);
                    let old = plain.live.values().filter(|entry| entry.0 == key);
                    let (count, generation) = old.fold((0, 0), |(count, most), entry| (count + 1, most.max(entry.1)));
                    prop_assert_eq!(replaced, count);
                    plain.live.retain(|_, entry| entry.0 != key);
                    plain.seen.insert(dot);
                    plain.live.insert(dot, (key, generation + 1, value));
                }
                Act::Remove(at, key) => {
                    let before = plains[at].live.len();
                    plains[at].live.retain(|_, entry| entry.0 != key);
                    prop_assert_eq!(sets[at].remove(&key), before - plains[at].live.len());
                }
                Act::Join(at, from) => {
                    let other = plains[from].clone();
                    let (elements, mut remarks) = all(&sets[from]);
                    // What the receiver holds, and the sender has seen and not, as a claim tells it.
                    let gone = plains[at].live.keys().filter(|dot| other.seen.contains(dot) && !other.live.contains_key(dot));
                    let gone: BTreeSet<Dot> = gone.chain(remarks.gone.as_slice()).copied().collect();
                    remarks.gone = Dots::fill(gone, usize::MAX);
                    let marks = remarks.marks.clone();
                    sets[at].merge(&elements, &remarks).expect("it is sound");
                    sets[at].raise(marks.as_slice());
                    plains[at].join(&other);
                }
            }
            for (set, expected) in sets.iter_mut().zip(&plains) {
                prop_assert_eq!(&plain(set), expected);
                check(set)?;
                let winner = |key: u8| expected.live.iter().filter(|(_, entry)| entry.0 == key).max_by_key(|(dot, entry)| (entry.1, **dot));
                let winners = (0..5).filter_map(|key| winner(key).map(|(_, entry)| (key, entry.2)));
                prop_assert!(set.range::<u8>(..).map(|item| (item.key, item.value)).eq(winners));
            }
        }
    }

    #[test]
    fn pages_have_all_of_an_interval_once(
        acts in prop::collection::vec((0_u8..60, any::<bool>()), 0..200),
        from in any::<u64>(), to in any::<u64>(), bytes in 60_usize..800,
    ) {
        let mut set = set(0);
        for (value, (key, is_removed)) in (0..).zip(acts) {
            if is_removed { set.remove(&key); } else { set.insert(key, value).expect("it is short"); }
        }
        let (from, to) = (Bound::of_name(from.min(to), 0), Bound::of_name(from.max(to), 0));
        let (mut cursor, mut dots) = (from, Vec::new());
        while cursor < to {
            let (elements, covered) = set.page(cursor, to, Held::NONE, Room::from(bytes));
            prop_assert!(covered > cursor && elements.count() > 0 || covered == to);
            let mut other = super::tests::set(9);
            other.merge(&elements, &Remarks::default()).expect("it is sound");
            dots.extend(other.items().map(|item| item.dot));
            cursor = covered;
        }
        let is_in = |dot: &Dot| {
            let at = Bound::At(crate::element::Rank::first(set.fingerprint(Named::live(*dot))));
            from <= at && at < to
        };
        dots.sort_unstable();
        prop_assert!(dots.into_iter().eq(plain(&set).live.into_keys().filter(is_in)));
    }
}

#[test]
fn states_of_the_last_thousand_changes_are_known() {
    let mut set = set(0);
    let mut states = Vec::new();
    for change in 0..3_000_u64 {
        set.settle();
        let cells = set.tables().expect("it has one").covering(20).sequence(0..20);
        states.push((set.end(), set.digest().tag(), cells));
        match change % 5 {
            4 => _ = set.remove(&(change as u8 % 7)),
            _ => _ = set.insert(change as u8 % 7, change).expect("it is short"),
        }
    }
    set.settle();
    for (place, tag, cells) in states {
        // An insert that replaces something is two changes, and no state is between them.
        let is_recent = place.index() + 1_024 >= set.end().index();
        assert!(!is_recent || set.place_of(tag).is_some(), "{place:?}");
        if let Some(known) = set.place_of(tag) {
            assert_eq!(set.cells(0..20, known), cells, "{place:?}");
        }
        assert_eq!(set.cells(0..20, place).is_some(), place.index() >= set.past.since(), "{place:?}");
    }
}

/// A peer that has a state of ours is given what came since. To one that has seen an entry go that would be said for ever.
#[test]
fn what_a_restore_passes_through_is_no_state_that_it_had() {
    let mut saver = set(0);
    saver.insert(1, 1).expect("it is short");
    let (saved, place) = (saver.save(), saver.end());
    let mut remover = Set::restore(&Config::default(), ReplicaId::from_bits(7), 0, &saved).expect("it was saved");
    remover.remove(&1);
    let removed = remover.digest();
    let restored = Set::restore(&Config::default(), ReplicaId::from_bits(8), 0, &saved).expect("it was saved");
    assert_eq!((restored.lacks(removed), restored.lacks(saver.digest())), (None, None));

    saver.insert(2, 2).expect("it is short");
    let changes = saver.save_since(place).expect("it is known");
    let mut replayed = Set::restore(&Config::default(), ReplicaId::from_bits(9), 0, &saved).expect("it was saved");
    replayed.restore_since(&changes).expect("it was saved");
    let mut remover =
        Set::restore(&Config::default(), ReplicaId::from_bits(7), 0, &saver.save()).expect("it was saved");
    remover.remove(&2);
    assert_eq!(replayed.lacks(remover.digest()), None);
    // What it has been given since is told apart.
    let before = replayed.digest();
    replayed.insert(3, 3).expect("it is short");
    assert!(replayed.lacks(before).is_some());
}

#[test]
fn a_dot_with_two_values_is_reported_and_a_replica_that_hears_of_itself_takes_another_id() {
    let [mut one, mut other, mut third] = [set(0), set(0), set(1)];
    one.insert(1, 1).expect("it is short");
    other.insert(1, 2).expect("it is short");
    let merge = |into: &mut Set, from: &Set| {
        let (elements, remarks) = all(from);
        into.merge(&elements, &remarks).expect("it is sound");
    };
    merge(&mut third, &one);
    merge(&mut third, &other);
    assert_eq!(third.take_fork(), Some(ReplicaId::from_bits(1)));
    assert_eq!(third.items_of(&1).map(|item| item.value).collect::<Vec<_>>(), [1], "neither is replaced");
    other.insert(2, 3).expect("it is short");
    merge(&mut one, &other);
    assert_eq!(one.take_fork(), Some(ReplicaId::from_bits(1)));
    assert_ne!(one.own(), ReplicaId::from_bits(1));
    one.insert(3, 4).expect("it is short");
    assert_eq!(one.items_of(&3).next().map(|item| item.dot), Some(Dot::new(one.own(), 1)));
}

#[test]
fn a_refused_message_changes_nothing() {
    let [mut set, mut other] = [set(0), set(1)];
    set.insert(1, 1).expect("it is short");
    other.insert(2, 2).expect("it is short");
    let (elements, remarks) = all(&other);
    let Elements::Encoded(_) = &elements else { panic!("entries are encoded") };
    let before = set.digest();
    let ids = Elements::Ids(crate::wire::Ids::fill(&[7], 100));
    assert!(set.merge(&ids, &remarks).is_err());
    assert_eq!(set.digest(), before);
}

proptest! {
    #[test]
    fn what_is_saved_is_restored_and_what_is_damaged_is_refused(acts in prop::collection::vec(act(), 0..40), at in any::<u16>(), bit in 0_u8..8) {
        let mut sets = [0, 1, 2].map(set);
        for (value, act) in (0..).zip(acts) {
            match act {
                Act::Insert(at, key) => _ = sets[at].insert(key, value).expect("it is short"),
                Act::Remove(at, key) => _ = sets[at].remove(&key),
                Act::Join(at, from) => {
                    // In part, so that there are exceptions.
                    let (elements, remarks) = all(&sets[from]);
                    sets[at].merge(&elements, &remarks).expect("it is sound");
                }
            }
        }
        let saved = sets[0].save();
        let restore = |saved: &[u8]| Set::restore(&Config::default(), ReplicaId::from_bits(77), 1, saved);
        let mut restored = restore(&saved).expect("it was saved");
        prop_assert_eq!(restored.digest(), sets[0].digest());
        prop_assert_eq!(plain(&restored), plain(&sets[0]));
        check(&mut restored)?;
        let at = usize::from(at) % saved.len();
        prop_assert!([0, at, saved.len() - 1].into_iter().all(|len| restore(&saved[..len]).is_err()));
        let mut damaged = saved;
        damaged[at] ^= 1 << bit;
        // Whatever it says, nothing panics; a counter of it may be beyond what a plain set could list.
        drop(restore(&damaged));

        // The same of changes: those since any place make of the state there the last one, and damaged ones change nothing.
        let place = sets[0].end();
        prop_assert!(restored.restore_since(&sets[0].save_since(place).expect("nothing has changed")).is_ok());
        sets[0].insert(3, 1_000).expect("it is short");
        sets[0].remove(&5);
        let changes = sets[0].save_since(place).expect("they are few");
        let before = restored.digest();
        for cut in [0, at % changes.len(), changes.len() - 1] {
            prop_assert!(restored.restore_since(&changes[..cut]).is_err() && restored.digest() == before);
        }
        for _ in 0..2 {
            restored.restore_since(&changes).expect("they were saved");
            prop_assert_eq!((restored.digest(), plain(&restored)), (sets[0].digest(), plain(&sets[0])));
            check(&mut restored)?;
        }
        let mut damaged = changes;
        let at = at % damaged.len();
        damaged[at] ^= 1 << bit;
        _ = restored.restore_since(&damaged);
    }
}
