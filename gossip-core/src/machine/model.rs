//! What decides how a machine goes on, for model checkers.

use alloc::vec::Vec;
use core::time::Duration;

use super::AntiEntropy;
use crate::element::Element;
use crate::event::Event;
use crate::peer::PeerModel;
use crate::push::PushModel;
use crate::rng::Rng;
use crate::wire::Place;

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
    peers: Vec<(P, PeerModel)>,
    ready: Vec<P>,
    untimed: Vec<P>,
    next_round: Option<Duration>,
    pushes: Option<PushModel<P>>,
    events: Vec<Event<P, E>>,
    rng: Rng,
}

impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
    /// What decides how it goes on, for model checkers. O(elements), and as often as there are peers if it pushes.
    pub fn model(&self) -> ModelState<P, E> {
        // All fields are named, so that no new one is forgotten.
        let Self { config: _, set, peers, agenda, chance, pusher, events, rng, now, stats: _ } = self;
        let pushes = pusher.is_some();
        ModelState {
            elements: set.since(Place::START).cloned().collect(),
            peers: peers.iter().map(|(id, peer)| (id.clone(), peer.model(*now, pushes))).collect(),
            ready: agenda.ready.iter().cloned().collect(),
            untimed: agenda.untimed.iter().cloned().collect(),
            next_round: chance.at.map(|at| at.saturating_since(*now)),
            pushes: pusher.as_ref().map(|pusher| pusher.model(set.end(), *now)),
            events: events.iter().cloned().collect(),
            rng: rng.clone(),
        }
    }
}
