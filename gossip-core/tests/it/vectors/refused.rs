//! Messages that break a rule, beside ones that just keep it. They are written out here, byte by byte: what pins the wire
//! form is made of nothing that knows it.

use gossip_core::{AntiEntropy, Element};

use super::exchanges::small;
use super::{hex, id, keys, row};

/// Nonce of all these messages.
const NONCE: [u8; 4] = [1, 0, 0, 0];

/// A digest of no elements.
const DIGEST: [u8; 17] = [0; 17];

/// The two bounds of all that is: 0 and the end.
const ALL: [u8; 2] = [0, 17];

pub(crate) fn refused() -> String {
    let mut text = String::from(
        "# Messages that are taken, and ones that are refused: those change nothing. Open key, element limit 64.\n\
         # rule, type, taken, refused\n",
    );
    whole_messages(&mut text);
    fields(&mut text);
    runs_of_ids(&mut text);
    runs_of_elements(&mut text);
    text
}

fn whole_messages(text: &mut String) {
    let (proof, own) = ([&[0x22], &NONCE[..], &[0; 8]].concat(), request::<u64>(1, &DIGEST));
    let with = |at: usize, byte: u8| [&own[..at], &[byte], &own[at + 1..]].concat();
    case::<u64>(text, "version", "u64", &own, &with(0, 0x31));
    case::<u64>(text, "kind", "u64", &with(0, 0x28), &with(0, 0x2d));
    case::<u64>(text, "cluster-tag", "u64", &own, &with(1, own[1] ^ 1));
    case::<u64>(text, "cut-short", "u64", &proof, &proof[..proof.len() - 1]);
    case::<u64>(text, "bytes-behind", "u64", &proof, &[&proof[..], &[0]].concat());
}

fn fields(text: &mut String) {
    let counted = |count: &[u8]| request::<u64>(1, &[count, &[0; 16]].concat());
    case::<u64>(text, "varint-in-its-shortest-form", "u64", &counted(&[1]), &counted(&[0x81, 0]));
    let nine = [0xff; 9];
    let [largest, larger] = [1, 2].map(|last| counted(&[&nine[..], &[last]].concat()));
    case::<u64>(text, "varint-of-64-bits", "u64", &largest, &larger);
    let [within, beyond] = [0, 1].map(|from| request::<u64>(3, &[&[0; 8][..], &[from, 0x80, 0x80, 0x40]].concat()));
    case::<u64>(text, "no-cells-from-2^20-on", "u64", &within, &beyond);
    let cells = |flags: u8, check: u8| [&[0x24][..], &NONCE, &[flags, 0, 1], &[0; 8], &[check]].concat();
    case::<u64>(text, "deep-bits-behind-a-head-only", "u64", &cells(0, 0), &cells(2, 0));
    case::<u64>(text, "cells-flags", "u64", &cells(8, 0), &cells(0x28, 0));
    case::<u64>(text, "no-deep-bits-in-a-head-only", "u64", &cells(8, 0), &cells(0x18, 0));
    case::<u64>(text, "zeros-behind-the-last-check", "u64", &cells(0, 3), &cells(0, 4));
    case::<u64>(text, "repair-asks", "u64", &request::<u64>(5, &[2, 0, 0]), &request::<u64>(5, &[4, 0, 0]));
    let page = |window: &[u8], bounds: &[u8]| request::<u64>(6, &[window, bounds, &[0]].concat());
    let [largest, larger] = [&[0xff, 0xff, 7], &[0x80, 0x80, 8]].map(|window| page(window, &ALL));
    case::<u64>(text, "window-of-16-bits", "u64", &largest, &larger);
    case::<u64>(text, "bound-without-a-zero-last", "u64", &page(&[2], &[1, 1, 17]), &page(&[2], &[2, 1, 0, 17]));
    // Behind 17, which is the end, the length is one more.
    let long = |len: u8| [&[len + 1][..], &[1; 23][..len.into()], &[17]].concat();
    case::<u64>(text, "bound-of-22-bytes", "u64", &page(&[2], &long(22)), &page(&[2], &long(23)));
    let give = |flags: u8, tag: &[u8]| request::<u64>(7, &[&ALL[..], &[flags], tag, &[0]].concat());
    case::<u64>(text, "give-flags", "u64", &give(2, &[]), &give(16, &[]));
    case::<u64>(text, "give-of-a-state-or-its-tag", "u64", &give(10, &[7; 8]), &give(11, &[7; 8]));
    let wishes = |run: &[u8]| request::<u64>(7, &[&ALL[..], &[4], run, &[0]].concat());
    case::<u64>(text, "wishes-behind-their-flag", "u64", &wishes(&[1, 0x47, 1, 0, 0, 0]), &wishes(&[0]));
    case::<u64>(text, "state-with-a-window-only", "u64", &page(&[0], &ALL), &page(&[1], &ALL));
    let push = |flags: u8, time: &[u8]| {
        let own = request::<u64>(9, &[]);
        [&own[..5], &[1, 0, 0, 0], &[0; 4], &[flags, 0, 0, 0, 0, 0, 0], time, &[0]].concat()
    };
    case::<u64>(text, "push-flags", "u64", &push(15 - 4, &[0]), &push(16, &[0]));
    case::<u64>(text, "above-or-apart", "u64", &push(4, &[0]), &push(6, &[0]));
    let millis = |last: u8| push(0, &[0xff, 0xff, 0xff, 0xff, last]);
    case::<u64>(text, "milliseconds-below-2^32", "u64", &millis(0x0f), &millis(0x1f));
}

fn runs_of_ids(text: &mut String) {
    let wishes = |run: &[u8]| request::<u64>(5, &[&[2], run, &[0]].concat());
    let one = |form: u8| wishes(&[1, form, 1, 0, 0, 0]);
    case::<u64>(text, "rice-parameter-from-7", "u64", &one(0x47), &one(0x46));
    case::<u64>(text, "rice-parameter-to-63", "u64", &one(0x7f), &one(0x80));
    let three = |last: u8| wishes(&[3, 0x48, 1, 0, 0, 0, 0, 0, last]);
    case::<u64>(text, "zeros-behind-the-last-id", "u64", &three(3), &three(4));
    let last = |last: u8| wishes(&[2, 0x48, 0xfe, 0xff, 0xff, 0xff, last, 0]);
    case::<u64>(text, "wishes-below-2^32", "u64", &last(0), &last(2));
    let first = |id: u64| give::<u64>(&[&[1, 7][..], &id.to_le_bytes()].concat());
    case::<u64>(text, "first-id-short-where-it-can-be", "u64", &first(1 << 32), &first(1));
    let end = |count: u8, last: &[u8]| give::<u64>(&[&[count, 7][..], &[0xff; 8], last].concat());
    case::<u64>(text, "ids-below-2^64", "u64", &end(1, &[]), &end(2, &[0]));
}

fn runs_of_elements(text: &mut String) {
    let encoded = |count: u8| give::<u64>(&[&[count, 0x8b][..], &[7; 8]].concat());
    case::<u64>(text, "as-many-elements-as-counted", "u64", &encoded(1), &encoded(2));
    let [(_, open), _] = keys();
    let number = |number: u64| give::<u8>(&[&[1, 7][..], &id(&open, number).to_le_bytes()].concat());
    case::<u8>(text, "ids-stand-for-elements", "u8", &number(255), &number(256));
    let whole = give::<[u8; 32]>(&[&[1, 0xa3][..], &[7; 32]].concat());
    case::<[u8; 32]>(
        text,
        "ids-of-numbers-only",
        "[u8;32]",
        &whole,
        &give::<[u8; 32]>(&[&[1, 7][..], &[7; 8]].concat()),
    );
    let string = |bytes: &[u8]| give::<String>(&[&[1, 0x80], bytes].concat());
    case::<String>(text, "length-in-its-shortest-form", "string", &string(b"\x01a"), &string(b"\x81\x00a"));
    let equal = |form: &[u8]| give::<String>(&[&[1], form, &[60], &[b'a'; 60]].concat());
    case::<String>(text, "length-in-the-form-where-it-can-be", "string", &equal(&[0xc0]), &equal(&[0x82, 61]));
    let empty = |count: u8| give::<[u8; 0]>(&[count, 0x83]);
    case::<[u8; 0]>(text, "one-empty-element", "[u8;0]", &empty(1), &empty(2));
    let long = |len: u8| string(&[&[len][..], &[b'a'; 64][..len.into()]].concat());
    case::<String>(text, "element-within-the-limit", "string", &long(63), &long(64));
    case::<bool>(text, "bool-of-0-or-1", "bool", &give::<bool>(&[1, 0x84, 1]), &give::<bool>(&[1, 0x84, 2]));
    let char = |high: u8| give::<char>(&[1, 0x87, 0, high, 0, 0]);
    case::<char>(text, "char-without-surrogates", "char", &char(0xd7), &char(0xd8));
}

/// An answer of these elements.
pub(crate) fn give<E: Element>(run: &[u8]) -> Vec<u8> {
    request::<E>(7, &[&ALL[..], &[0], run].concat())
}

/// A message of a kind that has the cluster's tag.
fn request<E: Element>(kind: u8, fields: &[u8]) -> Vec<u8> {
    let [(_, open), _] = keys();
    let tag = AntiEntropy::<usize, E>::new(small(&open), 1).cluster_tag();
    [&[0x20 | kind], &tag[..], &NONCE, fields].concat()
}

fn case<E: Element>(text: &mut String, rule: &str, of: &str, taken: &[u8], refused: &[u8]) {
    let [(_, open), _] = keys();
    let mut machine = AntiEntropy::<usize, E>::new(small(&open), 1);
    machine.add_peer(2);
    assert!(machine.receive_bytes(&2, refused).is_err(), "{rule}: the one is taken");
    assert!(machine.is_empty());
    assert_eq!(machine.receive_bytes(&2, taken), Ok(()), "{rule}: the other is refused");
    row(text, format_args!("{rule} {of} {} {}", hex(taken), hex(refused)));
}
