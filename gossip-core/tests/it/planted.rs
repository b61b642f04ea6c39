//! Protocols of others with a planted bug, and what the simulator says of each; and of one without.

use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::panic::catch_unwind;

use gossip_core::sim::{
    Chance, Checks, Fault, Faults, Latency, Law, Machine, Network, Role, Simulation, Step, for_seeds,
};
use gossip_core::{Element, Time};

/// What is wrong with a push-pull of full states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    /// It sends each element once, and nobody acknowledges it.
    SendsOnce,
    /// It drops its least element at each tenth message.
    Forgets,
    /// It waits for a time that is over.
    WaitsInThePast,
}

/// Every half second the whole set goes to the next replica on a ring, which answers with its own.
#[derive(Clone, Debug)]
struct PushPull {
    bug: Bug,
    next: usize,
    set: BTreeSet<u32>,
    sent: BTreeSet<u32>,
    received: usize,
    due: Time,
    outputs: VecDeque<Step<u32, BTreeSet<u32>>>,
}

impl PushPull {
    fn new(bug: Bug, next: usize) -> Self {
        let (set, sent) = (BTreeSet::new(), BTreeSet::new());
        Self { bug, next, set, sent, received: 0, due: Time::ZERO, outputs: VecDeque::new() }
    }

    fn send(&self, to: usize, role: Role, elements: impl IntoIterator<Item = u32>) -> Step<u32, BTreeSet<u32>> {
        let mut message = vec![u8::from(role == Role::Answer)];
        elements.into_iter().for_each(|element| element.encode(&mut message));
        Step::Send { to, kind: if role == Role::Answer { "pull" } else { "push" }, role, message }
    }
}

impl Machine for PushPull {
    type Element = u32;
    type Digest = BTreeSet<u32>;

    fn insert(&mut self, element: u32) -> bool {
        self.set.insert(element);
        true
    }

    fn receive(&mut self, from: usize, message: &[u8]) -> bool {
        let Some((is_answer, mut elements)) = message.split_first() else { return false };
        while let Some(element) = u32::decode(&mut elements) {
            if self.set.insert(element) {
                self.outputs.push_back(Step::Learned { element, from });
            }
        }
        self.received += 1;
        if self.bug == Bug::Forgets && self.received.is_multiple_of(10) {
            self.set.pop_first();
        }
        if *is_answer == 0 && self.bug != Bug::SendsOnce {
            let answer = self.send(from, Role::Answer, self.set.iter().copied());
            self.outputs.push_back(answer);
        }
        true
    }

    fn poll(&mut self, now: Time) -> Step<u32, BTreeSet<u32>> {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        if now < self.due {
            let late = if self.bug == Bug::WaitsInThePast && self.set.len() > 3 { now } else { self.due };
            return Step::Wait(Some(late));
        }
        self.due = now + Duration::from_millis(500);
        let fresh = if self.bug == Bug::SendsOnce {
            self.set.difference(&self.sent).copied().collect()
        } else {
            self.set.clone()
        };
        self.sent.clone_from(&self.set);
        self.send(self.next, Role::Request, fresh)
    }

    fn contains(&self, element: &u32) -> bool {
        self.set.contains(element)
    }

    fn count(&self) -> usize {
        self.set.len()
    }

    fn digest(&self) -> BTreeSet<u32> {
        self.set.clone()
    }
}

fn fleet(bug: Bug, seed: u64) -> Simulation<PushPull> {
    let network = Network {
        latency: Latency::Constant(Duration::from_millis(20)),
        loss: Chance::percent(20),
        ..Network::default()
    };
    let mut simulation = Simulation::new(seed, network, 4, move |id, _| PushPull::new(bug, (id + 1) % 4))
        .with_checks(Checks::convergence_only());
    for element in 0..20 {
        simulation.insert(Time::from_millis(100 * u64::from(element)), element as usize % 4, element);
    }
    simulation.faults(&Faults { crashes: 1, amnesias: 1, ..Faults::default() });
    simulation.fault(Time::from_millis(500), Fault::Cut(vec![0, 1]), Duration::from_secs(1));
    simulation
}

/// The law that is broken first, and the text of it.
fn broken(bug: Bug) -> (Law, String) {
    let violation = (0..20).find_map(|seed| fleet(bug, seed).settle(Duration::from_secs(60)).err());
    let violation = violation.unwrap_or_else(|| panic!("{bug:?} went unnoticed"));
    assert!(
        violation.trace.lines().count() == 16 && violation.to_string().contains(&format!("by seed {}", violation.seed))
    );
    (violation.law, violation.to_string())
}

#[test]
fn a_correct_push_pull_passes() {
    let report = for_seeds(0..50, Duration::from_secs(60), |seed| fleet(Bug::None, seed));
    assert_eq!(report.inserted + report.not_inserted, 1_000, "those of a crash are skipped");
    assert!(report.lost > 0 && report.cut > 0 && report.amnesias > 0 && report.crashes > 0, "{report:?}");
}

#[test]
fn planted_bugs_are_told_by_name() {
    let (law, told) = broken(Bug::SendsOnce);
    assert_eq!(law, Law::Convergence);
    assert!(told.contains("elements, and lacks one of r") && told.contains("the element of bytes "), "{told}");
    assert_eq!(broken(Bug::Forgets).0, Law::NothingLostNothingInvented);
    assert_eq!(broken(Bug::WaitsInThePast).0, Law::WaitIsTruthful);
}

#[test]
fn a_plan_that_breaks_a_law_is_told_with_no_more_than_it_takes() {
    // Four elements at one replica, and nothing else, have it wait in the past.
    let panic = catch_unwind(|| for_seeds(3..9, Duration::from_secs(60), |seed| fleet(Bug::WaitsInThePast, seed)));
    let told = *panic.expect_err("it is broken").downcast::<String>().expect("a text");
    println!("{told}");
    let mut lines = told.lines();
    assert!(lines.next().is_some_and(|line| line.starts_with("wait_is_truthful: r") && line.contains("by seed 3:")));
    let plan: Vec<&str> = told.lines().skip(2).take_while(|line| line.starts_with("  ")).collect();
    assert!(plan.len() == 4 && plan.iter().all(|line| line.contains(" inserts ")), "{told}");
}
