//! What of a peer decides how a machine goes on.

use super::Peer;
use super::owed::Owed;
use crate::agenda::{Deadline, Ticket};
use crate::known::Known;
use crate::message::Nonce;
use crate::pacing::Pacing;
use crate::round::Round;
use crate::time::Time;
use crate::wire::Bound;

/// A peer without its books, and with times that count from the last poll.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PeerModel {
    tickets: [Ticket; 2],
    wanted: bool,
    round: Option<Round>,
    answer_by: Deadline,
    last_nonce: Option<Nonce>,
    timeouts: u32,
    owed: Option<Owed>,
    resume: Bound,
    unreadable: bool,
    put_off: bool,
    rests_until: Deadline,
    pacing: Pacing,
    known: Known,
    reachable: bool,
}

impl Peer {
    /// What of it decides how a machine goes on, which `pushes` or does not.
    pub(crate) fn model(&self, now: Time, pushes: bool) -> PeerModel {
        // How full a budget is decides nothing until it is overdrawn, which takes megabytes.
        let Self {
            ready,
            untimed,
            wanted,
            mut round,
            answer_by,
            last_nonce,
            timeouts,
            owed,
            resume,
            unreadable,
            put_off,
            budget: _,
            rests_until,
            mut pacing,
            known,
            reachable,
            ledger: _,
        } = self.clone();
        round.iter_mut().for_each(|round| round.forget_books(pushes));
        pacing.rebase(now);
        PeerModel {
            tickets: [ready, untimed],
            wanted,
            round,
            answer_by: answer_by.rebased(now),
            last_nonce,
            timeouts,
            owed,
            resume,
            unreadable,
            put_off,
            rests_until: rests_until.rebased(now),
            pacing,
            known,
            reachable,
        }
    }
}
