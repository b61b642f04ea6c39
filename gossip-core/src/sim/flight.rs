//! `Flight`: a message on its way from one replica to another.

use alloc::vec::Vec;

use crate::Time;

/// Message on its way; of one that came twice, each copy.
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
