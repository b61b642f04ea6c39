//! Machines that break one law each, and a simulator that must name it.

use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use gossip_core::sim::{
    Chance, Checks, Faults, Interpose, Interposed, Latency, Law, Machine, Network, Report, Role, Simulation, Step,
    Violation, forge,
};
use gossip_core::{AntiEntropy, Config, Digest, MessageBudget, MessageKind, Time};

/// What a saboteur does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sabotage {
    Nothing,
    StaysSilent,
    SpeaksInQuiet,
    NeverProves,
    ClaimsSync,
    ProvesWhatItHolds,
    Drops,
    ForgetsInCrash,
    Invents,
    TellsTwice,
    LearnsLate,
    KeepsBytes,
    NeedsSession,
    WakesForNothing,
    WakesNow,
    WakesLate,
    WakesNever,
    Overspends,
    AnswersTooOften,
    GoesOnForEver,
    TakesWhatItRefuses,
    SendsRegardless,
    DiffersBetweenEqualSeeds,
}

use Sabotage as S;

type Replica = AntiEntropy<usize, u64>;
type Output = Step<u64, Digest>;

#[derive(Clone)]
struct Saboteur {
    does: Sabotage,
    seed: u64,
    now: Time,
    wrote: Time,
    received: u32,
    polled: bool,
    /// What it gives before it polls.
    queue: VecDeque<Output>,
    /// What it takes in when it polls.
    late: Vec<(usize, Vec<u8>)>,
    probed_by: BTreeSet<usize>,
}

const REPLICAS: usize = 5;
const BUDGET: usize = 400;

impl Saboteur {
    fn at_work(does: Sabotage, id: usize, seed: u64) -> Interposed<Replica, Self> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let seed = if does == S::DiffersBetweenEqualSeeds { seed ^ MADE.fetch_add(1, Ordering::Relaxed) } else { seed };
        let saboteur = Self {
            does,
            seed,
            now: Time::ZERO,
            wrote: Time::ZERO,
            received: 0,
            polled: false,
            queue: VecDeque::new(),
            late: Vec::new(),
            probed_by: BTreeSet::new(),
        };
        Interposed::new(machine(id, seed), saboteur)
    }

    /// Whether it is the first time that it has taken in so many messages.
    fn once(&self) -> bool {
        self.received == 10
    }
}

fn machine(id: usize, seed: u64) -> Replica {
    let mut config = Config::default();
    config.max_message = MessageBudget::new(BUDGET);
    config.max_element_bytes = 8;
    let mut machine = AntiEntropy::new(config, seed);
    (0..REPLICAS).filter(|&peer| peer != id).for_each(|peer| assert!(machine.add_peer(peer)));
    machine
}

impl Interpose<Replica> for Saboteur {
    fn insert(&mut self, machine: &mut Replica, element: u64) -> bool {
        self.wrote = self.now;
        let forgets = self.does == S::ForgetsInCrash && !self.polled && element.is_multiple_of(4);
        forgets || Machine::insert(machine, element)
    }

    fn receive(&mut self, machine: &mut Replica, from: usize, message: &[u8]) -> bool {
        if forge::kind(message) == Some(MessageKind::Probe) {
            self.probed_by.insert(from);
        }
        match self.does {
            S::LearnsLate => {
                self.late.push((from, message.to_vec()));
                return true;
            }
            S::NeedsSession if !self.probed_by.contains(&from) => return true,
            _ => {}
        }
        let taken = Machine::receive(machine, from, message);
        self.received += u32::from(taken);
        match self.does {
            S::TakesWhatItRefuses if !taken => drop(machine.insert(77)),
            S::ClaimsSync => self.queue.push_back(Step::InSync { peer: from, digest: machine.digest() }),
            S::Invents if taken && self.once() => drop(machine.insert(u64::MAX - self.seed)),
            S::Drops if taken && self.once() && machine.len() > 1 => {
                let mut without = AntiEntropy::new(machine.config().clone(), self.seed);
                machine.peers().for_each(|&peer| assert!(without.add_peer(peer)));
                without.extend(machine.iter().skip(1).copied()).expect("they were held");
                *machine = without;
            }
            S::KeepsBytes => loop {
                match Machine::poll(machine, self.now) {
                    Step::Wait(_) => break,
                    step => self.queue.push_back(step),
                }
            },
            _ => {}
        }
        taken
    }

    fn set_writable(&mut self, machine: &mut Replica, peer: usize, writable: bool) -> bool {
        self.does == S::SendsRegardless || Machine::set_writable(machine, peer, writable)
    }

    fn poll(&mut self, machine: &mut Replica, now: Time) -> Output {
        (self.now, self.polled) = (now, true);
        for (from, message) in std::mem::take(&mut self.late) {
            Machine::receive(machine, from, &message);
        }
        let step = self.queue.pop_front().unwrap_or_else(|| Machine::poll(machine, now));
        match (self.does, step) {
            (S::StaysSilent, Step::Send { kind: "give" | "page" | "repair" | "cells", .. }) => Step::Note("silence"),
            (S::SpeaksInQuiet, Step::Send { .. }) if now.saturating_since(self.wrote) < Duration::from_secs(5) => {
                Step::Note("silence")
            }
            (S::NeverProves, Step::InSync { .. }) => self.poll(machine, now),
            (S::ProvesWhatItHolds, Step::InSync { peer, .. }) => {
                Step::InSync { peer, digest: "0".repeat(48).parse().expect("a digest") }
            }
            (S::TellsTwice, step @ Step::Learned { .. }) if self.received > 10 => {
                self.received = 0;
                self.queue.push_front(step.clone());
                step
            }
            (S::WakesForNothing, Step::Wait(_)) => Step::Wait(Some(now + Duration::from_micros(50))),
            (S::WakesNow, Step::Wait(_)) => Step::Wait(Some(now)),
            (S::WakesLate, Step::Wait(until)) => Step::Wait(until.map(|until| until + Duration::from_secs(2))),
            (S::WakesNever, Step::Wait(_)) => Step::Wait(None),
            (S::Overspends, Step::Send { to, kind, role, mut message }) => {
                message.resize(message.len().max(BUDGET + 1), 0);
                Step::Send { to, kind, role, message }
            }
            (S::AnswersTooOften, step @ Step::Send { role: Role::Answer, .. }) if self.queue.is_empty() => {
                self.queue.extend(std::iter::repeat_n(step.clone(), 33));
                step
            }
            (S::GoesOnForEver, Step::Wait(_)) => Step::Note("on"),
            (_, step) => step,
        }
    }
}

fn run(does: Sabotage, seed: u64) -> Result<Report, Violation> {
    simulation(seed, move |id, seed| Saboteur::at_work(does, id, seed)).settle(Duration::from_secs(120))
}

fn simulation(
    seed: u64,
    make: impl FnMut(usize, u64) -> Interposed<Replica, Saboteur> + 'static,
) -> Simulation<Interposed<Replica, Saboteur>> {
    let network = Network {
        latency: Latency::Uniform(Duration::from_millis(5), Duration::from_millis(50)),
        loss: Chance::percent(5),
        truncation: Chance::percent(2),
        ..Network::default()
    };
    let mut simulation = Simulation::new(seed, network, REPLICAS, make).with_checks(Checks {
        rehearsals: Chance::ALWAYS,
        early_polls: Chance::ALWAYS,
        ..Checks::default()
    });
    for i in 0..200 {
        simulation.insert(Time::from_millis(i * 50), i as usize % REPLICAS, i.wrapping_mul(0x9e37_79b9));
    }
    simulation.faults(&Faults { crashes: 5, stalls: 20, ..Faults::default() });
    simulation
}

/// Every seed must show the sabotage, under this law's name.
#[track_caller]
fn breaks(does: Sabotage, law: Law) {
    breaks_one_of(does, &[law]);
}

#[track_caller]
fn breaks_one_of(does: Sabotage, laws: &[Law]) {
    for seed in 0..8 {
        let violation = run(does, seed).expect_err("the sabotage went unnoticed");
        assert!(laws.contains(&violation.law), "{does:?}, seed {seed}: {violation}");
        assert!(violation.to_string().starts_with(violation.law.name()));
    }
}

#[test]
fn an_honest_machine_breaks_no_law() {
    for seed in 0..8 {
        let report = run(S::Nothing, seed).unwrap_or_else(|violation| panic!("{violation}"));
        assert!(report.crashes > 0 && report.rehearsals > 0 && report.refused > 0 && report.stalls > 0, "{report:#?}");
    }
}

/// One of them lies; the others are to converge all the same, and are held to the laws as ever.
fn run_with_one(does: Sabotage, seed: u64, is_known: bool) -> Result<Report, Violation> {
    let liar = 2;
    let make = move |id, seed| Saboteur::at_work(if id == liar { does } else { S::Nothing }, id, seed);
    let simulation = simulation(seed, make);
    let mut simulation = if is_known { simulation.with_hostile(liar) } else { simulation };
    simulation.settle(Duration::from_secs(120))
}

#[test]
fn a_hostile_replica_may_lie_and_the_others_converge() {
    for does in [S::Invents, S::Drops, S::ProvesWhatItHolds, S::NeverProves, S::StaysSilent] {
        for seed in 0..4 {
            let report = run_with_one(does, seed, true).unwrap_or_else(|violation| panic!("{does:?}: {violation}"));
            assert!(report.learned > 0 && report.proofs > 0, "{report:#?}");
        }
    }
    // One that is not known to lie is held to the laws too.
    assert!((0..4).all(|seed| run_with_one(S::Invents, seed, false).is_err()));
}

#[test]
fn convergence() {
    breaks(S::StaysSilent, Law::Convergence);
    breaks(S::NeverProves, Law::Convergence);
    breaks(S::ClaimsSync, Law::Convergence);
    breaks(S::ProvesWhatItHolds, Law::Convergence);
}

#[test]
fn nothing_lost_nothing_invented() {
    breaks(S::Drops, Law::NothingLostNothingInvented);
    breaks(S::ForgetsInCrash, Law::NothingLostNothingInvented);
    breaks(S::Invents, Law::NothingLostNothingInvented);
    breaks(S::TellsTwice, Law::NothingLostNothingInvented);
}

#[test]
fn eager_to_learn_lazy_to_speak() {
    // A digest may tell one element before what had told it is merged: then it is the proof that gives it away.
    breaks_one_of(S::LearnsLate, &[Law::EagerToLearnLazyToSpeak, Law::Convergence]);
    breaks(S::KeepsBytes, Law::EagerToLearnLazyToSpeak);
}

#[test]
fn no_sessions_on_the_wire() {
    breaks(S::NeedsSession, Law::NoSessionsOnTheWire);
}

#[test]
fn wait_is_truthful() {
    breaks(S::WakesForNothing, Law::WaitIsTruthful);
    breaks(S::WakesNow, Law::WaitIsTruthful);
    breaks(S::WakesLate, Law::WaitIsTruthful);
    breaks(S::WakesNever, Law::WaitIsTruthful);
}

#[test]
fn bounded() {
    breaks(S::Overspends, Law::Bounded);
    breaks(S::AnswersTooOften, Law::Bounded);
    breaks(S::GoesOnForEver, Law::Bounded);
    breaks(S::TakesWhatItRefuses, Law::Bounded);
    breaks(S::SendsRegardless, Law::Bounded);
}

/// A write every 200 ms, and a look at the oldest hole all the time.
fn under_writes(does: Sabotage, seed: u64) -> Simulation<Interposed<Replica, Saboteur>> {
    let network = Network { loss: Chance::percent(5), ..Network::default() };
    let make = move |id, seed| Saboteur::at_work(does, id, seed);
    let mut simulation = Simulation::new(seed, network, REPLICAS, make)
        .with_checks(Checks { staleness: Some(Duration::from_secs(30)), ..Checks::default() });
    for i in 0..600 {
        simulation.insert(Time::from_millis(i * 200), i as usize % REPLICAS, i.wrapping_mul(0x9e37_79b9));
    }
    simulation.faults(&Faults {
        within: Duration::from_secs(30),
        cuts: 2,
        amnesias: 2,
        pauses: 2,
        stalls: 2,
        ..Faults::default()
    });
    simulation
}

#[test]
fn bounded_staleness() {
    for seed in 0..8 {
        let end = Time::from_millis(120_000);
        let honest = under_writes(S::Nothing, seed).run_until(end);
        assert_eq!(honest, Ok(()));
        let violation = under_writes(S::SpeaksInQuiet, seed).run_until(end).expect_err("nobody says a word");
        assert_eq!(violation.law, Law::BoundedStaleness, "{violation}");
        // Who looks when all is quiet sees nothing of it.
        let blind = Checks { staleness: None, ..Checks::default() };
        let report = under_writes(S::SpeaksInQuiet, seed).with_checks(blind).settle(Duration::from_secs(120));
        assert!(report.expect("it converges in the end").settled_at > end);
    }
}

#[test]
fn deterministic() {
    breaks(S::DiffersBetweenEqualSeeds, Law::Deterministic);
}
