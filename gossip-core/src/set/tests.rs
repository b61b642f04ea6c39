//! What is read out of a replica, beside a plain list of what went in.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Debug;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::pages::Stretch;
use super::{Excerpt, Held, Merged, PENDING, STEP_EVERY, Set};
use crate::codec::Encode;
use crate::config::Config;
use crate::config::Room;
use crate::element::{Element, Entry, Fingerprint, Numbers, Rank, Stored, StoredRef, TypeTag};
use crate::key::Key;
use crate::sketch::Tables;
use crate::wire::{Bound, Elements, Place};

fn config() -> Config {
    Config { max_element_bytes: 64, ..Config::default() }
}

fn replica<E: Element>(elements: &[E]) -> Set<E> {
    replica_under(&Key::open(), elements)
}

fn replica_under<E: Element>(key: &Key, elements: &[E]) -> Set<E> {
    let mut replica = Set::new(&Config { key: key.clone(), ..config() });
    for element in elements {
        replica.insert(element.clone()).expect("it is small");
    }
    replica.settle();
    replica
}

/// Elements of which four share an id that tells none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Crowd(u64);

impl Element for Crowd {
    const TYPE: TypeTag = TypeTag::new("crowd");
    const NUMBERS: Option<Numbers<Self>> = Some(Numbers { to: |crowd| crowd.0 / 4, from: |_| None });

    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        u64::decode(input).map(Self)
    }
}

/// The elements of a message.
fn merged<E: Element>(elements: &Elements) -> Vec<E> {
    values(Set::new(&config()).merge(elements).expect("they are of this type").learned)
}

fn values<E>(elements: Vec<Stored<E>>) -> Vec<E> {
    let value = |element| if let Stored::Value(element) = element { Some(element) } else { None };
    elements.into_iter().filter_map(value).collect()
}

/// In order of rank, without repetition.
fn sorted<E: Element + Ord>(elements: &[E], rank: impl Fn(&E) -> Rank) -> Vec<E> {
    let mut sorted: Vec<E> = elements.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
    sorted.sort_by_key(rank);
    sorted
}

/// A place among elements in this order, or between two of them.
fn bound<E>(sorted: &[E], rank: impl Fn(&E) -> Rank, (at, shift): (usize, u8)) -> Bound {
    let Some(element) = sorted.get(at % (sorted.len() + 1)) else { return Bound::End };
    let rank = rank(element);
    let Fingerprint { id, rest } = rank.fingerprint;
    Bound::At(match shift {
        0 => rank,
        1 => Rank::first_of(id),
        2 => Rank::first(Fingerprint { id, rest: rest.saturating_add(1) }),
        3 => Rank::first_of(id.saturating_add(1)),
        _ => return Bound::after(rank),
    })
}

/// Whether all of these fit one message.
fn fits<'a, E: Element>(replica: &Set<E>, elements: &'a [E], budget: usize) -> bool {
    let entry = |element: &'a E| Entry { id: replica.fingerprinter.encode(element).0.id, element: element.into() };
    let mut entries: Vec<Entry<'_, E>> = elements.iter().map(entry).collect();
    entries.sort_by_key(|entry| entry.id);
    Elements::fill(entries.iter().copied(), budget).left_out.is_none()
}

/// Beside or at one of the elements.
type Near = (usize, u8);

fn pages_are_all_there_is<E: Element + Ord + Debug>(
    key: &Key,
    elements: &[E],
    [from, reach, to]: [Near; 3],
    spared: &[bool],
    budget: usize,
) -> TestCaseResult {
    let replica = replica_under(key, elements);
    let rank = |element: &E| replica.fingerprinter.rank(element);
    let sorted = sorted(elements, rank);
    let [from, reach, to] = {
        let mut bounds = [from, reach, to].map(|place| bound(&sorted, rank, place));
        bounds.sort_unstable();
        bounds
    };
    // Who lists part of those of one fingerprint is sent all of them.
    let listed = |at: &Rank| from <= Bound::At(*at) && Bound::At(*at) < to;
    let all: Vec<(Rank, bool)> =
        sorted.iter().map(rank).zip(spared.iter().copied()).filter(|(at, _)| listed(at)).collect();
    let spared: Vec<Fingerprint> = all.iter().filter(|(_, spared)| *spared).map(|(rank, _)| rank.fingerprint).collect();
    let whole = |of: &Fingerprint| all.iter().all(|(rank, spared)| rank.fingerprint != *of || *spared);
    let mut told: Vec<Fingerprint> = spared.iter().copied().filter(whole).collect();
    told.dedup();
    let held = replica.told_apart(spared, from, to);
    prop_assert_eq!(held.iter().collect::<BTreeSet<_>>(), told.iter().collect());
    let within = |from: Bound, to: Bound, held: &[Fingerprint]| -> Vec<E> {
        let inside = |at: Rank| from <= Bound::At(at) && Bound::At(at) < to;
        let held = |at: Rank| held.contains(&at.fingerprint);
        sorted.iter().filter(|element| inside(rank(element)) && !held(rank(element))).cloned().collect()
    };

    let (page, covered) = replica.page(from, to, Held::Elements(&held), budget);
    prop_assert!(from <= covered && covered <= to);
    prop_assert!(page.count() == 0 || page.encoded_len() + from.excess() + covered.excess() <= budget);
    prop_assert_eq!(merged::<E>(&page), within(from, covered, &held));
    if covered < to {
        prop_assert!(!within(covered, to, &held).is_empty(), "it could have covered all");
        let budget = budget.saturating_sub(from.excess() + to.excess());
        prop_assert!(!fits(&replica, &within(from, to, &held), budget), "all would have fitted");
    }

    // Where all as far as `reach` is listed, what is covered goes on, by a short bound, to what comes next.
    let (page, covered) = replica.page_to(from, reach, to, budget);
    prop_assert_eq!(merged::<E>(&page), within(from, covered, &[]));
    if page.count() == within(from, reach, &[]).len() {
        let next = within(reach, to, &[]).first().map(rank);
        let gap = match (reach, next) {
            (_, None) => to,
            (Bound::At(last), Some(next)) if last < next => Bound::between(last, next),
            _ => reach,
        };
        // Longer bounds, among elements of one fingerprint, are not taken for nothing.
        prop_assert_eq!(covered, if gap.excess() > reach.excess() { reach } else { gap });
    }
    Ok(())
}

/// A batch of the log without the elements to skip, and where it ends.
fn batch<E: Element>(
    replica: &Set<E>,
    from: usize,
    room: impl Into<Room>,
    skip: impl Fn(usize) -> bool + Clone,
) -> (usize, Elements) {
    let parts = (from..replica.len()).filter(|place| !skip(*place)).map(|place| place..place + 1);
    let stretch = replica.batch(Place::new(from), parts, room, &Excerpt::default());
    (stretch.to.index(), stretch.elements)
}

fn batches_are_runs_of_the_log<E: Element + Ord + Debug>(
    elements: &[E],
    from: usize,
    skipped: &[bool],
    budget: usize,
) -> TestCaseResult {
    let replica = replica(elements);
    let log: Vec<E> = replica.since(Place::START).filter_map(StoredRef::value).cloned().collect();
    prop_assert_eq!(log.len(), elements.iter().collect::<BTreeSet<_>>().len());
    let from = from % (log.len() + 1);
    let skip = |place: usize| skipped.get(place).copied().unwrap_or(false);
    let run = |to: usize| -> BTreeSet<E> {
        (from..to).filter(|place| !skip(*place)).map(|place| log[place].clone()).collect()
    };
    let (to, batch) = batch(&replica, from, budget, skip);
    prop_assert!((from..=log.len()).contains(&to) && (to > from || from == log.len()));
    prop_assert_eq!(merged::<E>(&batch).into_iter().collect::<BTreeSet<_>>(), run(to));
    prop_assert!(batch.count() <= 1 || batch.encoded_len() <= budget, "{} in {budget}", batch.encoded_len());
    if budget > 20_000 {
        prop_assert_eq!(to, log.len());
    } else if to < log.len() {
        prop_assert!(!skip(to), "it could have covered more");
        let rest: Vec<E> = run(log.len()).into_iter().collect();
        let bytes: usize = rest.iter().map(|element| replica.fingerprinter.encode(element).1.len()).sum();
        prop_assert!(bytes > budget || !fits(&replica, &rest, budget), "all would have fitted");
    }
    Ok(())
}

/// An excerpt that goes on from a place as the log grows, until it has more than so many bytes, does for a batch what a look
/// at the log does.
fn excerpts_do_for_batches<E: Element>(
    elements: &[E],
    [begins, from]: [usize; 2],
    skipped: &[bool],
    [most, budget]: [usize; 2],
) -> TestCaseResult {
    let replica = replica(elements);
    let from = from % (replica.len() + 1);
    let begins = begins % (from + 1);
    let mut shared = Excerpt::default();
    for end in [replica.len().midpoint(begins), replica.len()] {
        let next = begins + shared.len();
        replica.look_on(&mut shared, core::iter::once(next..end), most);
    }
    prop_assert!(!shared.is_whole() || shared.len() == replica.len() - begins);
    let parts = (from..replica.len()).filter(|place| !skipped.get(*place).copied().unwrap_or(false));
    let batch = |shared| {
        let Stretch { to, elements, tried, .. } =
            replica.batch(Place::new(from), parts.clone().map(|place| place..place + 1), budget, shared);
        (to, elements, tried)
    };
    prop_assert_eq!(batch(&shared), batch(&Excerpt::default()));
    Ok(())
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-z]{0,30}", 0..60)
}

fn numbers() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(prop_oneof![0_u64..200, any::<u64>()], 0..60)
}

fn budget() -> impl Strategy<Value = usize> {
    prop_oneof![0_usize..40, 0_usize..600, Just(1 << 20)]
}

proptest! {
    #[test]
    fn a_page_has_all_of_its_interval_and_fits(
        (texts, numbers) in (texts(), numbers()),
        places in any::<[(u8, u8); 3]>(),
        spared in prop::collection::vec(any::<bool>(), 60),
        budget in budget(),
    ) {
        let places = places.map(|(at, shift)| (usize::from(at), shift % 5));
        pages_are_all_there_is(&Key::open(), &texts, places, &spared, budget)?;
        pages_are_all_there_is(&Key::open(), &numbers, places, &spared, budget)?;
        let crowds: Vec<Crowd> = numbers.iter().map(|number| Crowd(number % 100)).collect();
        pages_are_all_there_is(&Key::open(), &crowds, places, &spared, budget)?;
    }

    #[cfg(feature = "sim")]
    #[test]
    fn a_page_goes_on_among_elements_of_one_fingerprint(
        numbers in numbers(),
        others in prop::collection::vec(any::<(u64, u64)>(), 0..6),
        places in any::<[(u8, u8); 3]>(),
        spared in prop::collection::vec(any::<bool>(), 60),
        budget in budget(),
    ) {
        use crate::sim::forge::alike;

        let places = places.map(|(at, shift)| (usize::from(at), shift % 5));
        let all = numbers.into_iter().map(|number| (0, number)).chain(others);
        let all: Vec<[u8; 32]> = all.map(|(kind, number)| alike(kind, number)).collect();
        pages_are_all_there_is(&Key::weak(), &all, places, &spared, budget)?;
    }

    #[test]
    fn a_batch_is_a_run_of_the_log_and_fits(
        (texts, numbers) in (texts(), numbers()),
        from in 0_usize..60,
        skipped in prop::collection::vec(any::<bool>(), 0..60),
        // Any budget holds one largest element.
        budget in prop_oneof![80_usize..600, Just(1 << 20)],
    ) {
        batches_are_runs_of_the_log(&texts, from, &skipped, budget)?;
        batches_are_runs_of_the_log(&numbers, from, &skipped, budget)?;
    }

    #[test]
    fn what_was_looked_at_for_others_makes_the_same_batch(
        (texts, numbers) in (texts(), numbers()),
        places in [0_usize..60, 0..60],
        skipped in prop::collection::vec(any::<bool>(), 0..60),
        most in 0_usize..600,
        budget in 80_usize..600,
    ) {
        excerpts_do_for_batches(&texts, places, &skipped, [most, budget])?;
        excerpts_do_for_batches(&numbers, places, &skipped, [most, budget])?;
        // Their ids take up to 8 bytes for 1.
        let bytes: Vec<u8> = numbers.iter().map(|number| (number % 256) as u8).collect();
        excerpts_do_for_batches(&bytes, places, &skipped, [most, budget])?;
    }

    #[test]
    fn what_is_held_is_what_was_inserted(texts in texts(), others in texts()) {
        let replica = replica(&texts);
        let held: BTreeSet<&String> = texts.iter().collect();
        prop_assert!(texts.iter().chain(&others).all(|text| replica.contains(text) == held.contains(text)));
        prop_assert_eq!(replica.iter().collect::<BTreeSet<_>>(), held.clone());
        prop_assert_eq!((replica.len(), replica.state().digest.count()), (held.len(), held.len() as u64));
        let bytes: usize = held.iter().map(|text| text.len() + 1).sum();
        prop_assert_eq!(replica.state().bytes, bytes as u64);
    }
}

#[test]
fn a_page_that_reaches_just_to_an_element_does_not_cover_it() {
    let replica = replica::<u64>(&[1, 2, 3]);
    for (listed, entry) in replica.entries(Rank::default()).enumerate() {
        let reach = Bound::At(replica.rank(entry));
        let (page, covered) = replica.page_to(Bound::START, reach, Bound::End, usize::MAX);
        assert_eq!((page.count(), covered), (listed, reach));
    }
}

#[test]
fn a_batch_ends_where_the_next_of_the_log_would_not_fit() {
    let texts =
        |lens: &[usize]| -> Vec<String> { lens.iter().enumerate().map(|(at, len)| format!("{at:0len$}")).collect() };
    // Each takes a byte more than it has, and the run two.
    let many_short = replica(&texts(&[&[3; 20][..], &[30; 10]].concat()));
    for (budget, end) in [(20 * 4 + 1, 19), (20 * 4 + 2, 20), (20 * 4 + 2 + 30, 20), (20 * 4 + 2 + 31, 21)] {
        assert_eq!(batch(&many_short, 0, budget, |_| false).0, end, "{budget}");
    }
    let count = |from, room, skip: fn(usize) -> bool| {
        let (to, elements) = batch(&many_short, from, room, skip);
        (to, elements.count())
    };
    assert_eq!(count(25, Room::from(32), |_| false), (25, 0), "not one fits");
    assert_eq!(count(25, Room { of_many: 32, of_one: 33 }, |_| false), (26, 1), "one goes alone");
    assert_eq!(count(15, Room::from(100), |place| place % 2 == 0), (25, 5));
}

#[test]
fn names_are_entered_in_the_sketch_many_at_a_time() {
    let mut replica = Set::<u64>::new(&config());
    for count in 1..=2 * PENDING {
        replica.insert(count as u64).expect("it is small");
        assert_eq!(replica.pending.len(), count % PENDING);
    }
    replica.insert(0).expect("it is small");
    replica.settle();
    assert_eq!(replica.pending.len(), 0);
}

#[test]
fn what_is_merged_waits_until_the_sketch_is_read() {
    let theirs = replica::<u64>(&(0..300).collect::<Vec<_>>());
    let (all, _) = theirs.page(Bound::START, Bound::End, Held::NONE, usize::MAX);
    let mut ours = replica::<u64>(&[1]);
    ours.merge(&all).expect("they are numbers");
    assert_eq!(ours.pending.len(), 299);
    ours.lengthen(0);
    assert_eq!((ours.pending.len(), ours.pending.capacity()), (0, STEP_EVERY));
    let cells = |replica: &Set<u64>| replica.tables().map(|tables| tables.covering(64).sequence(0..64));
    assert_eq!(cells(&ours), cells(&theirs));
}

#[test]
fn a_longer_sketch_is_there_soon_after_it_is_due() {
    let mut replica = Set::<u64>::new(&config());
    let mut longest = |count: u64| {
        (replica.len() as u64..count).for_each(|number| _ = replica.insert(number).expect("it is small"));
        replica.tables.as_ref().map_or(0, Tables::longest)
    };
    // 2^14 cells are made in 4 steps, and 32 768 elements and half of those that come meanwhile are entered in 17.
    let there = 0x8000 + 20 * STEP_EVERY as u64;
    assert_eq!([0x8000, there - 1, there].map(&mut longest), [1 << 12, 1 << 12, 1 << 14]);
    replica.settle();
    let of_all = Tables::build(replica.fingerprinter.sketch_key(), 0x8000, replica.store.ids());
    assert_eq!(replica.tables().map(|tables| tables.covering(1 << 14)), Some(of_all.covering(1 << 14)));
}

#[test]
fn what_is_merged_is_told_once_and_counted_whole() {
    let theirs = replica::<u64>(&[1, 2, 3, 4]);
    let (all, _) = theirs.page(Bound::START, Bound::End, Held::NONE, usize::MAX);
    let mut ours = replica::<u64>(&[2, 5]);
    let Merged { learned, held, bytes, .. } = ours.merge(&all).expect("they are numbers");
    assert_eq!(learned.capacity(), 3, "no more is allocated than there is to learn");
    let mut learned = values(learned);
    learned.sort_unstable();
    assert_eq!((learned, held.len(), bytes), (alloc::vec![1, 3, 4], 4, 4 * 8));
    assert!(held.is_sorted());
    assert_eq!(ours.len(), 5);
}

#[test]
fn an_element_over_the_limit_is_refused_wherever_it_comes_from() {
    let long = "x".repeat(64);
    let mut wide = Set::new(&Config { max_element_bytes: 100, ..config() });
    let mut narrow = replica(&[String::from("short")]);
    let before = narrow.digest();
    let refused = narrow.insert(long.clone()).expect_err("it has 65 bytes");
    assert_eq!((refused.len, refused.limit), (65, 64));
    narrow.insert("x".repeat(63)).expect("it has 64 bytes");
    assert_eq!((narrow.len(), narrow.digest() == before), (2, false));
    wide.insert(long).expect("it has 65 bytes");
    wide.insert(String::from("other")).expect("it is short");
    let (all, _) = wide.page(Bound::START, Bound::End, Held::NONE, usize::MAX);
    let before = narrow.digest();
    assert!(narrow.merge(&all).is_err());
    assert_eq!(narrow.digest(), before, "nothing of it is merged");
}
