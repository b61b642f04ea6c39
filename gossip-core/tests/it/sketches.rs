//! Rounds by sketch over sets that are hard to tell apart: differences of all sizes, ids that several elements share,
//! and ids that are not what they seem.

use core::fmt::Debug;
use core::ops::Range;
use std::cell;

use crate::common::{Network, open_key, wide};
use gossip_core::sim::forge;
use gossip_core::sketch::{Cell, Prefix};
use gossip_core::{AntiEntropy, Config, Element, MessageKind, Numbers, TypeTag};

use MessageKind::{Cells, Give, Probe, Proof, Repair};

/// A round of machine 0 that ends with both sets united, and both sides with a proof of it.
fn round<E: Element + Ord + Debug>(sets: [Vec<E>; 2]) -> Network<E> {
    let union: Vec<E> = sets.concat();
    let mut net = Network::pair(&Config::default(), sets);
    net.machines[0].sync_now(&1);
    net.settle();
    net.assert_in_sync(union);
    assert_eq!(net.proofs.len(), 2);
    assert_eq!(net.ledgers().iter().map(|ledger| ledger.proofs).sum::<u64>(), 1);
    net
}

fn both<E>(sets: [Range<u64>; 2], element: fn(u64) -> E) -> [Vec<E>; 2] {
    sets.map(|numbers| numbers.map(element).collect())
}

/// Sketches read, top-ups and walks of both sides.
fn efforts<E: Element>(net: &Network<E>) -> [u64; 3] {
    let [ours, theirs] = net.ledgers();
    [ours.sketches + theirs.sketches, ours.top_ups + theirs.top_ups, ours.walks + theirs.walks]
}

#[test]
fn a_small_difference_takes_two_round_trips() {
    let numbers = |ours, theirs| {
        let net = round(both([ours, theirs], |number| number));
        (net.kinds(), net.bytes(), efforts(&net))
    };
    let told = |kinds: &[_], bytes, sketches| (kinds.to_vec(), bytes, [sketches, 0, 0]);
    let repaired = [(0, Probe), (1, Cells), (0, Repair), (1, Proof)];
    assert_eq!(numbers(0..10_000, 0..10_000), told(&[(0, Probe), (1, Proof)], 104, 0));
    // One more is the difference of the digests: the peer learns it from the probe, or it is given in answer.
    assert_eq!(numbers(0..10_001, 0..10_000), told(&[(0, Probe), (1, Proof)], 104, 0));
    assert_eq!(numbers(0..10_000, 0..10_001), told(&[(0, Probe), (1, Give), (0, Proof)], 134, 0));
    assert_eq!(numbers(0..10_003, 3..10_006), told(&repaired, 311, 1));

    // What is no number has to be fetched.
    let others = |ours, theirs| {
        let net = round(both([ours, theirs], wide));
        (net.kinds(), net.bytes(), efforts(&net))
    };
    assert_eq!(others(0..10_000, 0..10_000), told(&[(0, Probe), (1, Proof)], 104, 0));
    assert_eq!(others(0..10_001, 0..10_000), told(&repaired, 287, 0));
    assert_eq!(others(0..10_000, 0..10_001), told(&[(0, Probe), (1, Give), (0, Proof)], 158, 0));
    let fetched = [(0, Probe), (1, Cells), (0, Repair), (1, Give), (0, Proof)];
    assert_eq!(others(0..10_000, 0..10_002), told(&fetched, 362, 1));
}

#[test]
fn a_larger_difference_costs_what_differs_until_pages_cost_less() {
    // Of numbers, and of other elements: sketches, top-ups and walks; and the most bytes for each element that differs.
    let cases = [
        ("a hundred ours", [0_u64..10_100, 0..10_000], ([1, 0, 0], 22), ([1, 0, 0], 42)),
        ("a hundred theirs", [0..10_000, 0..10_100], ([1, 0, 0], 14), ([1, 0, 0], 46)),
        ("half ours", [0..10_000, 0..5_000], ([0, 0, 1], 14), ([1, 1, 0], 40)),
        ("half theirs", [0..5_000, 0..10_000], ([0, 0, 1], 14), ([1, 1, 0], 40)),
        ("all", [0..10_000, 10_000..20_000], ([0, 0, 1], 7), ([0, 0, 1], 33)),
    ];
    for (name, sets, of_numbers, of_others) in cases {
        let [ours, theirs] = &sets;
        let differences = ours.start.abs_diff(theirs.start) + ours.end.abs_diff(theirs.end);
        let net = round(both(sets.clone(), |number| number));
        assert_eq!((efforts(&net), net.bytes().div_ceil(differences)), of_numbers, "{name}");
        let net = round(both(sets, wide));
        assert_eq!((efforts(&net), net.bytes().div_ceil(differences)), of_others, "{name}");
    }
}

thread_local! {
    /// Ids of crowds tell nothing (0), the first of the four, whether it is there or not (1), or that only where they are even
    /// (2). No type for each: a machine takes 5 s to compile.
    static TOLD: cell::Cell<u64> = const { cell::Cell::new(0) };
}

/// Elements of which four share an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Crowd(u64);

impl Element for Crowd {
    const TYPE: TypeTag = TypeTag::new("crowd");
    const NUMBERS: Option<Numbers<Self>> = Some(Numbers {
        to: |crowd| crowd.0 / 4,
        from: |id| {
            let told = TOLD.get() > 0 && id.is_multiple_of(TOLD.get());
            told.then(|| id.checked_mul(4)).flatten().map(Self)
        },
    });

    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        u64::decode(input).map(Self)
    }
}

/// All ways to spread the four elements of one id over both sides, alone and beside another id; how many rounds read a
/// sketch, and how many had to page the sets.
fn crowds_are_told_apart(told: u64) -> [u64; 2] {
    TOLD.set(told);
    let chosen =
        |of: u64, id: u64| (0..4).filter(move |place| of >> place & 1 == 1).map(move |place| Crowd(4 * id + place));
    let [mut read, mut paged] = [0, 0];
    for (ours, theirs) in (0..16).flat_map(|ours| (0..16).map(move |theirs| (ours, theirs))) {
        for [our_others, their_others] in [[0, 0], [0, 1], [1, 0], [2, 4], [0, 7]] {
            let set = |crowd, others| -> Vec<Crowd> {
                (100..200).map(|id| Crowd(4 * id)).chain(chosen(crowd, 6)).chain(chosen(others, 7)).collect()
            };
            let net = round([set(ours, our_others), set(theirs, their_others)]);
            let [sketches, _, walks] = efforts(&net);
            (read, paged) = (read + sketches, paged + walks);
        }
    }
    [read, paged]
}

#[test]
fn elements_that_share_an_id_are_told_apart() {
    // Of 1 280 rounds. Where a name tells an element, a claim is confirmed to the last bit.
    assert_eq!(crowds_are_told_apart(0), [114, 1140]);
    assert_eq!(crowds_are_told_apart(1), [22, 1146]);
    // Where only some names do, what others tell may not pass with what is yet to be fetched.
    assert_eq!(crowds_are_told_apart(2), [103, 1147]);
}

/// The ids of these two agree in 48 bits: the sketch has one name for both. Found among 2^25.
const NAMESAKES: [u64; 2] = [3_189_896, 19_781_496];

#[test]
fn elements_whose_names_in_the_sketch_are_equal_are_told_apart() {
    let [one, other] = NAMESAKES;
    assert_eq!(id(wide(one)) >> 16, id(wide(other)) >> 16);
    let cases: [(&[u64], &[u64]); 6] = [
        (&[], &[one, other]),
        (&[one, other], &[]),
        (&[one], &[other]),
        (&[one], &[one, other]),
        (&[one, other], &[one]),
        (&[one], &[one, other, 1, 2, 3]),
    ];
    for (ours, theirs) in cases {
        let set = |own: &[u64]| (30_000_000..30_001_000).chain(own.iter().copied()).map(wide).collect();
        let net = round([set(ours), set(theirs)]);
        // What cancels cannot be read, and what is one of two has another count or another digest. One more is told by
        // digests alone.
        let is_told = ours.len().abs_diff(theirs.len()) == 1;
        assert_eq!(efforts(&net), if is_told { [0, 0, 0] } else { [0, 2, 1] });
    }
}

/// The id of an element: the low half of its fingerprint, which is the digest of the set of it alone.
fn id<E: Element>(element: E) -> u64 {
    let mut machine = AntiEntropy::<usize, E>::new(Config::default(), 1);
    machine.insert(element).expect("it is small");
    forge::sum(machine.digest()) as u64
}

/// What the first 32 cells of the sketch of these names are read as.
fn readings(names: &[u64]) -> Vec<Vec<u64>> {
    let mut cells = vec![Cell::EMPTY; 32];
    names.iter().for_each(|&name| open_key().toggle_in_sequence(&mut cells, 0, name));
    Prefix::from_sequence(cells).decodings(&open_key()).collect()
}

/// Each pair shares all three cells of a table of 32, and the exclusive or of their ids has the check and the places of
/// one element: they are read as that. Found among 40 000.
const MERGING: [[u64; 2]; 3] = [[4_781, 19_542], [11_819, 28_274], [8_118, 30_171]];

#[test]
fn an_id_that_is_none_is_never_merged() {
    for [one, other] in MERGING {
        assert_eq!(readings(&[id(one), id(other)]), [[id(one) ^ id(other)]]);
        for (ours, theirs) in [(&[][..], &[one, other][..]), (&[one, other], &[]), (&[one], &[other])] {
            let set = |own: &[u64]| (1_000_000..1_010_000).chain(own.iter().copied()).collect();
            // More cells tell.
            assert_eq!(efforts(&round([set(ours), set(theirs)])), [1, 2, 0]);
        }
    }
}

/// The same of three names that are not numbers, found among 10^5: of two on one side and one on the other, the reading
/// has the right count, and that is all there is to go by before something is fetched.
#[test]
fn a_reading_that_leads_nowhere_gives_way_to_pages() {
    let [one, another, third] = [2_529, 14_353, 22_448];
    let names = [one, another, third].map(|number| id(wide(number)) >> 16);
    assert_eq!(readings(&names), [[names[0] ^ names[1] ^ names[2]]]);
    for (ours, theirs) in [(one, [another, third]), (another, [one, third]), (third, [one, another])] {
        let set = |own: &[u64]| (1_000_000..1_010_000).chain(own.iter().copied()).map(wide).collect();
        let net = round([set(&[ours]), set(&theirs)]);
        assert_eq!(efforts(&net), [1, 0, 1]);
    }
}

#[test]
fn id_0_and_check_0_are_nothing_special() {
    // What the mix of numbers makes 0.
    let zero = 0x61c8_8646_80b5_83eb;
    assert_eq!(id(zero), 0);
    let check = |number: u64| {
        // Everything falls into a single cell.
        let mut cell = [Cell::EMPTY];
        open_key().toggle_in_sequence(&mut cell, 0, id(number));
        cell[0].check()
    };
    let unchecked: Vec<u64> = (0..100).filter(|&number| check(number) == 0).collect();
    assert_eq!((unchecked.len(), check(zero) & 1), (24, 1));

    for special in [vec![zero], unchecked[..1].to_vec(), unchecked[..8].to_vec()] {
        for others in [0..0, 3_000..3_003] {
            let set =
                |own: &[u64], others: Range<u64>| (1_000..2_000).chain(own.iter().copied()).chain(others).collect();
            for [ours, theirs] in [[&special[..], &[]], [&[], &special[..]]] {
                for [our_others, their_others] in [[0..0, others.clone()], [others.clone(), 0..0]] {
                    let is_told = ours.len() + theirs.len() == 1 && others.is_empty();
                    let net = round::<u64>([set(ours, our_others), set(theirs, their_others)]);
                    assert_eq!(efforts(&net), [u64::from(!is_told), 0, 0]);
                }
            }
        }
        // Beside nothing at all.
        round([special.clone(), vec![]]);
        round([vec![], special]);
    }
}

/// A pair that had a proof of 10 000 elements in common. Then each inserts these, and machine 0 begins a round: the
/// bytes and messages of that.
fn again<E: Element + Ord + Debug>(own: [Range<u64>; 2], element: fn(u64) -> E) -> (u64, Vec<(usize, MessageKind)>) {
    let mut net = round(both([0..10_000, 0..10_000], element));
    for (machine, own) in net.machines.iter_mut().zip(own.clone()) {
        machine.extend(own.map(element)).expect("they are small");
    }
    let (before, bytes) = (net.sent.len(), net.bytes());
    net.machines[0].sync_now(&1);
    net.settle();
    net.assert_in_sync((0..10_000).chain(own[0].clone()).chain(own[1].clone()).map(element));
    assert_eq!(net.ledgers().map(|ledger| ledger.walks), [0, 0]);
    (net.bytes() - bytes, net.kinds().split_off(before))
}

#[test]
fn whose_sets_were_equal_pays_for_what_the_peer_got_since() {
    let probe_to_proof = vec![(0, Probe), (1, Cells), (0, Repair), (1, Proof)];
    let given = vec![(0, Probe), (1, Give), (0, Proof)];
    // The peer has one more, or each has one, or five; then they have the same, or the peer has nothing new.
    for (own, of_numbers) in [
        ([0..0, 20_000..20_001], (70, given.clone())),
        ([20_000..20_001, 30_000..30_001], (139, probe_to_proof.clone())),
        ([20_000..20_005, 30_000..30_005], (228, probe_to_proof.clone())),
        ([20_000..20_020, 20_001..20_021], (386, probe_to_proof.clone())),
        ([20_000..20_001, 0..0], (40, vec![(0, Probe), (1, Proof)])),
        ([20_000..21_000, 0..0], (7_040, probe_to_proof.clone())),
    ] {
        assert_eq!(again(own, |number| number), of_numbers);
    }
    assert_eq!(again([20_000..20_100, 0..0], wide), (3_289, probe_to_proof));
}

/// It holds as much as it did, or little more, but other things, and tells deep bits as one does who knows nothing. So what
/// is known of it counts for nothing.
#[test]
fn a_peer_that_has_lost_its_memory_is_met_for_the_first_time() {
    for (own, other) in [(1_000..11_000, 0), (1_000..11_000, 10), (1_000..11_010, 10)] {
        let mut net = round(both([0..10_000, 0..10_000], |number| number));
        let seeded = Network::new([Config::default(), Config::default()], 7);
        net.machines[0] = seeded.machines.into_iter().next().expect("a pair");
        net.machines[0].extend(own.clone()).expect("they are small");
        net.machines[1].extend(20_000..20_000 + other).expect("they are small");
        let before = net.sent.len();
        net.machines[0].sync_now(&1);
        net.settle();
        net.assert_in_sync((0..own.end).chain(20_000..20_000 + other));
        let kinds = &net.kinds()[before..];
        assert!(kinds.starts_with(&[(0, Probe), (1, Cells)]) && !kinds[1..].contains(&(0, Probe)), "{kinds:?}");
        assert_eq!(net.ledgers().map(|ledger| ledger.walks), [0, 0]);
    }
}
