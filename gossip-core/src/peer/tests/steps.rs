//! What the steps of a round make of the answers that come, one by one.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::*;
use crate::anti_entropy::AntiEntropy;
use crate::config::Config;
use crate::digest::{Digest, State};
use crate::element::Element;
use crate::event::Output;
use crate::message::tests::{answer, numbers as elements, request};
use crate::message::{Answer, Asks, Body, Head, Message, MessageKind, Part, Request, Tells, Told};
use crate::peer::budget::{CELL, PASSED};
use crate::push::Overlay;
use crate::round::Step;
use crate::round::incoming::IncomingSketch;
use crate::round::policy::Policy;
use crate::round::strategy::{self, MOST_NAMES};
use crate::set::Set;
use crate::sketch::{Estimate, IdWidth, Tables};
use crate::wire::{Bound, Cells, Elements, Ids, Place};

const PEER: u8 = 1;

fn machine<E: Element>(elements: impl IntoIterator<Item = E>) -> AntiEntropy<u8, E> {
    let mut machine = AntiEntropy::new(Config { max_element_bytes: 100, ..Config::default() }, 1);
    machine.extend(elements).expect("they are small");
    machine.set().settle();
    machine.add_peer(PEER);
    machine
}

fn numbers(from: u64, count: u64) -> impl Iterator<Item = u64> {
    (from..from + count).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// All that is sent now.
fn sent<E: Element>(machine: &mut AntiEntropy<u8, E>) -> Vec<Body> {
    let (now, mut bodies) = (machine.now(), vec![]);
    loop {
        match machine.poll(now) {
            Output::Send { message, .. } => bodies.push(message.body),
            Output::Event(_) => {}
            Output::Wait(_) => return bodies,
        }
    }
}

/// Lets our round begin, or go on with a probe; its nonce.
fn probe<E: Element>(machine: &mut AntiEntropy<u8, E>) -> u32 {
    let mut turn = machine.turn(&PEER).expect("it was added");
    match turn.peer.last_nonce.filter(|_| turn.peer.round.is_some()) {
        None => turn.want_round(),
        Some(nonce) => turn.go_to(nonce, Step::Probe(None)),
    }
    match &sent(machine)[..] {
        [Body::Request { nonce, request: Request::Probe { .. } | Request::DeepProbe { .. }, .. }] => nonce.bits(),
        others => panic!("{others:?}"),
    }
}

fn receive<E: Element>(machine: &mut AntiEntropy<u8, E>, body: Body) {
    machine.receive(&PEER, Message::new(body)).expect("it is of the cluster");
}

/// Whether it answers what was asked.
fn answers<E: Element>(machine: &mut AntiEntropy<u8, E>, body: Body) -> bool {
    let before = machine.stats().total.ignored;
    receive(machine, body);
    machine.stats().total.ignored == before
}

/// Both have had what it holds.
fn prove<E: Element>(machine: &mut AntiEntropy<u8, E>) {
    let digest = machine.digest();
    machine.turn(&PEER).expect("it was added").prove(digest);
}

fn state(count: u64) -> State {
    State { digest: Digest::from_parts(count, 7), bytes: 8 * count }
}

/// The end of an answer that has nothing but a state.
fn give<E: Element>(machine: &mut AntiEntropy<u8, E>, nonce: u32, state: State) -> Body {
    let (tag, from, to, elements) = (machine.set().tag(), Bound::START, Bound::START, Elements::NONE);
    answer(nonce, Answer::Give { tag, from, to, last: true, state: Told::State(state), wanted: None, elements })
}

/// The first cells of a peer that is in this state.
fn head<E: Element>(peer: &mut AntiEntropy<u8, E>, nonce: u32, state: State, count: usize) -> Body {
    let len = peer.len();
    let cells = peer.set().cells(0..count, Place::new(len)).expect("its table is longer");
    let cells = Cells::new(Set::<u64>::WIDTH, &cells);
    answer(nonce, Answer::Cells { part: Part::Head(Head { state, tells: Tells::Nothing }.into()), cells })
}

/// The same, of the state that it is in.
fn full_head<E: Element>(peer: &mut AntiEntropy<u8, E>, nonce: u32, count: usize) -> Body {
    let state = peer.set().state();
    head(peer, nonce, state, count)
}

#[test]
fn where_one_comes_back_others_may_as_well() {
    let mut machine = machine::<u64>([]);
    let later = Time::from_millis(10_000);
    for (name, reachable) in [(PEER, false), (2, false), (3, true)] {
        machine.add_peer(name);
        let turn = machine.turn(&name).expect("it was added");
        turn.peer.reachable = reachable;
        turn.peer.pacing.leave_alone(later);
    }
    let answer = give(&mut machine, 7, state(0));
    receive(&mut machine, answer);
    assert_eq!([PEER, 2, 3].map(|name| machine.peer(&name).next_round_at()), [Time::ZERO, Time::ZERO, later]);
}

#[test]
fn sides_change_parts_sooner_where_it_comes_to_pages() {
    for (more, sketch, changes) in [(100, true, false), (100, false, true), (128, true, true), (63, false, false)] {
        let mut machine = machine(numbers(0, 300));
        let (tag, digest) = (machine.set().tag(), Digest::from_parts(300 + more, 7));
        receive(
            &mut machine,
            request(tag, 0x101, if sketch { Request::Probe { digest } } else { Request::PlainProbe { digest } }),
        );
        let sent = loop {
            match machine.poll(Time::ZERO) {
                Output::Send { message, .. } => break message.kind(),
                Output::Event(_) => {}
                Output::Wait(_) => panic!("nothing is sent"),
            }
        };
        assert_eq!(sent == MessageKind::Probe, changes, "{more} {sketch}");
    }
}

#[test]
fn a_probe_of_the_peers_goes_before_one_of_ours_that_is_yet_to_be_sent() {
    let mut machine = machine(numbers(0, 300));
    let nonce = probe(&mut machine);
    machine.turn(&PEER).expect("it was added").go_to(Nonce::from_bits(nonce), Step::Probe(None));
    let (tag, digest) = (machine.set().tag(), Digest::from_parts(301, 7));
    receive(&mut machine, request(tag, 0x101, Request::Probe { digest }));
    let peer = &machine.peer(&PEER);
    assert!(peer.round.is_none() && matches!(peer.owed.as_deref(), Some(Owed::Verdict { .. })));
}

#[test]
fn of_crossing_probes_the_one_that_leads_goes_on() {
    // Numbers travel in sketches: who lacks more reads them.
    for (count, ours_goes_on) in [(290, false), (310, true)] {
        let mut machine = machine(numbers(0, 300));
        probe(&mut machine);
        let (tag, digest) = (machine.set().tag(), Digest::from_parts(count, 7));
        receive(&mut machine, request(tag, 0x101, Request::Probe { digest }));
        let peer = &machine.peer(&PEER);
        assert_eq!((peer.round.is_some(), peer.owed.is_none()), (ours_goes_on, ours_goes_on), "{count}");
    }
}

#[test]
fn only_the_first_probe_of_a_round_takes_the_peers_state_for_ours() {
    for (probes, full_state) in [(1, 2 * 3 * 8), (2, 3 * 8)] {
        let mut machine = machine(numbers(0, 3));
        let nonce = (0..probes).map(|_| probe(&mut machine)).last().expect("there is one");
        let state = machine.digest().tag();
        assert!(answers(&mut machine, answer(nonce, Answer::Proof { state })));
        assert_eq!(machine.stats().total.full_state_bytes, full_state);
    }
}

#[test]
fn answers_to_another_round_or_an_earlier_step_do_nothing() {
    let mut machine = machine(numbers(0, 300));
    let first = probe(&mut machine);
    let (other, proof) = (first ^ 1 << 8, machine.digest().tag());
    // It is true all the same.
    assert!(answers(&mut machine, answer(other, Answer::Proof { state: proof })));
    assert!(machine.peer(&PEER).round.is_some() && machine.stats().total.proofs == 0);
    let second = probe(&mut machine);
    let theirs = state(310);
    let late = give(&mut machine, first, theirs);
    assert!(!answers(&mut machine, late));

    // Of cells, the first that come are it.
    let mut peer = self::machine(numbers(0, 310));
    assert!(answers(&mut machine, head(&mut peer, second, theirs, 4)));
    let [Body::Request { nonce: third, request: Request::WantCells { .. }, .. }] = sent(&mut machine)[..] else {
        panic!("four cells are too few")
    };
    let third = third.bits();
    assert!(!answers(&mut machine, head(&mut peer, second, theirs, 4)));
    let late = give(&mut machine, second, theirs);
    assert!(!answers(&mut machine, late));
    assert_eq!(machine.stats().total.walks, 0);
    // It keeps no sketch any more.
    let instead = give(&mut machine, third, theirs);
    assert!(answers(&mut machine, instead));
    assert_eq!(machine.stats().total.walks, 1);
}

#[test]
fn a_repair_is_answered_by_what_answers_it() {
    for pushes in [false, true] {
        let mut machine = machine(numbers(0, 100));
        if pushes {
            machine.set_batches(Duration::from_secs(1));
            machine.set_overlay(Overlay::of([PEER]));
            sent(&mut machine);
        }
        let first = probe(&mut machine);
        let elements = elements(&numbers(99, 3).collect::<Vec<_>>());
        let tag = machine.set().tag();
        let whole = answer(first, Answer::Whole { tag, elements });
        assert!(answers(&mut machine, whole));
        let second = sent(&mut machine).iter().find_map(|body| match body {
            Body::Request { nonce, request: Request::Repair { asks: Asks::Verdict(_), .. }, .. } => Some(nonce.bits()),
            _ => None,
        });
        let late = give(&mut machine, first, state(101));
        assert!(!answers(&mut machine, late));
        let told = give(&mut machine, second.expect("what the peer lacks"), state(101));
        assert!(answers(&mut machine, told));
        assert_eq!(machine.peer(&PEER).round.is_none(), pushes, "pushes see to the rest");
    }
}

#[test]
fn wishes_in_the_middle_of_an_answer_add_up() {
    let mut machine = machine::<u64>([]);
    let tag = machine.set().tag();
    let repair = |wishes: &[u64]| {
        let wanted = Ids::fill(wishes, 1 << 20);
        request(tag, 0x102, Request::Repair { asks: Asks::Nothing, wanted, elements: Elements::NONE })
    };
    let many: Vec<u64> = (0..MOST_NAMES as u64 - 10).collect();
    receive(&mut machine, repair(&many));
    let Output::Send { .. } = machine.poll(Time::ZERO) else { panic!("there is an answer") };
    receive(&mut machine, repair(&[u64::from(u32::MAX)]));
    let Some(Owed::Wanted { wishes, next, .. }) = machine.peer(&PEER).owed.as_deref() else {
        panic!("there is more of it")
    };
    assert!(wishes.len() == many.len() + 1 && *next > 10, "{} {next}", wishes.len());
}

#[test]
fn cells_are_charged_with_their_reading_and_what_is_left_of_them_since_the_last_proof_too() {
    for proven in [false, true] {
        let mut machine = machine(numbers(0, 300));
        let mut peer = self::machine(numbers(0, 310));
        if proven {
            prove(&mut machine);
        }
        machine.extend(numbers(1 << 32, 5)).expect("they are small");
        let nonce = probe(&mut machine);
        assert_eq!(machine.peer(&PEER).round.as_deref().map(Round::full_state), Some(305 * 8));
        let before = machine.stats().total.work;
        assert!(answers(&mut machine, full_head(&mut peer, nonce, 12)));
        let again = if proven { 12 * CELL + 5 * PASSED } else { 0 };
        assert_eq!(machine.stats().total.work - before, 12 * CELL + again);
        let full_state = machine.peer(&PEER).round.as_deref().map(Round::full_state);
        assert_eq!(full_state, Some((305 + 310) * 8), "with what the peer tells of its own");
    }
}

#[test]
fn an_answer_that_ends_early_is_asked_for_again_while_it_brings_anything() {
    let mut machine = machine(numbers(0, 1_000));
    prove(&mut machine);
    let mut peer = self::machine(numbers(60, 1_010));
    let nonce = probe(&mut machine);
    receive(&mut machine, full_head(&mut peer, nonce, 12));
    for (count, walks) in [(3, 0), (0, 1)] {
        let [Body::Request { nonce, request: Request::WantCells { from, .. }, .. }] = sent(&mut machine)[..] else {
            panic!("these are too few")
        };
        let (nonce, len) = (nonce.bits(), peer.len());
        let cells = peer.set().cells(from..from + count, Place::new(len)).expect("its table is longer");
        let cells = Cells::new(Set::<u64>::WIDTH, &cells);
        assert!(answers(&mut machine, answer(nonce, Answer::Cells { part: Part::After { from, last: true }, cells })));
        assert_eq!(machine.stats().total.walks, walks);
    }
}

#[test]
fn what_is_read_is_learned() {
    let mut machine = machine(numbers(0, 300));
    let mut peer = self::machine(numbers(0, 310));
    let nonce = probe(&mut machine);
    receive(&mut machine, full_head(&mut peer, nonce, 32));
    let total = machine.stats().total;
    assert_eq!((machine.digest(), total.sketches, total.learned), (peer.digest(), 1, 10));
}

/// What is asked for after so many first cells of a peer that holds ten more than at the last proof, and lacks others.
fn next(have: usize) -> (&'static str, usize) {
    let mut machine = machine(numbers(0, 1_000));
    next_of(&mut machine, have)
}

fn next_of(machine: &mut AntiEntropy<u8, u64>, have: usize) -> (&'static str, usize) {
    prove(machine);
    let mut peer = self::machine(numbers(60, 1_010));
    let nonce = probe(machine);
    receive(machine, full_head(&mut peer, nonce, have));
    match &sent(machine)[..] {
        [] => ("nothing", 0),
        [Body::Request { request: Request::WantCells { from, count, .. }, .. }] => ("cells", from + count),
        [body] => (Message::<u64>::new(body.clone()).kind().name(), 0),
        others => panic!("{others:?}"),
    }
}

#[test]
fn what_is_known_of_a_difference_is_believed_until_so_many_cells_are_in_vain() {
    assert_eq!([12, 28].map(next), [("cells", 21), ("cells", 36)]);
    assert_eq!([36, 37, 60].map(next), [("page", 0), ("probe", 0), ("probe", 0)]);
    assert_eq!(next(120), ("cells", 140));
}

#[test]
fn where_others_cells_leave_no_room_a_round_is_put_off_once() {
    // Of 21 cells.
    for (others, put_off, expected) in [
        ((1 << 18) - 21, false, ("cells", 21)),
        ((1 << 18) - 20, false, ("nothing", 0)),
        ((1 << 18) - 20, true, ("page", 0)),
    ] {
        let mut machine = machine(numbers(0, 1_000));
        machine.add_peer(2);
        machine.sync_now(&2);
        sent(&mut machine);
        let head = Head { state: state(0), tells: Tells::Nothing };
        let cells = Cells::new(IdWidth::Bits64, &[]);
        let mut incoming = IncomingSketch::new(&head, &cells, machine.set().tables(), Place::START, 0);
        incoming.aim(others);
        let turn = machine.turn(&2).expect("it was added");
        assert!(turn.peer.round.as_deref_mut().expect("it began").take(Step::Sketch(incoming.into())));
        machine.turn(&PEER).expect("it was added").peer.put_off = put_off;
        assert_eq!(next_of(&mut machine, 12), expected);
        let peer = &machine.peer(&PEER);
        assert_eq!((peer.round.is_none(), peer.put_off), (expected.0 == "nothing", expected.0 != "cells"));
    }
}

/// How many cells are aimed at, where so many are there and either side has so many texts of 60 bytes.
fn target(count: u64, top_ups: Option<usize>, have: usize, differences: u64, sigma: u64) -> Option<usize> {
    target_knowing(None, count, top_ups, have, Estimate { differences, sigma })
}

fn target_knowing(
    known: Option<u64>,
    count: u64,
    top_ups: Option<usize>,
    have: usize,
    seen: Estimate,
) -> Option<usize> {
    let state = State { digest: Digest::from_parts(count, 1), bytes: 60 * count };
    let cells = Cells::new(IdWidth::Bits48, &vec![Cell::EMPTY; have]);
    let mut incoming =
        IncomingSketch::new(&Head { state, tells: Tells::Nothing }, &cells, None::<&Tables>, Place::START, count);
    (0..top_ups.map_or(0, |top_ups| top_ups + 1)).for_each(|_| incoming.aim(have));
    let policy = Policy::of(Config::default().economy).expect("there are sketches");
    let known = known.map(|differences| Estimate { differences, sigma: 0 });
    strategy::target(policy, state, &incoming, known, seen, false, false)
}

#[test]
fn what_is_known_is_aimed_at_where_it_is_less_than_what_is_seen() {
    let seen = Estimate { differences: 100, sigma: 10 };
    let of = |known| target_knowing(known, 1_000, None, 32, seen).unwrap_or(0);
    assert_eq!([None, Some(100), Some(99), Some(50), Some(150)].map(of), [111, 111, 139, 78, 111]);
}

#[test]
fn no_more_cells_are_aimed_at_than_tables_can_have() {
    // Of 2^20 cells, which decode 920 000 differences.
    let most = |top_ups, have| {
        let seen =
            [(900_000, 10_000), (920_000, 10_000), (950_000, 10_000), (1_000_000, 100_000), (1_200_000, 200_000)];
        seen.map(|(differences, sigma)| target(10_000_000, top_ups, have, differences, sigma).unwrap_or(0))
    };
    assert_eq!(most(None, 32), [763_572, 780_531, 805_970, 848_367, 1_017_949]);
    assert_eq!(most(Some(0), 900_000), [1_034_907, 1 << 20, 0, 1 << 20, 0]);
}

#[test]
fn further_requests_aim_above_what_is_seen_and_end() {
    let more = |top_ups, have| {
        let seen = [(50, 10), (120, 30), (330, 10), (420, 20)];
        seen.map(|(differences, sigma)| target(1_000, Some(top_ups), have, differences, sigma).unwrap_or(0))
    };
    let after_32 = [0, 1, 2, 3, 4].map(|top_ups| more(top_ups, 32));
    assert_eq!(
        after_32,
        [[82, 199, 408, 530], [88, 217, 414, 541], [134, 217, 414, 541], [236, 252, 425, 564], [0; 4]]
    );
    let after_300 = [0, 1, 2, 3, 4].map(|top_ups| more(top_ups, 300));
    assert_eq!(after_300, [[325, 325, 408, 530], [378, 378, 414, 541], [456, 456, 456, 541], [612; 4], [0; 4]]);
}
