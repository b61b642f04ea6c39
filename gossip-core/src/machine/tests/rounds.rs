//! Whole rounds between two replicas, message by message.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::num::NonZeroU16;

use super::super::*;
use crate::anti_entropy::AntiEntropy;
use crate::config::{Economy, MessageBudget};
use crate::element::Element;
use crate::event::Event;

/// Two replicas of these sets.
fn pair<E: Element>(config: &Config, sets: [Vec<E>; 2]) -> [AntiEntropy<usize, E>; 2] {
    let mut side = 0;
    sets.map(|set| {
        let mut machine = AntiEntropy::new(config.clone(), side as u64);
        machine.extend(set).expect("they are small");
        machine.add_peer(1 - side);
        side += 1;
        machine
    })
}

/// Lets the first begin a round with the second, and tells each message: whose it is, its kind and its length. Then both
/// hold the same, with a proof. The last three are the first one's sketches, its top-ups and its walks.
fn round<E: Element>(machines: &mut [AntiEntropy<usize, E>; 2]) -> String {
    let (mut told, mut proofs) = (String::new(), [0; 2]);
    machines[0].sync_now(&1);
    let mut silent = 0;
    for side in [0, 1].into_iter().cycle() {
        let mut said = Vec::new();
        let now = machines[side].now();
        loop {
            match machines[side].poll(now) {
                Output::Send { message, .. } => said.push(message),
                Output::Event(Event::InSync { .. }) => proofs[side] += 1,
                Output::Event(_) => {}
                Output::Wait(_) => break,
            }
        }
        silent = if said.is_empty() { silent + 1 } else { 0 };
        if silent == 2 {
            break;
        }
        for message in said {
            let (name, kind) = (["a", "b"][side], message.kind().name());
            write!(told, "{name} {kind} {}, ", message.encoded_len()).expect("a string");
            machines[1 - side].receive_bytes(&side, &message.encode()).expect("they understand each other");
        }
    }
    assert_eq!((machines[0].digest(), proofs), (machines[1].digest(), [1; 2]), "{told}");
    let total = machines[0].stats().total;
    write!(told, "{} {} {}", total.sketches, total.top_ups, total.walks).expect("a string");
    told
}

/// Numbers that both have, and of which each has others: these come first, so that no digest is one of a state that was.
fn numbers(common: u64, own: [u64; 2]) -> [Vec<u64>; 2] {
    [0, 1].map(|side| {
        let of = |from: u64, count: u64| (from..from + count).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        of((side as u64 + 1) << 32, own[side]).chain(of(0, common)).collect()
    })
}

fn texts(common: u64, own: [u64; 2]) -> [Vec<String>; 2] {
    numbers(common, own).map(|numbers| numbers.into_iter().map(|number| format!("{number:x}")).collect())
}

fn config(economy: Economy) -> Config {
    Config { economy, max_element_bytes: 64, ..Config::default() }
}

#[test]
fn what_is_the_same_or_nearly_takes_two_to_four_messages() {
    for (common, own, of_numbers, of_texts) in [
        (0, [0, 0], "a probe 26, b proof 13, 0 0 0", "a probe 26, b proof 13, 0 0 0"),
        (500, [0, 0], "a probe 91, b proof 13, 0 0 0", "a probe 91, b proof 13, 0 0 0"),
        (0, [0, 3], "a probe 26, b give 46, a proof 13, 0 0 0", "a probe 26, b give 73, a proof 13, 0 0 0"),
        (
            0,
            [9, 0],
            "a probe 26, b page 10, a repair 92, b proof 13, 0 0 0",
            "a probe 26, b page 10, a repair 174, b proof 13, 0 0 0",
        ),
        (500, [1, 0], "a probe 91, b proof 13, 0 0 0", "a probe 91, b cells 129, a repair 38, b proof 13, 0 0 0"),
        (500, [0, 1], "a probe 91, b give 30, a proof 13, 0 0 0", "a probe 91, b give 39, a proof 13, 0 0 0"),
        (
            500,
            [3, 3],
            "a probe 91, b cells 161, a repair 45, b proof 13, 1 0 0",
            "a probe 91, b cells 129, a repair 77, b give 93, a proof 13, 1 0 0",
        ),
    ] {
        assert_eq!(round(&mut pair(&config(Economy::Balanced), numbers(common, own))), of_numbers);
        assert_eq!(round(&mut pair(&config(Economy::Balanced), texts(common, own))), of_texts);
    }
}

#[test]
fn what_differs_takes_a_sketch_and_a_repair_and_who_lacks_more_reads_it() {
    for (common, own, of_numbers, of_texts) in [
        (
            3_000,
            [30, 30],
            "a probe 91, b cells 459, a want-cells 19, b cells 355, a repair 248, b proof 13, 1 1 0",
            "a probe 91, b cells 387, a want-cells 19, b cells 158, a repair 629, b give 552, a proof 13, 1 1 0",
        ),
        (
            3_000,
            [0, 200],
            "a probe 91, b cells 2565, a proof 13, 1 0 0",
            "a probe 91, b probe 91, a cells 1389, b want-cells 20, a cells 341, b repair 3410, a proof 13, 0 0 0",
        ),
        (
            3_000,
            [200, 0],
            "a probe 91, b probe 91, a cells 1823, b want-cells 20, a cells 471, b proof 13, 0 0 0",
            "a probe 91, b cells 1957, a repair 3407, b proof 13, 1 0 0",
        ),
    ] {
        assert_eq!(round(&mut pair(&config(Economy::Balanced), numbers(common, own))), of_numbers);
        assert_eq!(round(&mut pair(&config(Economy::Balanced), texts(common, own))), of_texts);
    }
}

#[test]
fn what_differs_in_most_takes_pages() {
    let sets = numbers(300, [200, 300]);
    assert_eq!(
        round(&mut pair(&config(Economy::Balanced), sets)),
        "a probe 91, b cells 30, a page 3550, b give 2183, a proof 13, 0 0 1"
    );
    let sets = texts(300, [200, 300]);
    assert_eq!(
        round(&mut pair(&config(Economy::Balanced), sets)),
        "a probe 91, b cells 30, a page 8466, b give 5118, a proof 13, 0 0 1"
    );
}

#[test]
fn each_economy_has_its_own_way() {
    for (economy, of_numbers, of_texts) in [
        (
            Economy::Pages,
            "a probe 27, b give 33, a page 13798, b give 336, a proof 13, 0 0 1",
            "a probe 27, b give 34, a page 34205, b give 713, a proof 13, 0 0 1",
        ),
        (
            Economy::FewestBytes,
            "a probe 91, b cells 351, a want-cells 19, b cells 388, a repair 174, b proof 13, 1 1 0",
            "a probe 91, b probe 91, a cells 299, b want-cells 19, a cells 265, \
             b repair 766, a give 380, b proof 13, 0 0 0",
        ),
    ] {
        assert_eq!(round(&mut pair(&config(economy), numbers(2_000, [20, 40]))), of_numbers);
        assert_eq!(round(&mut pair(&config(economy), texts(2_000, [20, 40]))), of_texts);
    }
}

#[test]
fn small_messages_carry_all_of_it_in_bursts() {
    let mut small = config(Economy::Balanced);
    (small.max_message, small.window) = (MessageBudget::new(400), NonZeroU16::new(3).expect("some messages"));
    assert_eq!(
        round(&mut pair(&small, numbers(1_000, [30, 30]))),
        "a probe 91, b cells 368, b cells 99, a want-cells 19, b cells 355, a repair 248, b proof 13, 1 1 0"
    );
    assert_eq!(
        round(&mut pair(&small, texts(1_000, [30, 30]))),
        "a probe 91, b cells 374, b cells 21, a want-cells 19, b cells 158, a repair 369, a repair 273, \
         b give 328, b give 246, a proof 13, 1 1 0"
    );
    assert_eq!(
        round(&mut pair(&small, texts(0, [60, 30]))),
        "a probe 90, b cells 28, a page 354, a page 356, a page 351, b give 355, b give 203, \
         a proof 13, 0 0 1"
    );
}

#[test]
fn who_has_met_before_needs_cells_for_what_is_new_alone() {
    let mut machines = pair(&config(Economy::Balanced), numbers(1_000, [5, 5]));
    assert_eq!(round(&mut machines), "a probe 91, b cells 161, a repair 61, b proof 13, 1 0 0");
    machines[0].extend(7..9).expect("they are small");
    machines[1].extend(9..30).expect("they are small");
    assert_eq!(round(&mut machines), "a probe 27, b cells 324, a repair 37, b proof 13, 2 0 0");
}
