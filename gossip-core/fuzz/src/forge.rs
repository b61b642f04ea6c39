//! Messages made up field by field, so that a script need not guess what only the machine under test can know.

use super::Choice;
use super::script::Script;
use gossip_core::Digest;

const PROBE: u8 = 1;
const PROOF: u8 = 2;
const REPAIR: u8 = 5;
const PAGE: u8 = 6;
const GIVE: u8 = 7;

/// What a forger has overheard.
pub(crate) struct Overheard {
    pub(crate) tag: [u8; 4],
    pub(crate) nonce: [u8; 4],
    pub(crate) digests: [Digest; 2],
}

/// The bytes of a message that is well-formed, most of the time.
pub(crate) fn forge<E: Choice>(script: &mut Script<'_>, overheard: &Overheard) -> Vec<u8> {
    let kind = script.choose(&[GIVE, PAGE, REPAIR, PROOF, PROBE]);
    let mut out = vec![0x10 | kind];
    if kind != PROOF {
        out.extend(overheard.tag);
    }
    out.extend(overheard.nonce);
    match kind {
        PROBE | PROOF => put_digest(&mut out, script, overheard),
        REPAIR => {
            put_digest(&mut out, script, overheard);
            put_elements::<E>(&mut out, script);
        }
        PAGE => {
            out.extend(script.choose(&[&[32][..], &[0], &[1], &[2], &[0xff, 0xff, 3]]));
            put_bound(&mut out, script);
            put_bound(&mut out, script);
            put_elements::<E>(&mut out, script);
        }
        _ => {
            put_bound(&mut out, script);
            put_bound(&mut out, script);
            let shows_state = script.byte() % 2;
            out.push(shows_state);
            if shows_state == 1 {
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
            let text = digest.to_string();
            let sum = u128::from_str_radix(&text[16..], 16).expect("a digest is hexadecimal");
            put_varint(out, digest.count());
            out.extend(sum.to_le_bytes());
        }
        None => {
            out.push(script.byte());
            out.extend(script.array::<16>());
        }
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
