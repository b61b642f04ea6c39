//! What a peer of a map can do that means harm: marks, gone dots and replica ids of its own making.

use core::time::Duration;
use std::time::Instant;

use allocation_counter::measure;
use gossip_core::sim::forge::{self, varint};
use gossip_core::{Config, Map, MapEvent, MapOutput, MessageKind, ReplicaId, Time};

type Victim = Map<usize, u64, u64>;

/// The hostile peer.
const PEER: usize = 1;

/// Work for a name that is hashed.
const LOOKED_FOR: u64 = 32;

/// A map of so many entries, that begins nothing by itself.
fn victim(entries: u64) -> Victim {
    let mut config = Config::default();
    (config.round_every, config.audit_every) = (Duration::from_secs(1 << 30), Duration::from_secs(1 << 30));
    let mut map = Map::new(config, ReplicaId::from_random([1; 8]), 1);
    (0..entries).for_each(|key| assert_eq!(map.insert(key, key), Ok(0)));
    map.add_peer(PEER);
    map
}

/// A replica's id, as messages have it: 62 bits.
fn id(of: u64) -> [u8; 8] {
    (of.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2).to_le_bytes()
}

/// A run of dots of one replica: every other counter from a first one on, so that none follows another.
fn every_other(of: u64, first: u64, count: u64) -> Vec<u8> {
    let gaps = vec![1; count as usize - 1];
    [&[1][..], &id(of), &varint(count), &varint(first), &gaps].concat()
}

/// A run of one dot.
fn dot(of: u64, counter: u64) -> Vec<u8> {
    every_other(of, counter, 1)
}

const NONE: &[u8] = &[0];

/// A repair without wishes or entries, with these gone dots and marks; asks for a verdict on a digest of this tag, or for
/// nothing.
fn repair(map: &Victim, nonce: u32, asks: Option<[u8; 8]>, gone: &[u8], marks: &[u8]) -> Vec<u8> {
    let asks = asks.map_or(vec![0], |tag| [&[3][..], &tag].concat());
    let fields = [&asks[..], NONE, NONE, &varint(0), gone, marks];
    forge::message(MessageKind::Repair, map.cluster_tag(), (nonce << 8).to_le_bytes(), &fields)
}

/// Polls to the end. Returns the messages, and the ids that are told to be used twice.
fn poll(map: &mut Victim, now: Time) -> (Vec<Vec<u8>>, Vec<ReplicaId>) {
    let (mut sent, mut forked) = (vec![], vec![]);
    loop {
        match map.poll(now) {
            MapOutput::Send { message, .. } => sent.push(message.encode()),
            MapOutput::Event(MapEvent::Forked { replica }) => forked.push(replica),
            MapOutput::Event(_) => {}
            MapOutput::Wait(_) => return (sent, forked),
        }
    }
}

fn receive(map: &mut Victim, message: &[u8]) {
    map.receive_bytes(&PEER, message).expect("it is well-formed");
}

/// 37 bytes may name a mark above a million exceptions, and hashing them all tells no more than that it lies. That is
/// charged, and not done any more for who has overdrawn.
#[test]
#[expect(clippy::disallowed_methods, reason = "it tells the time, and asserts the work")]
fn a_mark_above_many_exceptions_is_looked_at_within_the_budget() {
    const EXCEPTIONS: u64 = 1 << 19;
    let mut map = victim(10);
    for part in 0..EXCEPTIONS >> 15 {
        let gone = every_other(7, 2 + (part << 16), 1 << 15);
        let message = repair(&map, part as u32, None, &gone, NONE);
        receive(&mut map, &message);
    }
    poll(&mut map, Time::ZERO);
    assert_eq!(map.digest().count(), 10 + 1 + EXCEPTIONS);
    let lies = repair(&map, 99, Some([7; 8]), NONE, &dot(7, u64::from(u32::MAX)));
    assert_eq!(lies.len(), 37);
    let work = |map: &Victim| map.stats().total.work;
    let (before, digest, begins) = (work(&map), map.digest(), Instant::now());
    receive(&mut map, &lies);
    println!("{EXCEPTIONS} exceptions: {} us", begins.elapsed().as_micros());
    // All of them, and the mark that would take their place.
    assert_eq!(work(&map) - before, LOOKED_FOR * (EXCEPTIONS + 1));
    // The budget of 64 MiB and what fills it pays for some more, and for no more than that.
    (0..200).for_each(|_| receive(&mut map, &lies));
    assert_eq!(work(&map) - before, 5 * LOOKED_FOR * (EXCEPTIONS + 1));
    assert_eq!(map.digest(), digest);
    // It is answered all the same, and once, by when there is budget again; and asked once, since marks that raise nothing may be
    // some of many.
    assert_eq!(poll(&mut map, Time::ZERO).0.len(), 0);
    let mut kinds = vec![];
    while let MapOutput::Send { message, .. } = map.poll(Time::from_millis(60_000)) {
        kinds.push(message.kind());
    }
    assert_eq!(kinds, [MessageKind::Cells, MessageKind::Probe]);
}

/// A gone dot takes a byte on the wire, and is a name for good: what a peer that makes them up can have kept is in
/// proportion to what it sends.
#[test]
fn gone_dots_take_memory_in_proportion_to_what_is_sent() {
    let (mut map, mut sent) = (victim(10), 0);
    let memory = measure(|| {
        for part in 0..16 {
            let message = repair(&map, part, None, &every_other(7, 2 + (u64::from(part) << 16), 1 << 15), NONE);
            sent += message.len();
            receive(&mut map, &message);
            poll(&mut map, Time::ZERO);
        }
    });
    // 16 in the context, and 24 in a sketch that is as long as the names are many.
    println!("{} bytes for {sent} sent", memory.bytes_current);
    assert!(memory.bytes_current < 48 * sent as i64);
    // Those without a gap become the mark: what is kept is of the last 1 024 changes.
    let mut map = victim(10);
    let memory = measure(|| {
        let run = [&[1][..], &id(7), &varint(1 << 15), &varint(1), &vec![0; (1 << 15) - 1]].concat();
        let message = repair(&map, 1, None, &run, NONE);
        receive(&mut map, &message);
        poll(&mut map, Time::ZERO);
    });
    println!("{} bytes for a run without gaps", memory.bytes_current);
    assert!(memory.bytes_current < 300_000);
}

/// No message raises a mark by itself: not in a request, an answer, a push or a page; neither does a verdict that the
/// digest does not bear out.
#[test]
fn a_mark_that_no_digest_bears_out_is_raised_nowhere() {
    let mut map = victim(100);
    let (digest, tag) = (map.digest(), map.cluster_tag());
    let state = forge::state(digest);
    let own = map.replica();
    let remarks = |marks: &[u8]| [&varint(0)[..], NONE, marks].concat();
    for (nonce, marks) in (1..).zip([dot(7, 1), dot(7, 1_000), dot(8, u64::from(u32::MAX)), every_other(9, 1, 500)]) {
        for asks in [None, Some([0; 8]), Some(state)] {
            let message = repair(&map, nonce, asks, NONE, &marks);
            receive(&mut map, &message);
            poll(&mut map, Time::from_millis(u64::from(nonce) * 1_000));
        }
        let give = forge::message(MessageKind::Give, tag, [0, 0, 0, 1], &[&state, &[0], NONE, &remarks(&marks)]);
        // It may be refused, or taken: nothing comes of it.
        let _ = map.receive_bytes(&PEER, &give);
        let push = forge::push(tag, [1; 4], [0; 4], forge::ASKS, [0; 7], &[NONE, &remarks(&marks)].concat());
        let _ = map.receive_bytes(&PEER, &push);
        poll(&mut map, Time::from_millis(u64::from(nonce) * 1_000 + 500));
        assert_eq!(map.digest(), digest, "by marks {nonce}");
    }
    assert_eq!((map.replica(), map.len()), (own, 100));
}

/// Who says that the victim's own id has counted further makes it take another id, and no more: what it holds stays, and
/// what it writes is told from what was there.
#[test]
fn a_forged_id_costs_an_id_and_nothing_that_is_held() {
    let mut map = victim(100);
    let mut seen = vec![map.replica()];
    for nonce in 1..=50 {
        let own = map.replica().to_bytes();
        let mark = [&[1][..], &own, &varint(1), &varint(1_000_000)].concat();
        let message = repair(&map, nonce, None, &mark, NONE);
        let before = map.digest().count();
        receive(&mut map, &message);
        // It came twice, as anything may.
        receive(&mut map, &message);
        let (_, forked) = poll(&mut map, Time::from_millis(u64::from(nonce)));
        assert_eq!(forked, [*seen.last().expect("one")]);
        assert!(!seen.contains(&map.replica()));
        seen.push(map.replica());
        assert_eq!((map.len(), map.digest().count()), (100, before + 1), "the dot that is gone is a name");
    }
    assert_eq!(map.insert(0, 7), Ok(1));
    assert_eq!((map.len(), map.get(&0), map.get(&1)), (100, Some(&7), Some(&1)));
}
