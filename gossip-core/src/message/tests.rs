//! Every form of message, read back; and bytes that are none.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::{
    Answer, Asks, Batch, Body, DecodeError, Flags, Head, Listed, LogId, Message, Nonce, Part, Request, Tells, Told,
    VERSION,
};
use crate::codec::{Encode, Sink};
use crate::config::MessageBudget;
use crate::digest::{Digest, State};
use crate::element::{ClusterTag, Entry, Fingerprint, Fingerprinter, Rank};
use crate::key::Key;
use crate::sketch::{Cell, DeepBits, DeepWidth, IdWidth, MAX_CELLS};
use crate::wire::{Bound, Cells, Elements, Ids, Place};

const TAG: ClusterTag = ClusterTag::from_bytes(*b"tag!");
const NONCE: u32 = 0x0403_0201;

const PROBE: Body = request(TAG, NONCE, Request::Probe { digest: Digest::from_parts(300, 7 << 100) });

/// A request with this tag and nonce.
pub(crate) const fn request(tag: ClusterTag, nonce: u32, request: Request) -> Body {
    Body::Request { tag, nonce: Nonce::from_bits(nonce), request }
}

/// An answer to the request with this nonce.
pub(crate) const fn answer(nonce: u32, answer: Answer) -> Body {
    Body::Answer { nonce: Nonce::from_bits(nonce), answer }
}

fn state(bytes: u64) -> State {
    State { digest: Digest::from_parts(bytes / 8, 5 << 90), bytes }
}

fn cells(width: IdWidth, count: u64) -> Cells {
    Cells::new(width, &(0..count).map(|id| Cell::new(id * 77, 1)).collect::<Vec<_>>())
}

fn elements(ids: &[u64]) -> Elements {
    Elements::fill(ids.iter().map(|id| Entry { id: *id, element: id.into() }), usize::MAX).elements
}

/// These numbers, as a message of the open cluster has them.
pub(crate) fn numbers(numbers: &[u64]) -> Elements {
    let fingerprinter = Fingerprinter::new(&Key::open());
    let mut entries: Vec<Entry<'_, u64>> =
        numbers.iter().map(|number| Entry { id: fingerprinter.encode(number).0.id, element: number.into() }).collect();
    entries.sort_by_key(|entry| entry.id);
    Elements::fill(entries.iter().copied(), usize::MAX).elements
}

fn deep(width: DeepWidth) -> DeepBits {
    DeepBits::decode(width, &vec![0x5a; width.encoded_len()]).expect("any bits are deep bits")
}

/// Messages in all their forms: whether each is an answer, or goes on with what was asked before.
fn all() -> Vec<(Body, bool, bool)> {
    let (from, to) = (Bound::At(Rank::first(Fingerprint { id: 3 << 40, rest: 9 })), Bound::End);
    let tag = TAG;
    let asked = |request| self::request(TAG, NONCE, request);
    let answered = |answer| self::answer(NONCE, answer);
    let mut all = vec![
        (PROBE, false, false),
        (asked(Request::PlainProbe { digest: Digest::EMPTY }), false, false),
        (asked(Request::DeepProbe { digest: Digest::EMPTY, deep: Box::new(deep(DeepWidth::Narrow)) }), false, false),
        (answered(Answer::Proof { state: 0x1234_5678_9abc }), true, false),
        (asked(Request::WantCells { state: 77, from: 127, count: 128 }), false, true),
        (asked(Request::WantCells { state: 77, from: 20_000, count: 1 }), false, true),
    ];
    for (width, last) in [(IdWidth::Bits48, false), (IdWidth::Bits64, true)] {
        let seen = Tells::Seen { differences: 1 << 40, follow: 300 };
        for tells in [Tells::Nothing, Tells::Bits(deep(DeepWidth::Narrow)), Tells::Bits(deep(DeepWidth::Wide)), seen] {
            let part = Part::Head(Box::new(Head { state: state(4_000), tells }));
            all.push((answered(Answer::Cells { part, cells: cells(width, 5) }), true, false));
        }
        for from in [16, 300] {
            let part = Part::After { from, last };
            all.push((answered(Answer::Cells { part, cells: cells(width, 130) }), true, false));
        }
    }
    for (asks, goes_on) in
        [(Asks::Nothing, true), (Asks::End, true), (Asks::State, false), (Asks::Verdict(1 << 60), false)]
    {
        let wanted = Ids::fill(&[5, 80, 4_000_000], usize::MAX);
        let repair = Request::Repair { asks, wanted, elements: elements(&[1, 2, 300]) };
        all.push((asked(repair), false, goes_on));
    }
    all.push((answered(Answer::Whole { tag, elements: elements(&[8, 1 << 63]) }), true, false));
    for (window, wants_state) in [(1, false), (63, true), (64, false), (u16::MAX, true)] {
        let listed = Listed::Whole(elements(&[8, 1 << 63]));
        all.push((asked(Request::Page { window, wants_state, from, to, listed }), false, !wants_state));
    }
    for (window, wants_state) in [(0, false), (32, true)] {
        let listed = Listed::Ids(Ids::fill(&[5, 80, 4_000_000], usize::MAX));
        all.push((asked(Request::Page { window, wants_state, from, to, listed }), false, !wants_state));
    }
    let told = [Told::Nothing, Told::State(state(7)), Told::State(state(1 << 40)), Told::Tag(1 << 60)];
    for (last, state) in told.into_iter().flat_map(|told| [(false, told), (true, told)]) {
        for wanted in [None, Some(Box::new(Ids::fill(&[5, 80], usize::MAX)))] {
            let elements = elements(&[0]);
            all.push((answered(Answer::Give { tag, from, to, last, state, wanted, elements }), true, false));
        }
    }
    for flags in (0..16).filter_map(Flags::of) {
        let batch = Batch {
            log: LogId::from_bits(1),
            of: LogId::from_bits(2),
            acked: Place::new(3),
            from: Place::new(200),
            to: Place::new(40_000),
            ack: Place::new(5),
            held: 600,
            age: 0,
            lead: u32::MAX,
            flags,
            elements: elements(&[4, 5]),
        };
        all.push((Body::Push { tag, batch: Box::new(batch) }, false, false));
    }
    all
}

#[test]
fn every_message_is_read_back_and_as_long_as_it_says() {
    let mut kinds = Vec::new();
    for (body, answers, goes_on) in all() {
        let message = Message::<u64>::new(body);
        let bytes = message.encode();
        assert_eq!(Message::decode(&bytes), Ok(message.clone()), "{:?}", message.body);
        assert_eq!(message.encoded_len(), bytes.len(), "{:?}", message.body);
        #[cfg(feature = "sim")]
        {
            assert_eq!(message.is_answer(), answers, "{:?}", message.body);
            let is_push = message.kind() == super::MessageKind::Push;
            assert_eq!((message.continues(), message.is_push()), (goes_on, is_push));
        }
        let _ = (answers, goes_on);
        kinds.push((message.kind().name(), bytes[0]));
        for len in 0..bytes.len() {
            assert!(Message::<u64>::decode(&bytes[..len]).is_err(), "{len} bytes of {:?}", message.body);
        }
        let longer = [&bytes[..], &[0]].concat();
        let trailing = DecodeError::Trailing { at: bytes.len(), extra: 1 };
        assert_eq!(Message::<u64>::decode(&longer), Err(trailing), "{:?}", message.body);
    }
    kinds.dedup();
    let expected = [
        ("probe", 0x21),
        ("probe", 0x28),
        ("probe", 0x2a),
        ("proof", 0x22),
        ("want-cells", 0x23),
        ("cells", 0x24),
        ("repair", 0x25),
        ("page", 0x2b),
        ("page", 0x26),
        ("page", 0x2c),
        ("give", 0x27),
        ("push", 0x29),
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn different_messages_differ() {
    let messages: Vec<Message<u64>> = all().into_iter().map(|(body, ..)| Message::new(body)).collect();
    for (i, one) in messages.iter().enumerate() {
        assert!(messages.iter().enumerate().all(|(j, other)| (one == other) == (i == j)));
    }
}

/// What is wrong with a message of this kind, after its tag and nonce.
fn flaw(code: u8, rest: &[u8]) -> Option<DecodeError> {
    let head = if code == 4 { vec![] } else { TAG.bytes().to_vec() };
    let bytes = [&[VERSION << 4 | code][..], &head, &NONCE.to_le_bytes(), rest].concat();
    Message::<u64>::decode(&bytes).err()
}

fn varints(numbers: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    numbers.iter().for_each(|&number| out.put_varint(number));
    out
}

#[test]
fn no_message_asks_for_cells_that_no_sketch_has() {
    let most = MAX_CELLS as u64;
    let want = |from, count| flaw(3, &[&[0; 8][..], &varints(&[from, count])].concat());
    assert_eq!([want(0, most), want(most - 1, 1), want(most, 0)], [None; 3]);
    let at = 17 + varints(&[most]).len();
    assert_eq!(want(most, 1), Some(DecodeError::Field { field: "number of cells", at }));
    assert_eq!(want(most + 1, 0), Some(DecodeError::Field { field: "first cell", at: 17 }));
    let cells = |from, count: u64| {
        let mut run = Vec::new();
        cells(IdWidth::Bits64, count).put(&mut run);
        flaw(4, &[&[0][..], &varints(&[from]), &run].concat())
    };
    assert_eq!(cells(most - 2, 2), None);
    let at = 6 + varints(&[most]).len();
    assert_eq!(cells(most - 1, 2), Some(DecodeError::Field { field: "cells", at }));
}

#[test]
fn flags_that_there_are_not_are_refused() {
    let flags = |at| Some(DecodeError::Field { field: "flags", at });
    for byte in 0..=255 {
        let known = [1, 3, 17, 33, 0, 8].contains(&(byte & !4));
        assert_eq!(flaw(4, &[byte]) == flags(5), !known, "cells: {byte}");
        assert_eq!(flaw(5, &[byte]) == flags(9), byte > 3, "a repair: {byte}");
        let push = [&[VERSION << 4 | 9][..], &TAG.bytes(), &[0; 8], &[byte]].concat();
        let refused = Message::<u64>::decode(&push).err() == flags(13);
        assert_eq!(refused, byte > 15 || byte & 6 == 6, "a push: {byte}");
    }
    let mut interval = Vec::new();
    Bound::START.put(&mut interval);
    Bound::End.put(&mut interval);
    for byte in 0..=255 {
        let give = flaw(7, &[&interval[..], &[byte]].concat());
        assert_eq!(give == flags(9 + interval.len()), byte > 15 || byte & 9 == 9, "what is given: {byte}");
    }
    let window = Some(DecodeError::Field { field: "window", at: 9 });
    assert_ne!(flaw(6, &varints(&[2 * 65_535 + 1])), window);
    // What has no window is part of a page, and does not ask for a state.
    let part = [&[0][..], &interval, &[0]].concat();
    assert_eq!(flaw(6, &part), None);
    assert_eq!(flaw(6, &[&[1][..], &part[1..]].concat()), window);
    assert_eq!(flaw(6, &varints(&[2 * 65_536])), window);
    assert_eq!(flaw(11, &[0]), None);
    // Wishes that there are not are not said to follow.
    let at = 9 + interval.len() + 1;
    let wanted = Some(DecodeError::Field { field: "wanted ids", at });
    assert_eq!(flaw(7, &[&interval[..], &[4, 0, 0]].concat()), wanted);
}

#[test]
fn what_is_no_message_of_this_version_is_refused() {
    let refused = |bytes: &[u8]| Message::<u64>::decode(bytes).err();
    let most = MessageBudget::MAX.bytes();
    let longest = vec![0; most + 2];
    assert_eq!(refused(&longest[1..]), Some(DecodeError::TooLong(most + 1)));
    assert_eq!(refused(&longest), Some(DecodeError::TooLong(most + 2)));
    assert_eq!(refused(&longest[2..]), Some(DecodeError::Version(0)));
    assert_eq!(refused(&[0x91]), Some(DecodeError::Version(9)));
    assert_eq!(refused(&[VERSION << 4 | 15]), Some(DecodeError::UnknownKind(15)));
}

#[test]
fn a_flaw_in_an_element_is_told_with_its_place() {
    let texts = ["one", "two"].map(String::from);
    let entries = texts.iter().map(|text| Entry { id: 0, element: text.into() });
    let elements = Elements::fill(entries, usize::MAX).elements;
    let body = request(TAG, NONCE, Request::Repair { asks: Asks::End, wanted: Ids::NONE, elements });
    let mut bytes = Message::<String>::new(body).encode();
    // The first of its four bytes is its length.
    let at = bytes.len() - 4;
    bytes[at] = 4;
    let flaw = DecodeError::Element { index: 1, at: bytes.len() - 4 };
    assert_eq!(Message::<String>::decode(&bytes), Err(flaw));
}
