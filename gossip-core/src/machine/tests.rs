//! What requests earn, message by message, and what that is charged with beside the messages themselves.

use alloc::vec;
use alloc::vec::Vec;
use core::num::NonZeroU16;

use super::*;
use crate::budget::{FOLDED, LOOKED_FOR, MESSAGE, PASSED};
use crate::config::{Key, MessageBudget};
use crate::elements::Elements;
use crate::fingerprint::Fingerprinter;
use crate::ids::Ids;
use crate::message::{Asks, Body, Message, Place, State};
use crate::replica::WISH;
use crate::store::Entry;
use crate::wire::Bound;

const PEER: u8 = 1;

/// A replica of so many numbers, which sends messages of up to 1 200 bytes, this many for one request.
fn replica(count: u64, window: u16) -> AntiEntropy<u8, u64> {
    let mut config = Config { max_element_bytes: 8, max_message: MessageBudget::new(1_200), ..Config::default() };
    config.window = NonZeroU16::new(window).expect("some messages");
    let mut machine = AntiEntropy::new(config, 1);
    machine.extend(0..count).expect("they are small");
    machine.add_peer(PEER);
    machine
}

fn id(number: u64) -> u64 {
    Fingerprinter::new(&Key::open()).fingerprint(&number, &[]).id
}

/// What requests earn that come before the next poll, and the work beside sending that.
fn earned(machine: &mut AntiEntropy<u8, u64>, requests: impl IntoIterator<Item = Body>) -> (Vec<Body>, u64) {
    let before = machine.stats.total.work;
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
            Output::Wait(_) => return (bodies, machine.stats.total.work - before - sending),
        }
    }
}

fn want_cells(machine: &AntiEntropy<u8, u64>, state: u64, from: usize, count: usize) -> Body {
    Body::WantCells { tag: machine.replica.tag(), nonce: 0x101, state, from, count }
}

/// From where, how many, and whether they are the last.
fn runs(bodies: &[Body]) -> Vec<(usize, usize, bool)> {
    let run = |body: &Body| match body {
        Body::Cells { place: Place::After { from, last }, cells, .. } => (*from, cells.count(), *last),
        other => panic!("{other:?}"),
    };
    bodies.iter().map(run).collect()
}

#[test]
fn cells_are_charged_with_the_table_they_are_folded_from_and_what_was_inserted_since() {
    let mut machine = replica(1_000, 3);
    let tag = machine.digest().tag();
    let request = want_cells(&machine, tag, 0, 100);
    let (bodies, work) = earned(&mut machine, [request]);
    assert_eq!((runs(&bodies), work), (vec![(0, 100, true)], 128 / FOLDED as u64));
    // Of what fits a message, the first are of a short table and the others of the long one.
    let request = want_cells(&machine, tag, 20, 250);
    let (bodies, work) = earned(&mut machine, [request]);
    assert_eq!((runs(&bodies), work), (vec![(20, 144, false), (164, 106, true)], 2 * 512 / FOLDED as u64));
    // As many as the window has, and as there are.
    let request = want_cells(&machine, tag, 0, 500);
    let (bodies, _) = earned(&mut machine, [request]);
    assert_eq!(runs(&bodies), [(0, 144, false), (144, 144, false), (288, 144, true)]);
    let request = want_cells(&machine, tag, 500, 100);
    let (bodies, _) = earned(&mut machine, [request]);
    assert_eq!(runs(&bodies), [(500, 12, true)]);
    // Both to find the state and to give its cells, what came since is passed by.
    machine.extend(1_000..1_005).expect("they are small");
    let request = want_cells(&machine, tag, 0, 100);
    let (bodies, work) = earned(&mut machine, [request]);
    assert_eq!((runs(&bodies), work), (vec![(0, 100, true)], 128 / FOLDED as u64 + 2 * 5 * PASSED));
    // A state that never was.
    let request = want_cells(&machine, 7, 0, 100);
    let (bodies, work) = earned(&mut machine, [request]);
    assert!(matches!(&bodies[..], [Body::Cells { place: Place::Head(_), .. }]), "{bodies:?}");
    assert_eq!(work, 1_024 * PASSED);
}

/// The first bits of the ids held, ascending.
fn wishes(machine: &AntiEntropy<u8, u64>) -> Vec<u64> {
    let mut wishes: Vec<u64> = machine.iter().map(|number| id(*number) >> WISH).collect();
    wishes.sort_unstable();
    wishes
}

fn repair(machine: &AntiEntropy<u8, u64>, asks: Asks, wishes: &[u64]) -> Body {
    let wanted = Ids::fill(wishes, 10_000);
    Body::Repair { tag: machine.replica.tag(), nonce: 0x102, asks, wanted, elements: Elements::NONE }
}

/// Of what is given: from where to where, how many, whether they are the last, and whether a state comes with them.
fn gives(bodies: &[Body]) -> Vec<(Bound, Bound, usize, bool, Option<State>)> {
    let give = |body: &Body| match body {
        Body::Give { from, to, last, state, elements, .. } => (*from, *to, elements.count(), *last, *state),
        other => panic!("{other:?}"),
    };
    bodies.iter().map(give).collect()
}

#[test]
fn what_is_wished_for_is_charged_with_looking_for_it() {
    let mut machine = replica(1_000, 3);
    let (all, state) = (wishes(&machine), machine.replica.state());
    let (first, end) = (|at: usize| Bound::of_name(all[at], WISH), |at: usize| Bound::after_name(all[at], WISH));
    let request = repair(&machine, Asks::State, &all[..100]);
    let (bodies, work) = earned(&mut machine, [request]);
    assert_eq!(gives(&bodies), [(first(0), end(99), 100, true, Some(state))]);
    assert_eq!(work, 100 * LOOKED_FOR);
    // In two messages that come before the answer: the wishes of the first are put in order among those of the second.
    let requests = [repair(&machine, Asks::Nothing, &all[50..100]), repair(&machine, Asks::End, &all[10..60])];
    let (bodies, work) = earned(&mut machine, requests);
    assert_eq!(gives(&bodies), [(first(10), end(99), 90, true, None)]);
    assert_eq!(work, 90 * (LOOKED_FOR + PASSED));
    // More than a message holds.
    let request = repair(&machine, Asks::Nothing, &all[..200]);
    let (bodies, work) = earned(&mut machine, [request]);
    let taken = gives(&bodies)[0].2;
    assert_eq!(
        gives(&bodies),
        [(first(0), end(taken - 1), taken, false, None), (first(taken), end(199), 200 - taken, false, None)]
    );
    assert_eq!(work, 200 * LOOKED_FOR);
    // More than the window holds: the peer is to know where it ends.
    let request = repair(&machine, Asks::Nothing, &all);
    let (bodies, _) = earned(&mut machine, [request]);
    let lasts: Vec<bool> = gives(&bodies).iter().map(|give| give.3).collect();
    assert_eq!(lasts, [false, false, true]);
}

#[test]
fn wishes_for_what_is_not_there_fill_messages_too() {
    let mut machine = replica(0, 3);
    let absent: Vec<u64> = (0..1_000).collect();
    let request = repair(&machine, Asks::State, &absent[..700]);
    let (bodies, work) = earned(&mut machine, [request]);
    let ends = gives(&bodies).iter().map(|&(_, to, count, last, _)| (to, count, last)).collect::<Vec<_>>();
    let end = |at: usize| Bound::after_name(absent[at], WISH);
    assert_eq!(ends, [(end(299), 0, false), (end(599), 0, false), (end(699), 0, true)]);
    assert_eq!(work, 700 * LOOKED_FOR);
}

#[test]
fn pages_are_charged_with_what_they_list() {
    let machine = replica(400, 2);
    let state = machine.replica.state();
    let mut held: Vec<_> = machine.iter().map(|number| (id(*number), number)).collect();
    held.sort_unstable();
    let page = |listed: &[(u64, &u64)], window: u16, asks: bool, from: Bound, to: Bound| {
        let entries = listed.iter().map(|&(id, element)| Entry { id, element });
        let elements = Elements::fill(entries, 10_000).elements;
        Body::Page { tag: machine.replica.tag(), nonce: 0x101, window, asks, from, to, elements }
    };
    let at = |place: usize| Bound::of_name(held[place].0, 0);
    let requests = [
        page(&held[..300], 2, true, Bound::START, Bound::End),
        page(&held[100..300], 2, false, at(200), Bound::End),
        page(&held[..0], 1, true, Bound::START, at(100)),
        page(&held[..0], 9, false, Bound::START, Bound::End),
    ];
    let [mostly, half, narrow, whole] = requests.map(|request| earned(&mut machine.clone(), [request]));
    assert_eq!(gives(&mostly.0), [(Bound::START, Bound::End, 100, true, Some(state))]);
    assert_eq!(mostly.1, 300 * PASSED);
    assert_eq!(gives(&half.0), [(at(200), Bound::End, 100, true, None)]);
    assert_eq!(half.1, 100 * PASSED, "those before the interval are not passed by");
    assert_eq!(gives(&narrow.0), [(Bound::START, at(100), 100, true, Some(state))]);
    assert_eq!(narrow.1, 0);
    let whole: Vec<_> = gives(&whole.0).iter().map(|give| (give.2 > 100, give.3, give.4)).collect();
    assert_eq!(whole, [(true, false, None), (true, true, None)], "the window is ours if theirs is wider");
}
