//! What a peer's nonces and waits come to, to the microsecond.

use super::*;
use crate::digest::State;
use crate::message::Head;
use crate::push::link::Standing;
use crate::sketch::{Cell, IdWidth};
use crate::wire::Cells;

const FIRST: Duration = Duration::from_millis(100);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn round(nonce: u32) -> Round {
    Round {
        nonce,
        step: Step::Probe { digest: Digest::EMPTY },
        since: nonce,
        steps: 0,
        pending: false,
        retries: 0,
        heard: false,
        deadline: None,
        held: 0,
        cost: 0,
        full_state: 0,
    }
}

#[test]
fn a_step_is_answered_by_what_answers_a_message_of_its_own() {
    let mut round = round(0x500);
    assert!(!round.answers_step(0x500), "nothing is sent yet");
    assert_eq!((round.next_message(), round.next_message()), (0x501, 0x502));
    let answering = |round: &Round| (0x400..0x700).filter(|&nonce| round.answers_step(nonce)).collect::<Vec<_>>();
    assert_eq!(answering(&round), [0x501, 0x502]);
    round.take(Step::Probe { digest: Digest::EMPTY });
    assert!(answering(&round).is_empty());
    assert_eq!(round.next_message(), 0x503);
    assert_eq!(answering(&round), [0x503]);
    // A walk of thousands of pages: the low bits wrap, and the last 255 messages can be answered.
    for _ in 0..1_000 {
        round.next_message();
    }
    assert_eq!(round.nonce, 0x500 | (3 + 1_000) & 0xff);
    let next = 0x500 | (round.nonce + 1) & 0xff;
    assert_eq!((answering(&round).len(), round.answers_step(next)), (255, false));
}

#[test]
fn steps_are_counted_but_for_pages_and_the_end() {
    let mut round = round(0x500);
    round.take(Step::Probe { digest: Digest::EMPTY });
    round.take(Step::Walk(Walk::new(Bound::START, (0, 0))));
    round.take(Step::Close { digest: Digest::EMPTY });
    assert_eq!(round.steps, 1);
    round.take(Step::Probe { digest: Digest::EMPTY });
    assert_eq!(round.steps, 2);
}

#[test]
fn rounds_are_numbered_above_the_messages() {
    let mut peer = Peer::new();
    assert_eq!((peer.next_nonce(0xffff_fe12), peer.next_nonce(7), peer.next_nonce(7)), (0xffff_fe00, 0xffff_ff00, 0));
    assert!(same_round(0x501, 0x5ff) && !same_round(0x501, 0x601));
    assert!(begins_round(0x502) && !begins_round(0x503) && begins_round(0x601));
}

#[test]
fn what_is_to_be_sent_is_an_answer_a_pending_message_or_a_round_that_is_wanted() {
    let mut peer = Peer::new();
    assert!(peer.is_idle() && !peer.has_to_send());
    peer.wanted = true;
    assert!(!peer.is_idle() && peer.has_to_send());
    peer.round = Some(round(0x500));
    // It has its turn after this one.
    assert!(!peer.is_idle() && !peer.has_to_send());
    peer.wanted = false;
    assert!(!peer.is_idle() && !peer.has_to_send());
    peer.owed = Some(Owed::Sketch { nonce: 1, state: 2, next: 3, count: 4 });
    assert!(peer.has_to_send());
    peer.owed = None;
    peer.round = Some(Round { pending: true, ..round(0x500) });
    assert!(peer.has_to_send());
}

#[test]
fn cells_are_under_way_while_a_sketch_is_read() {
    let mut peer = Peer::new();
    assert_eq!(peer.cells_under_way(), 0);
    peer.round = Some(round(0x500));
    assert_eq!(peer.cells_under_way(), 0);
    let cells = Cells::new(IdWidth::Bits64, &[Cell::new(7, 1); 4]);
    let head = Head { state: State { digest: Digest::EMPTY, bytes: 0 }, deep: None };
    let mut difference = Difference::new(&head, &cells, None, 0);
    difference.aim(500);
    peer.round = Some(Round { step: Step::Sketch(difference.into()), ..round(0x500) });
    assert_eq!(peer.cells_under_way(), 500);
}

#[test]
fn a_walk_that_is_through_leaves_nothing_behind() {
    let mut peer = Peer::new();
    (peer.resume, peer.unreadable, peer.put_off) = (Bound::End, true, true);
    peer.walked();
    assert_eq!((peer.resume, peer.unreadable, peer.put_off), (Bound::START, false, false));
}

#[test]
fn who_should_be_pushed_to_and_does_not_answer_is_lost() {
    let mut peer = Peer::new();
    assert!(!peer.is_lost());
    let link = peer.link.insert(Link::new(Standing::Below).into());
    assert!(!link.lost);
    link.lost = true;
    assert!(peer.is_lost());
    peer.link = Some(Link::new(Standing::Below).into());
    assert!(!peer.is_lost());
}

#[test]
fn what_was_not_answered_is_to_go_out_again() {
    let mut round = round(0x500);
    round.again();
    assert!(round.pending);
}

#[test]
fn what_a_peer_got_since_the_last_proof_is_known_unless_it_lost_its_memory() {
    let mut peer = Peer::new();
    assert_eq!(peer.agreed(7), None);
    peer.stats.last_proof = Some(Digest::from_parts(10, 1));
    assert_eq!([9, 10, 13].map(|count| peer.agreed(count)), [None, Some((10, 0)), Some((10, 3))]);
}

#[test]
fn waits_follow_the_round_trips() {
    let mut pacing = Pacing::default();
    let waits = |pacing: &Pacing| [0, 1, 2, 3, 4].map(|retries| pacing.patience(FIRST, retries));
    assert_eq!(waits(&pacing), [100, 200, 400, 800, 800].map(millis));
    assert_eq!(pacing.patience(millis(1), 0), millis(10));
    assert_eq!(pacing.patience(millis(100_000), 0), millis(60_000));
    // The mean, and four times how far round trips are from it.
    assert_eq!((pacing.measure(millis(80)), pacing.patience(FIRST, 0)), (Some(millis(80)), millis(80 + 4 * 40)));
    assert_eq!((pacing.measure(millis(160)), pacing.patience(FIRST, 0)), (Some(millis(90)), millis(90 + 4 * 50)));
    // The clock was set.
    assert_eq!((pacing.measure(millis(60_001)), pacing.patience(FIRST, 0)), (Some(millis(90)), millis(290)));
    let seventh = Duration::from_micros((7 * 90_000 + 60_000_000) / 8);
    assert_eq!(pacing.measure(millis(60_000)), Some(seventh));
    // Of a steady link a margin is left.
    let mut steady = Pacing::default();
    assert_eq!((0..40).map(|_| steady.measure(millis(20))).last(), Some(Some(millis(20))));
    assert_eq!(steady.patience(FIRST, 0), millis(30));
}

#[test]
fn answers_to_rounds_that_were_given_up_make_waits_longer() {
    let mut peer = Peer::new();
    peer.note_answer(0x500);
    peer.last_nonce = Some(0x500);
    peer.in_vain = 2;
    // Of the round before those in vain.
    peer.note_answer(0x301);
    assert_eq!((peer.in_vain, peer.pacing.patience(FIRST, 0)), (2, FIRST));
    // Of the one that is under way.
    peer.round = Some(round(0x500));
    peer.note_answer(0x501);
    assert_eq!((peer.in_vain, peer.pacing.patience(FIRST, 0)), (2, FIRST));
    // One that can be measured makes nothing longer.
    peer.pacing.asked(0x401, Time::ZERO);
    peer.note_answer(0x401);
    assert_eq!((peer.in_vain, peer.pacing.patience(FIRST, 0)), (0, FIRST));
    (peer.in_vain, peer.round) = (2, None);
    peer.note_answer(0x401);
    assert_eq!((peer.in_vain, peer.pacing.patience(FIRST, 0)), (0, 8 * FIRST));
    for times in [64, 512, 600, 600] {
        peer.pacing.came_late();
        assert_eq!(peer.pacing.patience(FIRST, 0), times * FIRST);
    }
    peer.pacing.measure(FIRST);
    assert_eq!(peer.pacing.patience(FIRST, 0), millis(100 + 4 * 50));
}

#[test]
fn the_last_eight_requests_are_measured_and_each_once() {
    let mut pacing = Pacing::default();
    for nonce in 0..9 {
        pacing.asked(nonce, Time::from_millis(nonce.into()));
    }
    assert!(!pacing.answered(0) && !pacing.answered(9));
    for nonce in 1..9 {
        assert!(pacing.answered(nonce) && !pacing.answered(nonce));
        assert_eq!(pacing.unmeasured, Some(Time::from_millis(nonce.into())));
    }
    // Messages of a burst share a nonce: the last of them counts, and takes no room of others.
    pacing.asked(1, Time::ZERO);
    (1..20).for_each(|millis| pacing.asked(2, Time::from_millis(millis)));
    assert!(pacing.answered(2) && pacing.unmeasured == Some(Time::from_millis(19)) && pacing.answered(1));
}

#[test]
fn an_answer_is_overdue_once_it_takes_longer_than_usual() {
    let mut pacing = Pacing::default();
    assert!(!pacing.is_overdue(FIRST, Time::MAX));
    pacing.asked(1, Time::from_millis(1_000));
    assert!(
        !pacing.is_overdue(FIRST, Time::from_micros(1_099_999)) && pacing.is_overdue(FIRST, Time::from_millis(1_100))
    );
    pacing.answered(1);
    assert!(!pacing.is_overdue(FIRST, Time::MAX));
}

#[test]
fn a_silent_peer_is_left_alone_for_up_to_eight_intervals() {
    let backoffs = [0, 1, 2, 3, 4, u32::MAX].map(|failures| Pacing { failures, ..Pacing::default() }.backoff(FIRST));
    assert_eq!(backoffs, [1, 2, 4, 8, 8, 8].map(|intervals| intervals * FIRST));
}
