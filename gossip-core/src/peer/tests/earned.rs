//! What requests earn, message by message, and what that is charged with beside the messages themselves.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::anti_entropy::AntiEntropy;
use crate::config::{Config, Economy, MessageBudget};
use crate::digest::{Digest, State};
use crate::element::{Element, Entry, Fingerprinter, Rank};
use crate::event::Output;
use crate::key::Key;
use crate::machine::tests::{PEER, replica};
use crate::message::tests::{answer, numbers, request};
use crate::message::{Answer, Asks, Body, Listed, Message, Part, Request, Told};
use crate::peer::budget::{FOLDED, LOOKED_FOR, MESSAGE, PASSED};
use crate::peer::owed::{Question, Use};
use crate::round::need;
use crate::round::policy::Policy;
use crate::round::strategy::{self, MOST_NAMES};
use crate::set::Set;
use crate::time::Time;
use crate::wire::{Bound, Elements, Ids, WISH};

fn id(number: u64) -> u64 {
    Fingerprinter::new(&Key::open()).fingerprint((&number).into(), &[]).id
}

/// What requests earn that come before the next poll, and the work beside sending that.
fn earned(machine: &mut AntiEntropy<u8, u64>, requests: impl IntoIterator<Item = Body>) -> (Vec<Body>, u64) {
    let before = machine.stats().total.work;
    for request in requests {
        machine.receive(&PEER, Message::new(request)).expect("it is of the cluster");
    }
    let (mut bodies, mut sending) = (vec![], 0);
    loop {
        match machine.poll(Time::ZERO) {
            Output::Send { message, .. } => {
                sending += MESSAGE + message.encoded_len() as u64;
                bodies.push(message.body);
            }
            Output::Event(_) => {}
            Output::Wait(_) => return (bodies, machine.stats().total.work - before - sending),
        }
    }
}

fn want_cells(machine: &mut AntiEntropy<u8, u64>, state: u64, from: usize, count: usize) -> Body {
    request(machine.set().tag(), 0x101, Request::WantCells { state, from, count })
}

/// From where, how many, and whether they are the last.
fn runs(bodies: &[Body]) -> Vec<(usize, usize, bool)> {
    let run = |body: &Body| match body {
        Body::Answer { answer: Answer::Cells { part: Part::After { from, last }, cells }, .. } => {
            (*from, cells.count(), *last)
        }
        other => panic!("{other:?}"),
    };
    bodies.iter().map(run).collect()
}

#[test]
fn cells_are_charged_with_the_table_they_are_folded_from_and_what_was_inserted_since() {
    let mut machine = replica(1_000, 3);
    let tag = machine.digest().tag();
    let request = want_cells(&mut machine, tag, 0, 100);
    let (bodies, work) = earned(&mut machine, [request]);
    assert_eq!((runs(&bodies), work), (vec![(0, 100, true)], 128 / FOLDED as u64));
    let request = want_cells(&mut machine, tag, 20, 100);
    let (bodies, work) = earned(&mut machine, [request]);
    assert_eq!((runs(&bodies), work), (vec![(20, 100, true)], 128 / FOLDED as u64));
    // Of what fits a message, the first are of a short table and the others of the long one.
    let request = want_cells(&mut machine, tag, 20, 250);
    let (bodies, work) = earned(&mut machine, [request]);
    assert_eq!((runs(&bodies), work), (vec![(20, 144, false), (164, 106, true)], 2 * 512 / FOLDED as u64));
    // As many as the window has, and as the elements of two such sets take. What is beyond the table is of a longer one,
    // built of all elements.
    let request = want_cells(&mut machine, tag, 0, 500);
    let (bodies, _) = earned(&mut machine, [request]);
    assert_eq!(runs(&bodies), [(0, 144, false), (144, 144, false), (288, 144, true)]);
    let request = want_cells(&mut machine, tag, 500, 100);
    let (bodies, work) = earned(&mut machine, [request]);
    assert_eq!((runs(&bodies), work), (vec![(500, 100, true)], 1_024 / FOLDED as u64 + 1_000 * PASSED));
    let request = want_cells(&mut machine, tag, 4_090, 100);
    let (bodies, work) = earned(&mut machine, [request]);
    assert_eq!((runs(&bodies), work), (vec![(4_090, 6, true)], 4_096 / FOLDED as u64 + 1_000 * PASSED));
    // Both to find the state and to give its cells, what came since is passed by.
    machine.extend(1_000..1_005).expect("they are small");
    let request = want_cells(&mut machine, tag, 0, 100);
    let (bodies, work) = earned(&mut machine, [request]);
    assert_eq!((runs(&bodies), work), (vec![(0, 100, true)], 128 / FOLDED as u64 + 2 * 5 * PASSED));
    // A state that never was.
    let request = want_cells(&mut machine, 7, 0, 100);
    let (bodies, work) = earned(&mut machine, [request]);
    assert!(
        matches!(&bodies[..], [Body::Answer { answer: Answer::Cells { part: Part::Head(_), .. }, .. }]),
        "{bodies:?}"
    );
    assert_eq!(work, 1_024 * PASSED);
}

/// The first bits of the ids held, ascending.
fn wishes(machine: &AntiEntropy<u8, u64>) -> Vec<u64> {
    let mut wishes: Vec<u64> = machine.iter().map(|number| id(*number) >> WISH).collect();
    wishes.sort_unstable();
    wishes
}

fn repair(machine: &mut AntiEntropy<u8, u64>, asks: Asks, wishes: &[u64]) -> Body {
    let wanted = Ids::fill(wishes, 10_000);
    request(machine.set().tag(), 0x102, Request::Repair { asks, wanted, elements: Elements::NONE })
}

/// Of what is given: from where to where, how many, whether they are the last, and whether a state comes with them.
fn gives(bodies: &[Body]) -> Vec<(Bound, Bound, usize, bool, Option<State>)> {
    let give = |body: &Body| match body {
        Body::Answer { answer: Answer::Give { from, to, last, state, elements, .. }, .. } => {
            let state = if let Told::State(state) = state { Some(*state) } else { None };
            (*from, *to, elements.count(), *last, state)
        }
        other => panic!("{other:?}"),
    };
    bodies.iter().map(give).collect()
}

#[test]
fn what_is_wished_for_is_charged_with_looking_for_it() {
    let mut machine = replica(1_000, 3);
    let (all, state) = (wishes(&machine), machine.set().state());
    let (first, end) = (|at: usize| Bound::of_name(all[at], WISH), |at: usize| Bound::after_name(all[at], WISH));
    let request = repair(&mut machine, Asks::State, &all[..100]);
    let (bodies, work) = earned(&mut machine, [request]);
    assert_eq!(gives(&bodies), [(first(0), end(99), 100, true, Some(state))]);
    assert_eq!(work, 100 * LOOKED_FOR);
    // In two messages that come before the answer: the wishes of the first are put in order among those of the second.
    let requests = [repair(&mut machine, Asks::Nothing, &all[50..100]), repair(&mut machine, Asks::End, &all[10..60])];
    let (bodies, work) = earned(&mut machine, requests);
    assert_eq!(gives(&bodies), [(first(10), end(99), 90, true, None)]);
    assert_eq!(work, 90 * (LOOKED_FOR + PASSED));
    // More than a message holds.
    let request = repair(&mut machine, Asks::Nothing, &all[..200]);
    let (bodies, work) = earned(&mut machine, [request]);
    let taken = gives(&bodies)[0].2;
    assert_eq!(
        gives(&bodies),
        [(first(0), end(taken - 1), taken, false, None), (first(taken), end(199), 200 - taken, false, None)]
    );
    assert_eq!(work, 200 * LOOKED_FOR);
    // More than the window holds: the peer is to know where it ends.
    let request = repair(&mut machine, Asks::Nothing, &all);
    let (bodies, _) = earned(&mut machine, [request]);
    let lasts: Vec<bool> = gives(&bodies).iter().map(|give| give.3).collect();
    assert_eq!(lasts, [false, false, true]);
}

#[test]
fn wishes_for_what_is_not_there_fill_messages_too() {
    let mut machine = replica(0, 3);
    let absent: Vec<u64> = (0..1_000).collect();
    let request = repair(&mut machine, Asks::State, &absent[..700]);
    let (bodies, work) = earned(&mut machine, [request]);
    let ends = gives(&bodies).iter().map(|&(_, to, count, last, _)| (to, count, last)).collect::<Vec<_>>();
    let end = |at: usize| Bound::after_name(absent[at], WISH);
    assert_eq!(ends, [(end(299), 0, false), (end(599), 0, false), (end(699), 0, true)]);
    assert_eq!(work, 700 * LOOKED_FOR);
}

#[test]
fn pages_are_charged_with_what_they_list() {
    let mut machine = replica(400, 2);
    let (state, tag) = (machine.set().state(), machine.set().tag());
    let mut held: Vec<_> = machine.iter().map(|number| (id(*number), number)).collect();
    held.sort_unstable();
    let page = |listed: &[(u64, &u64)], window: u16, asks: bool, from: Bound, to: Bound| {
        let entries = listed.iter().map(|&(id, element)| Entry { id, element: element.into() });
        let elements = Elements::fill(entries, 10_000).elements;
        request(tag, 0x101, Request::Page { window, wants_state: asks, from, to, listed: Listed::Whole(elements) })
    };
    let at = |place: usize| Bound::of_name(held[place].0, 0);
    let just = Bound::At(Rank::first(Fingerprinter::new(&Key::open()).encode(held[100].1).0));
    let requests = [
        page(&held[..300], 2, true, Bound::START, Bound::End),
        page(&held[100..300], 2, false, at(200), Bound::End),
        page(&held[..0], 1, true, Bound::START, at(100)),
        page(&held[..0], 9, false, Bound::START, Bound::End),
        page(&held[50..150], 2, false, Bound::START, just),
        page(&held[..0], 1, true, Bound::START, Bound::End),
    ];
    let [mostly, half, narrow, whole, beyond, first] = requests.map(|request| earned(&mut machine.clone(), [request]));
    assert_eq!(gives(&mostly.0), [(Bound::START, Bound::End, 100, true, Some(state))]);
    assert_eq!(mostly.1, 300 * PASSED);
    assert_eq!(gives(&half.0), [(at(200), Bound::End, 100, true, None)]);
    assert_eq!(half.1, 100 * PASSED, "those before the interval are not passed by");
    assert_eq!(gives(&narrow.0), [(Bound::START, at(100), 100, true, Some(state))]);
    assert_eq!(narrow.1, 0);
    let whole: Vec<_> = gives(&whole.0).iter().map(|give| (give.2 > 100, give.3, give.4)).collect();
    assert_eq!(whole, [(true, false, None), (true, true, None)], "the window is ours if theirs is wider");
    assert_eq!(gives(&beyond.0), [(Bound::START, just, 50, true, None)]);
    assert_eq!(beyond.1, 50 * PASSED, "nor those after it");
    let first: Vec<_> = gives(&first.0).iter().map(|give| (give.1 < Bound::End, give.3, give.4)).collect();
    assert_eq!(first, [(true, true, Some(state))], "the state has room beside what fits");
}

/// Sends our probe; its nonce.
fn probe(machine: &mut AntiEntropy<u8, u64>) -> u32 {
    machine.sync_now(&PEER);
    let Output::Send { message, .. } = machine.poll(Time::ZERO) else { panic!("nothing to send") };
    let Body::Request { nonce, request: Request::Probe { .. } | Request::DeepProbe { .. }, .. } = message.body else {
        panic!("no probe")
    };
    nonce.bits()
}

fn receive(machine: &mut AntiEntropy<u8, u64>, body: Body) {
    machine.receive(&PEER, Message::new(body)).expect("it is of the cluster");
}

#[test]
fn repairs_with_wishes_add_up_within_a_burst_and_others_replace_what_is_owed() {
    let mut machine = replica(0, 3);
    let from = |bodies: &[Body]| gives(bodies).first().map(|give| give.0);
    let name = |wish: u64| Some(Bound::of_name(wish, WISH));
    let later: Vec<u64> = (1_000..1_000 + MOST_NAMES as u64 + 1).collect();
    let requests = [repair(&mut machine, Asks::Nothing, &later[1..]), repair(&mut machine, Asks::End, &[1, 2])];
    assert_eq!(from(&earned(&mut machine, requests).0), name(1));
    let requests = [repair(&mut machine, Asks::Nothing, &[1, 2]), repair(&mut machine, Asks::End, &[7])];
    assert_eq!(from(&earned(&mut machine, requests).0), name(1));
    // Of another burst, and beyond what is kept.
    let mut other = repair(&mut machine, Asks::Nothing, &[1, 2]);
    if let Body::Request { nonce, .. } = &mut other {
        *nonce = nonce.next_message();
    }
    let requests = [other, repair(&mut machine, Asks::End, &[7])];
    assert_eq!(from(&earned(&mut machine, requests).0), name(7));
    let tag = machine.set().tag();
    let wanted = Ids::fill(&later, 1 << 20);
    let all = request(tag, 0x102, Request::Repair { asks: Asks::Nothing, wanted, elements: Elements::NONE });
    let requests = [all, repair(&mut machine, Asks::End, &[1])];
    assert_eq!(gives(&earned(&mut machine, requests).0).len(), 1);
}

#[test]
fn repairs_without_wishes_earn_a_verdict_or_nothing() {
    let mut machine = replica(1_000, 3);
    let tag = machine.digest().tag();
    let request = repair(&mut machine, Asks::Nothing, &[]);
    assert_eq!(earned(&mut machine, [request]), (vec![], 0));
    let request = repair(&mut machine, Asks::Verdict(tag), &[]);
    assert_eq!(earned(&mut machine, [request]).0, [answer(0x102, Answer::Proof { state: tag })]);
    let request = repair(&mut machine, Asks::Verdict(tag + 1), &[]);
    assert!(matches!(
        earned(&mut machine, [request]).0[..],
        [Body::Answer { answer: Answer::Cells { part: Part::Head(_), .. }, .. }]
    ));
    let request = repair(&mut machine, Asks::Verdict(tag + 1), &[7]);
    assert_eq!(gives(&earned(&mut machine, [request]).0).len(), 1);
    let request = repair(&mut machine, Asks::End, &[]);
    assert_eq!(gives(&earned(&mut machine, [request]).0), [(Bound::START, Bound::START, 0, true, None)]);
}

#[test]
fn what_is_refused_and_what_nobody_awaits_is_counted() {
    let mut machine = replica(3, 3);
    for times in 1..=3 {
        assert_eq!(machine.receive_bytes(&2, b"junk"), Err(crate::Reject::UnknownPeer));
        assert!(matches!(machine.receive_bytes(&PEER, b"junk"), Err(crate::Reject::Malformed(_))));
        let tag = machine.set().tag();
        let (start, elements) = (Bound::START, numbers(&[2, 100 + times]));
        receive(
            &mut machine,
            answer(
                7,
                Answer::Give { tag, from: start, to: start, last: true, state: Told::Nothing, wanted: None, elements },
            ),
        );
        for ledger in [machine.stats().total, machine.peer(&PEER).ledger] {
            assert_eq!(
                (ledger.rejected, ledger.ignored, ledger.learned, ledger.redundant),
                (times, times, times, times)
            );
        }
        assert_eq!(machine.stats().from_strangers, times);
    }
}

#[test]
fn a_proof_ends_the_round_that_asked_for_it_and_no_other_tag_proves_anything() {
    let mut machine = replica(3, 3);
    let (nonce, state) = (probe(&mut machine), machine.digest().tag());
    receive(&mut machine, answer(nonce, Answer::Proof { state: state + 1 }));
    assert_eq!(
        (machine.stats().total.ignored, machine.stats().total.rounds, machine.peer(&PEER).known().proof()),
        (1, 0, None)
    );
    receive(&mut machine, answer(nonce, Answer::Proof { state }));
    let total = machine.stats().total;
    assert_eq!((total.ignored, total.rounds, total.proofs, total.full_state_bytes), (1, 1, 1, 2 * 3 * 8));
    assert_eq!(machine.peer(&PEER).known().proof(), Some(machine.digest()));
    assert_eq!(total.round_bytes, 26 + 2 * 13);
}

#[test]
fn a_whole_set_answers_the_probe_it_names_and_is_charged_with_ours() {
    let mut machine = replica(100, 3);
    let (nonce, tag) = (probe(&mut machine), machine.set().tag());
    let whole = |nonce| {
        let elements = numbers(&[1, 2, 3]);
        answer(nonce, Answer::Whole { tag, elements })
    };
    let work = machine.stats().total.work;
    receive(&mut machine, whole(nonce - 1));
    assert_eq!((machine.stats().total.ignored, machine.stats().total.work), (1, work));
    receive(&mut machine, whole(nonce));
    assert_eq!((machine.stats().total.ignored, machine.stats().total.work), (1, work + 100 * PASSED));
    let (bodies, _) = earned(&mut machine, []);
    let given: usize = bodies
        .iter()
        .map(|body| {
            if let Body::Request { request: Request::Repair { elements, .. }, .. } = body {
                elements.count()
            } else {
                0
            }
        })
        .sum();
    assert_eq!(given, 97, "all but the three");
}

#[test]
fn of_crossing_probes_of_one_digest_the_higher_nonce_goes_on() {
    for (theirs, ours_goes_on) in [(0_u32, true), (u32::MAX << 8, false)] {
        let mut machine = replica(300, 3);
        let (digest, nonce) = (machine.digest(), probe(&mut machine));
        machine.insert(1_000).expect("it is small");
        let tag = machine.set().tag();
        receive(&mut machine, request(tag, theirs | 1, Request::Probe { digest }));
        assert_eq!(
            (machine.peer(&PEER).round.is_some(), machine.peer(&PEER).owed.is_none()),
            (ours_goes_on, ours_goes_on)
        );
        // By the number of the round, not by the low bits; and of equal ones ours stays.
        let higher = ((nonce >> 24) + 1) << 24 | 1;
        for (theirs, ours_goes_on) in [(higher, false), (nonce | 0xff, true)] {
            let mut machine = replica(300, 3);
            assert_eq!(probe(&mut machine), nonce);
            machine.insert(1_000).expect("it is small");
            receive(&mut machine, request(tag, theirs, Request::Probe { digest }));
            assert_eq!(machine.peer(&PEER).round.is_some(), ours_goes_on, "{nonce:x} {theirs:x}");
        }
    }
}

#[test]
fn a_peer_that_repairs_is_not_asked_for_an_interval() {
    let mut machine = replica(300, 3);
    let (tag, nonce) = (machine.digest().tag(), probe(&mut machine));
    let cells = want_cells(&mut machine, tag, 0, 1);
    receive(&mut machine, cells);
    let peer = &machine.peer(&PEER);
    assert!(peer.round.is_none(), "our probe is given up");
    assert_eq!(peer.next_round_at(), Time::ZERO + machine.config().round_interval());
    // One that only asks whether both have the same is.
    let mut machine = replica(300, 3);
    let (tag, digest) = (machine.set().tag(), Digest::from_parts(300, 1));
    receive(&mut machine, request(tag, nonce, Request::Probe { digest }));
    assert_eq!(machine.peer(&PEER).next_round_at(), Time::ZERO);
}

#[test]
fn a_first_answer_has_cells_unless_the_counts_say_that_they_are_too_few() {
    let mut machine = replica(1_000, 3);
    machine.set().settle();
    let head = Policy::of(machine.config().economy).map_or(0, |policy| policy.head(1_000));
    let counted = |floor: u64| {
        let theirs = Question::Probe { digest: Digest::from_parts(1_000 + floor, 7), turns: false };
        match machine.turn(&PEER).expect("it was added").verdict(Nonce::from_bits(0x101), theirs, &Use::Some) {
            Answer::Cells { cells, .. } => cells.count(),
            other => panic!("{other:?}"),
        }
    };
    let just = (0..100).rfind(|floor| need(*floor) <= head).expect("there is one");
    assert_eq!([0, just, just + 1, 99].map(counted), [head, head, 0, 0], "{head} {just} {}", need(just));
}

#[test]
fn a_first_answer_has_as_many_cells_as_the_smallest_message_holds() {
    let mut config = Config { max_element_bytes: 8, max_message: MessageBudget::MIN, ..Config::default() };
    for (economy, expected) in [(Economy::Balanced, 18), (Economy::FewestBytes, 16)] {
        config.economy = economy;
        let mut machine = AntiEntropy::<u8, u64>::new(config.clone(), 1);
        machine.extend(0..1_000).expect("they are small");
        machine.set().settle();
        machine.add_peer(PEER);
        let theirs = Question::Probe { digest: Digest::from_parts(1_000, 7), turns: false };
        let first = machine.turn(&PEER).expect("it was added").verdict(Nonce::from_bits(0x101), theirs, &Use::Some);
        let Answer::Cells { cells, .. } = &first else { panic!("{first:?}") };
        assert_eq!(cells.count(), expected);
        assert!(Message::<u64>::new(answer(0x101, first)).encoded_len() <= config.message_limit());
    }
}

/// From which count of a peer on a sketch may cost less than pages, and from which on it does not.
fn sketched<E: Element>(machine: &mut AntiEntropy<u8, E>) -> Vec<u64> {
    let policy = Policy::of(machine.config().economy);
    let (ours, width) = (machine.set().state(), Set::<E>::WIDTH);
    let may = |count: u64| strategy::may_be_sketched(ours, Digest::from_parts(count, 7), None, width, policy);
    assert!(!may(0));
    (1..5_000).filter(|count| may(*count) != may(count - 1)).collect()
}

#[test]
fn what_the_counts_leave_to_sketches_and_pages() {
    assert_eq!(sketched(&mut replica(300, 3)), [80, 512]);
    let texts = |len: usize| {
        let mut machine = AntiEntropy::<u8, String>::new(Config { max_element_bytes: 64, ..Config::default() }, 1);
        machine.extend((0..300).map(|number| format!("{number:0len$}"))).expect("they are small");
        machine
    };
    assert_eq!([3, 10, 60].map(|len| sketched(&mut texts(len))), [[222, 459], [150, 748], [46, 2_847]]);
}

#[test]
fn a_set_is_tiny_if_it_fits_a_first_answer_and_a_message() {
    let largest = |bytes: usize| {
        let config = Config { max_element_bytes: 8, max_message: MessageBudget::new(bytes), ..Config::default() };
        let is_tiny = |count: &u64| {
            let mut machine = AntiEntropy::<u8, u64>::new(config.clone(), 1);
            machine.extend(0..*count).expect("they are small");
            machine.add_peer(PEER);
            machine.turn(&PEER).expect("it was added").is_tiny()
        };
        (0..200).rfind(is_tiny)
    };
    assert_eq!([MessageBudget::MIN.bytes(), 300, 1_200].map(largest), [25, 31, 32].map(Some));
}

#[test]
fn what_a_page_lists_out_of_order_ends_its_answer() {
    let mut machine = replica(300, 3);
    let tag = machine.set().tag();
    let piece = |window, [from, to]: [u64; 2], ids: &[u64]| {
        let (from, to) = (Bound::of_name(from << 20, WISH), Bound::of_name(to << 20, WISH));
        let listed = Listed::Ids(Ids::fill(ids, usize::MAX));
        request(tag, 0x101, Request::Page { window, wants_state: window > 0, from, to, listed })
    };
    // What is listed lies where it pleases; the second message goes on with the first, or not.
    for (first, second, reached) in
        [(&[5 << 20][..], &[7 << 20][..], 2), (&[5 << 20, 6 << 20], &[1, 2], 1), (&[], &[1], 2)]
    {
        let (bodies, _) = earned(&mut machine, [piece(0, [0, 1], first), piece(3, [1, 2], second)]);
        let [Body::Answer { answer: Answer::Give { to, last: true, state: Told::State(_), .. }, .. }] = &bodies[..]
        else {
            panic!("{bodies:?}")
        };
        assert_eq!(*to, Bound::of_name(reached << 20, WISH));
    }
    // Nor does it where messages are missing between the two, or of another page.
    let (bodies, _) = earned(&mut machine, [piece(0, [0, 1], &[]), piece(3, [2, 3], &[])]);
    assert!(
        matches!(&bodies[..], [Body::Answer { answer: Answer::Give { to, .. }, .. }] if *to == Bound::of_name(1 << 20, WISH))
    );
}
