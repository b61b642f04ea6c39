//! What is printed of a run.

use std::collections::BTreeMap;
use std::fmt;

use gossip_core::Ledger;

use super::{Decimal, Figures, History, Plan, Took};

/// All that is told of a run, or of several: means, but for what took how long at the most. Its `Display` is lines of text.
///
/// ```
/// use gossip_node::{Settings, lab::trial::{Plan, Report, simulate}};
///
/// let mut plan = Plan::default();
/// (plan.nodes, plan.seconds, plan.isolate, plan.from, plan.lasting) = (5, 6, Some(1), 1, 2);
/// let report = simulate(&plan, &Settings::default(), |_now, _sums| {}).unwrap();
/// assert!(report.healed.is_some() && report.gone.is_none());
/// assert!(report.to_string().contains("in short             nothing is lost"));
/// assert_eq!(Report::mean(&[report.clone(), report]).unwrap().runs, 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How many runs these are.
    pub runs: usize,
    /// The figures.
    pub figures: Figures,
    /// How long after a heal, or the end of a crash, all nodes held everything there was at it, at the most; `None` if
    /// there was none.
    pub healed: Option<Took>,
    /// How long elements took among the others while one node was isolated, at the most; `None` if none was.
    pub others_took: Option<Took>,
    /// Acknowledged elements that are gone with their only holder; `None` if no node lost its memory.
    pub gone: Option<Decimal>,
    /// The ledgers of all nodes.
    pub account: Account,
}

/// What the ledgers of several nodes add up to, of a run or in the mean of several.
///
/// ```
/// use gossip_node::{Settings, Shape, lab::trial::{Account, Decimal, Plan, simulate}};
///
/// let mut plan = Plan::default();
/// (plan.nodes, plan.seconds) = (5, 2);
/// let mut settings = Settings::default();
/// settings.overlay = Shape::None;
/// let account: Account = simulate(&plan, &settings, |_now, _sums| {}).unwrap().account;
/// assert!(account.counter("rounds") > Decimal::whole(0));
/// let bytes = account.sent.values().fold(Decimal::default(), |sum, [_messages, bytes]| sum.plus(*bytes));
/// assert!(bytes >= account.counter("round_bytes"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Messages sent and their bytes, by kind.
    pub sent: BTreeMap<String, [Decimal; 2]>,
    /// The counters, by name.
    pub counters: BTreeMap<String, Decimal>,
}

impl Report {
    /// What there is to tell of one run.
    pub fn of(plan: &Plan, history: &History, server_messages: u64, account: Account) -> Self {
        // One that is over with the run has no time left in which to see it.
        let heals = plan.faults().into_iter().map(|(_, _, until)| until).filter(|&until| until < plan.ends());
        let isolation = plan.isolation();
        Self {
            runs: 1,
            figures: history.figures(plan.operations().count() as u64, server_messages),
            healed: heals.map(|heal| history.healed(heal)).max(),
            others_took: isolation.map(|(node, from, until)| history.others_took(node, from, until)),
            gone: history.forgets().then(|| Decimal::whole(history.gone().len() as u64)),
            account,
        }
    }

    /// What there is to tell of several runs; `None` of none.
    pub fn mean(runs: &[Self]) -> Option<Self> {
        let figures: Vec<_> = runs.iter().map(|run| run.figures.clone()).collect();
        let accounts: Vec<_> = runs.iter().map(|run| &run.account).collect();
        Some(Self {
            runs: runs.iter().map(|run| run.runs).sum(),
            figures: Figures::mean(&figures)?,
            // The longest and not the mean: what is promised is a bound.
            healed: runs.iter().filter_map(|run| run.healed).max(),
            others_took: runs.iter().filter_map(|run| run.others_took).max(),
            gone: Decimal::mean(runs.iter().filter_map(|run| run.gone)),
            account: Account::mean(&accounts)?,
        })
    }
}

impl Account {
    /// The ledger of one node.
    pub fn of(ledger: &Ledger) -> Self {
        let kinds = ledger.sent.iter().filter(|(_, traffic)| traffic.messages > 0);
        let sent = kinds.map(|(kind, traffic)| (kind.name().into(), [traffic.messages, traffic.bytes]));
        let counters = ledger.counters().map(|counter| (counter.name.into(), Decimal::whole(counter.value)));
        Self {
            sent: sent.map(|(kind, sums): (_, [u64; 2])| (kind, sums.map(Decimal::whole))).collect(),
            counters: counters.collect(),
        }
    }

    /// Takes in the ledger of another node.
    pub fn add(&mut self, other: &Self) {
        for (kind, sums) in &other.sent {
            let sent = self.sent.entry(kind.clone()).or_default();
            *sent = [sent[0].plus(sums[0]), sent[1].plus(sums[1])];
        }
        for (name, count) in &other.counters {
            let sum = self.counters.entry(name.clone()).or_default();
            *sum = sum.plus(*count);
        }
    }

    /// Where a counter stands, by the name of its field in [`Ledger`]; 0 if there is none.
    pub fn counter(&self, name: &str) -> Decimal {
        self.counters.get(name).copied().unwrap_or_default()
    }

    fn mean(runs: &[&Self]) -> Option<Self> {
        let mean = |number: &dyn Fn(&Self) -> Decimal| Decimal::mean(runs.iter().map(|run| number(run)));
        let mut all = Self::default();
        for kind in runs.iter().flat_map(|run| run.sent.keys()) {
            // A kind that a run sent none of counts as 0 in its mean, or rare ones would look frequent.
            let of = |place: usize| mean(&|run| run.sent.get(kind).map_or_else(Decimal::default, |sums| sums[place]));
            all.sent.insert(kind.clone(), [of(0)?, of(1)?]);
        }
        for name in runs.iter().flat_map(|run| run.counters.keys()) {
            all.counters.insert(name.clone(), mean(&|run| run.counter(name))?);
        }
        (!runs.is_empty()).then_some(all)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { ops, server_messages, msgs_per_op, latency_ms, true_latency_ms, lost, stale, never_read } =
            &self.figures;
        if self.runs > 1 {
            writeln!(f, "mean of {} runs", self.runs)?;
        }
        writeln!(f, "operations           {ops}")?;
        writeln!(f, "messages of servers  {server_messages}, {msgs_per_op} an operation")?;
        writeln!(f, "latency, as read     {latency_ms}")?;
        writeln!(f, "latency, true        {true_latency_ms}")?;
        writeln!(
            f,
            "elements             {lost} lost, {never_read} never read; {stale} had yet to come to some node when it was read"
        )?;
        if let Some(gone) = self.gone {
            writeln!(f, "gone with a node     {gone} that only the killed node held, and had no disk to keep")?;
        }
        if let Some(healed) = self.healed {
            writeln!(f, "whole after a heal   {healed} at the most")?;
        }
        if let Some(others_took) = self.others_took {
            writeln!(f, "while one was cut    {others_took} at the most among the others")?;
        }
        writeln!(f, "{}", self.account)?;
        match true_latency_ms.values() {
            _ if *lost > Decimal::whole(0) => {
                write!(f, "in short             {lost} elements did not come to all nodes")
            }
            Some([median, .., all]) => write!(
                f,
                "in short             nothing is lost: half of the elements were at all nodes after {median} ms, the last after {all} ms"
            ),
            None => write!(f, "in short             nothing was written"),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [rounds, round_bytes, full_state_bytes] =
            ["rounds", "round_bytes", "full_state_bytes"].map(|name| self.counter(name));
        for (kind, [messages, bytes]) in &self.sent {
            writeln!(f, "  {kind:<18} {messages} messages, {bytes} bytes")?;
        }
        write!(f, "ledger               {rounds} rounds in {round_bytes} bytes")?;
        // Decimals are not negative, so the difference is told by a word.
        let (saved, verb) = if round_bytes <= full_state_bytes {
            (full_state_bytes.less(round_bytes), "saved")
        } else {
            (round_bytes.less(full_state_bytes), "wasted")
        };
        write!(f, "; full states would have taken {full_state_bytes}: {saved} {verb}")
    }
}
