//! Messages made up field by field, so that a script need not guess what only the machine under test can know.

use gossip_core::sim::forge::{
    DEEP_PROBE, LIST, PLAIN_PROBE, Sketch, WHOLE, digest, elements, encoded, message, state, sum, varint,
};
use gossip_core::{Digest, MessageKind};

use MessageKind::{Cells, Give, Page, Probe, Proof, Push, Repair, WantCells};

use super::choice::Choice;
use super::script::Script;

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
    // Some kinds have further forms, which the first byte tells.
    const FORMS: [(MessageKind, Option<u8>); 16] = [
        (Give, None),
        (Page, None),
        (Repair, None),
        (Proof, None),
        (Probe, None),
        (Cells, None),
        (WantCells, None),
        (Probe, Some(PLAIN_PROBE)),
        (Give, None),
        (Page, Some(LIST)),
        (Repair, None),
        (Page, Some(WHOLE)),
        (Probe, Some(DEEP_PROBE)),
        (Cells, None),
        (WantCells, None),
        (Push, None),
    ];
    let (kind, form) = FORMS[usize::from(script.byte() % 16)];
    let [one, other] = overheard.logs;
    let nonce = match kind {
        Push => script.choose(&[one, other, [0; 4], [7; 4]]),
        _ => overheard.nonce,
    };
    let mut out = message(kind, overheard.tag, nonce, &[]);
    out[0] = form.unwrap_or(out[0]);
    match kind {
        Probe => {
            put_digest(&mut out, script, overheard);
            if form == Some(DEEP_PROBE) {
                out.extend([script.byte(); DEEP]);
            }
        }
        Proof => put_state(&mut out, script, overheard),
        WantCells => {
            put_state(&mut out, script, overheard);
            out.extend(varint(script.byte().into()));
            out.extend(varint(script.choose(&[1, 8, 200, 1 << 17, 1 << 20])));
        }
        Cells => put_cells(&mut out, script, overheard),
        Repair => {
            let asks = script.byte() % 4;
            out.push(asks);
            if asks == 3 {
                put_state(&mut out, script, overheard);
            }
            put_ids(&mut out, script);
            put_elements::<E>(&mut out, script);
        }
        Push => {
            out.extend(script.choose(&[one, other, [0; 4], [7; 4]]));
            out.push(script.byte() % 16);
            // How far either log has come, and times.
            (0..7)
                .for_each(|_| out.extend(script.choose(&[&[0][..], &[1], &[3], &[100], &[0xff, 0xff, 7], &MOST[..]])));
            put_elements::<E>(&mut out, script);
        }
        Page if form == Some(WHOLE) => put_elements::<E>(&mut out, script),
        Page => {
            out.extend(script.choose(&[&[65][..], &[0], &[2], &[5], &[0xff, 0xff, 7]]));
            put_bound(&mut out, script);
            put_bound(&mut out, script);
            if form == Some(LIST) {
                put_ids(&mut out, script);
            } else {
                put_elements::<E>(&mut out, script);
            }
        }
        _ => {
            put_bound(&mut out, script);
            put_bound(&mut out, script);
            let flags = script.byte() % 16;
            out.push(flags);
            if flags & 8 > 0 {
                put_state(&mut out, script, overheard);
            } else if flags & 1 > 0 {
                put_digest(&mut out, script, overheard);
                out.extend(script.choose(&[&[8][..], &[0], &[0xff; 4], &MOST]));
            }
            if flags & 4 > 0 {
                put_ids(&mut out, script);
            }
            put_elements::<E>(&mut out, script);
        }
    }
    out
}

/// The bytes of deep bits.
const DEEP: usize = 64;

/// 2^64 - 1 as a varint.
const MOST: [u8; 10] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];

fn put_digest(out: &mut Vec<u8>, script: &mut Script<'_>, overheard: &Overheard) {
    let [one, other] = overheard.digests;
    match script.choose(&[Some(one), Some(other), Some(Digest::EMPTY), None]) {
        Some(chosen) => out.extend(digest(chosen.count(), sum(chosen))),
        None => {
            out.push(script.byte());
            out.extend(script.array::<16>());
        }
    }
}

/// The tag of a digest.
fn put_state(out: &mut Vec<u8>, script: &mut Script<'_>, overheard: &Overheard) {
    let [one, other] = overheard.digests;
    out.extend(state(script.choose(&[one, other, Digest::EMPTY])));
}

/// A head of a sketch, or what follows one; empty cells, or all alike.
fn put_cells(out: &mut Vec<u8>, script: &mut Script<'_>, overheard: &Overheard) {
    let flags = script.choose(&[1, 0, 8, 3, 5, 7, 4, 12, 17, 21, 33, 37]);
    out.push(flags);
    if flags & 1 == 1 {
        put_digest(out, script, overheard);
        out.extend(varint(script.byte().into()));
        let deep = script.byte();
        match flags & (Sketch::WIDE_BITS | Sketch::NO_BITS | Sketch::SEEN) {
            0 => out.extend([deep; DEEP]),
            Sketch::WIDE_BITS => out.extend([deep; 124]),
            Sketch::SEEN => {
                out.extend(varint(script.choose(&[u64::from(deep), 0, 1 << 20, u64::MAX])));
                out.extend(varint(script.choose(&[0, u64::from(deep), 1 << 16, 1 << 20])));
            }
            _ => {}
        }
    } else {
        out.extend(varint(script.byte().into()));
    }
    let count = usize::from(script.byte());
    out.extend(varint(count as u64));
    let id = script.array::<8>();
    let id = if flags & Sketch::NARROW_IDS > 0 { &id[..6] } else { &id[..] };
    (0..count).for_each(|_| out.extend(id));
    let check = script.byte() & 3;
    for first in (0..count).step_by(4) {
        out.push((0..4.min(count - first)).fold(0, |checks, place| checks | check << (2 * place)));
    }
}

/// No ids of 32 bits, or ascending ones: wishes, or what a page lists.
fn put_ids(out: &mut Vec<u8>, script: &mut Script<'_>) {
    let count = script.byte() % 8;
    out.push(count);
    if count > 0 {
        // The first id in 32 bits; the others follow it, each after a gap of 0: eight bits of a zero.
        out.push(0x40 | 7);
        out.extend(script.array::<4>());
        out.extend(vec![0; usize::from(count - 1)]);
    }
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

/// None, some that are encoded, bytes in the place of some, or whatever bytes may stand for.
fn put_elements<E: Choice>(out: &mut Vec<u8>, script: &mut Script<'_>) {
    match script.byte() {
        0 => out.push(0),
        choice if choice < 0x40 => {
            let chosen: Vec<E> = (0..choice).map(|_| E::choose(script)).collect();
            out.extend(elements(&chosen));
        }
        choice if choice < 0x48 => {
            let bytes: Vec<Vec<u8>> = (0x40..=choice).map(|_| script.run().to_vec()).collect();
            out.extend(encoded(&bytes));
        }
        _ => out.extend(script.run()),
    }
}
