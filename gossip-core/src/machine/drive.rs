//! The loop around a machine, for whoever needs no other.

use core::time::Duration;

use super::Engine;
use crate::event::Output;
use crate::kind::Kind;
use crate::message::Message;
use crate::time::Time;

impl<P: Clone + Ord, S: Kind> Engine<P, S> {
    /// [Polls](Self::poll) until nothing is due, and hands over each message and each event as it comes. Returns for how long
    /// to wait for input then: [`Duration::MAX`] if nothing will be due without.
    ///
    /// `elapsed` is the time on the embedder's clock since an instant of its choice, always the same. With the clock of `std`
    /// that is `start.elapsed()`; that of `tokio` or of a simulation does as well. Both functions are lent the machine, say to
    /// tell it that a queue [is full](Self::set_writable).
    ///
    /// ```
    /// use gossip_core::{AntiEntropy, Config, Event};
    /// use std::{collections::VecDeque, time::Instant};
    ///
    /// let start = Instant::now();
    /// let mut machines = [1, 2].map(|seed| AntiEntropy::<usize, u64>::new(Config::default(), seed));
    /// machines[0].add_peer(1);
    /// machines[1].add_peer(0);
    /// machines[0].insert(7).unwrap();
    /// machines[0].sync_now(&1);
    /// let (mut wire, mut learned) = (VecDeque::new(), vec![]);
    /// for at in [0, 1, 0, 1] {
    ///     let wait = machines[at].drive(
    ///         start.elapsed(),
    ///         |_, to, message| wire.push_back((at, to, message)),
    ///         |_, event| if let Event::Learned { element, .. } = event { learned.push(element) },
    ///     );
    ///     assert!(!wait.is_zero());
    ///     for (from, to, message) in wire.drain(..) {
    ///         machines[to].receive(&from, message).unwrap();
    ///     }
    /// }
    /// assert_eq!(learned, [7]);
    /// ```
    pub fn drive(
        &mut self,
        elapsed: Duration,
        mut send: impl FnMut(&mut Self, P, Message<S::Element>),
        mut report: impl FnMut(&mut Self, S::Event<P>),
    ) -> Duration {
        let now = Time::ZERO + elapsed;
        loop {
            match self.poll(now) {
                Output::Send { to, message } => send(self, to, message),
                Output::Event(event) => report(self, event),
                Output::Wait(until) => return until.map_or(Duration::MAX, |until| until.saturating_since(now)),
            }
        }
    }
}
