//! What a round waits for, and how many steps it takes.

use alloc::vec::Vec;

use super::*;
use crate::wire::Bound;

fn round(nonce: u32) -> Round {
    Round::new(Nonce::from_bits(nonce), 0, Place::START, None)
}

fn answers(round: &Round, nonce: u32) -> bool {
    round.answers_step(Nonce::from_bits(nonce))
}

#[test]
fn a_step_is_answered_by_what_answers_a_message_of_its_own() {
    let mut round = round(0x500);
    assert!(!answers(&round, 0x500), "nothing is sent yet");
    assert_eq!([round.next_nonce(), round.next_nonce()].map(Nonce::bits), [0x501, 0x502]);
    let answering = |round: &Round| (0x400..0x700).filter(|&nonce| answers(round, nonce)).collect::<Vec<_>>();
    assert_eq!(answering(&round), [0x501, 0x502]);
    round.take(Step::Probe(None));
    assert!(answering(&round).is_empty());
    assert_eq!(round.next_nonce().bits(), 0x503);
    assert_eq!(answering(&round), [0x503]);
    // A walk of thousands of pages: the low bits wrap, and the last 255 messages can be answered.
    for _ in 0..1_000 {
        round.next_nonce();
    }
    assert_eq!(round.nonce.bits(), 0x500 | (3 + 1_000) & 0xff);
    let next = 0x500 | (round.nonce.bits() + 1) & 0xff;
    assert_eq!((answering(&round).len(), answers(&round, next)), (255, false));
}

#[test]
fn steps_are_counted_but_for_pages_and_the_end() {
    let mut round = round(0x500);
    assert!(round.take(Step::Probe(None)));
    assert!(round.take(Step::Walk(Walk::new(Bound::START, (0, 0)).into())) && round.take(Step::Close(Digest::EMPTY)));
    assert_eq!(round.steps, 1);
    assert!((2..=STEPS).all(|_| round.take(Step::Probe(None))));
    assert!(!round.take(Step::Probe(None)) && round.steps == STEPS + 1);
}

#[test]
fn what_was_not_answered_is_to_go_out_again() {
    let mut round = round(0x500);
    round.sent(26, false);
    assert!(!round.is_pending());
    assert!(round.time_out(3) && round.is_pending());
    round.sent(26, false);
    assert!(round.time_out(3) && !round.time_out(3), "three times in all");
    assert_eq!((round.retries(), round.cost()), (3, 52));
}

#[test]
fn a_peer_is_heard_while_an_answer_is_awaited() {
    let mut round = round(0x500);
    round.hear();
    assert!(!round.take_heard(), "nothing was asked");
    round.sent(26, false);
    assert!(!round.take_heard());
    round.hear();
    assert!(round.take_heard() && !round.take_heard());
}
