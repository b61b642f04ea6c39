//! Forged messages, made field by field: those of a hostile peer, not of a machine.
//!
//! Beside the codec it alone knows the wire form: forged messages of tests, fuzzers and hostile replicas are made of
//! it. The vectors beside `PROTOCOL.md` pin both.

mod alike;
mod sketch_message;

use alloc::vec;
use alloc::vec::Vec;

use crate::codec::{self, Sink};
use crate::{AntiEntropy, Digest, Element, MessageKind, Output, Time};

pub use alike::alike;
pub use sketch_message::{Head, Sketch};

/// High half of each first byte.
// Written a second time, as all codes and flags here: taken from the codec, they would follow it into a mistake.
const VERSION: u8 = 2;

/// The first byte of a probe whose sender has no use for cells.
pub const PLAIN_PROBE: u8 = VERSION << 4 | 8;
/// The first byte of a probe with deep bits.
pub const DEEP_PROBE: u8 = VERSION << 4 | 10;
/// The first byte of a page of all that its sender has, in answer to a probe.
pub const WHOLE: u8 = VERSION << 4 | 11;
/// The first byte of a page that lists ids.
pub const LIST: u8 = VERSION << 4 | 12;

/// Flag of a push: it is to be answered at once.
pub const ASKS: u8 = 1;
/// Flag of a push: its receiver is the parent of its sender.
pub const TO_PARENT: u8 = 2;

/// The first byte of a message of this kind.
pub const fn first_byte(kind: MessageKind) -> u8 {
    let code = match kind {
        MessageKind::Probe => 1,
        MessageKind::Proof => 2,
        MessageKind::WantCells => 3,
        MessageKind::Cells => 4,
        MessageKind::Repair => 5,
        MessageKind::Page => 6,
        MessageKind::Give => 7,
        MessageKind::Push => 9,
    };
    VERSION << 4 | code
}

/// Kind by the first byte; `None` for any other byte.
pub fn kind(message: &[u8]) -> Option<MessageKind> {
    let first = *message.first()?;
    let probe = [PLAIN_PROBE, DEEP_PROBE].contains(&first).then_some(MessageKind::Probe);
    MessageKind::ALL.into_iter().find(|&kind| first_byte(kind) == first).or(probe)
}

/// Returns whether the cluster's tag follows the first byte.
const fn has_tag(kind: MessageKind) -> bool {
    !matches!(kind, MessageKind::Proof | MessageKind::Cells)
}

/// Cluster tag of a message; `None` if it has none.
pub fn tag(message: &[u8]) -> Option<[u8; 4]> {
    kind(message).filter(|&kind| has_tag(kind))?;
    message.get(1..)?.first_chunk().copied()
}

/// Nonce of a message; of a push, the id of its sender's log, in the same place.
pub fn nonce(message: &[u8]) -> Option<[u8; 4]> {
    let at = if has_tag(kind(message)?) { 5 } else { 1 };
    message.get(at..)?.first_chunk().copied()
}

/// Message with these fields behind the nonce. Kinds without a tag leave it out.
pub fn message(kind: MessageKind, tag: [u8; 4], nonce: [u8; 4], fields: &[&[u8]]) -> Vec<u8> {
    let tag = if has_tag(kind) { &tag[..] } else { &[] };
    [&[first_byte(kind)], tag, &nonce, &fields.concat()].concat()
}

/// Push of the log `log` to a replica with the log `of`, with four places and three times.
pub fn push(tag: [u8; 4], log: [u8; 4], of: [u8; 4], flags: u8, numbers: [u64; 7], elements: &[u8]) -> Vec<u8> {
    let numbers: Vec<u8> = numbers.into_iter().flat_map(varint).collect();
    message(MessageKind::Push, tag, log, &[&of, &[flags], &numbers, elements])
}

/// A number in seven bits a byte.
pub fn varint(value: u64) -> Vec<u8> {
    let mut out = vec![];
    put_varint(&mut out, value);
    out
}

/// Appends a number in seven bits a byte.
pub fn put_varint(out: &mut Vec<u8>, value: u64) {
    out.put_varint(value);
}

/// Takes a varint off the front of `input`; `None` if it does not begin with one in its only form.
pub fn take_varint(input: &mut &[u8]) -> Option<u64> {
    codec::take_varint(input)
}

/// Digest of so many elements, of this sum.
pub fn digest(count: u64, sum: u128) -> Vec<u8> {
    [varint(count), sum.to_le_bytes().to_vec()].concat()
}

/// Sum of fingerprints in a digest.
pub const fn sum(digest: Digest) -> u128 {
    digest.sum()
}

/// Tag of a digest, the short name of a state.
pub const fn state(digest: Digest) -> [u8; 8] {
    ((digest.sum() >> 64) as u64).to_le_bytes()
}

/// Run of elements, each encoded, with its length before it.
pub fn elements<E: Element>(elements: &[E]) -> Vec<u8> {
    let encodings: Vec<Vec<u8>> = elements.iter().map(encoding).collect();
    encoded(&encodings)
}

/// The encoding of an element.
pub fn encoding<E: Element>(element: &E) -> Vec<u8> {
    let mut out = vec![];
    element.encode(&mut out);
    out
}

/// Run of elements by their encodings, or of any bytes in the place of these, each with its length before it.
pub fn encoded(encodings: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut out = varint(encodings.len() as u64);
    if !encodings.is_empty() {
        out.push(FRAMED);
    }
    for encoding in encodings {
        put_varint(&mut out, encoding.as_ref().len() as u64);
        out.extend_from_slice(encoding.as_ref());
    }
    out
}

/// Form byte of encodings each of which has its length before it; ids have their Rice parameter there.
const FRAMED: u8 = 0x81;

/// Forger with the cluster tag and a digest of a victim.
///
/// ```
/// use gossip_core::sim::forge::Forger;
/// use gossip_core::{AntiEntropy, Config, Output, Time};
///
/// let mut victim = AntiEntropy::<&str, u64>::new(Config::default(), 1);
/// victim.add_peer("n2");
/// let probe = Forger::of(&victim, &"n2").probe(1, 1_000, 7); // of a thousand elements that nobody has
/// assert_eq!(victim.receive_bytes(&"n2", &probe), Ok(()));
/// assert!(matches!(victim.poll(Time::ZERO), Output::Send { to: "n2", .. }));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Forger {
    /// The cluster's tag.
    pub tag: [u8; 4],
    /// Digest of the victim.
    pub digest: Digest,
}

impl Forger {
    /// Reads the tag off a probe of the victim's to this peer.
    ///
    /// # Panics
    ///
    /// If it is not a peer of the victim.
    pub fn of<P: Clone + Ord, E: Element>(victim: &AntiEntropy<P, E>, peer: &P) -> Self {
        // On a copy, so that the victim's rounds and random numbers stay as they were.
        let mut spy = victim.clone();
        spy.sync_now(peer);
        loop {
            match spy.poll(Time::ZERO) {
                Output::Send { message, .. } if message.kind() == MessageKind::Probe => {
                    let tag = tag(&message.encode()).expect("a probe has a tag");
                    return Self { tag, digest: victim.digest() };
                }
                Output::Wait(_) => panic!("it sends no probe"),
                _ => {}
            }
        }
    }

    /// Message of this cluster.
    pub fn message(&self, kind: MessageKind, nonce: u32, fields: &[&[u8]]) -> Vec<u8> {
        message(kind, self.tag, nonce.to_le_bytes(), fields)
    }

    /// Probe of so many elements, with this tag of their state.
    pub fn probe(&self, nonce: u32, count: u64, state: u64) -> Vec<u8> {
        // The sum of ids may be any: a state goes by the upper half alone.
        const LOW: u128 = 0x0707_0707_0707_0707;
        self.message(MessageKind::Probe, nonce, &[&digest(count, u128::from(state) << 64 | LOW)])
    }

    /// Request for `count` cells of a state, from cell `from` on.
    pub fn want_cells(&self, nonce: u32, state: [u8; 8], from: u64, count: u64) -> Vec<u8> {
        self.message(MessageKind::WantCells, nonce, &[&state, &varint(from), &varint(count)])
    }

    /// Request for everything, with nothing listed, in the largest window.
    pub fn page(&self, nonce: u32) -> Vec<u8> {
        // The largest window, and a bit that asks for the state.
        self.message(MessageKind::Page, nonce, &[&varint(2 * 65_535 + 1), &ALL, &[0]])
    }

    /// Repair with `count` neighbouring wishes, at least one; `asks` for the state at the end (2), or for nothing (0).
    pub fn wishes(&self, nonce: u32, asks: u8, from: u32, count: u32) -> Vec<u8> {
        // Each id after the first is a gap of 0 to the one before, in a Rice code of seven bits and one for the end.
        let gaps = vec![0; count as usize - 1];
        let run = [&varint(count.into())[..], &[SHORT | 7], &from.to_le_bytes(), &gaps].concat();
        self.message(MessageKind::Repair, nonce, &[&[asks], &run, &[0]])
    }
}

/// Bounds of all there is: no bytes of a place, and the end.
const ALL: [u8; 2] = [0, 17];

/// Bit of a run whose first id has 32 bits, as wishes have.
const SHORT: u8 = 0x40;
