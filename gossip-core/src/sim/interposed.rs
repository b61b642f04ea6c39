//! `Interposed`: a machine behind an interposer, which may change its inputs and outputs.

use alloc::vec::Vec;

use super::{Limits, Machine, Step};
use crate::Time;

/// Interposer between a machine `M` and the simulator: it sees all inputs and outputs, and may change them.
///
/// By default each method does as the machine does.
///
/// ```
/// use gossip_core::sim::{Interpose, Interposed, Machine};
/// use gossip_core::{AntiEntropy, Config};
///
/// /// Takes no writes.
/// #[derive(Clone)]
/// struct ReadOnly;
///
/// impl<M: Machine> Interpose<M> for ReadOnly {
///     fn insert(&mut self, _machine: &mut M, _element: M::Element) -> bool {
///         false
///     }
/// }
///
/// let mut machine = Interposed::new(AntiEntropy::<usize, u64>::new(Config::default(), 1), ReadOnly);
/// assert!(!machine.insert(42) && machine.count() == 0);
/// ```
pub trait Interpose<M: Machine>: Clone {
    /// As [`Machine::insert`].
    fn insert(&mut self, machine: &mut M, element: M::Element) -> bool {
        machine.insert(element)
    }

    /// As [`Machine::receive`].
    fn receive(&mut self, machine: &mut M, from: usize, message: &[u8]) -> bool {
        machine.receive(from, message)
    }

    /// As [`Machine::set_writable`].
    fn set_writable(&mut self, machine: &mut M, peer: usize, writable: bool) -> bool {
        machine.set_writable(peer, writable)
    }

    /// As [`Machine::poll`].
    fn poll(&mut self, machine: &mut M, now: Time) -> Step<M::Element, M::Digest> {
        machine.poll(now)
    }

    /// As [`Machine::limits`].
    fn limits(&self, machine: &M) -> Limits {
        machine.limits()
    }
}

/// Machine behind an [interposer](Interpose). Its set and its digest are the machine's own.
///
/// ```
/// use gossip_core::sim::{Interpose, Interposed, Machine, Network, Simulation, Step};
/// use gossip_core::{AntiEntropy, Config, Time};
///
/// /// Never says that it holds what the other does.
/// #[derive(Clone)]
/// struct NoProofs;
///
/// impl<M: Machine> Interpose<M> for NoProofs {
///     fn poll(&mut self, machine: &mut M, now: Time) -> Step<M::Element, M::Digest> {
///         match machine.poll(now) {
///             Step::Send { kind: "proof", .. } => Step::Note("no proof"),
///             step => step,
///         }
///     }
/// }
///
/// let mut simulation = Simulation::new(7, Network::default(), 2, |id, seed| {
///     let mut machine = AntiEntropy::new(Config::default(), seed);
///     machine.add_peer(1 - id);
///     Interposed::new(machine, NoProofs)
/// });
/// simulation.insert(Time::ZERO, 0, 42);
/// simulation.run_until(Time::from_millis(5_000))?;
/// assert!(simulation.machine(1).unwrap().machine().contains(&42));
/// # Ok::<(), gossip_core::sim::Violation>(())
/// ```
#[derive(Clone, Debug)]
pub struct Interposed<M, I> {
    machine: M,
    interposed: I,
}

impl<M, I> Interposed<M, I> {
    /// Machine behind an interposer.
    pub const fn new(machine: M, interposed: I) -> Self {
        Self { machine, interposed }
    }

    /// The machine.
    pub const fn machine(&self) -> &M {
        &self.machine
    }
}

impl<M: Machine, I: Interpose<M>> Machine for Interposed<M, I> {
    type Element = M::Element;
    type Digest = M::Digest;
    const FORGETS: bool = M::FORGETS;

    fn insert(&mut self, element: M::Element) -> bool {
        self.interposed.insert(&mut self.machine, element)
    }

    fn restore(&mut self, encoded: &[u8]) -> bool {
        self.machine.restore(encoded)
    }

    fn remove(&mut self, key: &[u8]) {
        self.machine.remove(key);
    }

    fn resume(&mut self, former: &Self) -> bool {
        self.machine.resume(&former.machine)
    }

    fn receive(&mut self, from: usize, message: &[u8]) -> bool {
        self.interposed.receive(&mut self.machine, from, message)
    }

    fn set_writable(&mut self, peer: usize, writable: bool) -> bool {
        self.interposed.set_writable(&mut self.machine, peer, writable)
    }

    fn poll(&mut self, now: Time) -> Step<M::Element, M::Digest> {
        self.interposed.poll(&mut self.machine, now)
    }

    // Not for the interposer to change: it may lie to peers, and the books are compared with what is held.
    fn key(element: &M::Element) -> Vec<u8> {
        M::key(element)
    }

    fn held(&self, key: &[u8]) -> Vec<M::Element> {
        self.machine.held(key)
    }

    fn contains(&self, element: &M::Element) -> bool {
        self.machine.contains(element)
    }

    fn count(&self) -> usize {
        self.machine.count()
    }

    fn digest(&self) -> M::Digest {
        self.machine.digest()
    }

    fn limits(&self) -> Limits {
        self.interposed.limits(&self.machine)
    }
}
