//! `Flight`: a message on its way from one replica to another.

use alloc::vec::Vec;

use crate::Time;

/// Message on its way; of one that came twice, each copy.
///
/// ```
/// use core::time::Duration;
/// use gossip_core::sim::{Network, Simulation};
/// use gossip_core::{AntiEntropy, Config, Time};
/// # fn replica(id: usize, seed: u64) -> AntiEntropy<usize, u64> {
/// #     let mut machine = AntiEntropy::new(Config::default(), seed);
/// #     machine.add_peer(1 - id);
/// #     machine
/// # }
///
/// let mut simulation = Simulation::new(7, Network::default(), 2, replica).with_flights(); // of two peers
/// simulation.insert(Time::ZERO, 0, 42);
/// let report = simulation.settle(Duration::from_secs(60))?;
/// let bytes: usize = simulation.flights().iter().map(|flight| flight.bytes).sum();
/// assert_eq!(bytes as u64, report.bytes);
/// # Ok::<(), gossip_core::sim::Violation>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flight {
    /// Virtual time at which it was sent.
    pub sent: Time,
    /// The sender.
    pub from: usize,
    /// The receiver.
    pub to: usize,
    /// Its name in the report.
    pub kind: &'static str,
    /// Its length.
    pub bytes: usize,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a message.
///
/// ```
/// use core::time::Duration;
/// use gossip_core::sim::{Chance, Fate, Network, Simulation};
/// use gossip_core::{AntiEntropy, Config, Time};
/// # fn replica(id: usize, seed: u64) -> AntiEntropy<usize, u64> {
/// #     let mut machine = AntiEntropy::new(Config::default(), seed);
/// #     machine.add_peer(1 - id);
/// #     machine
/// # }
///
/// let network = Network { loss: Chance::percent(50), ..Network::default() };
/// let mut simulation = Simulation::new(7, network, 2, replica).with_flights(); // of two peers
/// (0..20).for_each(|element| simulation.insert(Time::from_millis(500 * element), 0, element));
/// let report = simulation.settle(Duration::from_secs(60))?;
/// let lost = simulation.flights().iter().filter(|flight| flight.fate == Fate::Lost).count();
/// assert!(lost > 0 && lost as u64 == report.lost);
/// # Ok::<(), gossip_core::sim::Violation>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is still under way.
    UnderWay,
    /// The network lost it.
    Lost,
    /// A partition stopped it at this time, where it would have arrived.
    Cut(Time),
    /// It came while its receiver was down.
    Missed(Time),
    /// It arrived.
    Arrived(Time),
}

/// Flights of a run, if they are kept.
#[derive(Debug, Default)]
pub(super) struct Flights(Option<Vec<Flight>>);

impl Flights {
    pub(super) const fn kept() -> Self {
        Self(Some(Vec::new()))
    }

    /// Returns the number by which its fate is told later.
    pub(super) fn depart(&mut self, flight: Flight) -> usize {
        let Some(flights) = &mut self.0 else { return 0 };
        flights.push(flight);
        flights.len() - 1
    }

    pub(super) fn end(&mut self, number: usize, fate: Fate) {
        if let Some(flight) = self.0.as_mut().and_then(|flights| flights.get_mut(number)) {
            flight.fate = fate;
        }
    }

    pub(super) fn as_slice(&self) -> &[Flight] {
        self.0.as_deref().unwrap_or_default()
    }
}
