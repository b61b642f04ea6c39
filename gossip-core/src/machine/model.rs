//! What decides how a machine goes on, for model checkers.

use alloc::vec::Vec;
use core::time::Duration;

use super::AntiEntropy;
use crate::digest::Digest;
use crate::element::Element;
use crate::event::Event;
use crate::peer::{Owed, Pacing, Peer, Round};
use crate::rng::Rng;
use crate::time::Time;
use crate::wire::Bound;

/// What decides how a machine goes on: of equal states of one [`Config`](crate::Config), equal inputs make equal
/// outputs and equal states. Statistics are left out and times are counted from the last poll, so that a search through
/// all that can happen finds states again that it has seen. Nonces stay, since those of messages under way refer to
/// them; so does the state of the random numbers.
///
/// ```
/// use gossip_core::{AntiEntropy, Config, Output, Time};
///
/// let mut machine = AntiEntropy::<&str, u64>::new(Config::default(), 1);
/// machine.add_peer("other");
/// let [mut early, mut late] = [machine.clone(), machine];
/// assert!(matches!(early.poll(Time::ZERO), Output::Wait(Some(_))));
/// assert!(matches!(late.poll(Time::from_millis(9)), Output::Wait(Some(_))));
/// assert_eq!(early.model(), late.model());
/// late.insert(7).unwrap();
/// assert_ne!(early.model(), late.model());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelState<P, E> {
    /// In the order of their insertion, which tells the states before this one.
    elements: Vec<E>,
    peers: Vec<(P, ModelPeer)>,
    ready: Vec<P>,
    next_round: Option<Duration>,
    events: Vec<Event<P, E>>,
    rng: Rng,
}

/// A [`Peer`] without its statistics.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ModelPeer {
    queued: bool,
    wanted: bool,
    round: Option<Round>,
    deadline: Option<Duration>,
    last_nonce: Option<u32>,
    in_vain: u32,
    owed: Option<Owed>,
    resume: Bound,
    unreadable: bool,
    put_off: bool,
    rests: Option<Duration>,
    pacing: Pacing,
    reachable: bool,
    last_proof: Option<Digest>,
}

impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
    /// What decides how it goes on, for model checkers, of a machine that pushes nothing. O(elements).
    pub fn model(&self) -> ModelState<P, E> {
        // All fields are named, so that no new one is forgotten: what is left out is derived from others, decides nothing,
        // or is of pushes.
        let Self {
            config: _,
            replica,
            peers,
            ready,
            deadlines: _,
            resting: _,
            next_round,
            dissemination: _,
            events,
            rng,
            now,
            stats: _,
        } = self;
        ModelState {
            elements: replica.history().cloned().collect(),
            peers: peers.iter().map(|(name, peer)| (name.clone(), ModelPeer::new(Peer::clone(peer), *now))).collect(),
            ready: ready.iter().cloned().collect(),
            next_round: next_round.map(|due| due.saturating_since(*now)),
            events: events.iter().cloned().collect(),
            rng: rng.clone(),
        }
    }
}

impl ModelPeer {
    fn new(peer: Peer, now: Time) -> Self {
        // How full a budget is decides nothing until it is overdrawn, which takes megabytes.
        let Peer {
            queued,
            wanted,
            mut round,
            last_nonce,
            in_vain,
            owed,
            resume,
            unreadable,
            put_off,
            link: _,
            mut pacing,
            budget: _,
            rests,
            stats,
        } = peer;
        let mut deadline = None;
        if let Some(round) = &mut round {
            (round.cost, round.full_state, round.held) = (0, 0, 0);
            deadline = round.deadline.take().map(|deadline| deadline.saturating_since(now));
        }
        let past = |time: Time| Time::ZERO + now.saturating_since(time);
        pacing.next_round = Time::ZERO + pacing.next_round.saturating_since(now);
        pacing.unmeasured = pacing.unmeasured.map(past);
        pacing.requests.iter_mut().flatten().for_each(|(_, sent_at)| *sent_at = past(*sent_at));
        Self {
            queued,
            wanted,
            round,
            deadline,
            last_nonce,
            in_vain,
            owed,
            resume,
            unreadable,
            put_off,
            rests: rests.map(|until| until.saturating_since(now)),
            pacing,
            reachable: stats.reachable,
            last_proof: stats.last_proof,
        }
    }
}
