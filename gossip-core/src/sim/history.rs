//! `Arrival`: an element comes to a replica.

use crate::Time;

/// Arrival of an element at a replica, by a local write or from a peer.
///
/// ```
/// use core::time::Duration;
/// use gossip_core::sim::{Arrival, Network, Simulation};
/// use gossip_core::{AntiEntropy, Config, Time};
/// # fn replica(id: usize, seed: u64) -> AntiEntropy<usize, u64> {
/// #     let mut machine = AntiEntropy::new(Config::default(), seed);
/// #     machine.add_peer(1 - id);
/// #     machine
/// # }
///
/// let mut simulation = Simulation::new(7, Network::default(), 2, replica).with_history(); // of two peers
/// simulation.insert(Time::from_millis(500), 1, 42);
/// simulation.settle(Duration::from_secs(60))?;
/// assert_eq!(simulation.history()[0], Arrival { at: Time::from_millis(500), replica: 1, element: 42 });
/// # Ok::<(), gossip_core::sim::Violation>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival<E> {
    /// Virtual time.
    pub at: Time,
    /// The replica.
    pub replica: usize,
    /// The element.
    pub element: E,
}
