//! What a cluster is put through.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use gossip_core::Time;
use gossip_core::sim::{Chance, Fault, Latency, Memory, Network, Rng};

/// The load and the faults of a run, all of them drawn from one seed.
///
/// ```
/// use gossip_node::lab::trial::Plan;
///
/// let mut plan = Plan::default();
/// (plan.nodes, plan.rate, plan.seconds, plan.crash) = (5, 10, 60, Some(2));
/// plan.check()?;
/// assert!(plan.to_string().ends_with("crash                of n2, from second 5 to 15"));
/// // Nobody asks the node for anything while it is down.
/// assert_eq!(plan.operations().count(), 600 - 20);
/// # Ok::<(), gossip_node::lab::trial::PlanError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// How many nodes there are: n0, n1 and so on.
    pub nodes: u16,
    /// How many operations a second clients ask for, of one node after the other; half of them, by chance, are writes,
    /// the others reads.
    pub rate: u32,
    /// For how many seconds.
    pub seconds: u32,
    /// How many seconds pass then until the final read of every node.
    pub quiet: u32,
    /// How long a message takes from node to node, in ms; requests of clients take none by themselves.
    pub latency: u32,
    /// How that is distributed.
    pub latency_dist: Distribution,
    /// How many of a hundred messages between nodes get lost.
    pub loss: u8,
    /// Part nodes again and again while there is load, drawn anew each time.
    pub partition: Option<Partition>,
    /// For how many seconds they are parted, and for how many they are not, which comes first.
    pub partition_every: u32,
    /// Cut one node off from all others, once.
    pub isolate: Option<usize>,
    /// Crash one node, once, and start it again: a virtual one with all it held, a real one with what is on its disk;
    /// nobody asks it for anything meanwhile.
    pub crash: Option<usize>,
    /// From which second on it is cut off, or down.
    pub from: u32,
    /// For how many seconds.
    pub lasting: u32,
    /// What all that chance decides is drawn from.
    pub seed: u64,
}

/// What it puts a cluster through, in lines of text.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, rate, seconds, quiet, latency, loss, partition_every, .. } = self;
        let mean = if self.latency_dist == Distribution::Constant { "" } else { " in the mean" };
        writeln!(
            f,
            "cluster              {nodes} nodes, {latency} ms{mean} from one to another, {loss} % of messages lost"
        )?;
        write!(
            f,
            "load                 {rate} operations a second for {seconds} s, half of them writes; {quiet} s of quiet"
        )?;
        if self.partition.is_some() {
            write!(f, "\npartitions           every other {partition_every} s")?;
        }
        let [from, until] = <[Time; 2]>::from(self.fault_window()).map(|time| time.as_millis() / 1_000);
        for (name, node) in [("isolation", self.isolate), ("crash", self.crash)] {
            if let Some(node) = node {
                write!(f, "\n{name:<20} of n{node}, from second {from} to {until}")?;
            }
        }
        Ok(())
    }
}

/// A load as in Maelstrom's broadcast challenge: 25 nodes, 100 ms, 100 operations a second for 20 s. No faults.
impl Default for Plan {
    fn default() -> Self {
        Self {
            nodes: 25,
            rate: 100,
            seconds: 20,
            quiet: 10,
            latency: 100,
            latency_dist: Distribution::default(),
            loss: 0,
            partition: None,
            partition_every: 5,
            isolate: None,
            crash: None,
            from: 5,
            lasting: 10,
            seed: 0,
        }
    }
}

/// A plan that makes no sense.
///
/// ```
/// use gossip_node::lab::trial::{Plan, PlanError};
///
/// let mut plan = Plan::default();
/// plan.isolate = Some(25);
/// let error = plan.check().unwrap_err();
/// assert_eq!(error, PlanError::NoSuchNode { node: 25, nodes: 25 });
/// assert_eq!(error.to_string(), "there is no node n25: the last of 25 is n24");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The node that something is to befall is none of the cluster.
    #[error("there is no node n{node}: the last of {nodes} is n{}", nodes - 1)]
    NoSuchNode {
        /// Its number.
        node: usize,
        /// How many there are.
        nodes: u16,
    },
    /// The node would still be down at the end.
    #[error("n{node} would still be down when it is to be read finally")]
    NeverBack {
        /// Its number.
        node: usize,
    },
}

/// How the latency of messages is distributed.
///
/// ```
/// use std::time::Duration;
/// use gossip_core::sim::Latency;
/// use gossip_node::lab::trial::{Distribution, Plan};
///
/// let mut plan = Plan::default();
/// plan.latency_dist = Distribution::Uniform;
/// let latency = Latency::Uniform(Duration::ZERO, Duration::from_millis(200));
/// assert_eq!(plan.network().latency, latency);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distribution {
    /// All the same.
    #[default]
    Constant,
    /// From 0 to twice as long, equally likely.
    Uniform,
    /// Exponentially, that long in the mean.
    Exponential,
}

impl Distribution {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Constant, Self::Uniform, Self::Exponential];
}

/// Whom a partition parts.
///
/// ```
/// use gossip_core::Time;
/// use gossip_core::sim::Fault;
/// use gossip_node::lab::trial::{Partition, Plan};
///
/// let mut plan = Plan::default();
/// plan.partition = Some(Partition::One);
/// let faults = plan.faults();
/// let [(from, Fault::Cut(side), until), _] = &faults[..] else { panic!("it parts twice in 20 s") };
/// assert_eq!((side.len(), *from, *until), (1, Time::from_millis(5_000), Time::from_millis(10_000)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partition {
    /// One half from the other.
    Halves,
    /// One node from all others.
    One,
    /// Each node from all but those near it on a ring, so that each hears a majority and no two hear the same.
    Majorities,
}

/// Something that a client asks a node for.
///
/// ```
/// use gossip_node::lab::trial::{Operation, Plan};
///
/// let writes: Vec<Operation> = Plan::default().operations().filter(|operation| operation.write.is_some()).collect();
/// assert!(writes.is_sorted_by_key(|operation| operation.at));
/// assert!((0..).zip(&writes).all(|(number, operation)| operation.write == Some(number)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// When.
    pub at: Time,
    /// Whom.
    pub node: usize,
    /// The element to write, which is the number of writes before; `None` for a read.
    pub write: Option<usize>,
}

impl Plan {
    /// Whether it makes sense.
    ///
    /// # Errors
    ///
    /// Why it does not.
    pub fn check(&self) -> Result<(), PlanError> {
        if let Some(&node) = self.isolate.iter().chain(&self.crash).find(|&&node| node >= self.count()) {
            return Err(PlanError::NoSuchNode { node, nodes: self.nodes });
        }
        match self.crash {
            Some(node) if self.fault_window().1 >= self.ends() => Err(PlanError::NeverBack { node }),
            _ => Ok(()),
        }
    }

    /// What clients ask for, in the order of time.
    pub fn operations(&self) -> impl Iterator<Item = Operation> {
        // A stream of its own, so that clients ask for the same whatever befalls the nodes: plans can be compared.
        let mut rng = Rng::new(self.seed ^ u64::from_le_bytes(*b"clients "));
        let (nodes, rate) = (self.count(), u64::from(self.rate));
        let mut numbers = 0..;
        let drawn = (0..rate * u64::from(self.seconds)).zip((0..nodes).cycle()).map(move |(number, node)| {
            // Multiplied first: to add up a rounded interval would drift.
            let at = Time::from_micros(number * 1_000_000 / rate);
            (at, node, rng.below(2) == 0)
        });
        let (down, up) = self.fault_window();
        // Dropped after they are drawn, so that the others stay as they would be without the crash.
        let asked = drawn.filter(move |(at, node, _)| self.crash != Some(*node) || *at < down || *at >= up);
        // Numbered after that, so that elements are numbered without a gap.
        asked.map(move |(at, node, writes)| Operation { at, node, write: if writes { numbers.next() } else { None } })
    }

    /// When the load ends, and partitions with it.
    pub fn load_ends(&self) -> Time {
        seconds(self.seconds)
    }

    /// When every node is read finally.
    pub fn ends(&self) -> Time {
        self.load_ends() + Duration::from_secs(self.quiet.into())
    }

    /// What happens to messages under way.
    pub fn network(&self) -> Network {
        let mean = Duration::from_millis(self.latency.into());
        let latency = match self.latency_dist {
            Distribution::Constant => Latency::Constant(mean),
            Distribution::Uniform => Latency::Uniform(Duration::ZERO, 2 * mean),
            Distribution::Exponential => Latency::Exponential(mean),
        };
        Network { latency, loss: Chance::percent(self.loss.into()), ..Network::default() }
    }

    /// Partitions, the isolation, the crash: when each begins, what it is, and when it is healed.
    pub fn faults(&self) -> Vec<(Time, Fault, Time)> {
        let mut rng = Rng::new(self.seed ^ u64::from_le_bytes(*b"nemesis "));
        let every = Duration::from_secs(self.partition_every.into());
        let mut faults = Vec::new();
        let mut at = Time::ZERO + every;
        while let Some(partition) = self.partition.filter(|_| at < self.load_ends()) {
            // The last one ends with the load: the quiet that follows is to show that all heals.
            faults.push((at, partition.draw(self.count(), &mut rng), (at + every).min(self.load_ends())));
            // As long healed as parted: a heal is to be over before the next partition.
            at = at + every + every;
        }
        let (from, until) = self.fault_window();
        let isolation = self.isolate.map(|node| Fault::Cut(vec![node]));
        let crash = self.crash.map(|node| Fault::Crash(node, Memory::Kept));
        faults.extend(isolation.into_iter().chain(crash).map(|fault| (from, fault, until)));
        faults
    }

    /// The node that is isolated, from when until when.
    pub fn isolation(&self) -> Option<(usize, Time, Time)> {
        let (from, until) = self.fault_window();
        self.isolate.map(|node| (node, from, until))
    }

    /// The time in which one node is cut off, or down.
    fn fault_window(&self) -> (Time, Time) {
        let from = seconds(self.from);
        (from, from + Duration::from_secs(self.lasting.into()))
    }

    fn count(&self) -> usize {
        self.nodes.into()
    }
}

impl Partition {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Halves, Self::One, Self::Majorities];

    /// The nodes that are parted this time.
    fn draw(self, nodes: usize, rng: &mut Rng) -> Fault {
        let mut order: Vec<_> = (0..nodes).collect();
        // Fisher and Yates' shuffle, by numbers that are equal on every machine.
        for last in (1..nodes).rev() {
            order.swap(last, below(rng, last + 1));
        }
        match self {
            Self::Halves => order.truncate(nodes / 2),
            Self::One => order.truncate(1),
            Self::Majorities => return Fault::Sever(beyond_majorities(&order)),
        }
        Fault::Cut(order)
    }
}

/// The links of a ring that go further than the majority in the middle of which each node sits.
fn beyond_majorities(ring: &[usize]) -> Vec<(usize, usize)> {
    let nodes = ring.len();
    // The least that two nodes cannot both have without having one in common.
    let majority = nodes / 2 + 1;
    let beyond = |hearer: usize| {
        let near: BTreeSet<_> = (0..majority).map(|step| (hearer + nodes - majority / 2 + step) % nodes).collect();
        (0..nodes).filter(move |speaker| !near.contains(speaker)).map(move |speaker| (ring[speaker], ring[hearer]))
    };
    (0..nodes).flat_map(beyond).collect()
}

/// The neighbours of a node on a square that is filled row by row: the topology that clients tell nodes, which is
/// Maelstrom's unless it is told otherwise.
pub fn neighbours(nodes: usize, node: usize) -> impl Iterator<Item = usize> {
    let side = (1..).find(|side| side * side >= nodes).unwrap_or(1);
    (0..nodes).filter(move |&other| {
        let (left, right) = (node.min(other), node.max(other));
        // Below it; or beside it, unless a row ends between them.
        right == left + side || (right == left + 1 && right % side != 0)
    })
}

fn below(rng: &mut Rng, bound: usize) -> usize {
    usize::try_from(rng.below(bound as u64)).unwrap_or(0)
}

fn seconds(seconds: u32) -> Time {
    Time::from_millis(1_000 * u64::from(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_go_round_the_nodes_at_a_constant_rate_and_half_of_them_write() {
        let plan = Plan { nodes: 3, rate: 300, seconds: 10, ..Plan::default() };
        let operations: Vec<_> = plan.operations().collect();
        assert_eq!(operations.len(), 3_000);
        assert!(operations.iter().enumerate().all(|(number, operation)| operation.node == number % 3));
        assert_eq!(
            [0, 1, 300, 2_999].map(|number| operations[number].at.as_micros()),
            [0, 3_333, 1_000_000, 9_996_666]
        );
        let writes: Vec<_> = operations.iter().filter_map(|operation| operation.write).collect();
        assert!(writes.iter().enumerate().all(|(number, write)| number == *write));
        assert!((1_400..1_600).contains(&writes.len()), "{}", writes.len());
        assert_ne!(operations, Plan { seed: 1, ..plan }.operations().collect::<Vec<_>>());
    }

    #[test]
    fn nobody_asks_a_node_that_is_down_for_anything() {
        let asked: Vec<_> =
            Plan { nodes: 2, rate: 2, seconds: 6, crash: Some(1), from: 2, lasting: 2, ..Plan::default() }
                .operations()
                .collect();
        let times: Vec<_> = asked.iter().filter(|asked| asked.node == 1).map(|asked| asked.at.as_millis()).collect();
        assert_eq!(times, [500, 1_500, 4_500, 5_500]);
        assert_eq!(asked.len(), 10);
        let writes: Vec<_> = asked.iter().filter_map(|asked| asked.write).collect();
        assert!(writes.iter().enumerate().all(|(number, write)| number == *write));
    }

    #[test]
    fn partitions_come_and_go_and_the_last_one_is_healed_with_the_load() {
        let times = |plan: Plan| {
            let faults = plan.faults();
            faults.iter().map(|(at, _, until)| [at.as_millis(), until.as_millis()]).collect::<Vec<_>>()
        };
        assert_eq!(
            times(Plan { partition: Some(Partition::Halves), ..Plan::default() }),
            [[5_000, 10_000], [15_000, 20_000]]
        );
        assert_eq!(
            times(Plan { partition: Some(Partition::One), partition_every: 4, seconds: 13, ..Plan::default() }),
            [[4_000, 8_000], [12_000, 13_000]]
        );
        assert_eq!(times(Plan { isolate: Some(24), from: 2, lasting: 30, ..Plan::default() }), [[2_000, 32_000]]);
        assert_eq!(times(Plan { crash: Some(1), from: 2, lasting: 3, ..Plan::default() }), [[2_000, 5_000]]);
        assert_eq!(times(Plan { partition_every: 1, ..Plan::default() }), Vec::<[u64; 2]>::new());
    }

    #[test]
    fn halves_are_halves_and_each_is_drawn_anew() {
        let faults = Plan { nodes: 5, partition: Some(Partition::Halves), seconds: 100, ..Plan::default() }.faults();
        let sides: Vec<_> = faults.into_iter().map(|(_, fault, _)| fault).collect();
        assert!(sides.iter().all(|side| matches!(side, Fault::Cut(side) if side.len() == 2)));
        assert!(sides.windows(2).any(|pair| pair[0] != pair[1]));
        assert!(
            matches!(&Plan { partition: Some(Partition::One), ..Plan::default() }.faults()[0].1, Fault::Cut(side) if side.len() == 1)
        );
    }

    #[test]
    fn on_a_ring_each_node_hears_a_majority_and_no_two_hear_the_same() {
        for (nodes, majority) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (25, 13), (26, 14)] {
            let Fault::Sever(links) = Partition::Majorities.draw(nodes, &mut Rng::new(7)) else { panic!("not links") };
            let mut heard = BTreeSet::new();
            for hearer in 0..nodes {
                let speakers = (0..nodes).filter(|&speaker| !links.contains(&(speaker, hearer)));
                let speakers: BTreeSet<_> = speakers.collect();
                assert!(speakers.len() == majority && speakers.contains(&hearer), "n{hearer} of {nodes}: {speakers:?}");
                heard.insert(speakers);
            }
            assert_eq!(heard.len(), if nodes == majority { 1 } else { nodes }, "of {nodes}");
        }
    }

    #[test]
    fn neighbours_are_those_beside_above_and_below() {
        let all = |nodes| (0..nodes).map(|node| neighbours(nodes, node).collect()).collect::<Vec<Vec<_>>>();
        // 0 1 2
        // 3 4 5
        // 6
        let expected = [vec![1, 3], vec![0, 2, 4], vec![1, 5], vec![0, 4, 6], vec![1, 3, 5], vec![2, 4], vec![3]];
        assert_eq!(all(7), expected);
        assert_eq!((all(1), all(2)), (vec![vec![]], vec![vec![1], vec![0]]));
    }
}
