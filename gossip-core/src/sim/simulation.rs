//! A run: replicas, the network between them, and what befalls both.

mod events;
mod outputs;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::census::Census;
use super::cut::Cut;
use super::node::{Broken, Node, Packet};
use super::queue::Queue;
use super::report::{Report, Trace};
use super::{Arrival, Chance, Fault, Faults, Law, Machine, Network, ReplicaId, Violation};
use crate::Time;
use crate::rng::Rng;

/// A fleet of replicas on a network, in virtual time; all of it drawn from one seed.
///
/// Plan insertions and faults, then [`settle`](Self::settle) or [`run_until`](Self::run_until). A machine is polled
/// after each input, and exactly at the deadlines that it gives. Whatever it does is checked against the [laws](Law).
pub struct Simulation<M: Machine> {
    make: Box<dyn FnMut(ReplicaId, u64) -> M>,
    network: Network,
    checks: Checks,
    dawdling: Chance,
    now: Time,
    nodes: Vec<Node<M>>,
    census: Census<M::Element>,
    /// The digests of sets, by cluster and sum of marks, and the other way round.
    digests: BTreeMap<(usize, u128), M::Digest>,
    sets: BTreeMap<(usize, M::Digest), u128>,
    fleet: Fleet,
    queue: Queue<Happening>,
    links: BTreeMap<(ReplicaId, ReplicaId), Link>,
    /// The partitions in force.
    cuts: Vec<Cut>,
    /// Of things planned, how many are still to come or to end.
    unfinished: usize,
    random: Randomness,
    report: Report,
    trace: Trace,
    history: Option<Vec<Arrival<M::Element>>>,
}

/// How closely to watch. A poll before a deadline tells a machine the time, so what happens may differ with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    /// Whether to run a second machine of equal seed and inputs beside each, and compare all outputs. Default: yes.
    pub twins: bool,
    /// How many requests to answer on copies too: after an insertion, and after a restart. O(elements) each. Default: 5
    /// %.
    pub rehearsals: Chance,
    /// How many deadlines to poll before, once, to see that nothing comes of it. Default: 10 %.
    pub early_polls: Chance,
}

impl Default for Checks {
    fn default() -> Self {
        Self { twins: true, rehearsals: Chance::percent(5), early_polls: Chance::percent(10) }
    }
}

/// The replicas of the first cluster as a whole.
#[derive(Debug, Default)]
struct Fleet {
    members: usize,
    /// How many elements at least one of them holds.
    union: usize,
    /// How many each of them holds, added up.
    held: usize,
    /// The pairs that talked.
    talked: BTreeSet<(usize, usize)>,
    /// Those of them with a proof that both hold all there is.
    proven: BTreeSet<(usize, usize)>,
}

#[derive(Debug, Default)]
struct Link {
    sent: u64,
    /// The newest that came.
    newest: u64,
    /// Requests under way.
    requests: u64,
}

/// One generator for each purpose: what one draws changes nothing for the others.
#[derive(Debug)]
struct Randomness {
    machines: Rng,
    network: Rng,
    faults: Rng,
    checks: Rng,
}

#[derive(Debug)]
enum Happening {
    /// The first poll. Twins are made here, when it is known whether there are to be any.
    Start {
        replica: ReplicaId,
        seed: u64,
    },
    Arrive {
        to: ReplicaId,
        packet: Packet,
    },
    Insert {
        replica: ReplicaId,
        number: usize,
    },
    /// A deadline.
    Wake(ReplicaId),
    /// A poll that was put off.
    Poll {
        replica: ReplicaId,
        life: u64,
    },
    /// A poll before the deadline.
    Early {
        replica: ReplicaId,
        life: u64,
    },
    Begin {
        fault: Fault,
        lasting: Duration,
    },
    Heal(u64),
    Resume {
        replica: ReplicaId,
        life: u64,
    },
    Restart(ReplicaId),
}

impl<M: Machine> Simulation<M> {
    /// A fleet of this many replicas. `make` gives the machine of a replica and a seed, empty and with its peers; it is
    /// called again for twins, restarts and rehearsals, and must give equal machines for equal arguments.
    pub fn new(seed: u64, network: Network, replicas: usize, make: impl FnMut(ReplicaId, u64) -> M + 'static) -> Self {
        let mut seeds = Rng::new(seed);
        let random = Randomness {
            machines: Rng::new(seeds.next_u64()),
            network: Rng::new(seeds.next_u64()),
            faults: Rng::new(seeds.next_u64()),
            checks: Rng::new(seeds.next_u64()),
        };
        let mut simulation = Self {
            make: Box::new(make),
            network,
            checks: Checks::default(),
            dawdling: Chance::NEVER,
            now: Time::ZERO,
            nodes: Vec::new(),
            census: Census::new(seeds.next_u64()),
            digests: BTreeMap::new(),
            sets: BTreeMap::new(),
            fleet: Fleet { members: replicas, ..Fleet::default() },
            queue: Queue::new(),
            links: BTreeMap::new(),
            cuts: Vec::new(),
            unfinished: 0,
            random,
            report: Report::default(),
            trace: Trace::default(),
            history: None,
        };
        for replica in (0..replicas).map(ReplicaId) {
            let seed = simulation.random.machines.next_u64();
            let machine = (simulation.make)(replica, seed);
            // Clocks begin anywhere within the second hour: far enough to be set back.
            let ahead = HOUR + simulation.random.machines.below(HOUR);
            simulation.nodes.push(Node::new(machine, ahead));
            simulation.queue.push(Time::ZERO, Happening::Start { replica, seed });
        }
        simulation
    }

    /// How closely to watch. To be set before the run.
    #[must_use]
    pub fn with_checks(mut self, checks: Checks) -> Self {
        self.checks = checks;
        self
    }

    /// Keeps the lines of the trace, which take about 50 bytes an event.
    #[must_use]
    pub fn with_trace(mut self) -> Self {
        self.trace.lines = Some(String::new());
        self
    }

    /// Keeps the [`history`](Self::history): 16 bytes and an element for each element of each replica.
    #[must_use]
    pub fn with_history(mut self) -> Self {
        self.history = Some(Vec::new());
        self
    }

    /// Makes this replica one of another cluster, say of another key or version: it talks, and nothing may come of it.
    /// To be set before its insertions are planned. Nothing happens if there is no such replica.
    #[must_use]
    pub fn with_outsider(mut self, replica: ReplicaId) -> Self {
        if let Some(node) = self.nodes.get_mut(replica.0).filter(|node| node.cluster == 0) {
            node.cluster = 1 + replica.0;
            self.fleet.members -= 1;
        }
        self
    }

    /// Makes this replica one that means harm: what it holds, and says that it holds, is not judged. What others learn from
    /// it counts as inserted, and what they take for proofs about it may be false. They are to converge in spite of it.
    /// Nothing happens if there is no such replica.
    #[must_use]
    pub fn with_hostile(mut self, replica: ReplicaId) -> Self {
        if let Some(node) = self.nodes.get_mut(replica.0).filter(|node| node.is_of_fleet()) {
            node.is_hostile = true;
            self.fleet.members -= 1;
        }
        self
    }

    /// Plans an insertion. Nothing happens if there is no such replica; it is skipped if the replica is down by then.
    pub fn insert(&mut self, at: Time, replica: ReplicaId, element: M::Element) {
        let Some(node) = self.nodes.get(replica.0) else { return };
        let number = self.census.enter(node.cluster, element);
        self.plan(at, Happening::Insert { replica, number });
    }

    /// Plans a fault and how long it lasts; for a clock, how far it is set. What befalls a replica that is down
    /// already, or a pause of one that is paused, is skipped.
    pub fn fault(&mut self, at: Time, fault: Fault, lasting: Duration) {
        self.plan(at, Happening::Begin { fault, lasting });
    }

    /// Draws faults from the seed and plans them.
    pub fn faults(&mut self, faults: &Faults) {
        self.dawdling = faults.dawdling;
        for (at, fault, lasting) in faults.draw(self.nodes.len(), &mut self.random.faults) {
            self.fault(at, fault, lasting);
        }
    }

    fn plan(&mut self, at: Time, happening: Happening) {
        self.unfinished += 1;
        self.queue.push(at.max(self.now), happening);
    }

    /// Runs up to and with this instant.
    ///
    /// # Errors
    ///
    /// The first law that is broken. The run cannot be resumed then.
    pub fn run_until(&mut self, until: Time) -> Result<(), Violation> {
        while self.queue.next_time().is_some_and(|next| next <= until) {
            self.step()?;
        }
        self.now = self.now.max(until);
        Ok(())
    }

    /// Runs until all that was planned has happened, all replicas hold the same and each pair that talked has a proof
    /// of it; then compares all sets, element by element.
    ///
    /// # Errors
    ///
    /// The first law that is broken; [`Law::Convergence`] if all is not well `within` that time of the last thing
    /// planned.
    pub fn settle(&mut self, within: Duration) -> Result<Report, Violation> {
        while self.unfinished > 0 || !self.is_settled() {
            let limit = self.report.planned_until + within;
            if self.unfinished == 0 && self.queue.next_time().is_none_or(|next| next > limit) {
                return Err(self.unsettled(within));
            }
            self.step()?;
        }
        self.report.settled_at = self.now;
        self.inspect()?;
        Ok(self.report())
    }

    /// The virtual time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The machine of a replica, as it was before its crash if it is down.
    pub fn machine(&self, replica: ReplicaId) -> Option<&M> {
        self.nodes.get(replica.0).map(|node| &node.machine)
    }

    /// Whether all replicas hold the same: what any of them holds. Outsiders and hostile
    /// ones aside. O(1).
    pub fn is_uniform(&self) -> bool {
        self.fleet.held == self.fleet.members * self.fleet.union
    }

    /// What has happened so far.
    pub fn report(&self) -> Report {
        Report { trace: self.trace.hash, pairs: self.fleet.talked.len() as u64, ..self.report.clone() }
    }

    /// The lines of the trace, if they are kept: microseconds, replica, what happened, the other replica, the length
    /// and the hash of a message. Equal runs have equal bytes.
    pub fn trace(&self) -> &str {
        self.trace.lines.as_deref().unwrap_or_default()
    }

    /// When each replica came to hold each element, in the order of time, if that is kept. What a replica has again
    /// after a crash does not count anew, but for what it forgot and came to hold again. So it tells what a read of any
    /// replica at any time would have shown.
    ///
    /// ```
    /// use core::time::Duration;
    /// use gossip_core::sim::{Network, ReplicaId, Simulation};
    /// use gossip_core::{AntiEntropy, Config, Time};
    ///
    /// let mut simulation = Simulation::new(1, Network::default(), 2, |id, seed| {
    ///     let mut machine = AntiEntropy::new(Config::default(), seed);
    ///     machine.add_peer(ReplicaId(1 - id.0));
    ///     machine
    /// })
    /// .with_history();
    /// simulation.insert(Time::from_millis(500), ReplicaId(1), 7_u64);
    /// simulation.settle(Duration::from_secs(60))?;
    /// let [written, learned] = simulation.history() else { panic!("two replicas, one element") };
    /// assert_eq!((written.at, written.replica, written.element), (Time::from_millis(500), ReplicaId(1), 7));
    /// assert_eq!((learned.at > written.at, learned.replica, learned.element), (true, ReplicaId(0), 7));
    /// # Ok::<(), gossip_core::sim::Violation>(())
    /// ```
    pub fn history(&self) -> &[Arrival<M::Element>] {
        self.history.as_deref().unwrap_or_default()
    }

    fn is_settled(&self) -> bool {
        self.is_uniform() && self.fleet.talked.len() == self.fleet.proven.len()
    }

    fn unsettled(&self, within: Duration) -> Violation {
        let union = self.fleet.union;
        let lacking = self.nodes.iter().position(|node| node.is_of_fleet() && node.held.count < union);
        let unproven = self.fleet.talked.difference(&self.fleet.proven).next();
        let (replica, what) = match (lacking, unproven) {
            (Some(replica), _) => {
                (replica, alloc::format!("holds {} of {union} elements", self.nodes[replica].held.count))
            }
            (None, Some(&(one, other))) => (one, alloc::format!("has no proof that r{other} holds all it does")),
            (None, None) => (0, "never settled".into()),
        };
        let what = alloc::format!("{what}, {} ms after all that was planned", within.as_millis());
        self.violation(ReplicaId(replica), Broken(Law::Convergence, what))
    }

    /// Compares what all replicas hold with the books.
    fn inspect(&mut self) -> Result<(), Violation> {
        for replica in (0..self.nodes.len()).map(ReplicaId) {
            if !self.nodes[replica.0].drained {
                self.drain(replica)?;
            }
            let node = &self.nodes[replica.0];
            if node.is_hostile {
                continue;
            }
            if self.has_lost(replica) || node.machine.count() != node.held.count {
                let what = "it holds other elements than it was given and told of".into();
                return Err(self.violation(replica, Broken(Law::NothingLostNothingInvented, what)));
            }
        }
        Ok(())
    }

    /// Whether a replica lacks an element that the books say it holds. O(elements).
    fn has_lost(&self, replica: ReplicaId) -> bool {
        let node = &self.nodes[replica.0];
        node.held.numbers.iter().any(|number| !node.machine.contains(&self.census.entry(number).element))
    }

    fn violation(&self, replica: ReplicaId, Broken(law, what): Broken) -> Violation {
        Violation { law, at: self.now, replica, what }
    }

    fn machines(&mut self, replica: ReplicaId) -> (M, Option<M>) {
        let seed = self.random.machines.next_u64();
        let machine = (self.make)(replica, seed);
        (machine, self.checks.twins.then(|| (self.make)(replica, seed)))
    }
}

/// In microseconds.
const HOUR: u64 = 3_600_000_000;

impl<M: Machine> fmt::Debug for Simulation<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation")
            .field("now", &self.now)
            .field("replicas", &self.nodes.len())
            .field("fleet", &self.fleet)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}
