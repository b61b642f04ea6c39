//! `ModelState`: all of a machine that decides its future, for model checkers.

use alloc::vec::Vec;
use core::time::Duration;

use super::Engine;
use crate::agenda::Walks;
use crate::event::Event;
use crate::kind::{Kind, KindModel};
use crate::peer::PeerModel;
use crate::push::PushModel;
use crate::rng::Rng;

/// All of a machine that decides its future: from equal states of one [`Config`](crate::Config), equal inputs lead to
/// equal outputs and equal states. Statistics are left out, as is what a peer has used of its budget, and times count from
/// the last poll, so that a search of all executions recognizes states that it has seen. Nonces stay, since messages under
/// way refer to them; so does the state of the random numbers. Of a map the log of changes stays, and what names have
/// changed of late: with them it knows the states that it was in.
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
///
/// What is removed from a map leaves another state than what never was:
///
/// ```
/// use gossip_core::{Config, Map, ReplicaId};
///
/// let map = Map::<&str, String, u64>::new(Config::default(), ReplicaId::from_random(*b"8 random"), 1);
/// let [mut removed, never] = [map.clone(), map];
/// removed.insert("tea".into(), 250).unwrap();
/// assert_eq!(removed.remove("tea"), 1);
/// assert!(removed.iter().eq(never.iter()));
/// assert_ne!(removed.model(), never.model());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelState<P, E> {
    set: KindModel<E>,
    peers: Vec<(P, PeerModel)>,
    ready: Vec<P>,
    untimed: Vec<P>,
    walks: Walks<P>,
    long_sketch: Option<Duration>,
    next_rounds: [Option<Duration>; 2],
    audited: Option<P>,
    pushes: Option<PushModel<P>>,
    events: Vec<Event<P, E>>,
    rng: Rng,
}

impl<P: Clone + Ord, S: Kind> Engine<P, S> {
    /// The state that decides the machine's future, for model checkers. O(log); O(log · peers) if it pushes.
    pub fn model(&self) -> ModelState<P, S::Element> {
        // All fields are named, so that no new one is forgotten.
        let Engine { config: _, set, peers, agenda, chance, pusher, events, rng, now, stats: _ } = self;
        let pushes = pusher.is_some();
        ModelState {
            set: set.model(),
            peers: peers.iter().map(|(id, peer)| (id.clone(), peer.model(*now, pushes))).collect(),
            ready: agenda.ready.iter().cloned().collect(),
            untimed: agenda.untimed.iter().cloned().collect(),
            walks: agenda.walks.clone(),
            long_sketch: agenda.long_sketch.map(|until| until.saturating_since(*now)),
            // An overdue round counts as due now: how long it has been overdue changes nothing.
            next_rounds: [chance.at, chance.audit_at].map(|at| Some(at?.saturating_since(*now))),
            audited: chance.audited.clone(),
            pushes: pusher.as_ref().map(|pusher| pusher.model(set.end(), *now)),
            events: events.iter().cloned().collect(),
            rng: rng.clone(),
        }
    }
}
