//! Replicas on a bad network, in virtual time: a simulator that checks the [laws](Law) as it goes.
//!
//! Everything is drawn from one seed: latencies, losses, duplicates and reordering, partitions, pauses, crashes and
//! clocks that jump. Equal seeds give equal runs. Every machine is polled after each input and exactly at its deadline,
//! so a false deadline shows. The first broken law ends the run, by name. Minutes of a fleet's time take milliseconds.
//! Feature `sim`.
//!
//! # Testing elements of your own
//!
//! ```
//! use core::time::Duration;
//! use gossip_core::sim::{Chance, Fault, Latency, Network, Simulation};
//! use gossip_core::{AntiEntropy, Config, Element, Time, TypeTag};
//!
//! #[derive(Clone, PartialEq, Eq)]
//! struct Price { article: String, version: u32, cents: u32 }
//!
//! impl Element for Price {
//!     const TYPE: TypeTag = TypeTag::new("price");
//!
//!     fn encode(&self, out: &mut Vec<u8>) {
//!         self.article.encode(out);
//!         self.version.encode(out);
//!         self.cents.encode(out);
//!     }
//!
//!     fn decode(input: &mut &[u8]) -> Option<Self> {
//!         Some(Self {
//!             article: String::decode(input)?,
//!             version: u32::decode(input)?,
//!             cents: u32::decode(input)?,
//!         })
//!     }
//! }
//!
//! let network = Network {
//!     latency: Latency::Exponential(Duration::from_millis(40)),
//!     loss: Chance::percent(20),
//!     ..Network::default()
//! };
//! let mut simulation = Simulation::new(7, network, 4, |id, seed| {
//!     let mut machine = AntiEntropy::new(Config::default(), seed);
//!     for peer in (0..4).filter(|&peer| peer != id) {
//!         machine.add_peer(peer);
//!     }
//!     machine
//! });
//! for version in 0..100 {
//!     let price = Price { article: "tea".into(), version, cents: 250 };
//!     simulation.insert(Time::from_millis(100 * version as u64), version as usize % 4, price);
//! }
//! let half = vec![0, 1];
//! simulation.fault(Time::from_millis(2_000), Fault::Cut(half), Duration::from_secs(5));
//!
//! let report = simulation.settle(Duration::from_secs(60))?;
//! assert_eq!(simulation.machine(3).unwrap().len(), 100);
//! assert!(report.lost > 0 && report.cut > 0, "the network was as bad as it should be");
//! # Ok::<(), gossip_core::sim::Violation>(())
//! ```
//!
//! # Maps
//!
//! A [`Map`](crate::Map) is simulated in the same way: its elements are pairs of a key and a value, and what is removed or
//! replaced anywhere goes everywhere and never comes back.
//!
//! ```
//! use core::time::Duration;
//! use gossip_core::sim::{Fault, Memory, Network, Rng, Simulation};
//! use gossip_core::{Config, Map, ReplicaId, Time};
//!
//! let mut simulation = Simulation::new(7, Network::default(), 3, |id, seed| {
//!     // An id of its own in each life.
//!     let own = ReplicaId::from_random(Rng::new(seed).next_u64().to_le_bytes());
//!     let mut map = Map::new(Config::default(), own, seed);
//!     for peer in (0..3).filter(|&peer| peer != id) {
//!         map.add_peer(peer);
//!     }
//!     map
//! });
//! simulation.insert(Time::from_millis(100), 0, (String::from("tea"), 250_u64));
//! simulation.insert(Time::from_millis(9_000), 1, (String::from("tea"), 260));
//! simulation.insert(Time::from_millis(9_000), 2, (String::from("milk"), 90));
//! simulation.remove(Time::from_millis(18_000), 2, &String::from("tea"));
//! simulation.fault(Time::from_millis(12_000), Fault::Crash(0, Memory::Lost), Duration::from_secs(5));
//!
//! let report = simulation.settle(Duration::from_secs(60))?;
//! assert_eq!((report.removed, report.went), (1, 4), "two replicas each were told of what went");
//! assert!(simulation.machine(0).unwrap().iter().eq([(&String::from("milk"), &90)]));
//! # Ok::<(), gossip_core::sim::Violation>(())
//! ```
//!
//! # Testing a protocol of your own
//!
//! Any [`Machine`] can be simulated. This one sends its whole set to the next replica on a ring, twice a second. It
//! claims no proofs, so a run is settled once all hold the same.
//!
//! ```
//! use core::time::Duration;
//! use std::collections::{BTreeSet, VecDeque};
//! use gossip_core::sim::{Checks, Machine, Network, Role, Simulation, Step, for_seeds};
//! use gossip_core::{Element, Time};
//!
//! #[derive(Clone)]
//! struct FullState { next: usize, set: BTreeSet<u64>, learned: VecDeque<(u64, usize)>, due: Time }
//!
//! impl Machine for FullState {
//!     type Element = u64;
//!     type Digest = BTreeSet<u64>;
//!
//!     fn insert(&mut self, element: u64) -> bool {
//!         self.set.insert(element);
//!         true
//!     }
//!
//!     fn receive(&mut self, from: usize, mut message: &[u8]) -> bool {
//!         while let Some(element) = u64::decode(&mut message) {
//!             if self.set.insert(element) {
//!                 self.learned.push_back((element, from));
//!             }
//!         }
//!         true
//!     }
//!
//!     fn poll(&mut self, now: Time) -> Step<u64, BTreeSet<u64>> {
//!         if let Some((element, from)) = self.learned.pop_front() {
//!             return Step::Learned { element, from };
//!         }
//!         if now < self.due {
//!             return Step::Wait(Some(self.due));
//!         }
//!         self.due = now + Duration::from_millis(500);
//!         let mut message = Vec::new();
//!         self.set.iter().for_each(|element| element.encode(&mut message));
//!         Step::Send { to: self.next, kind: "state", role: Role::Request, message }
//!     }
//!
//!     fn contains(&self, element: &u64) -> bool {
//!         self.set.contains(element)
//!     }
//!
//!     fn count(&self) -> usize {
//!         self.set.len()
//!     }
//!
//!     fn digest(&self) -> BTreeSet<u64> {
//!         self.set.clone()
//!     }
//! }
//!
//! // Of a seed that breaks a law, the least of the plan that still does is told.
//! let report = for_seeds(0..50, Duration::from_secs(60), |seed| {
//!     let mut simulation = Simulation::new(seed, Network::default(), 5, |id, _seed| FullState {
//!         next: (id + 1) % 5,
//!         set: BTreeSet::new(),
//!         learned: VecDeque::new(),
//!         due: Time::ZERO,
//!     })
//!     .with_checks(Checks::convergence_only());
//!     for element in 0..20 {
//!         simulation.insert(Time::ZERO, element as usize % 5, element);
//!     }
//!     simulation
//! });
//! assert_eq!(report.learned, 50 * 20 * 4);
//! ```

mod census;
mod checks;
mod cut;
mod faults;
mod flight;
pub mod forge;
mod history;
mod interface;
mod interposed;
mod law;
mod network;
mod node;
mod queue;
mod report;
mod seeds;
mod simulation;
mod staleness;

pub use checks::Checks;
pub use faults::{Fault, Faults, Memory};
pub use flight::{Fate, Flight};
pub use history::Arrival;
pub use interface::{Limits, Machine, Role, Step};
pub use interposed::{Interpose, Interposed};
pub use law::{Law, Violation};
pub use network::{Chance, Latency, Network};
pub use report::Report;
pub use seeds::for_seeds;
pub use simulation::Simulation;

pub use crate::rng::Rng;
