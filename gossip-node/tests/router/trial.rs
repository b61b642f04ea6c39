//! A plan carried out with real nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use gossip_core::Time;
use gossip_core::sim::{Fault, ReplicaId};
use gossip_node::trial::{Account, Decimal, History, Operation, Plan, Report};
use serde_json::{Value, json};

use super::{Links, Reply, Router, Setup, Wrong, between};

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) report: Report,
    /// By how much lines between nodes came later than they should have: how exact the run is.
    pub(crate) late: Late,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Late {
    /// 99 of 100 lines came no later than that.
    pub(crate) p99: Duration,
    pub(crate) most: Duration,
}

/// What a workload calls things.
#[derive(Clone, Copy, Debug)]
struct Words {
    write: &'static str,
    element: &'static str,
    elements: &'static str,
}

enum Event {
    Operation(Operation),
    Begin(usize, Fault),
    End(usize, Fault),
}

/// Carries out a plan; `tell` is given the time, in seconds, once a second.
pub(crate) fn carry_out(plan: &Plan, setup: Setup, mut tell: impl FnMut(u64)) -> Result<Outcome, Wrong> {
    let words = Words::of(&setup.workload)?;
    let setup = Setup { tells_learned: true, ..setup };
    let links = Links::new(plan.network().latency, plan.loss, plan.seed);
    let mut router = Router::start(setup, plan.nodes.into(), links)?;
    router.learned();
    let sent_before = router.traffic.sent;
    let start = Instant::now();
    let real = |at: Time| start + at.saturating_since(Time::ZERO);

    let mut partitions = BTreeMap::new();
    let mut told = 0;
    for (at, event) in events(plan) {
        router.run_until(real(at))?;
        if at.as_millis() / 1_000 > told {
            told = at.as_millis() / 1_000;
            tell(told);
        }
        match event {
            Event::Operation(Operation { node, write: None, .. }) => router.request(node, json!({"type": "read"})),
            Event::Operation(Operation { node, write: Some(element), .. }) => {
                router.request(node, json!({"type": words.write, words.element: element}));
            }
            Event::Begin(_, Fault::Crash(node, _)) => router.kill(node.0),
            Event::End(_, Fault::Crash(node, _)) => router.restart(node.0)?,
            Event::Begin(number, fault) => {
                let links = severed(&fault, plan.nodes.into());
                partitions.insert(number, router.links.part(links));
            }
            Event::End(number, _) => router.links.join(partitions[&number]),
        }
    }
    router.run_until(real(plan.ends()))?;
    let sent = router.traffic.sent - sent_before;
    router.settle()?;
    let replies = router.replies();
    let final_reads = ask_all(&mut router, plan.nodes.into(), "read")?;
    let late = router.lateness().sorted();
    let mut account = Account::default();
    for reply in ask_all(&mut router, plan.nodes.into(), "stats")? {
        account.add(&ledger(&reply.body["total"])?);
    }

    let virtually = |at: Instant| Time::ZERO + at.saturating_duration_since(start);
    let mut history = History::new(plan.nodes.into());
    for learned in router.learned() {
        let element = learned.element.parse().map_err(|_| Wrong(format!("nobody wrote {}", learned.element)))?;
        history.hold(element, learned.node, virtually(learned.at));
    }
    for Reply { request, at, .. } in replies.iter().filter(|reply| reply.request.body["type"] == words.write) {
        let element = number(&request.body[words.element])?;
        history.acknowledge(element, virtually(*at));
        history.hold(element, request.node, virtually(*at));
    }
    for Reply { request, body, .. } in replies.iter().filter(|reply| reply.request.body["type"] == "read") {
        let shown = words.shown(body)?;
        history.read(virtually(request.sent), |element| shown.contains(&element));
    }
    for Reply { body, .. } in &final_reads {
        let shown = words.shown(body)?;
        history.read_finally(|element| shown.contains(&element));
    }
    let late = Late {
        p99: late.get(late.len() * 99 / 100).copied().unwrap_or_default(),
        most: late.last().copied().unwrap_or_default(),
    };
    Ok(Outcome { report: Report::of(plan, &history, sent, account), late })
}

impl Words {
    fn of(workload: &str) -> Result<Self, Wrong> {
        match workload {
            "broadcast" => Ok(Self { write: "broadcast", element: "message", elements: "messages" }),
            "g-set" => Ok(Self { write: "add", element: "element", elements: "value" }),
            _ => Err(Wrong(format!("the workload {workload} is not one of sets of elements"))),
        }
    }

    /// What a read shows: in ascending order, each once.
    fn shown(self, body: &Value) -> Result<BTreeSet<usize>, Wrong> {
        let shown = body[self.elements].as_array().into_iter().flatten().map(number).collect::<Result<Vec<_>, _>>()?;
        if !shown.is_sorted_by(|one, next| one < next) {
            return Err(Wrong(format!("a read is not in order: {body}")));
        }
        Ok(shown.into_iter().collect())
    }
}

/// All of a plan in the order of time; what ends comes before what begins, and operations come last.
fn events(plan: &Plan) -> Vec<(Time, Event)> {
    let mut events = Vec::new();
    for (number, (from, fault, until)) in plan.faults().into_iter().enumerate() {
        events.push((from, 1, Event::Begin(number, fault.clone())));
        events.push((until, 0, Event::End(number, fault)));
    }
    events.extend(plan.operations().map(|operation| (operation.at, 2, Event::Operation(operation))));
    events.retain(|(at, ..)| *at < plan.ends());
    events.sort_by_key(|(at, order, _)| (*at, *order));
    events.into_iter().map(|(at, _, event)| (at, event)).collect()
}

/// The links that a partition cuts.
fn severed(fault: &Fault, nodes: usize) -> BTreeSet<(usize, usize)> {
    match fault {
        Fault::Cut(side) => {
            let (side, others): (Vec<_>, Vec<_>) = (0..nodes).partition(|&node| side.contains(&ReplicaId(node)));
            between(&[&side, &others])
        }
        Fault::Sever(links) => links.iter().map(|(from, to)| (from.0, to.0)).collect(),
        _ => BTreeSet::new(),
    }
}

/// The replies of all nodes to one request.
fn ask_all(router: &mut Router, nodes: usize, request: &str) -> Result<Vec<Reply>, Wrong> {
    (0..nodes).for_each(|node| router.request(node, json!({"type": request})));
    router.settle()?;
    let replies = router.replies();
    if replies.len() == nodes { Ok(replies) } else { Err(Wrong(format!("not all nodes answer {request}"))) }
}

/// One node's ledger, as it tells it.
fn ledger(total: &Value) -> Result<Account, Wrong> {
    let whole = |value: &Value| number(value).map(|number| Decimal::whole(number as u64));
    let kinds = total["sent"]["by_kind"].as_object().into_iter().flatten();
    let sent = kinds.map(|(kind, sums)| Ok((kind.clone(), [whole(&sums["messages"])?, whole(&sums["bytes"])?])));
    Ok(Account {
        sent: sent.collect::<Result<_, Wrong>>()?,
        rounds: whole(&total["rounds"])?,
        round_bytes: whole(&total["round_bytes"])?,
        full_state_bytes: whole(&total["full_state_bytes"])?,
    })
}

fn number(value: &Value) -> Result<usize, Wrong> {
    let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
    number.ok_or_else(|| Wrong(format!("a number is expected, not {value}")))
}
