//! The options of a command line that say what a cluster is put through: of the subcommand `simulate`, and of whatever
//! carries a plan out with real nodes.

use clap::builder::PossibleValue;
use clap::{Args, value_parser};
use gossip_node::lab::trial::{Distribution, Partition, Plan};

use super::choice::one_of;

/// The load and the faults of a run, all of them drawn from one seed.
#[derive(Args, Clone, Debug)]
pub(crate) struct TrialOptions {
    /// How many nodes there are: n0, n1 and so on
    #[arg(long, value_name = "NUMBER", default_value_t = Plan::default().nodes,
          value_parser = value_parser!(u16).range(1..=1_000))]
    nodes: u16,

    /// How many operations a second clients ask for, of one node after the other; half of them, by chance, are writes,
    /// the others reads
    #[arg(long, value_name = "NUMBER", default_value_t = Plan::default().rate,
          value_parser = value_parser!(u32).range(1..=100_000))]
    rate: u32,

    /// For how many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = Plan::default().seconds,
          value_parser = value_parser!(u32).range(..=86_400))]
    seconds: u32,

    /// How many seconds pass then until the final read of every node
    #[arg(long, value_name = "SECONDS", default_value_t = Plan::default().quiet,
          value_parser = value_parser!(u32).range(..=86_400))]
    quiet: u32,

    /// How long a message takes from node to node, in ms; requests of clients take none by themselves
    #[arg(long, value_name = "MS", default_value_t = Plan::default().latency,
          value_parser = value_parser!(u32).range(..=60_000))]
    latency: u32,

    /// How that is distributed
    #[arg(long, value_name = "NAME",
          value_parser = one_of(Distribution::ALL, distribution), default_value = "constant")]
    latency_dist: Distribution,

    /// How many of a hundred messages between nodes get lost
    #[arg(long, value_name = "PERCENT", default_value_t = Plan::default().loss,
          value_parser = value_parser!(u8).range(..=100))]
    loss: u8,

    /// Part nodes again and again while there is load, drawn anew each time
    #[arg(long, value_name = "NAME", value_parser = one_of(Partition::ALL, partition))]
    partition: Option<Partition>,

    /// For how many seconds they are parted, and for how many they are not, which comes first
    #[arg(long, value_name = "SECONDS", default_value_t = Plan::default().partition_every,
          value_parser = value_parser!(u32).range(1..=86_400))]
    partition_every: u32,

    /// Cut one node off from all others, once
    #[arg(long, value_name = "NODE", value_parser = node)]
    isolate: Option<usize>,

    /// Crash one node, once, and start it again: a virtual one with all it held, a real one with what is on its disk;
    /// nobody asks it for anything meanwhile
    #[arg(long, value_name = "NODE", value_parser = node)]
    crash: Option<usize>,

    /// From which second on it is cut off, or down
    #[arg(long, value_name = "SECONDS", default_value_t = Plan::default().from)]
    from: u32,

    /// For how many seconds
    #[arg(long = "for", value_name = "SECONDS", default_value_t = Plan::default().lasting)]
    lasting: u32,

    /// What all that chance decides is drawn from
    #[arg(long, value_name = "NUMBER", default_value_t = Plan::default().seed)]
    seed: u64,
}

impl TrialOptions {
    /// What they say.
    pub(crate) fn plan(&self) -> Plan {
        // Field by field, as `Plan` is not to be built by others: whatever it gains is a decision here.
        let mut plan = Plan::default();
        plan.nodes = self.nodes;
        plan.rate = self.rate;
        plan.seconds = self.seconds;
        plan.quiet = self.quiet;
        plan.latency = self.latency;
        plan.latency_dist = self.latency_dist;
        plan.loss = self.loss;
        plan.partition = self.partition;
        plan.partition_every = self.partition_every;
        plan.isolate = self.isolate;
        plan.crash = self.crash;
        plan.from = self.from;
        plan.lasting = self.lasting;
        plan.seed = self.seed;
        plan
    }
}

fn distribution(distribution: Distribution) -> PossibleValue {
    match distribution {
        Distribution::Constant => PossibleValue::new("constant").help("All the same"),
        Distribution::Uniform => PossibleValue::new("uniform").help("From 0 to twice as long, equally likely"),
        Distribution::Exponential => PossibleValue::new("exponential").help("Exponentially, that long in the mean"),
    }
}

fn partition(partition: Partition) -> PossibleValue {
    match partition {
        Partition::Halves => PossibleValue::new("halves").help("One half from the other"),
        Partition::One => PossibleValue::new("one").help("One node from all others"),
        Partition::Majorities => PossibleValue::new("majorities").help(
            "Each node from all but those near it on a ring, so that each hears a majority and no two hear the same",
        ),
    }
}

fn node(text: &str) -> Result<usize, String> {
    // Digits alone: `parse` would let a sign pass.
    let number = text.strip_prefix('n').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    number.and_then(|digits| digits.parse().ok()).ok_or_else(|| "a node is n0, n1 and so on".into())
}
