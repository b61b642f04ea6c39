//! A plan, carried out on virtual time in this process.

use std::time::Duration;

use gossip_core::sim::{self, Checks, Simulation, Violation};
use gossip_core::{AntiEntropy, Ledger, Overlay, Time};

use super::recording::Sums;
use super::{Account, History, Operation, Plan, Recording, Report, neighbours};
use crate::json::Json;
use crate::settings::{MaxLine, Settings, Shape};

/// Carries out a plan on virtual time, by nodes of these settings; only clients' requests and replies are left out, since
/// those take no time. Equal plans and settings give equal reports. Ten times a virtual second, `progress` is told the time
/// and the sums so far.
///
/// # Errors
///
/// Which law a node broke.
///
/// ```
/// use gossip_node::{Settings, lab::trial::{Plan, simulate}};
///
/// let mut plan = Plan::default();
/// (plan.nodes, plan.seconds) = (5, 2);
/// let report = simulate(&plan, &Settings::default(), |_now, _sums| {}).unwrap();
/// assert_eq!(report.figures.lost.to_string(), "0");
/// ```
pub fn simulate(
    plan: &Plan,
    settings: &Settings,
    mut progress: impl FnMut(Time, &sim::Report),
) -> Result<Report, Violation> {
    let mut simulation = simulation(plan, settings);
    run(plan, &mut simulation, |simulation| progress(simulation.now(), &simulation.report()))?;
    Ok(report(plan, &simulation))
}

/// [Simulates](simulate) a plan, and records the run. To record it changes nothing.
///
/// # Errors
///
/// Which law a node broke.
pub fn record(
    plan: &Plan,
    settings: &Settings,
    mut progress: impl FnMut(Time, &sim::Report),
) -> Result<(Report, Recording), Violation> {
    let mut simulation = simulation(plan, settings).with_flights();
    let mut ledgers = vec![Sums::default()];
    run(plan, &mut simulation, |simulation| {
        ledgers.push(Sums::of(simulation.now(), self::ledgers(plan, simulation)));
        progress(simulation.now(), &simulation.report());
    })?;
    Ok((report(plan, &simulation), Recording::of(plan, settings, &simulation, ledgers)))
}

/// Runs to the end of the plan, and is told ten times a virtual second.
fn run(
    plan: &Plan,
    simulation: &mut Simulation<Machine>,
    mut tell: impl FnMut(&Simulation<Machine>),
) -> Result<(), Violation> {
    while simulation.now() < plan.ends() {
        // In steps, only for whoever waits: where they end changes nothing.
        simulation.run_until((simulation.now() + STEP).min(plan.ends()))?;
        tell(simulation);
    }
    Ok(())
}

/// How far a simulation goes between two tellings of it, in virtual time.
const STEP: Duration = Duration::from_millis(100);

fn ledgers<'a>(plan: &Plan, simulation: &'a Simulation<Machine>) -> impl Iterator<Item = &'a Ledger> {
    (0..plan.nodes.into()).filter_map(|node| simulation.machine(node)).map(|machine| &machine.stats().total)
}

fn report(plan: &Plan, simulation: &Simulation<Machine>) -> Report {
    let mut account = Account::default();
    ledgers(plan, simulation).for_each(|ledger| account.add(&Account::of(ledger)));
    Report::of(plan, &history(plan, simulation), simulation.report().sent, account)
}

/// As nodes have it. Numbers as such would do with fewer messages: a sketch tells them without asking for them.
pub(super) type Machine = AntiEntropy<usize, Json>;

/// The element of this number.
pub(super) fn json(element: usize) -> Json {
    Json::parse(&element.to_string(), MaxLine::default().element_bytes()).expect("a number is JSON")
}

pub(super) fn simulation(plan: &Plan, settings: &Settings) -> Simulation<Machine> {
    let nodes = plan.nodes.into();
    let (config, shape) = (settings.config(), settings.overlay);
    // Those would run every machine twice, to test the machine. Here the cluster is on trial; the core's own tests do
    // that.
    let checks = Checks { proofs: true, ..Checks::convergence_only() };
    let mut simulation = Simulation::new(plan.seed, plan.network(), nodes, move |id, seed| {
        let mut machine = AntiEntropy::new(config.clone(), seed);
        let others = || (0..nodes).filter(|&peer| peer != id);
        for peer in others() {
            machine.add_peer(peer);
        }
        if let Some(overlay) = shape.overlay(&id, others()) {
            machine.set_overlay(overlay);
        }
        // As clients tell it by the request `topology`, at the start and to all.
        if shape == Shape::Topology {
            machine.set_overlay(Overlay::of(neighbours(nodes, id)));
        }
        machine
    })
    .with_checks(checks)
    .with_history();
    for operation in plan.operations() {
        if let Some(element) = operation.write {
            simulation.insert(operation.at, operation.node, json(element));
        }
    }
    for (at, fault, until) in plan.faults() {
        simulation.fault(at, fault, until.saturating_since(at));
    }
    simulation
}

/// What reads showed follows from who held what when.
fn history(plan: &Plan, simulation: &Simulation<Machine>) -> History {
    let mut history = History::new(plan.nodes.into());
    for arrival in simulation.history() {
        let element = arrival.element.as_str().parse().expect("elements number writes");
        history.hold(element, arrival.replica, arrival.at);
    }
    let mut reads = vec![Vec::new(); plan.nodes.into()];
    for Operation { at, node, write } in plan.operations() {
        match write {
            Some(element) => history.acknowledge(element, at),
            None => reads[node].push(at),
        }
    }
    for (node, asked) in reads.iter().enumerate() {
        history.read_instantly(node, asked);
    }
    // After all else: a read counts for the elements that are acknowledged by then.
    history.read_all_finally(plan.ends());
    history
}
