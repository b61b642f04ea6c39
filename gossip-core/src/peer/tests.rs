//! What is kept about a peer: what there is to send, and what its answers tell of our waits.

mod earned;
mod steps;

use core::time::Duration;

use super::*;
use crate::digest::{Digest, State};
use crate::message::Head;
use crate::round::Step;
use crate::round::incoming::IncomingSketch;
use crate::sketch::{Cell, IdWidth, Tables};
use crate::stats::Ledger;
use crate::wire::{Cells, Place};

const FIRST: Duration = Duration::from_millis(100);

/// A round that awaits an answer.
fn round(nonce: u32) -> Round {
    let mut round = Round::new(Nonce::from_bits(nonce), 0, Place::START, None);
    round.sent(0, false);
    round
}

#[test]
fn rounds_are_numbered_one_after_the_other() {
    let mut peer = Peer::new(NonZeroU16::MIN);
    let rounds = [peer.next_round(0xffff_fe12), peer.next_round(7), peer.next_round(7)];
    assert_eq!(rounds.map(Nonce::bits), [0xffff_fe00, 0xffff_ff00, 0]);
}

#[test]
fn what_is_to_be_sent_is_an_answer_a_pending_message_or_a_round_that_is_wanted() {
    let mut peer = Peer::new(NonZeroU16::MIN);
    assert!(peer.is_idle() && !peer.has_to_send());
    peer.wanted = true;
    assert!(!peer.is_idle() && peer.has_to_send());
    peer.round = Some(round(0x500).into());
    // It has its turn after this one.
    assert!(!peer.is_idle() && !peer.has_to_send());
    peer.wanted = false;
    assert!(!peer.is_idle() && !peer.has_to_send());
    peer.owed = Some(Owed::Sketch { nonce: Nonce::from_bits(1), state: 2, next: 3, count: 4 }.into());
    assert!(peer.has_to_send());
    peer.owed = None;
    peer.round = Some(Round::new(Nonce::from_bits(0x500), 0, Place::START, None).into());
    assert!(peer.has_to_send());
}

/// What ten thousand peers take that nothing is exchanged with: half of it is their ledgers.
#[test]
#[cfg(target_pointer_width = "64")]
fn a_peer_at_rest_takes_little() {
    assert_eq!((size_of::<Peer>(), size_of::<Ledger>()), (864, 392));
}

#[test]
fn cells_are_under_way_while_a_sketch_is_read() {
    let mut peer = Peer::new(NonZeroU16::MIN);
    assert_eq!(peer.cells_under_way(), 0);
    let mut round = round(0x500);
    peer.round = Some(round.clone().into());
    assert_eq!(peer.cells_under_way(), 0);
    let cells = Cells::new(IdWidth::Bits64, &[Cell::new(7, 1); 4]);
    let head = Head { state: State { digest: Digest::EMPTY, bytes: 0 }, tells: crate::message::Tells::Nothing };
    let mut incoming = IncomingSketch::new(&head, &cells, None::<&Tables>, Place::START, 0);
    incoming.aim(500);
    assert!(round.take(Step::Sketch(incoming.into())));
    peer.round = Some(round.into());
    assert_eq!(peer.cells_under_way(), 500);
}

#[test]
fn a_walk_that_is_through_leaves_nothing_behind() {
    let mut peer = Peer::new(NonZeroU16::MIN);
    (peer.resume, peer.unreadable, peer.put_off) = (Bound::End, true, true);
    peer.walked();
    assert_eq!((peer.resume, peer.unreadable, peer.put_off), (Bound::START, false, false));
}

#[test]
fn answers_to_rounds_that_were_given_up_make_waits_longer() {
    let mut peer = Peer::new(NonZeroU16::MIN);
    let note = |peer: &mut Peer, nonce| peer.note_answer(Nonce::from_bits(nonce));
    note(&mut peer, 0x500);
    peer.last_nonce = Some(Nonce::from_bits(0x500));
    peer.timeouts = 2;
    // Of the round before those in vain.
    note(&mut peer, 0x301);
    assert_eq!((peer.timeouts, peer.pacing.patience(FIRST)), (2, FIRST));
    // Of the one that is under way.
    peer.round = Some(round(0x500).into());
    note(&mut peer, 0x501);
    assert_eq!((peer.timeouts, peer.pacing.patience(FIRST)), (2, FIRST));
    // One that can be measured makes nothing longer.
    peer.pacing.asked(Nonce::from_bits(0x401), Time::ZERO);
    note(&mut peer, 0x401);
    assert_eq!((peer.timeouts, peer.pacing.patience(FIRST)), (0, FIRST));
    (peer.timeouts, peer.round) = (2, None);
    note(&mut peer, 0x401);
    assert_eq!((peer.timeouts, peer.pacing.patience(FIRST)), (0, 8 * FIRST));
    for times in [64, 512, 600, 600] {
        peer.pacing.came_late();
        assert_eq!(peer.pacing.patience(FIRST), times * FIRST);
    }
    peer.pacing.measure(FIRST);
    assert_eq!(peer.pacing.patience(FIRST), Duration::from_millis(100 + 4 * 50));
}
