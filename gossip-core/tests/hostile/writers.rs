//! What a writer who chooses elements can do where the key is open, and cannot where it is secret and nobody shows them
//! digests.

use core::fmt::Debug;
use core::hash::Hasher as _;
use std::collections::BTreeSet;

use crate::common::{Network, open_key, wide};
use gossip_core::sim::forge;
use gossip_core::sketch::{Cell, Prefix};
use gossip_core::{AntiEntropy, Config, Economy, Element, Key, MessageKind};
use siphasher::sip128::{Hasher128, SipHasher24};
use xxhash_rust::xxh3::xxh3_128;

use MessageKind::{Probe, Proof};

#[test]
fn sixteen_numbers_make_two_sets_of_one_digest() {
    // Ids are chosen, as their mix is undone: those of a pair are one step apart. Of every other list the pairs are
    // turned, so that ids add up alike whichever pairs are picked, and the high halves are all there is to search.
    let pair = |list: usize, index: usize| {
        let id = (list as u64) << 32 | index as u64;
        let [one, other] = [id, id | 1 << 63].map(unmix);
        if list.is_multiple_of(2) { [one, other] } else { [other, one] }
    };
    let fingerprint = |number: u64| xxh3_128(&number.to_le_bytes()) >> 64 << 64 | u128::from(mix(number));
    let tree = Tree { depth: 3, from: 64, bits: 16 };
    let picks = tree.zero(|list| {
        let pairs = (0..1 << 16).map(|index| pair(list, index).map(fingerprint));
        pairs.map(|[ours, theirs]| ours.wrapping_sub(theirs)).collect()
    });
    let picked: Vec<[u64; 2]> = picks.iter().enumerate().map(|(list, &index)| pair(list, index.into())).collect();
    let sets = [0, 1].map(|side| picked.iter().map(|pair| pair[side]).collect::<Vec<u64>>());
    assert_eq!(sets.each_ref().map(Vec::len), [8, 8]);
    let common: Vec<u64> = (0..10_000).collect();
    equal_by_their_digests(&Config::default(), &sets, &common);
    equal_by_repair(&secret(), &sets, &common);
}

#[test]
fn a_given_set_has_a_double() {
    let given: Vec<[u8; 32]> = (0..512).map(wide).collect();
    let double = double(&given, |elements| elements.iter().map(|element| open_hash(element)).collect());
    let (sets, common) = ([given, double], (10_000..20_000).map(wide).collect::<Vec<_>>());
    equal_by_their_digests(&Config::default(), &sets, &common);
    equal_by_repair(&secret(), &sets, &common);
}

/// The open key's hash of more than 8 bytes.
fn open_hash(bytes: &[u8]) -> u128 {
    let mut hasher = SipHasher24::new_with_key(b"gossip open hash");
    hasher.write(bytes);
    u128::from_le_bytes(hasher.finish128().as_bytes())
}

/// The fingerprint, which is the digest of the set of it alone.
fn fingerprint<E: Element>(element: E) -> u128 {
    let mut machine = AntiEntropy::<usize, E>::new(Config::default(), 1);
    machine.insert(element).expect("it is small");
    forge::sum(machine.digest())
}

/// Where 8 bytes are the public secret's, XXH3 multiplies by 0 whatever the next 8 are. So these can make up for what
/// others do.
#[test]
fn strings_that_xxh3_does_not_tell_apart_have_fingerprints_of_their_own() {
    // In 256 bytes, with two of length before: of the second lanes of two stripes the products are 0, and so is the sum of
    // what is added.
    let long = |number: u64| {
        let mut bytes = vec![0; 256];
        for (at, secret, high) in [(8, 0x2c81_017c, number), (72, 0xe96d_d4de, (1 << 31) - number)] {
            let lane = high << 32 | secret;
            bytes[at..at + 8].copy_from_slice(&lane.to_le_bytes());
        }
        bytes[..2].copy_from_slice(&[0xfe, 1]);
        bytes
    };
    let (mut shorts, mut longs) = (BTreeSet::new(), BTreeSet::new());
    for number in 1..1_000 {
        let [like, short] = [1, number].map(|number| forge::alike(0, number));
        assert_eq!(xxh3_128(&short), xxh3_128(&like));
        assert!(shorts.insert(fingerprint(short)));
        let [like, long] = [1, number].map(long);
        assert_eq!(xxh3_128(&long), xxh3_128(&like));
        assert!(longs.insert(fingerprint(long[2..].to_vec())));
    }
}

/// XXH3 can be undone up to 16 bytes, so of these there is one of 16 bytes for the hash of any other.
#[test]
fn strings_of_up_to_eight_bytes_alone_are_hashed_by_xxh3() {
    for len in 0..20 {
        let string = vec![7; len];
        let encoding = [&[len as u8], &string[..]].concat();
        let expected = if encoding.len() <= 8 { xxh3_128(&encoding) } else { open_hash(&encoding) };
        assert_eq!(fingerprint(string), expected, "{len}");
    }
}

#[test]
fn two_elements_of_one_fingerprint_are_not_told_apart_and_are_both_kept() {
    let mut config = Config::default();
    config.key = Key::weak();
    let own = [1, 2].map(|number| vec![forge::alike(0, number)]);
    let common: Vec<[u8; 32]> = (0..10_000).map(wide).collect();
    let mut net = proven_equal(&config, &own.each_ref().map(|own| [&common[1..], own].concat()));
    // Whatever else differs later, nothing tells these apart; but who has got both keeps both.
    assert!(net.machines[1].insert(common[0]).expect("it is small"));
    net.machines[0].sync_now(&1);
    net.settle();
    assert_eq!(net.machines.iter().map(AntiEntropy::len).collect::<Vec<_>>(), [10_001; 2]);
    assert!(net.machines[1].insert(own[0][0]).expect("it is small"));
    net.machines[0].sync_now(&1);
    net.settle();
    net.assert_in_sync(own.concat().into_iter().chain(common.iter().copied()));
    equal_by_repair(&secret(), &own, &common);
    equal_by_repair(&Config::default(), &own, &common);
}

/// How far a key goes: a digest less the one before is a fingerprint, and that is all the search needs.
#[test]
fn whoever_reads_digests_under_a_key_needs_no_key() {
    let mut config = secret();
    config.economy = Economy::Pages;
    let read = |elements: &[[u8; 32]]| {
        let mut replica = AntiEntropy::<usize, [u8; 32]>::new(config.clone(), 1);
        let mut before = 0;
        let fingerprints = elements.iter().map(|&element| {
            assert!(replica.insert(element).expect("it is small"));
            let sum = forge::sum(replica.digest());
            sum.wrapping_sub(core::mem::replace(&mut before, sum))
        });
        fingerprints.collect()
    };
    let given: Vec<[u8; 32]> = (0..512).map(wide).collect();
    let double = double(&given, read);
    equal_by_their_digests(&secret(), &[given, double], &(10_000..20_000).map(wide).collect::<Vec<_>>());
}

/// As many other elements as are given, with the same sum of fingerprints. It takes those of 2^22.
fn double(given: &[[u8; 32]], fingerprints: impl Fn(&[[u8; 32]]) -> Vec<u128>) -> Vec<[u8; 32]> {
    let sum = fingerprints(given).into_iter().fold(0, u128::wrapping_add);
    let element = |list: usize, index: usize| wide(1 << 40 | (list as u64) << 13 | index as u64);
    let tree = Tree { depth: given.len().ilog2(), from: 0, bits: 13 };
    let picks = tree.zero(|list| {
        let mut list_sums = fingerprints(&(0..1 << 13).map(|index| element(list, index)).collect::<Vec<_>>());
        if list == 0 {
            list_sums.iter_mut().for_each(|first| *first = first.wrapping_sub(sum));
        }
        list_sums
    });
    picks.iter().enumerate().map(|(list, &index)| element(list, index.into())).collect()
}

/// Round after round proves two sets equal that are not, until each has something else: its round repairs all. What one has
/// more is told by the digest, which is that of a state of its own.
fn equal_by_their_digests<E: Element + Ord + Debug>(config: &Config, own: &[Vec<E>; 2], common: &[E]) {
    let ([late, later, last], common) = common.split_first_chunk().expect("some");
    let sets = own.each_ref().map(|own| [common, own].concat());
    let mut net = proven_equal(config, &sets);
    assert!(net.machines[1].insert(late.clone()).expect("it is small"));
    net.machines[0].sync_now(&1);
    net.settle();
    assert!(net.machines.iter().all(|machine| machine.contains(late)));
    assert!(net.machines[0].insert(later.clone()).expect("it is small"));
    assert!(net.machines[1].insert(last.clone()).expect("it is small"));
    net.machines[0].sync_now(&1);
    net.settle();
    net.assert_in_sync(sets.concat().into_iter().chain([late, later, last].map(E::clone)));
}

/// Round after round proves these equal, which leaves them as they are.
fn proven_equal<E: Element + Ord + Debug>(config: &Config, sets: &[Vec<E>; 2]) -> Network<E> {
    let mut net = Network::pair(config, sets.clone());
    assert_eq!(net.machines[0].digest(), net.machines[1].digest());
    for [asking, asked] in [[0, 1], [1, 0], [0, 1]] {
        net.sent.clear();
        net.machines[asking].sync_now(&asked);
        net.settle();
        assert_eq!(net.kinds(), [(asking, Probe), (asked, Proof)]);
    }
    for (machine, set) in net.machines.iter().zip(sets) {
        assert_eq!(machine.iter().collect::<BTreeSet<&E>>(), set.iter().collect());
    }
    net
}

/// The first round reads a sketch of what differs, and repairs it.
fn equal_by_repair<E: Element + Ord + Debug>(config: &Config, own: &[Vec<E>; 2], common: &[E]) {
    let sets = own.each_ref().map(|own| [common, own].concat());
    let mut net = Network::pair(config, sets.clone());
    assert_ne!(net.machines[0].digest(), net.machines[1].digest());
    net.machines[0].sync_now(&1);
    net.settle();
    net.assert_in_sync(sets.concat());
    assert_eq!(sketches_and_walks(&net), [1, 0]);
}

#[test]
fn some_numbers_are_alike_to_every_sketch() {
    let [one, other, ..] = twins(1)[0][..] else { panic!("of two at least") };
    let mut cells = vec![Cell::EMPTY; 1 << 16];
    [one, other].iter().for_each(|&number| open_key().toggle_in_sequence(&mut cells, 0, mix(number)));
    assert!(cells.iter().all(|cell| [0, mix(one) ^ mix(other)].contains(&cell.id()) && cell.check() == 0));
    for count in (5..=16).map(|bits| 1 << bits) {
        let prefix = Prefix::from_sequence(cells[..count].to_vec());
        assert_eq!(prefix.decodings(&open_key()).next(), None, "of {count} cells");
    }
}

#[test]
fn twins_cost_pages_under_the_open_key_and_nothing_under_another() {
    let common: Vec<u64> = (0..10_000).collect();
    for pairs in [1, 10, 100] {
        let twins = twins(pairs);
        let of = |side: usize| twins.iter().map(|twins| twins[side]).collect::<Vec<u64>>();
        for own in [[of(0), of(1)], [[of(0), of(1)].concat(), vec![]]] {
            let sets = own.map(|own| [&common[..], &own].concat());
            let read = round(&secret(), &sets);
            assert_eq!(sketches_and_walks(&read), [1, 0]);
            let unread = round(&Config::default(), &sets);
            assert_eq!(sketches_and_walks(&unread), [0, 1]);
            assert!(unread.bytes() <= full_states(&sets) + 512, "law 3");
            // 157 times as much for one pair.
            assert!(pairs > 1 || unread.bytes() > 100 * read.bytes());
        }
    }
}

/// Where all of two sets are twins, their sketches are alike and seem worth their bytes: half of what both states take,
/// at the most, and then come the pages.
#[test]
fn twins_alone_cost_at_most_half_of_both_states_beyond_them() {
    let all = twins(3_000);
    for pairs in [10, 50, 100, 150, 200, 300, 500, 1_000, 3_000] {
        let sets = [0, 1].map(|side| all[..pairs].iter().map(|twins| twins[side]).collect::<Vec<u64>>());
        let net = round(&Config::default(), &sets);
        let full = full_states(&sets);
        assert!(net.bytes() <= full + full / 2 + 512, "{} bytes, {full} for both states", net.bytes());
    }
}

fn secret() -> Config {
    let mut config = Config::default();
    config.key = Key::secret(*b"not known to any");
    config
}

/// A round that ends with both sets united, whatever they are.
fn round(config: &Config, sets: &[Vec<u64>; 2]) -> Network<u64> {
    let mut net = Network::pair(config, sets.clone());
    net.machines[0].sync_now(&1);
    net.settle();
    net.assert_in_sync(sets.concat());
    net
}

/// What paging both states takes: a round between sets as large, with nothing in common.
fn full_states(sets: &[Vec<u64>; 2]) -> u64 {
    let mut config = Config::default();
    config.economy = Economy::Pages;
    let [ours, theirs] = sets.each_ref().map(|set| set.len() as u64);
    round(&config, &[(0..ours).collect(), (ours..ours + theirs).collect()]).bytes()
}

/// Sketches read and walks of both sides.
fn sketches_and_walks<E: Element>(net: &Network<E>) -> [u64; 2] {
    let [ours, theirs] = net.ledgers();
    [ours.sketches + theirs.sketches, ours.walks + theirs.walks]
}

/// The tree of Wagner, "A generalized birthday problem" (CRYPTO 2002), over 2^`depth` lists: neighbours are added, each
/// of one to each of the other, and of the sums those stay whose next `bits` bits, counted from bit `from`, are 0.
struct Tree {
    depth: u32,
    from: u32,
    bits: u32,
}

/// The sums that are left of a run of lists, and which of each list they are made of, one sum after the other.
struct Sums {
    values: Vec<u128>,
    picks: Vec<u16>,
}

impl Tree {
    /// One of each list, all of which sum to 0 modulo 2^128.
    fn zero(&self, list: impl Fn(usize) -> Vec<u128>) -> Vec<u16> {
        let sums = self.sums(0, self.depth, &list);
        let found = sums.values.iter().position(|&sum| sum == 0).expect("the lists are long enough");
        sums.picks[found << self.depth..][..1 << self.depth].to_vec()
    }

    /// The sums of 2^`depth` lists from `first` on.
    fn sums(&self, first: usize, depth: u32, list: &impl Fn(usize) -> Vec<u128>) -> Sums {
        let Some(below) = depth.checked_sub(1) else {
            let values = list(first);
            let picks = (0..=u16::MAX).take(values.len()).collect();
            return Sums { values, picks };
        };
        let width = 1 << below;
        let [left, right] = [first, first + width].map(|first| self.sums(first, below, list));
        let place = |sum: u128| (sum >> (self.from + self.bits * below)) as usize & ((1 << self.bits) - 1);
        let mut places = vec![vec![]; 1 << self.bits];
        for (value, picks) in right.values.iter().zip(right.picks.chunks(width)) {
            places[place(*value)].push((value, picks));
        }
        let mut sums = Sums { values: vec![], picks: vec![] };
        for (value, picks) in left.values.iter().zip(left.picks.chunks(width)) {
            for (other, other_picks) in &places[place(value.wrapping_neg())] {
                sums.values.push(value.wrapping_add(**other));
                sums.picks.extend(picks.iter().chain(*other_picks));
            }
        }
        sums
    }
}

/// So many sets of numbers, two or more in each, that no sketch under the open key can tell apart.
///
/// A number's positions and check derive from `a`, the exclusive or of the halves of a product of 128 bits: the halves
/// are `low` and `a ^ low`, and `a ^ low = a + low - 2c` with `c = a & low`. So the product is
/// `2^64 a + (2^64 + 1) low - 2^65 c`, and a multiple of the factor: one equation for `low`, for each `c`. Where `a` has
/// few bits there are few of these. Three bits, and one `a` in four is that of several numbers.
fn twins(count: usize) -> Vec<Vec<u64>> {
    let factor = u128::from(open_secret(2) | 1);
    let inverse = inverse((1 << 64 | 1) % factor, factor);
    let times = |left: u128, right: u128| (left % factor) * (right % factor) % factor;
    let numbers = |[i, j, k]: [u32; 3]| {
        let a = 1_u64 << i | 1 << j | 1 << k;
        let mut numbers = vec![];
        for chosen in 0..8 {
            let c = (chosen & 1) << i | (chosen >> 1 & 1) << j | (chosen >> 2) << k;
            let low = times(times(factor - u128::from(a) % factor + 2 * u128::from(c), 1 << 64), inverse);
            for low in [low, low + factor].into_iter().filter_map(|low| u64::try_from(low).ok()) {
                let product = u128::from(a ^ low) << 64 | u128::from(low);
                if a & low == c
                    && let Ok(entry) = u64::try_from(product / factor)
                {
                    assert_eq!(product % factor, 0);
                    numbers.push(unmix(entry ^ open_secret(1)));
                }
            }
        }
        numbers
    };
    let places = (0..64).flat_map(|i| (0..i).flat_map(move |j| (0..j).map(move |k| [i, j, k])));
    let twins: Vec<Vec<u64>> = places.map(numbers).filter(|numbers| numbers.len() > 1).take(count).collect();
    assert_eq!(twins.len(), count);
    twins
}

/// The secrets of the sketch key, which under the open key are none.
fn open_secret(index: u64) -> u64 {
    let derived = xxh3_128(b"gossip sketch");
    let first = finish((derived as u64).wrapping_add(index.wrapping_mul(GOLDEN)));
    finish(first.wrapping_add((derived >> 64) as u64))
}

/// The inverse modulo an odd number below 2^64, by Euclid.
fn inverse(of: u128, modulus: u128) -> u128 {
    let (mut rest, mut next) = ((modulus, 0), (of, 1));
    while next.0 > 0 {
        let quotient = rest.0 / next.0;
        let negated = modulus - quotient * next.1 % modulus;
        (rest, next) = (next, (rest.0 % next.0, (rest.1 + negated) % modulus));
    }
    assert_eq!(rest.0, 1);
    rest.1
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The id of a number under the open key.
fn mix(number: u64) -> u64 {
    finish(number.wrapping_add(GOLDEN))
}

fn finish(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The number of an id under the open key.
fn unmix(id: u64) -> u64 {
    let z = (id ^ (id >> 31) ^ (id >> 62)).wrapping_mul(0x3196_42b2_d24d_8ec3);
    let z = (z ^ (z >> 27) ^ (z >> 54)).wrapping_mul(0x96de_1b17_3f11_9089);
    (z ^ (z >> 30) ^ (z >> 60)).wrapping_sub(GOLDEN)
}
