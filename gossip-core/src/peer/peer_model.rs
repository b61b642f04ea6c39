//! `PeerModel`: all of a peer that decides a machine's future.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::Peer;
use super::owed::Owed;
use super::window::Window;
use crate::agenda::{Deadline, Pass, Ticket};
use crate::element::Dot;
use crate::known::Known;
use crate::message::Nonce;
use crate::pacing::Pacing;
use crate::round::Round;
use crate::time::Time;
use crate::wire::{Bound, Place};

/// A peer without its ledger, with times that count from the last poll.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PeerModel {
    tickets: [Ticket; 2],
    wanted: bool,
    round: Option<Box<Round>>,
    answer_by: Deadline,
    pass: Pass,
    window: Window,
    last_nonce: Option<Nonce>,
    timeouts: u32,
    owed: Option<Box<Owed>>,
    told: Option<(u64, Place)>,
    resume: Bound,
    unreadable: bool,
    lists_whole: bool,
    put_off: bool,
    rests_until: Deadline,
    pacing: Pacing,
    known: Known,
    stale: Vec<Dot>,
    watched: BTreeSet<Place>,
    reachable: bool,
}

impl Peer {
    /// The state that decides the future of a machine, which `pushes` or does not.
    pub(crate) fn model(&self, now: Time, pushes: bool) -> PeerModel {
        // All fields are named, so that a new one is not forgotten. How full a budget is decides nothing until it is
        // overdrawn, which takes 64 MiB by default: no search gets there, and each message would be a new state. No model fills
        // a transport.
        let Self {
            ready,
            untimed,
            wanted,
            mut round,
            answer_by,
            pass,
            flow: _,
            window,
            last_nonce,
            timeouts,
            owed,
            told,
            resume,
            unreadable,
            lists_whole,
            put_off,
            budget: _,
            rests_until,
            mut pacing,
            mut known,
            stale,
            watched,
            reachable,
            ledger: _,
        } = self.clone();
        // Costs differ by the path to a state and decide nothing.
        round.iter_mut().for_each(|round| round.forget_books(pushes));
        pacing.rebase(now);
        if !pushes {
            known.forget_places();
        }
        PeerModel {
            tickets: [ready, untimed],
            wanted,
            round,
            answer_by: answer_by.rebased(now),
            pass,
            window,
            last_nonce,
            timeouts,
            owed,
            told,
            resume,
            unreadable,
            lists_whole,
            put_off,
            rests_until: rests_until.rebased(now),
            pacing,
            known,
            stale,
            watched,
            reachable,
        }
    }
}
