//! What peers are not known to hold, for whoever is about to leave.

use alloc::vec::Vec;

use super::Engine;
use crate::kind::Kind;

impl<P: Clone + Ord, S: Kind> Engine<P, S> {
    /// Has all that [lagging](Self::lagging) peers may lack go out at the next poll, and not in the turn of a batch or with a
    /// round to come; and has them say at once that they hold it. O(peers).
    ///
    /// For whoever shuts down: it calls this, and goes on until no peer lags or it has no more time. What is inserted later
    /// waits for its turn again.
    ///
    /// ```
    /// use core::time::Duration;
    /// use gossip_core::{AntiEntropy, Config, Overlay};
    ///
    /// let mut config = Config::default();
    /// config.batch_every = Some(Duration::from_secs(10));
    /// let mut machines = [1, 2].map(|seed| AntiEntropy::<usize, u64>::new(config.clone(), seed));
    /// for (machine, me) in machines.iter_mut().zip([0, 1]) {
    ///     machine.add_peer(1 - me);
    ///     machine.set_overlay(Overlay::star(&me, [0, 1]));
    /// }
    /// machines[0].insert(7).unwrap();
    /// machines[0].flush();
    /// for at in [0, 1, 0] {
    ///     let mut sent = vec![];
    ///     machines[at].drive(Duration::ZERO, |_, to, message| sent.push((to, message)), |_, _| {});
    ///     for (to, message) in sent {
    ///         machines[to].receive(&at, message).unwrap();
    ///     }
    /// }
    /// assert!(machines[1].contains(&7));
    /// assert_eq!(machines[0].lagging().count(), 0);
    /// ```
    pub fn flush(&mut self) {
        let lagging: Vec<P> = self.lagging().cloned().collect();
        for peer in lagging {
            let Some(mut turn) = self.turn(&peer) else { continue };
            if turn.hand.is_some() {
                turn.on_link(|link| link.flush());
            } else {
                turn.want_round();
            }
        }
    }

    /// The peers that are not known to hold all that is held here, in their order: of those that elements are pushed to, or
    /// of all if there are none. What came from a peer it holds, and one that is
    /// [unreachable](crate::Event::Unreachable) is not waited for. O(peers).
    pub fn lagging(&self) -> impl Iterator<Item = &P> {
        let pusher = self.pusher.as_ref();
        let carries = move |peer: &P| pusher.is_some_and(|pusher| pusher.carries_to(peer));
        let pushes = self.peers().any(carries);
        self.peers().filter(move |peer| (carries(peer) || !pushes) && self.lags(peer))
    }

    /// Whether the peer answers, and is not known to hold all that did not come from it.
    fn lags(&self, peer: &P) -> bool {
        let Some(stats) = self.peer_stats(peer) else { return false };
        let own = self.pusher.as_ref().map_or(0, |pusher| pusher.came_from(peer, stats.reached));
        stats.reachable && stats.lag > own
    }
}
