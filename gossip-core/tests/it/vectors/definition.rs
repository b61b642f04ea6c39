//! Hashes, cells and deep bits, made once more from their definition.

use core::array;

use gossip_core::sim::forge::Sketch;
use gossip_core::sketch::{Cell, DeepWidth, SketchKey, Table};
use gossip_core::{Element, Key};
use xxhash_rust::xxh3::xxh3_128;

use super::exchanges::{Exchange, small};
use super::{bytes, hex, id, keys, row};

/// So many elements fill all levels of the deep bits but the last few.
const ELEMENTS: u64 = 10_000;

/// How many cells are published.
const CELLS: usize = 64;

pub(crate) fn sketches() -> String {
    let mut text = String::from(
        "# Sketches of the sets of 10 000 elements of digests.txt. The secret key is the bytes 00 to 0f.\n\
         # key, key of the cluster, k0, k1\n\
         # place, key of the cluster, name, check, positions\n\
         # cell, key of the cluster, type, number in the sequence, exclusive or of names, of checks\n\
         # deep, key of the cluster, type, bits a level, deep bits\n",
    );
    let label = b"gossip sketch";
    let derived = [xxh3_128(label), siphash(array::from_fn(|i| i as u8 ^ 0x36), label)];
    for ((of, key), derived) in keys().into_iter().zip(derived) {
        let (k0, k1) = (derived as u64, (derived >> 64) as u64);
        row(&mut text, format_args!("key {of} {k0:016x} {k1:016x}"));
        for name in (0..16).chain([42, (1 << 48) - 1, u64::MAX]) {
            let (check, positions) = place(k0, k1, name);
            let positions: Vec<_> = positions.iter().map(usize::to_string).collect();
            row(&mut text, format_args!("place {of} {name:x} {check} {}", positions.join(",")));
        }
        let numbers: Vec<_> = (0..ELEMENTS).collect();
        let wide: Vec<_> = (0..ELEMENTS).map(bytes).collect();
        let names = [
            ("u64", numbers.iter().map(|&i| id(&key, i)).collect::<Vec<_>>(), first_messages(&key, numbers, ELEMENTS)),
            ("[u8;32]", wide.iter().map(|&i| id(&key, i) >> 16).collect(), first_messages(&key, wide, bytes(ELEMENTS))),
        ];
        for (element, names, [probe, answer]) in names {
            let (cells, deep) = by_definition(k0, k1, &names);
            let table = Table::rebuild(SketchKey::new(k0, k1), 6, names);
            assert_eq!(table.sequence(0..CELLS), Some(cells.clone()));
            let mut told = vec![];
            table.deep_bits(DeepWidth::Narrow).encode(&mut told);
            assert!(probe.ends_with(&told), "{of} {element}: a replica tells other deep bits");
            let sent = Sketch::read(&answer).expect("they are cells").cells;
            assert!(!sent.is_empty() && cells.starts_with(&sent), "{of} {element}: a replica sends other cells");
            for (j, cell) in cells.iter().enumerate() {
                row(&mut text, format_args!("cell {of} {element} {j} {:x} {}", cell.id(), cell.check()));
            }
            for (width, bits) in [(DeepWidth::Narrow, 32), (DeepWidth::Wide, 64)] {
                let (mut found, mut expected) = (vec![], vec![]);
                table.deep_bits(width).encode(&mut found);
                for (level, word) in (5..).zip(deep) {
                    let len = if level == 5 { 4 } else { bits / 8 };
                    expected.extend_from_slice(&word.to_le_bytes()[..len]);
                }
                assert_eq!(found, expected);
                row(&mut text, format_args!("deep {of} {element} {bits} {}", hex(&found)));
            }
        }
    }
    text
}

/// The fingerprint of an element, under no secret or this one.
pub(crate) fn fingerprint_of(secret: Option<[u8; 16]>, encoding: &[u8]) -> u128 {
    match secret {
        None if encoding.len() <= 8 => xxh3_128(encoding),
        None => siphash(OPEN, encoding),
        Some(secret) => siphash(secret, encoding),
    }
}

/// The tiebreak of an element under the open key.
pub(crate) fn tiebreak(encoding: &[u8]) -> u64 {
    siphash(OPEN.map(|byte| byte ^ 0x5c), encoding) as u64 >> 16
}

/// The tag of a cluster with no secret or this one.
pub(crate) fn cluster_tag(secret: Option<[u8; 16]>, of: u64, numbered: bool, limit: u64) -> [u8; 4] {
    let key = secret.map_or(0, |secret| siphash(secret.map(|byte| byte ^ 0x36), b"gossip cluster") as u16);
    let of = xxh3_128(&[&of.to_le_bytes()[..], &[u8::from(numbered)]].concat()) as u16;
    let limit = xxh3_128(&limit.to_le_bytes()) as u16;
    let ([a, b], [c, d]) = ((key ^ limit).to_le_bytes(), (of ^ limit).to_le_bytes());
    [a, b, c, d]
}

/// The key of SipHash where there is no secret.
const OPEN: [u8; 16] = *b"gossip open hash";

/// SipHash-2-4 with 128 bits of output.
fn siphash(key: [u8; 16], bytes: &[u8]) -> u128 {
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
    let (k0, k1) = (word(&key[..8]), word(&key[8..]));
    let mut v = [k0, k1, k0, k1];
    for (v, start) in v.iter_mut().zip([*b"somepseu", *b"dorandom", *b"lygenera", *b"tedbytes"]) {
        *v ^= u64::from_be_bytes(start);
    }
    v[1] ^= 0xee;
    let rounds = |v: &mut [u64; 4], count| {
        for _ in 0..count {
            for (a, b, left, other, right) in [(0, 1, 13, 2, 16), (2, 1, 17, 0, 21)] {
                // Halves of a round: one pair each of `v1` with another, and of `v3` with the fourth.
                v[a] = v[a].wrapping_add(v[b]);
                v[other] = v[other].wrapping_add(v[3]);
                v[b] = v[b].rotate_left(left) ^ v[a];
                v[3] = v[3].rotate_left(right) ^ v[other];
                v[a] = v[a].rotate_left(32);
            }
        }
    };
    let full = bytes.chunks_exact(8);
    let last = (bytes.len() as u64) << 56 | word(full.remainder());
    for word in full.map(word).chain([last]) {
        v[3] ^= word;
        rounds(&mut v, 2);
        v[0] ^= word;
    }
    let mut output = |mark: u64, at: usize| {
        v[at] ^= mark;
        rounds(&mut v, 4);
        u128::from(v.iter().fold(0, |all, v| all ^ v))
    };
    output(0xee, 2) | output(0xdd, 1) << 64
}

/// The first probe and the first answer of a replica of this set, to one that has another element in place of the first.
fn first_messages<E: Element>(key: &Key, set: Vec<E>, other: E) -> [Vec<u8>; 2] {
    let others: Vec<E> = set[1..].iter().cloned().chain([other]).collect();
    let messages = |sets, at| Exchange::between(&small(key), sets).messages().swap_remove(at).2;
    [messages([set.clone(), others.clone()], 0), messages([others, set], 1)]
}

/// The check and the positions of a name.
fn place(k0: u64, k1: u64, name: u64) -> (u8, Vec<usize>) {
    let s = |i: u64| mix(mix(k0.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15))).wrapping_add(k1));
    let a = fold(name ^ s(1), s(2) | 1);
    let count = if a >> 48 < 7_864 { 17 } else { 3 };
    let position = |i: u64| (fold(a ^ s(3), s(4 + i / 3) | 1) >> (21 * (i % 3)) & 0x1f_ffff) as usize;
    ((a % 4) as u8 | u8::from(name == 0), (0..count).map(position).collect())
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

/// The first cells, and the low check bits of the first 64 cells of each level from 5 to 20.
fn by_definition(k0: u64, k1: u64, names: &[u64]) -> (Vec<Cell>, [u64; 16]) {
    let (mut cells, mut deep) = (vec![Cell::EMPTY; CELLS], [0; 16]);
    for &name in names {
        let (check, positions) = place(k0, k1, name);
        for position in positions {
            cells[0] ^= Cell::new(name, check);
            for level in (0..21).filter(|level| position >> level & 1 == 1) {
                // The cell of this level that the position falls in.
                let at = position % (1 << level);
                if let Some(cell) = cells.get_mut((1 << level) + at) {
                    *cell ^= Cell::new(name, check);
                }
                if level >= 5 && at < if level == 5 { 32 } else { 64 } {
                    deep[level - 5] ^= u64::from(check & 1) << at;
                }
            }
        }
    }
    (cells, deep)
}
