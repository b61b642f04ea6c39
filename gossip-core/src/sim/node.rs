//! A replica as the simulator keeps it: the machine, its twin, its clock, and the books about it.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::census::{Bits, Held};
use super::{Law, Machine, ReplicaId, Role, Step};
use crate::Time;
use crate::time::micros;

pub(super) struct Node<M: Machine> {
    pub(super) machine: M,
    /// A machine of equal seed and equal inputs.
    twin: Option<M>,
    /// Replicas of other clusters than the first are each their own.
    pub(super) cluster: usize,
    /// Whether it may lie.
    pub(super) is_hostile: bool,
    pub(super) condition: Condition,
    /// How many machines it has been, so that what was meant for an earlier one can be told.
    pub(super) life: u64,
    /// How far its clock is ahead, in microseconds.
    ahead: u64,
    /// On its own clock.
    pub(super) deadline: Option<Time>,
    /// When it is to be woken, in virtual time.
    pub(super) alarm: Option<Time>,
    /// How often in a row it was woken for nothing.
    pub(super) idle_wakes: u32,
    /// Whether it has been polled to the end since its last input.
    pub(super) drained: bool,
    /// What came while it stood still.
    pub(super) inbox: Vec<Input>,
    pub(super) held: Held,
    /// What it has held in any of its lives.
    pub(super) ever: Bits,
    /// Inserted while it may have been learned but not yet told.
    pub(super) untold: Vec<usize>,
    /// The digests it has had in any of its lives.
    pub(super) digests: BTreeSet<M::Digest>,
    /// What messages have earned their senders: proofs until the next complete poll; answers, which may be deferred,
    /// until one comes after that.
    pub(super) credits: Vec<Credit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Up,
    Paused,
    Down,
}

#[derive(Clone, Debug)]
pub(super) enum Input {
    Insert(usize),
    Message(Packet),
}

/// A message under way.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) from: ReplicaId,
    pub(super) role: Role,
    /// Its place among those of its link.
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Credit {
    peer: ReplicaId,
    /// Whether there was a complete poll since.
    old: bool,
    answers: u64,
    proofs: u64,
}

/// A law broken by a machine, and what was seen.
#[derive(Debug)]
pub(super) struct Broken(pub(super) Law, pub(super) String);

impl<M: Machine> Node<M> {
    pub(super) fn new(machine: M, ahead: u64) -> Self {
        let digests = [machine.digest()].into();
        Self {
            machine,
            twin: None,
            cluster: 0,
            is_hostile: false,
            condition: Condition::Up,
            life: 0,
            ahead,
            deadline: None,
            alarm: None,
            idle_wakes: 0,
            drained: false,
            inbox: Vec::new(),
            held: Held::default(),
            ever: Bits::default(),
            untold: Vec::new(),
            digests,
            credits: Vec::new(),
        }
    }

    /// Whether it counts in what all are to hold.
    pub(super) const fn is_of_fleet(&self) -> bool {
        self.cluster == 0 && !self.is_hostile
    }

    pub(super) fn pair(&mut self, twin: M) {
        self.twin = Some(twin);
    }

    /// It stops being what it is; messages already in its inbox are gone.
    pub(super) fn crash(&mut self) {
        self.condition = Condition::Down;
        self.life += 1;
        self.inbox.clear();
        self.credits.clear();
        self.untold.clear();
        self.deadline = None;
        self.alarm = None;
        self.idle_wakes = 0;
    }

    pub(super) fn restart(&mut self, machine: M, twin: Option<M>) {
        self.machine = machine;
        self.twin = twin;
        self.condition = Condition::Up;
        self.drained = false;
    }

    /// Its clock at this virtual time.
    pub(super) fn local(&self, now: Time) -> Time {
        Time::from_micros(now.as_micros().saturating_add(self.ahead))
    }

    /// The virtual time at which its clock shows its deadline; `None` if it has none, or never shows it.
    pub(super) fn due(&self, now: Time) -> Option<Time> {
        let deadline = self.deadline.filter(|&deadline| deadline < Time::MAX)?;
        Some(Time::from_micros(deadline.as_micros().saturating_sub(self.ahead)).max(now))
    }

    pub(super) fn forward(&mut self, by: Duration) {
        self.ahead = self.ahead.saturating_add(micros(by));
        self.idle_wakes = 0;
    }

    pub(super) fn back(&mut self, by: Duration) {
        self.ahead = self.ahead.saturating_sub(micros(by));
        self.idle_wakes = 0;
    }

    pub(super) fn insert(&mut self, element: M::Element) -> Result<bool, Broken> {
        let (before, known) = (self.machine.count(), self.machine.contains(&element));
        let held = self.machine.insert(element.clone());
        if let Some(twin) = &mut self.twin
            && twin.insert(element.clone()) != held
        {
            return Err(Broken(Law::Deterministic, "its twin took an insertion otherwise".into()));
        }
        if (held && !self.machine.contains(&element)) || self.machine.count() != before + usize::from(held && !known) {
            return Err(Broken(Law::NothingLostNothingInvented, "what was inserted is not held, or more is".into()));
        }
        self.input();
        Ok(held)
    }

    /// Whether the message was accepted.
    pub(super) fn receive(&mut self, packet: &Packet) -> Result<bool, Broken> {
        let (count, digest) = (self.machine.count(), self.machine.digest());
        let accepted = self.machine.receive(packet.from, &packet.bytes);
        if let Some(twin) = &mut self.twin
            && twin.receive(packet.from, &packet.bytes) != accepted
        {
            return Err(Broken(Law::Deterministic, "its twin took a message otherwise".into()));
        }
        if !accepted && (self.machine.count(), self.machine.digest()) != (count, digest) {
            return Err(Broken(Law::Bounded, "a refused message changed what is held".into()));
        }
        if accepted {
            self.earn(packet.from);
        }
        self.input();
        Ok(accepted)
    }

    fn input(&mut self) {
        self.drained = false;
        self.idle_wakes = 0;
        self.digests.insert(self.machine.digest());
    }

    pub(super) fn poll(&mut self, now: Time) -> Result<Step<M::Element, M::Digest>, Broken> {
        let step = self.machine.poll(now);
        if let Some(twin) = &mut self.twin {
            let other = twin.poll(now);
            if other != step {
                let what = alloc::format!("it gave {}, and its twin {}", describe(&step), describe(&other));
                return Err(Broken(Law::Deterministic, what));
            }
        }
        Ok(step)
    }

    fn earn(&mut self, from: ReplicaId) {
        let window = self.machine.limits().window;
        match self.credits.iter_mut().find(|credit| credit.peer == from) {
            Some(credit) if credit.old => *credit = Credit { peer: from, old: false, answers: window, proofs: 1 },
            Some(credit) => {
                credit.answers = credit.answers.saturating_add(window);
                credit.proofs += 1;
            }
            None => self.credits.push(Credit { peer: from, old: false, answers: window, proofs: 1 }),
        }
    }

    /// It has been polled to the end.
    pub(super) fn defer_credits(&mut self) {
        for credit in &mut self.credits {
            (credit.old, credit.proofs) = (true, 0);
        }
    }

    /// An answer goes to this peer.
    pub(super) fn spend_answer(&mut self, to: ReplicaId) -> Result<(), Broken> {
        let credit = self.credits.iter_mut().find(|credit| credit.peer == to && credit.answers > 0);
        let broken = || Broken(Law::Bounded, alloc::format!("{to} gets more answers than it earned"));
        credit.ok_or_else(broken)?.answers -= 1;
        Ok(())
    }

    /// A proof about this peer is told.
    pub(super) fn spend_proof(&mut self, peer: ReplicaId) -> Result<(), Broken> {
        let credit = self.credits.iter_mut().find(|credit| credit.peer == peer && credit.proofs > 0);
        let broken = || Broken(Law::Convergence, alloc::format!("a proof about {peer} came of no message"));
        credit.ok_or_else(broken)?.proofs -= 1;
        Ok(())
    }
}

/// What a machine has to say to a peer, and whether that is an answer.
pub(super) fn messages<M: Machine>(mut machine: M, to: ReplicaId, now: Time) -> Vec<(Role, Vec<u8>)> {
    let mut messages = Vec::new();
    for _ in 0..MOST_OUTPUTS {
        match machine.poll(now) {
            Step::Send { to: peer, role, message, .. } if peer == to => messages.push((role, message)),
            Step::Wait(_) => break,
            _ => {}
        }
    }
    messages
}

/// The answers among them.
pub(super) fn answers<M: Machine>(machine: M, to: ReplicaId, now: Time) -> Vec<Vec<u8>> {
    let messages = messages(machine, to, now).into_iter();
    messages.filter(|(role, _)| *role == Role::Answer).map(|(_, message)| message).collect()
}

/// After so many outputs without a `Wait` a machine is taken to go on for ever.
pub(super) const MOST_OUTPUTS: usize = 1 << 20;

fn describe<E, D>(step: &Step<E, D>) -> String {
    match step {
        Step::Send { to, kind, message, .. } => alloc::format!("a {kind} of {} bytes for {to}", message.len()),
        Step::Learned { from, .. } => alloc::format!("an element of {from}"),
        Step::InSync { peer, .. } => alloc::format!("a proof about {peer}"),
        Step::Note(note) => (*note).into(),
        Step::Wait(None) => "no deadline".into(),
        Step::Wait(Some(until)) => alloc::format!("a deadline of {} µs", until.as_micros()),
    }
}
