//! A run as it is played back: what moved when, and what befell the nodes.

use std::time::Duration;

use gossip_core::sim::{Fate, Fault, Flight, Simulation};
use gossip_core::{AntiEntropy, Ledger, Time};
use serde::{Serialize, Serializer};

use super::simulation::{Machine, json};
use super::{Plan, neighbours};
use crate::settings::{Settings, Shape};

/// All that a page shows of a run. As JSON it is one object, with times in ms; lists of what there are thousands of are
/// flat, and count time from the entry before, for a few bytes each.
///
/// ```
/// use gossip_node::{Settings, lab::trial::{Plan, record}};
///
/// let mut plan = Plan::default();
/// (plan.nodes, plan.seconds) = (5, 2);
/// let (_report, recording) = record(&plan, &Settings::default(), |_now, _sums| {}).unwrap();
/// assert_eq!(recording.is_cut_at(), None);
/// assert!(recording.json().contains(r#""nodes":5,"overlay":"star""#));
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct Recording {
    /// What the cluster was put through, a line each.
    plan: Vec<String>,
    nodes: u16,
    overlay: String,
    /// The links that elements are pushed along: parents before children, where there are such.
    edges: Vec<[usize; 2]>,
    /// How long a message takes in the mean.
    latency: u32,
    ends: u64,
    /// Up to when there is a record.
    recorded: u64,
    faults: Vec<Befallen>,
    kinds: Vec<&'static str>,
    /// Seven numbers each: time since the last one, sender, receiver, kind, bytes, how long it took, its fate.
    messages: Vec<u64>,
    /// What each element adds to the last 32 bits of a digest.
    elements: Vec<u32>,
    /// Three numbers each: time since the last one, node, element.
    arrivals: Vec<u64>,
    /// The sums of all ledgers, where they changed, ten times a second at the most.
    ledgers: Vec<Sums>,
}

/// A fault, and whom it befell.
#[derive(Clone, Debug, Serialize)]
struct Befallen {
    from: u64,
    until: u64,
    #[serde(flatten)]
    what: What,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum What {
    /// These are parted from the others.
    Cut(Vec<usize>),
    /// The first of each pair does not reach the second.
    Sever(Vec<(usize, usize)>),
    /// This one is down.
    Crash(usize),
}

/// The time, and sums of ledgers: rounds, proofs, bytes of rounds, and of full states in their place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums(Time, [u64; 4]);

/// How long the lists may become, in bytes. Those of the default run, of 25 nodes, have 266 000; of 100 nodes, 1 080 000.
const MOST: usize = 1_900_000;

/// The bytes of an entry as JSON, at the most, where there are so many that it matters: the means are 18, 9, 11
/// and 40.
const MESSAGE: usize = 22;
const ARRIVAL: usize = 12;
const ELEMENT: usize = 11;
const SUMS: usize = 50;

impl Recording {
    pub(super) fn of(
        plan: &Plan,
        settings: &Settings,
        simulation: &Simulation<Machine>,
        mut ledgers: Vec<Sums>,
    ) -> Self {
        let (flights, history) = (simulation.flights(), simulation.history());
        ledgers.dedup_by_key(|sums| sums.1);
        let end = end(plan, simulation, &ledgers);
        let flights = &flights[..flights.partition_point(|flight| flight.sent < end)];
        let history = &history[..history.partition_point(|arrival| arrival.at < end)];
        let mut kinds: Vec<_> = flights.iter().map(|flight| flight.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        ledgers.retain(|sums| sums.0 < end);
        let mut before = 0;
        let arrivals = history.iter().flat_map(|arrival| {
            let element: u64 = arrival.element.as_str().parse().expect("elements number writes");
            [since(&mut before, arrival.at), arrival.replica as u64, element]
        });
        Self {
            plan: plan.to_string().lines().map(str::to_owned).collect(),
            nodes: plan.nodes,
            overlay: settings.overlay.to_string(),
            edges: edges(plan, settings.overlay),
            latency: plan.latency,
            ends: plan.ends().as_millis(),
            recorded: end.min(plan.ends()).as_millis(),
            faults: plan.faults().into_iter().filter_map(befallen).collect(),
            messages: messages(flights, &kinds),
            kinds,
            elements: elements(plan, settings, end),
            arrivals: arrivals.collect(),
            ledgers,
        }
    }

    /// How far the record goes, if the run had more than a page is to hold.
    pub fn is_cut_at(&self) -> Option<Time> {
        (self.recorded < self.ends).then(|| Time::from_millis(self.recorded))
    }

    /// One line of JSON.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("all keys are strings")
    }
}

impl Sums {
    pub(super) fn of<'a>(at: Time, ledgers: impl Iterator<Item = &'a Ledger>) -> Self {
        let mut sums = [0; 4];
        for ledger in ledgers {
            let Ledger { rounds, proofs, round_bytes, full_state_bytes, .. } = ledger;
            for (sum, counter) in sums.iter_mut().zip([rounds, proofs, round_bytes, full_state_bytes]) {
                *sum += counter;
            }
        }
        Self(at, sums)
    }
}

impl Serialize for Sums {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.0.as_millis(), self.1).serialize(serializer)
    }
}

/// Up to where there is room for all that happened, and not with it.
fn end(plan: &Plan, simulation: &Simulation<Machine>, ledgers: &[Sums]) -> Time {
    let messages = simulation.flights().iter().map(|flight| (flight.sent, MESSAGE));
    let arrivals = simulation.history().iter().map(|arrival| (arrival.at, ARRIVAL));
    let writes = plan.operations().filter(|operation| operation.write.is_some());
    let elements = writes.map(|operation| (operation.at, ELEMENT));
    let sums = ledgers.iter().map(|sums| (sums.0, SUMS));
    let mut happened: Vec<_> = messages.chain(arrivals).chain(elements).chain(sums).collect();
    happened.sort_unstable_by_key(|(at, _)| *at);
    let mut bytes = 0;
    let beyond = happened.into_iter().find(|(_, size)| {
        bytes += size;
        bytes > MOST
    });
    beyond.map_or(plan.ends() + Duration::from_micros(1), |(at, _)| at)
}

fn since(before: &mut u64, at: Time) -> u64 {
    let passed = at.as_millis() - *before;
    *before = at.as_millis();
    passed
}

fn messages(flights: &[Flight], kinds: &[&str]) -> Vec<u64> {
    let mut before = 0;
    let numbers = flights.iter().flat_map(|flight| {
        let kind = kinds.binary_search(&flight.kind).expect("all kinds are there") as u64;
        let (end, fate) = match flight.fate {
            Fate::Arrived(at) => (at, 0),
            // Where it was lost on the way, nobody knows.
            Fate::Lost => (flight.sent, 1),
            Fate::Cut(at) => (at, 2),
            Fate::Missed(at) => (at, 3),
            Fate::UnderWay => (flight.sent, 4),
        };
        // In whole ms as both ends are shown, so that an arrival and what it brings are of one instant.
        let took = end.as_millis() - flight.sent.as_millis();
        [since(&mut before, flight.sent), flight.from as u64, flight.to as u64, kind, flight.bytes as u64, took, fate]
    });
    numbers.collect()
}

fn befallen((from, fault, until): (Time, Fault, Time)) -> Option<Befallen> {
    let what = match fault {
        Fault::Cut(side) => What::Cut(side),
        Fault::Sever(links) => What::Sever(links),
        Fault::Crash(node, _) => What::Crash(node),
        // A plan has none of these.
        Fault::Stall(..) | Fault::Pause(_) | Fault::Forward(_) | Fault::Back(_) => return None,
    };
    Some(Befallen { from: from.as_millis(), until: until.as_millis(), what })
}

fn edges(plan: &Plan, shape: Shape) -> Vec<[usize; 2]> {
    let nodes: usize = plan.nodes.into();
    let of = |node: usize| -> Vec<[usize; 2]> {
        match shape.overlay(&node, 0..nodes) {
            Some(overlay) => overlay.upstream().first().map(|&parent| [parent, node]).into_iter().collect(),
            None if shape == Shape::Topology => {
                neighbours(nodes, node).filter(|&other| other < node).map(|other| [other, node]).collect()
            }
            None => Vec::new(),
        }
    };
    (0..nodes).flat_map(of).collect()
}

/// A digest is a sum, so what an element adds to it is the same in every set: a page has every digest of a run for one
/// number an element.
fn elements(plan: &Plan, settings: &Settings, end: Time) -> Vec<u32> {
    let mut machine = AntiEntropy::<usize, _>::new(settings.config(), 0);
    let mut last = 0;
    let writes = plan.operations().take_while(|operation| operation.at < end).filter_map(|operation| operation.write);
    let added = writes.map(|number| {
        machine.insert(json(number)).expect("numbers are short");
        let digest = machine.digest().to_string();
        let low = u32::from_str_radix(&digest[digest.len() - 8..], 16).expect("a digest is hexadecimal");
        low.wrapping_sub(std::mem::replace(&mut last, low))
    });
    added.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::{Partition, record, simulate};
    use super::*;

    fn recorded(plan: &Plan) -> (Recording, Value) {
        let settings = Settings::default();
        let (report, recording) = record(plan, &settings, |_, _| {}).unwrap();
        assert_eq!(report, simulate(plan, &settings, |_, _| {}).unwrap(), "to record a run changes nothing");
        let json = serde_json::from_str(&recording.json()).unwrap();
        (recording, json)
    }

    fn numbers(json: &Value, list: &str) -> Vec<u64> {
        json[list].as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).collect()
    }

    #[test]
    fn a_record_has_each_message_and_each_arrival_of_the_run() {
        let plan = Plan {
            nodes: 5,
            seconds: 8,
            loss: 2,
            partition: Some(Partition::Halves),
            partition_every: 2,
            ..Plan::default()
        };
        let (recording, json) = recorded(&plan);
        assert_eq!((recording.is_cut_at(), &json["recorded"], &json["ends"]), (None, &18_000.into(), &18_000.into()));
        let mut simulation = super::super::simulation::simulation(&plan, &Settings::default());
        simulation.run_until(plan.ends()).unwrap();
        let (report, messages) = (simulation.report(), numbers(&json, "messages"));
        let fates = |fate: u64| messages.chunks(7).filter(|message| message[6] == fate).count() as u64;
        let seen = [fates(0), fates(1), fates(2), fates(3)];
        assert_eq!(seen, [report.delivered, report.lost, report.cut, report.missed]);
        assert!(report.lost > 0 && report.cut > 0);
        assert_eq!(messages.chunks(7).map(|message| message[4]).sum::<u64>(), report.bytes);
        let arrivals = numbers(&json, "arrivals");
        assert_eq!(arrivals.len() as u64 / 3, report.inserted + report.learned);
        let faults: Vec<_> = json["faults"].as_array().unwrap().iter().map(|fault| fault["from"].clone()).collect();
        assert_eq!(faults, [2_000, 6_000]);
        assert_eq!(json["edges"].to_string(), "[[0,1],[0,2],[0,3],[0,4]]");
    }

    #[test]
    fn digests_are_sums_of_what_elements_add() {
        let plan = Plan { nodes: 3, seconds: 2, ..Plan::default() };
        let (recording, _) = recorded(&plan);
        let mut simulation = super::super::simulation::simulation(&plan, &Settings::default());
        simulation.run_until(plan.ends()).unwrap();
        let digest = simulation.machine(2).unwrap().digest();
        assert_eq!(digest.count(), recording.elements.len() as u64);
        let sum = recording.elements.iter().fold(0_u32, |sum, added| sum.wrapping_add(*added));
        assert!(digest.to_string().ends_with(&format!("{sum:08x}")), "{digest} {sum:08x}");
    }

    #[test]
    fn a_record_of_a_large_run_has_its_beginning_and_says_so() {
        let plan = Plan { nodes: 120, rate: 200, seconds: 20, quiet: 1, ..Plan::default() };
        let (recording, json) = recorded(&plan);
        let bytes = recording.json().len();
        assert!((MOST / 2..MOST + 10_000).contains(&bytes), "{bytes}");
        let end = recording.is_cut_at().unwrap().as_millis();
        for (list, width) in [("messages", 7), ("arrivals", 3)] {
            let last = numbers(&json, list).chunks(width).map(|entry| entry[0]).sum::<u64>();
            assert!((end - 100..=end).contains(&last), "{list} {last} {end}");
        }
        let elements = numbers(&json, "elements").len();
        assert_eq!(elements, plan.operations().filter(|op| op.write.is_some() && op.at.as_millis() < end).count());
    }
}
