//! Messages as somebody writes them who means harm: sound bytes, and no machine behind them.

use gossip_core::{AntiEntropy, Element, Output, Time};

/// What it knows of the victim.
pub(crate) struct Secrets {
    /// The cluster's.
    pub(crate) tag: [u8; 4],
    /// Count and sum of the victim's digest, encoded.
    pub(crate) digest: Vec<u8>,
    /// The tag of that.
    pub(crate) state: [u8; 8],
    /// Some of its elements: known ones change nothing.
    pub(crate) elements: Vec<u8>,
}

impl Secrets {
    /// What a probe of the victim's says, who has this peer and this element.
    pub(crate) fn of<E: Element>(victim: &AntiEntropy<usize, E>, peer: &usize, element: &E) -> Self {
        let mut spy = victim.clone();
        spy.sync_now(peer);
        let probe = loop {
            if let Output::Send { message, .. } = spy.poll(Time::ZERO) {
                break message.encode();
            }
        };
        let mut elements = vec![1, 64];
        element.encode(&mut elements);
        Self {
            tag: *probe[1..].first_chunk().expect("a tag"),
            digest: probe[9..].to_vec(),
            state: *probe.last_chunk().expect("a sum"),
            elements,
        }
    }
}

pub(crate) fn take_varint(rest: &mut &[u8]) -> u64 {
    let len = 1 + rest.iter().position(|&byte| byte < 0x80).expect("an end");
    let bytes = rest.split_off(..len).expect("it is there");
    bytes.iter().rev().fold(0, |value, &byte| value << 7 | u64::from(byte & 0x7f))
}

pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut out = vec![];
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
    out
}

pub(crate) fn request(kind: u8, secrets: &Secrets, nonce: u32, fields: &[&[u8]]) -> Vec<u8> {
    [&[0x10 | kind], &secrets.tag[..], &nonce.to_le_bytes(), &fields.concat()].concat()
}

/// A probe of a digest of so many elements.
pub(crate) fn probe(secrets: &Secrets, nonce: u32, count: u64, sum: u64) -> Vec<u8> {
    request(1, secrets, nonce, &[&varint(count), &[7; 8], &sum.to_le_bytes()])
}

pub(crate) fn want_cells(secrets: &Secrets, nonce: u32, state: [u8; 8], from: u64, count: u64) -> Vec<u8> {
    request(3, secrets, nonce, &[&state, &varint(from), &varint(count)])
}

/// Everything, though nothing is listed, in as many messages as there may be.
pub(crate) fn page(secrets: &Secrets, nonce: u32) -> Vec<u8> {
    request(6, secrets, nonce, &[&varint(2 * 65_535 + 1), &[0], &[17], &[0]])
}

/// So many wishes that are next to each other, and `asks` for the state at the end (2), or nothing (0).
pub(crate) fn wishes(secrets: &Secrets, nonce: u32, asks: u8, from: u32, count: u32) -> Vec<u8> {
    let codes = (8 * (count as usize - 1)).div_ceil(8);
    let run = [&varint(count.into())[..], &[0x87], &from.to_le_bytes(), &vec![0; codes]].concat();
    request(5, secrets, nonce, &[&[asks], &run, &[0]])
}
