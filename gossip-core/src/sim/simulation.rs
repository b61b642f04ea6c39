//! `Simulation`: a run of replicas, network and faults.

mod books;
mod events;
mod happening;
mod outputs;
mod planned;
mod writes;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::census::Census;
use super::cut::Cut;
use super::flight::Flights;
use super::node::{Broken, Node};
use super::queue::Queue;
use super::report::{Report, Trace};
use super::staleness::Staleness;
use super::{Arrival, Chance, Checks, Fault, Faults, Flight, Law, Machine, Network, Violation};
use crate::Time;
use crate::element::{Element, Stored};
use crate::rng::Rng;

use happening::Happening;

/// Fleet of replicas on a network, in virtual time; all of it drawn from one seed.
///
/// Plan insertions and faults, then [`settle`](Self::settle) or [`run_until`](Self::run_until). A machine is polled
/// after each input, and exactly at its deadlines. All that it does is checked against the [laws](Law).
///
/// ```
/// use core::time::Duration;
/// use gossip_core::sim::{Network, Simulation};
/// use gossip_core::{AntiEntropy, Config, Time};
///
/// let mut simulation = Simulation::new(1, Network::default(), 3, |id, seed| {
///     let mut machine = AntiEntropy::new(Config::default(), seed);
///     (0..3).filter(|&peer| peer != id).for_each(|peer| _ = machine.add_peer(peer));
///     machine
/// });
/// simulation.insert(Time::ZERO, 1, 7_u64);
/// simulation.settle(Duration::from_secs(60))?;
/// assert!((0..3).all(|id| simulation.machine(id).is_some_and(|machine| machine.contains(&7))));
/// # Ok::<(), gossip_core::sim::Violation>(())
/// ```
pub struct Simulation<M: Machine> {
    seed: u64,
    make: Box<dyn FnMut(usize, u64) -> M>,
    network: Network,
    checks: Checks,
    dawdling: Chance,
    now: Time,
    nodes: Vec<Node<M>>,
    census: Census<M::Element>,
    /// Digests of sets by cluster and sum of marks, and the other way round.
    digests: BTreeMap<(usize, u128), M::Digest>,
    sets: BTreeMap<(usize, M::Digest), u128>,
    fleet: Fleet,
    staleness: Staleness,
    queue: Queue<Happening>,
    links: BTreeMap<(usize, usize), Link>,
    /// Partitions in force.
    cuts: Vec<Cut>,
    /// Number of planned events that are still to come or to end.
    unfinished: usize,
    random: Randomness,
    report: Report,
    trace: Trace,
    history: Option<Vec<Arrival<M::Element>>>,
    flights: Flights,
}

/// The replicas of the first cluster as a whole.
#[derive(Debug, Default)]
struct Fleet {
    members: usize,
    /// Number of elements that at least one of them holds.
    union: usize,
    /// Sum of the numbers of elements that each of them holds.
    held: usize,
    /// Pairs that talked.
    talked: BTreeSet<(usize, usize)>,
    /// Pairs with a proof that both hold the union.
    proven: BTreeSet<(usize, usize)>,
}

/// Messages from one replica to another.
#[derive(Debug, Default)]
struct Link {
    sent: u64,
    /// Number of the newest that came.
    newest: u64,
    /// Requests under way.
    requests: u64,
}

/// One generator for each purpose, so that draws of one leave the others as they were.
#[derive(Debug)]
struct Randomness {
    machines: Rng,
    network: Rng,
    faults: Rng,
    checks: Rng,
}

impl<M: Machine> Simulation<M> {
    /// Fleet of `replicas` replicas. `make` returns the machine of a replica and a seed, empty and with its peers. It
    /// is called again for twins, restarts and rehearsals, and must return equal machines for equal arguments.
    pub fn new(seed: u64, network: Network, replicas: usize, make: impl FnMut(usize, u64) -> M + 'static) -> Self {
        let mut seeds = Rng::new(seed);
        // Another order of these draws would make other runs of every seed; `tests/efficiency.txt` has some.
        let random = Randomness {
            machines: Rng::new(seeds.next_u64()),
            network: Rng::new(seeds.next_u64()),
            faults: Rng::new(seeds.next_u64()),
            checks: Rng::new(seeds.next_u64()),
        };
        let mut simulation = Self {
            seed,
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
            staleness: Staleness::default(),
            queue: Queue::new(),
            links: BTreeMap::new(),
            cuts: Vec::new(),
            unfinished: 0,
            random,
            report: Report::default(),
            trace: Trace::default(),
            history: None,
            flights: Flights::default(),
        };
        for replica in 0..replicas {
            let seed = simulation.random.machines.next_u64();
            let machine = (simulation.make)(replica, seed);
            // Clocks begin anywhere within the second hour: far enough to be set back.
            let ahead = HOUR + simulation.random.machines.below(HOUR);
            simulation.nodes.push(Node::new(machine, ahead));
            simulation.queue.push(Time::ZERO, Happening::Start { replica, seed });
        }
        simulation
    }

    /// Sets the checks, before the run.
    #[must_use]
    pub fn with_checks(mut self, checks: Checks) -> Self {
        self.checks = checks;
        self
    }

    /// Keeps the lines of the trace, about 50 bytes an event.
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

    /// Keeps the [`flights`](Self::flights): 80 bytes for each message.
    #[must_use]
    pub fn with_flights(mut self) -> Self {
        self.flights = Flights::kept();
        self
    }

    /// Makes this replica an outsider, of another cluster, say of another key or version: it talks, and nothing may
    /// come of it. To be set before its insertions are planned. Without effect if there is no such replica.
    #[must_use]
    pub fn with_outsider(mut self, replica: usize) -> Self {
        if let Some(node) = self.nodes.get_mut(replica).filter(|node| node.cluster == 0) {
            // One each, so that two outsiders need not come to a union either.
            node.cluster = 1 + replica;
            self.fleet.members -= 1;
        }
        self
    }

    /// Makes this replica hostile: it is not judged by what it holds or claims. Elements that others learn from it
    /// count as inserted, and proofs about it may be false. The others must converge in spite of it. Without effect if
    /// there is no such replica.
    #[must_use]
    pub fn with_hostile(mut self, replica: usize) -> Self {
        if let Some(node) = self.nodes.get_mut(replica).filter(|node| node.is_of_fleet()) {
            // The union is that of the others, and nobody waits for this one.
            node.is_hostile = true;
            self.fleet.members -= 1;
        }
        self
    }

    /// Plans an insertion. It is skipped if there is no such replica, or if that is down by then.
    pub fn insert(&mut self, at: Time, replica: usize, element: M::Element) {
        let Some(node) = self.nodes.get(replica) else { return };
        // In its own cluster: the same value of an outsider is another element.
        let number = self.census.enter(node.cluster, Stored::Value(element));
        self.plan(at, Happening::Insert { replica, number });
    }

    /// Plans the removal of all that a replica holds under a key by then: of all elements whose encodings begin with the
    /// key's. It is skipped if there is no such replica, or if that is down by then.
    pub fn remove<K: Element>(&mut self, at: Time, replica: usize, key: &K) {
        if replica < self.nodes.len() {
            let mut bytes = Vec::new();
            key.encode(&mut bytes);
            self.plan(at, Happening::Remove { replica, key: bytes });
        }
    }

    /// Plans a fault with its duration; for a clock, how far it is set. Crashes and pauses of a replica that is down,
    /// and pauses of one that is paused, are skipped.
    pub fn fault(&mut self, at: Time, fault: Fault, lasting: Duration) {
        self.plan(at, Happening::Begin { fault, lasting });
    }

    /// Draws faults from the seed and plans them.
    pub fn faults(&mut self, faults: &Faults) {
        // Drawn as messages come, not planned.
        self.dawdling = faults.dawdling;
        for (at, fault, lasting) in faults.draw(self.nodes.len(), &mut self.random.faults) {
            self.fault(at, fault, lasting);
        }
    }

    fn plan(&mut self, at: Time, happening: Happening) {
        self.unfinished += 1;
        // A plan may be made in the middle of a run, for a time that is over.
        self.queue.push(at.max(self.now), happening);
    }

    /// Runs up to this instant and with it.
    ///
    /// # Errors
    ///
    /// The first broken law. The run cannot be resumed then.
    pub fn run_until(&mut self, until: Time) -> Result<(), Violation> {
        while self.queue.next_time().is_some_and(|next| next <= until) {
            self.step()?;
        }
        // Time goes on where nothing happens, too.
        self.now = self.now.max(until);
        self.check_staleness()
    }

    /// Runs until all that was planned has happened, all replicas hold the same and each pair that talked has a proof
    /// of it; then compares all sets with the books, element by element.
    ///
    /// # Errors
    ///
    /// The first broken law; [`Law::Convergence`] if the fleet has not settled `within` that time of the last planned
    /// event.
    pub fn settle(&mut self, within: Duration) -> Result<Report, Violation> {
        while self.unfinished > 0 || !self.is_settled() {
            let limit = self.report.planned_until + within;
            // Machines wake for ever, so it takes a limit; where none wakes any more, nothing is to come.
            if self.unfinished == 0 && self.queue.next_time().is_none_or(|next| next > limit) {
                return Err(self.unsettled(within));
            }
            self.step()?;
        }
        self.report.settled_at = self.now;
        self.inspect()?;
        Ok(self.report())
    }

    /// Virtual time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Machine of a replica; if that is down, as it was before its crash.
    pub fn machine(&self, replica: usize) -> Option<&M> {
        self.nodes.get(replica).map(|node| &node.machine)
    }

    /// Returns whether all replicas hold the union of their sets. Outsiders and hostile ones aside. O(1).
    pub fn is_uniform(&self) -> bool {
        // None can hold more than the union, so the sum is right only where each of them is.
        self.fleet.held == self.fleet.members * self.fleet.union
    }

    /// Age of the oldest hole: for how long some replica has held what another lacks, from the end of the last fault on.
    /// Zero while a fault is in force. Outsiders and hostile ones aside. O(1).
    pub fn oldest_hole(&self) -> Duration {
        self.staleness.oldest(self.now).map_or(Duration::ZERO, |(age, _)| age)
    }

    /// Counts so far.
    pub fn report(&self) -> Report {
        Report { trace: self.trace.hash, pairs: self.fleet.talked.len() as u64, ..self.report.clone() }
    }

    /// Lines of the trace, if they are kept: microseconds, replica, event, the other replica, length and hash of a
    /// message. Equal runs have equal bytes.
    pub fn trace(&self) -> &str {
        self.trace.lines.as_deref().unwrap_or_default()
    }

    /// Arrivals of elements at replicas, in order of time, if they are kept. Elements that a crash keeps do not arrive
    /// anew; those that it loses do, when they come back. So the history tells what a read of any replica at any time
    /// would have shown, unless the machine [forgets](Machine::FORGETS): of what goes it says nothing.
    ///
    /// ```
    /// use core::time::Duration;
    /// use gossip_core::sim::{Network, Simulation};
    /// use gossip_core::{AntiEntropy, Config, Time};
    ///
    /// let mut simulation = Simulation::new(1, Network::default(), 2, |id, seed| {
    ///     let mut machine = AntiEntropy::new(Config::default(), seed);
    ///     machine.add_peer(1 - id);
    ///     machine
    /// })
    /// .with_history();
    /// simulation.insert(Time::from_millis(500), 1, 7_u64);
    /// simulation.settle(Duration::from_secs(60))?;
    /// let [written, learned] = simulation.history() else { panic!("two replicas, one element") };
    /// assert_eq!((written.at, written.replica, written.element), (Time::from_millis(500), 1, 7));
    /// assert_eq!((learned.at > written.at, learned.replica, learned.element), (true, 0, 7));
    /// # Ok::<(), gossip_core::sim::Violation>(())
    /// ```
    pub fn history(&self) -> &[Arrival<M::Element>] {
        self.history.as_deref().unwrap_or_default()
    }

    /// Messages between replicas, in the order in which they were sent, if they are kept, with what became of each.
    pub fn flights(&self) -> &[Flight] {
        self.flights.as_slice()
    }

    fn is_settled(&self) -> bool {
        // Proofs come of messages, so pairs with one are among those that talked, and numbers will do.
        let is_proven = !self.checks.proofs || self.fleet.talked.len() == self.fleet.proven.len();
        self.is_uniform() && is_proven && (!M::FORGETS || self.agrees())
    }

    /// Whether all replicas have one digest.
    fn agrees(&self) -> bool {
        let mut digests = self.nodes.iter().filter(|node| node.is_of_fleet()).map(|node| node.machine.digest());
        let first = digests.next();
        digests.all(|digest| Some(digest) == first)
    }

    fn unsettled(&self, within: Duration) -> Violation {
        let union = self.fleet.union;
        // One replica, or one pair, by name: an example to look for in the trace.
        let lacking = self.nodes.iter().position(|node| node.is_of_fleet() && node.held.count < union);
        let unproven = self.fleet.talked.difference(&self.fleet.proven).next();
        let element = lacking.and_then(|replica| self.lacked_by(replica));
        let (replica, what) = match (lacking, unproven) {
            (Some(replica), _) => {
                let held = self.nodes[replica].held.count;
                let holder =
                    element.and_then(|number| self.nodes.iter().position(|node| node.held.numbers.has(number)));
                let of = holder.map(|holder| alloc::format!(", and lacks one of r{holder}'s")).unwrap_or_default();
                (replica, alloc::format!("holds {held} of {union} elements{of}"))
            }
            (None, Some(&(one, other))) => (one, alloc::format!("has no proof that r{other} holds all it does")),
            (None, None) => (0, "never agreed with the others".into()),
        };
        let what = alloc::format!("{what}, {} ms after all that was planned", within.as_millis());
        let mut broken = Broken::new(Law::Convergence, what);
        if let Some(number) = element {
            broken = broken.about(self.census.entry(number).element.lend());
        }
        self.violation(replica, broken)
    }

    /// An element of the fleet's that a replica lacks.
    fn lacked_by(&self, replica: usize) -> Option<usize> {
        (0..self.census.len()).find(|&number| {
            let entry = self.census.entry(number);
            entry.cluster == 0 && entry.holders > 0 && !self.nodes[replica].held.numbers.has(number)
        })
    }

    /// Checks law 10.
    fn check_staleness(&self) -> Result<(), Violation> {
        let Some(bound) = self.checks.staleness else { return Ok(()) };
        let Some((age, number)) = self.staleness.oldest(self.now).filter(|(age, _)| *age > bound) else {
            return Ok(());
        };
        let lacks = |node: &Node<M>| node.is_of_fleet() && !node.held.numbers.has(number);
        let replica = self.nodes.iter().position(lacks).unwrap_or_default();
        let what = alloc::format!("it lacks an element that others have held for {} ms of calm", age.as_millis());
        let broken = Broken::new(Law::BoundedStaleness, what).about(self.census.entry(number).element.lend());
        Err(self.violation(replica, broken))
    }

    /// Compares all sets with the books.
    fn inspect(&mut self) -> Result<(), Violation> {
        for replica in 0..self.nodes.len() {
            // A poll that was put off may be to come, with elements to tell of.
            if !self.nodes[replica].drained {
                self.drain(replica)?;
            }
            let node = &self.nodes[replica];
            if node.is_hostile {
                continue;
            }
            // All that is booked and no more than that many: so nothing else.
            if self.has_lost(replica) || node.machine.count() != node.held.count {
                let what = "it holds other elements than it was given and told of";
                return Err(self.violation(replica, Broken::new(Law::NothingLostNothingInvented, what)));
            }
        }
        Ok(())
    }

    /// Returns whether a replica lacks an element that it holds by the books. O(elements).
    fn has_lost(&self, replica: usize) -> bool {
        let node = &self.nodes[replica];
        node.held.numbers.iter().any(|number| node.holds(&self.census.entry(number).element) == Some(false))
    }

    fn violation(&self, replica: usize, broken: Broken) -> Violation {
        let Broken { law, what, element } = broken;
        Violation { law, seed: self.seed, at: self.now, replica, what, element, trace: self.trace.last() }
    }

    fn machines(&mut self, replica: usize) -> (M, Option<M>) {
        let seed = self.random.machines.next_u64();
        let machine = (self.make)(replica, seed);
        // From one draw, twins or none: a check must not change the run.
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
