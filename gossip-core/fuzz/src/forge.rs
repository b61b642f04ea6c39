//! Messages made up field by field, so that a script need not guess what only the machine under test can know.

use super::choice::Choice;
use super::script::Script;
use gossip_core::Digest;

const PROBE: u8 = 1;
const PROOF: u8 = 2;
const WANT_CELLS: u8 = 3;
const CELLS: u8 = 4;
const REPAIR: u8 = 5;
const PAGE: u8 = 6;
const GIVE: u8 = 7;
const PUSH: u8 = 9;
/// A probe whose sender has no use for cells.
const PLAIN_PROBE: u8 = 8;

/// What a forger has overheard.
pub(crate) struct Overheard {
    pub(crate) tag: [u8; 4],
    pub(crate) nonce: [u8; 4],
    /// What both call their logs.
    pub(crate) logs: [[u8; 4]; 2],
    pub(crate) digests: [Digest; 2],
}

/// The bytes of a message that is well-formed, most of the time.
pub(crate) fn forge<E: Choice>(script: &mut Script<'_>, overheard: &Overheard) -> Vec<u8> {
    const KINDS: [u8; 8] = [GIVE, PAGE, REPAIR, PROOF, PROBE, CELLS, WANT_CELLS, PLAIN_PROBE];
    let choice = script.byte() % 16;
    let kind = if choice == 15 { PUSH } else { KINDS[usize::from(choice % 8)] };
    let mut out = vec![0x10 | kind];
    if kind != PROOF && kind != CELLS {
        out.extend(overheard.tag);
    }
    if kind != PUSH {
        out.extend(overheard.nonce);
    }
    match kind {
        PROBE | PLAIN_PROBE => put_digest(&mut out, script, overheard),
        PROOF => put_state(&mut out, script, overheard),
        WANT_CELLS => {
            put_state(&mut out, script, overheard);
            put_varint(&mut out, script.byte().into());
            put_varint(&mut out, script.choose(&[1, 8, 200, 1 << 17, 1 << 20]));
        }
        CELLS => put_cells(&mut out, script, overheard),
        REPAIR => {
            let asks = script.byte() % 4;
            out.push(asks);
            if asks == 3 {
                put_state(&mut out, script, overheard);
            }
            put_wishes(&mut out, script);
            put_elements::<E>(&mut out, script);
        }
        PUSH => {
            let [one, other] = overheard.logs;
            (0..2).for_each(|_| out.extend(script.choose(&[one, other, [0; 4], [7; 4]])));
            out.push(script.byte() % 16);
            // How far either log has come, and times.
            (0..7)
                .for_each(|_| out.extend(script.choose(&[&[0][..], &[1], &[3], &[100], &[0xff, 0xff, 7], &MOST[..]])));
            put_elements::<E>(&mut out, script);
        }
        PAGE => {
            out.extend(script.choose(&[&[65][..], &[0], &[2], &[5], &[0xff, 0xff, 7]]));
            put_bound(&mut out, script);
            put_bound(&mut out, script);
            put_elements::<E>(&mut out, script);
        }
        _ => {
            put_bound(&mut out, script);
            put_bound(&mut out, script);
            let flags = script.byte() % 4;
            out.push(flags);
            if flags % 2 == 1 {
                put_digest(&mut out, script, overheard);
                out.extend(script.choose(&[&[8][..], &[0], &[0xff; 4], &MOST]));
            }
            put_elements::<E>(&mut out, script);
        }
    }
    out
}

/// 2^64 - 1 as a varint.
const MOST: [u8; 10] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];

fn put_digest(out: &mut Vec<u8>, script: &mut Script<'_>, overheard: &Overheard) {
    let [one, other] = overheard.digests;
    let digest = script.choose(&[Some(one), Some(other), Some(Digest::EMPTY), None]);
    match digest {
        Some(digest) => {
            put_varint(out, digest.count());
            out.extend(sum(digest).to_le_bytes());
        }
        None => {
            out.push(script.byte());
            out.extend(script.array::<16>());
        }
    }
}

/// The tag of a digest.
fn put_state(out: &mut Vec<u8>, script: &mut Script<'_>, overheard: &Overheard) {
    let [one, other] = overheard.digests;
    let digest = script.choose(&[one, other, Digest::EMPTY]);
    out.extend(&sum(digest).to_le_bytes()[8..]);
}

fn sum(digest: Digest) -> u128 {
    u128::from_str_radix(&digest.to_string()[16..], 16).expect("a digest is hexadecimal")
}

/// A head of a sketch, or what follows one; empty cells, or all alike.
fn put_cells(out: &mut Vec<u8>, script: &mut Script<'_>, overheard: &Overheard) {
    let flags = script.choose(&[1, 0, 8, 3, 5, 7, 4, 12, 17, 21]);
    out.push(flags);
    if flags & 1 == 1 {
        put_digest(out, script, overheard);
        put_varint(out, script.byte().into());
        let deep = script.byte();
        let len = [64, 124][usize::from(flags & 2 == 2)];
        out.extend(vec![deep; if flags & 16 == 16 { 0 } else { len }]);
    } else {
        put_varint(out, script.byte().into());
    }
    let count = usize::from(script.byte());
    put_varint(out, count as u64);
    let id = script.array::<8>();
    let id = if flags & 4 == 4 { &id[..6] } else { &id[..] };
    (0..count).for_each(|_| out.extend(id));
    let check = script.byte() & 3;
    for first in (0..count).step_by(4) {
        out.push((0..4.min(count - first)).fold(0, |checks, place| checks | check << (2 * place)));
    }
}

/// No wishes, or ascending ones.
fn put_wishes(out: &mut Vec<u8>, script: &mut Script<'_>) {
    let count = script.byte() % 8;
    out.push(count);
    if count > 0 {
        // The first id in 32 bits; the others follow it, each after a gap of 0: eight bits of a zero.
        out.push(0x80 | 7);
        out.extend(script.array::<4>());
        out.extend(vec![0; usize::from(count - 1)]);
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// The start, the end, or some bytes in front of a place.
fn put_bound(out: &mut Vec<u8>, script: &mut Script<'_>) {
    match script.byte() {
        choice @ (0 | 17) => out.push(choice),
        choice => {
            out.push(choice % 18);
            (0..choice % 18).for_each(|_| out.push(script.byte()));
        }
    }
}

/// None, some that are encoded, or whatever bytes may stand for.
fn put_elements<E: Choice>(out: &mut Vec<u8>, script: &mut Script<'_>) {
    match script.byte() {
        0 => out.push(0),
        choice if choice < 0x40 => {
            out.extend([choice, 64]);
            (0..choice).for_each(|_| E::choose(script).encode(out));
        }
        _ => out.extend(script.run()),
    }
}
