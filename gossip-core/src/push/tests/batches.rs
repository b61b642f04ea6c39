//! What a replica pushes, field by field, and what it makes of what is pushed to it.

use alloc::vec;
use alloc::vec::Vec;
use core::num::NonZeroU16;
use core::time::Duration;

use super::super::*;
use crate::anti_entropy::AntiEntropy;
use crate::config::{Config, MessageBudget};
use crate::event::Output;
use crate::message::tests::numbers as elements;
use crate::message::{Batch, Body, Flags, Message, longest};
use crate::time::Time;

pub(super) const HUB: u8 = 0;

/// The hub's log, and places in logs.
const LOG: LogId = LogId::from_bits(77);

/// The one that it begins where it forgets that.
const NEXT_LOG: LogId = LogId::from_bits(78);

pub(super) fn at(index: usize) -> Place {
    Place::new(index)
}

/// Replica 1 or the hub, in a star of four, with batches 400 ms apart.
pub(super) fn replica(me: u8, window: u16) -> AntiEntropy<u8, u64> {
    let mut config = Config { batch_every: Some(Duration::from_millis(400)), ..Config::default() };
    config.window = NonZeroU16::new(window).expect("some messages");
    let mut machine = AntiEntropy::new(config, 1);
    (0..4).filter(|peer| *peer != me).for_each(|peer| _ = machine.add_peer(peer));
    machine.set_overlay(Overlay::star(&me, 0..4));
    assert_eq!(pushed(&mut machine, 0), []);
    machine
}

/// What is pushed up to this time, in ms; other messages are lost.
pub(super) fn pushed(machine: &mut AntiEntropy<u8, u64>, until: u64) -> Vec<(u8, Batch)> {
    let (mut pushed, mut now) = (vec![], machine.now());
    loop {
        match machine.poll(now) {
            Output::Send { to, message } => {
                if let Body::Push { batch, .. } = message.body {
                    pushed.push((to, *batch));
                }
            }
            Output::Event(_) => {}
            Output::Wait(next) => match next.filter(|next| *next <= Time::from_millis(until)) {
                Some(next) => now = next,
                None if now < Time::from_millis(until) => now = Time::from_millis(until),
                None => return pushed,
            },
        }
    }
}

/// Of pushes: to whom, from where to where of the log and how many elements that is, up to where the other's is had, and
/// the flags.
pub(super) fn told(pushed: &[(u8, Batch)]) -> Vec<(u8, [usize; 3], usize, &'static str)> {
    let flags = |flags: Flags| match (flags.asks, flags.to_parent, flags.detached, flags.timed) {
        (false, false, false, false) => "",
        (true, false, false, false) => "asks",
        (false, true, false, false) => "up",
        (true, true, false, false) => "asks, up",
        (true, false, true, false) => "asks, apart",
        (false, false, false, true) => "timed",
        others => panic!("{others:?}"),
    };
    let tell = |(to, batch): &(u8, Batch)| {
        let elements = batch.elements.count();
        (*to, [batch.from.index(), batch.to.index(), elements], batch.ack.index(), flags(batch.flags))
    };
    pushed.iter().map(tell).collect()
}

/// A push of the hub's, with so many elements of its log from a place on, that acknowledges ours up to `ack`.
pub(super) fn batch(machine: &mut AntiEntropy<u8, u64>, from: usize, numbers: &[u64], ack: usize) -> Batch {
    Batch {
        log: LOG,
        of: link(machine, if machine.peers().any(|peer| *peer == HUB) { HUB } else { 1 }).log,
        acked: Place::START,
        from: at(from),
        to: at(from + numbers.len()),
        ack: at(ack),
        held: 0,
        age: 0,
        lead: 20,
        flags: Flags::default(),
        elements: elements(numbers),
    }
}

pub(super) fn receive(machine: &mut AntiEntropy<u8, u64>, from: u8, batch: Batch) {
    let tag = machine.set().tag();
    machine.receive(&from, Message::new(Body::Push { tag, batch: batch.into() })).expect("it is of the cluster");
}

#[test]
fn what_comes_is_acknowledged_and_what_is_missing_asked_for() {
    let mut spoke = replica(1, 32);
    spoke.insert(1_000).expect("it is small");
    assert_eq!(told(&pushed(&mut spoke, 100)), [(HUB, [0, 1, 1], 0, "up")]);
    let first = batch(&mut spoke, 0, &[1, 2, 3], 0);
    receive(&mut spoke, HUB, first);
    assert_eq!((told(&pushed(&mut spoke, 200)), spoke.len()), (vec![], 4), "it can wait for something to go with");
    // What came from the hub does not go back there.
    let after_a_gap = batch(&mut spoke, 5, &[6], 0);
    receive(&mut spoke, HUB, after_a_gap);
    assert_eq!(told(&pushed(&mut spoke, 300)), [(HUB, [1, 5, 0], 3, "asks, up")]);
    let after_that = batch(&mut spoke, 6, &[7], 0);
    receive(&mut spoke, HUB, after_that);
    assert_eq!((told(&pushed(&mut spoke, 350)), spoke.len()), (vec![], 6), "it is asked for already");
    let all = batch(&mut spoke, 3, &[4, 5, 6, 7], 1);
    receive(&mut spoke, HUB, all.clone());
    assert_eq!((told(&pushed(&mut spoke, 2_199)), spoke.len()), (vec![], 8));
    let alone = pushed(&mut spoke, 4_000);
    assert_eq!(told(&alone), [(HUB, [1, 8, 0], 7, "up")]);
    let Batch { log, of, acked, held, age, .. } = &alone[0].1;
    assert_eq!((*log, *of, *acked), (link(&mut spoke, HUB).log, LOG, at(1)));
    assert_eq!((*held, *age), (1_850, 0), "two seconds since the first");
    // All of it is known: that was lost, or it would not have come.
    receive(&mut spoke, HUB, all);
    assert_eq!(told(&pushed(&mut spoke, 4_000)), [(HUB, [8, 8, 0], 7, "up")]);
    assert_eq!(spoke.stats().total.bare_pushes, 3);
}

#[test]
fn eight_messages_are_acknowledged_at_once() {
    let mut spoke = replica(1, 32);
    for place in 0..7 {
        let one = batch(&mut spoke, place, &[place as u64], 0);
        receive(&mut spoke, HUB, one);
        assert_eq!(told(&pushed(&mut spoke, 10 + place as u64)), []);
    }
    let eighth = batch(&mut spoke, 7, &[7], 0);
    receive(&mut spoke, HUB, eighth);
    assert_eq!(told(&pushed(&mut spoke, 20)), [(HUB, [0, 8, 0], 8, "up")]);
}

#[test]
fn half_a_window_is_acknowledged_at_once_where_that_is_less() {
    for (window, after) in [(1, 1), (2, 1), (3, 2), (5, 3), (15, 8), (16, 8)] {
        let mut spoke = replica(1, window);
        for place in 0..after {
            assert_eq!(told(&pushed(&mut spoke, place as u64)), [], "{window}");
            let one = batch(&mut spoke, place, &[place as u64], 0);
            receive(&mut spoke, HUB, one);
        }
        assert_eq!(told(&pushed(&mut spoke, 20)), [(HUB, [0, after, 0], after, "up")], "{window}");
    }
}

#[test]
fn no_more_is_under_way_than_a_window() {
    let mut spoke = replica(1, 2);
    for (number, until, expected) in [
        (1_000, 400, vec![(HUB, [0, 1, 1], 0, "up")]),
        (1_001, 900, vec![(HUB, [1, 2, 1], 0, "up")]),
        (1_002, 1_400, vec![]),
    ] {
        spoke.insert(number).expect("it is small");
        assert_eq!(told(&pushed(&mut spoke, until)), expected);
    }
    let nothing_new = batch(&mut spoke, 0, &[], 0);
    receive(&mut spoke, HUB, nothing_new);
    assert_eq!(told(&pushed(&mut spoke, 1_400)), []);
    let ack = batch(&mut spoke, 0, &[], 1);
    receive(&mut spoke, HUB, ack);
    assert_eq!(told(&pushed(&mut spoke, 1_500)), [(HUB, [2, 3, 1], 0, "up")]);
    assert_eq!(spoke.stats().total.resent, 0);
}

#[test]
fn what_is_not_acknowledged_goes_again_and_then_somebody_else_is_looked_for() {
    let mut spoke = replica(1, 4);
    spoke.insert(1_000).expect("it is small");
    let mut sent = vec![];
    for until in (100..5_000).step_by(100) {
        sent.extend(told(&pushed(&mut spoke, until)).into_iter().map(|push| (until, push)));
    }
    let (again, asks) = ((HUB, [0, 1, 1], 0, "up"), (HUB, [0, 0, 0], 0, "asks, apart"));
    assert_eq!(sent, [(100, again), (1_800, again), (3_600, asks), (4_600, asks)]);
    assert!(spoke.pusher().leaves_to_rounds());
    // A sign of life, and all is as it was.
    let sign = batch(&mut spoke, 0, &[], 0);
    receive(&mut spoke, HUB, sign);
    assert_eq!(told(&pushed(&mut spoke, 5_100)), [(HUB, [0, 1, 1], 0, "asks, up")]);
    assert!(!spoke.pusher().leaves_to_rounds());
}

#[test]
fn who_asks_gets_again_what_it_has_not_acknowledged() {
    let mut spoke = replica(1, 4);
    spoke.extend([1_000, 1_001]).expect("they are small");
    assert_eq!(told(&pushed(&mut spoke, 100)), [(HUB, [0, 2, 2], 0, "up")]);
    let mut asks = batch(&mut spoke, 0, &[], 0);
    asks.flags.asks = true;
    receive(&mut spoke, HUB, asks.clone());
    assert_eq!(told(&pushed(&mut spoke, 200)), [(HUB, [0, 2, 2], 0, "up")]);
    asks.ack = at(2);
    receive(&mut spoke, HUB, asks);
    assert_eq!(told(&pushed(&mut spoke, 300)), [(HUB, [2, 2, 0], 0, "up")]);
    // It begins another log, and has ours no more; but what it says it has of it, it has.
    let mut renamed = batch(&mut spoke, 0, &[5], 1);
    renamed.log = NEXT_LOG;
    receive(&mut spoke, HUB, renamed);
    assert_eq!(told(&pushed(&mut spoke, 400)), [(HUB, [1, 3, 1], 1, "up")]);
}

#[test]
fn a_hub_pushes_to_all_once_an_interval_and_not_to_who_leaves() {
    let mut hub = replica(HUB, 4);
    hub.extend([1, 2]).expect("they are small");
    let all = |places, ack, flags| [1, 2, 3].map(|peer| (peer, places, ack, flags));
    assert_eq!(told(&pushed(&mut hub, 300)), all([0, 2, 2], 0, "timed"));
    let mut up = batch(&mut hub, 0, &[3], 2);
    up.flags.to_parent = true;
    for peer in [1, 2, 3] {
        receive(&mut hub, peer, Batch { elements: elements(&[10 + u64::from(peer)]), ..up.clone() });
    }
    // Each gets what came from the two others; and, the first time, at once, so that it knows how long a round trip takes.
    let mut turn = told(&pushed(&mut hub, 900));
    turn.sort_unstable();
    assert_eq!(turn, all([2, 5, 2], 1, ""));
    let mut apart = batch(&mut hub, 1, &[], 5);
    receive(&mut hub, 1, apart.clone());
    receive(&mut hub, 3, apart.clone());
    apart.flags.detached = true;
    receive(&mut hub, 2, apart);
    hub.insert(9).expect("it is small");
    let mut turn = told(&pushed(&mut hub, 1_400));
    turn.sort_unstable();
    assert_eq!(turn, [(1, [5, 6, 1], 1, "timed"), (3, [5, 6, 1], 1, "timed")]);
}

#[test]
fn what_was_there_before_counts_as_sent_again() {
    let mut spoke = of_short_messages(2);
    assert_eq!(told(&pushed(&mut spoke, 100)), [(HUB, [0, 2, 2], 0, "up")]);
    spoke.insert(1_002).expect("it is small");
    assert_eq!(told(&pushed(&mut spoke, 800)), [(HUB, [2, 3, 1], 0, "up")]);
    assert_eq!(spoke.stats().total.resent, 1);
}

/// A round with a peer has brought over all that both had at these places.
pub(super) fn reconcile(machine: &mut AntiEntropy<u8, u64>, peer: u8, ours: Option<usize>, theirs: usize) {
    let log = machine.peer(&peer).known().log();
    machine.turn(&peer).expect("it was added").reconcile(ours.map(at), at(theirs), log);
}

/// Up to where we have the hub's log, and the hub ours.
pub(super) fn places(machine: &AntiEntropy<u8, u64>) -> [usize; 2] {
    let known = machine.peer(&HUB).known();
    [known.received().index(), known.acked().index()]
}

#[test]
fn no_head_of_a_push_is_longer_than_is_left_for_it() {
    let mut spoke = replica(1, 4);
    let place = |bits: u32| usize::MAX >> (usize::BITS - bits);
    let log = LogId::from_bits(u32::MAX);
    let [acked, from, to] = [place(63) + 1, place(63) + 1 + place(62), usize::MAX].map(at);
    let [held, age, lead] = [u32::MAX; 3];
    let of = log;
    let batch = Batch { log, of, acked, from, to, ack: to, held, age, lead, ..batch(&mut spoke, 0, &[], 0) };
    let len =
        Message::<u64>::new(Body::Push { tag: crate::element::ClusterTag::from_bytes([0; 4]), batch: batch.into() })
            .encoded_len();
    assert!(len + 10 <= longest::PUSH, "{len}");
}

#[test]
fn what_is_known_already_is_acknowledged_at_once_only_if_it_came_before() {
    let mut spoke = replica(1, 32);
    spoke.insert(1_000).expect("it is small");
    assert_eq!(told(&pushed(&mut spoke, 100)), [(HUB, [0, 1, 1], 0, "up")]);
    let ours_and_others = [batch(&mut spoke, 0, &[1_000], 1), batch(&mut spoke, 1, &[1, 2], 1)];
    // Of a place that was filled otherwise.
    let new_where_it_is_late = batch(&mut spoke, 1, &[3], 1);
    for expected in ours_and_others.into_iter().chain([new_where_it_is_late]) {
        receive(&mut spoke, HUB, expected);
        assert_eq!(told(&pushed(&mut spoke, 200)), []);
    }
}

pub(super) fn link(machine: &mut AntiEntropy<u8, u64>, name: u8) -> &mut Link {
    machine.pusher().links.get_mut(&name).and_then(Option::as_mut).expect("it stands somewhere")
}

#[test]
fn a_round_tells_what_both_have_and_what_is_left_goes_at_once() {
    let mut spoke = replica(1, 4);
    spoke.insert(1_000).expect("it is small");
    assert_eq!(told(&pushed(&mut spoke, 0)), [(HUB, [0, 1, 1], 0, "up")]);
    spoke.insert(1_001).expect("it is small");
    reconcile(&mut spoke, HUB, Some(3), 7);
    assert_eq!(places(&spoke), [7, 0], "it has not got as many");
    reconcile(&mut spoke, HUB, Some(1), 5);
    assert_eq!((places(&spoke)[0], places(&spoke)[1]), (7, 1));
    assert_eq!(told(&pushed(&mut spoke, 0)), [(HUB, [1, 2, 1], 7, "up")]);
    // With one that stands apart, and where nothing is left, nothing goes.
    let sign = batch(&mut spoke, 0, &[], 0);
    receive(&mut spoke, 2, sign);
    for (name, ours) in [(2, 1), (HUB, 2)] {
        reconcile(&mut spoke, name, Some(ours), 0);
        assert_eq!(spoke.peer(&name).known().acked(), at(ours));
    }
    assert_eq!(told(&pushed(&mut spoke, 0)), []);
}

/// A spoke of one hub that sends messages of 1 200 bytes, and holds so many numbers.
fn of_short_messages(count: u64) -> AntiEntropy<u8, u64> {
    let mut config = Config { batch_every: Some(Duration::from_millis(400)), ..Config::default() };
    (config.max_message, config.max_element_bytes) = (MessageBudget::new(1_200), 8);
    let mut spoke = AntiEntropy::new(config, 1);
    spoke.add_peer(HUB);
    spoke.extend(0..count).expect("they are small");
    spoke.set_overlay(Overlay::star(&1, 0..4));
    spoke
}

/// What is sent now: the pushes, and how many other messages.
fn sent(spoke: &mut AntiEntropy<u8, u64>) -> (Vec<[usize; 3]>, usize) {
    let (mut pushes, mut others, now) = (vec![], 0, spoke.now());
    while let Output::Send { message, .. } = spoke.poll(now) {
        match message.body {
            Body::Push { batch, .. } => pushes.push([batch.from.index(), batch.to.index(), batch.elements.count()]),
            _ => others += 1,
        }
    }
    (pushes, others)
}

#[test]
fn what_takes_more_than_four_messages_is_left_to_a_round() {
    let four = vec![[1, 141, 140], [141, 281, 140], [281, 421, 140], [421, 501, 80]];
    for (count, expected, resent, others) in [(501, four, 4, 0), (701, vec![[1, 1, 0]], 0, 1)] {
        let mut spoke = of_short_messages(1);
        assert_eq!(sent(&mut spoke), (vec![[0, 1, 1]], 0));
        let ack = batch(&mut spoke, 0, &[], 1);
        receive(&mut spoke, HUB, ack.clone());
        spoke.extend(1..count).expect("they are small");
        pushed(&mut spoke, 400);
        // It has lost all of that.
        let before = spoke.stats().total.resent;
        receive(&mut spoke, HUB, Batch { flags: Flags { asks: true, ..ack.flags }, ..ack });
        assert_eq!((sent(&mut spoke), spoke.stats().total.resent - before), ((expected, others), resent));
    }
}

#[test]
fn what_a_peer_may_have_is_compared_before_it_is_pushed() {
    // A kilobyte is, of a peer that nothing is known of.
    for (count, expected) in [(100, (vec![[0, 100, 100]], 0)), (200, (vec![[0, 0, 0]], 1))] {
        assert_eq!(sent(&mut of_short_messages(count)), expected);
        // It is the same whether the overlay was set before or after.
        let mut spoke = of_short_messages(0);
        assert_eq!(sent(&mut spoke), (vec![], 0));
        spoke.extend(0..count).expect("they are small");
        assert_eq!(sent(&mut spoke), expected);
    }
}

#[test]
fn what_is_acknowledged_of_another_log_counts_for_nothing() {
    let mut spoke = replica(1, 4);
    spoke.insert(1_000).expect("it is small");
    assert_eq!(told(&pushed(&mut spoke, 100)), [(HUB, [0, 1, 1], 0, "up")]);
    let mut other = batch(&mut spoke, 0, &[], 1);
    other.of = NEXT_LOG;
    receive(&mut spoke, HUB, other);
    assert_eq!(places(&spoke)[1], 0);
    let more_than_there_is = batch(&mut spoke, 0, &[], 2);
    receive(&mut spoke, HUB, more_than_there_is);
    assert_eq!(places(&spoke)[1], 0);
}

#[test]
fn only_the_first_batch_from_below_is_answered_at_once() {
    let mut hub = replica(HUB, 4);
    let mut up = batch(&mut hub, 0, &[10], 0);
    up.flags.to_parent = true;
    receive(&mut hub, 1, up);
    let turn = |[acknowledges, passes_on]: [[usize; 3]; 2], ack| {
        [(1, acknowledges, ack, "timed"), (2, passes_on, 0, "timed"), (3, passes_on, 0, "timed")]
    };
    assert_eq!(told(&pushed(&mut hub, 100)), turn([[0, 1, 0], [0, 1, 1]], 1));
    let mut more = batch(&mut hub, 1, &[11], 0);
    more.flags.to_parent = true;
    receive(&mut hub, 1, more);
    assert_eq!(told(&pushed(&mut hub, 200)), []);
    assert_eq!(told(&pushed(&mut hub, 800)), turn([[1, 2, 0], [1, 2, 1]], 2));
}

#[test]
fn what_was_proven_before_a_log_had_a_name_holds_if_the_peer_says_so_too() {
    for (acked, ack, expected) in [(3, 2, [3, 2]), (0, 0, [0, 0]), (2, 1, [2, 1]), (3, 0, [3, 0])] {
        let mut spoke = replica(1, 4);
        spoke.extend([1_000, 1_001, 1, 2, 3]).expect("they are small");
        reconcile(&mut spoke, HUB, Some(2), 3);
        assert_eq!(places(&spoke), [3, 2]);
        let first = Batch { of: LogId::UNKNOWN, acked: at(acked), ..batch(&mut spoke, acked, &[], ack) };
        receive(&mut spoke, HUB, first);
        assert_eq!(places(&spoke), expected);
        assert_eq!(link(&mut spoke, HUB).sent, at(expected[1]), "from there on it is to be sent again");
    }
}

/// A spoke that has pushed an element of its own, and left out for the hub two that came from there.
fn spoke_of_three() -> AntiEntropy<u8, u64> {
    let mut spoke = replica(1, 4);
    spoke.insert(1_000).expect("it is small");
    let first = batch(&mut spoke, 0, &[1, 2], 0);
    receive(&mut spoke, HUB, first);
    assert_eq!(told(&pushed(&mut spoke, 0)), [(HUB, [0, 3, 1], 2, "up")]);
    spoke
}

#[test]
fn what_came_from_a_peer_goes_back_where_that_has_lost_it() {
    let mut spoke = spoke_of_three();
    let anew = Batch { log: NEXT_LOG, of: LogId::UNKNOWN, ..batch(&mut spoke, 0, &[], 0) };
    receive(&mut spoke, HUB, anew);
    assert_eq!(told(&pushed(&mut spoke, 0)), [(HUB, [0, 3, 3], 0, "up")]);
}

#[test]
fn what_was_left_out_for_one_that_had_it_is_not_taken_for_had() {
    for (of, to, expected) in [(LogId::UNKNOWN, 2, 2), (LogId::UNKNOWN, 3, 0), (LOG, 3, 0)] {
        let mut spoke = replica(1, 4);
        // Of three elements, but for one that came from what we were before.
        let push = Batch { of, to: at(to), ..batch(&mut spoke, 0, &[1, 2], 0) };
        receive(&mut spoke, HUB, push);
        assert_eq!((spoke.len(), places(&spoke)[0]), (2, expected), "{of:?} {to}");
    }
    let mut spoke = replica(1, 4);
    let push = Batch { to: at(3), ..batch(&mut spoke, 0, &[1, 2], 0) };
    receive(&mut spoke, HUB, push);
    assert_eq!(places(&spoke)[0], 3);
    let next = Batch { of: LogId::UNKNOWN, ..batch(&mut spoke, 3, &[3, 4], 0) };
    receive(&mut spoke, HUB, next);
    assert_eq!(places(&spoke)[0], 5);
}

#[test]
fn what_is_left_out_for_its_sender_is_not_sent_again() {
    let mut spoke = spoke_of_three();
    let mut asks = batch(&mut spoke, 2, &[], 1);
    asks.flags.asks = true;
    receive(&mut spoke, HUB, asks);
    assert!(link(&mut spoke, HUB).catching_up);
    assert_eq!(told(&pushed(&mut spoke, 0)), [(HUB, [1, 3, 0], 2, "up")]);
    assert_eq!((link(&mut spoke, HUB).catching_up, spoke.stats().total.resent), (false, 0));
}
