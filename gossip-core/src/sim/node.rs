//! `Node`: a replica in the simulator: machine, twin, clock, and the books about it.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::census::{Bits, Books};
use super::{Law, Machine, Role, Step};
use crate::Time;
use crate::element::{Element, Stored, StoredRef};
use crate::time::micros;

/// A replica: its machine, and all that the simulator knows of it.
pub(super) struct Node<M: Machine> {
    pub(super) machine: M,
    /// Machine of equal seed and inputs, whose outputs must be equal.
    twin: Option<M>,
    /// 0 for the fleet, else a cluster of its own.
    pub(super) cluster: usize,
    /// May lie, and is not judged.
    pub(super) is_hostile: bool,
    pub(super) condition: Condition,
    /// Number of machines before this one, which tells events for an earlier one.
    pub(super) life: u64,
    /// Lead of its clock over virtual time, in microseconds.
    ahead: u64,
    /// Deadline of the machine, on its own clock.
    pub(super) deadline: Option<Time>,
    /// Next wake, in virtual time.
    pub(super) alarm: Option<Time>,
    /// Wakes in a row without output.
    pub(super) idle_wakes: u32,
    /// Polled to the end since the last input.
    pub(super) drained: bool,
    /// Peers whose transport stands still, as it heeds.
    pub(super) stalled: BTreeSet<usize>,
    /// Inputs that came during a pause.
    pub(super) inbox: Vec<Input>,
    pub(super) held: Books,
    /// Elements that it has held in any of its lives.
    pub(super) ever: Bits,
    /// Elements that went from it, as far back as it remembers.
    pub(super) gone: Bits,
    /// Local inserts since the last poll: each may have been learned before, and not told yet.
    pub(super) untold: Vec<usize>,
    /// Digests of any of its lives.
    pub(super) digests: BTreeSet<M::Digest>,
    /// Earnings of peers by their messages: proofs until the next complete poll; answers, which may be deferred, until
    /// another message after that.
    pub(super) credits: Vec<Credit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Up,
    Paused,
    Down,
}

/// Input of a paused replica.
#[derive(Clone, Debug)]
pub(super) enum Input {
    Insert(usize),
    Remove(Vec<u8>),
    Message(Packet),
    /// The transport to this peer takes messages again.
    Flow(usize),
}

/// Message under way.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) from: usize,
    pub(super) role: Role,
    /// Its number among the messages of its link.
    pub(super) number: u64,
    /// Its number among the flights that are kept.
    pub(super) flight: usize,
    pub(super) bytes: Vec<u8>,
}

/// Earnings of a peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Credit {
    peer: usize,
    /// A complete poll has come since.
    old: bool,
    answers: u64,
    proofs: u64,
}

impl Credit {
    /// Notes another message of the peer's.
    fn earn(&mut self, window: u64) {
        if self.old {
            // A newer request replaces an older one, so what that had earned by then is not owed any more. But for the proof
            // that closes a round of its own: while the peer's budget is overdrawn it waits, and the peer asks meanwhile.
            (self.answers, self.proofs) = (self.answers.min(1), 0);
        }
        // Between two polls which of the peer's messages the machine answers is its own choice.
        (self.old, self.answers, self.proofs) = (false, self.answers.saturating_add(window), self.proofs + 1);
    }
}

/// Law that a machine broke, and what was seen.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) law: Law,
    pub(super) what: String,
    /// The encoding of the element that it is about, if it is about one.
    pub(super) element: Option<Vec<u8>>,
}

impl Broken {
    pub(super) fn new(law: Law, what: impl Into<String>) -> Self {
        Self { law, what: what.into(), element: None }
    }

    /// The same, about this element.
    pub(super) fn about<E: Element>(mut self, element: StoredRef<'_, E>) -> Self {
        let mut encoding = Vec::new();
        element.encode(&mut encoding);
        self.element = Some(encoding);
        self
    }
}

impl<M: Machine> Node<M> {
    pub(super) fn new(machine: M, ahead: u64) -> Self {
        // A proof that both sets are empty is one, too.
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
            stalled: BTreeSet::new(),
            inbox: Vec::new(),
            held: Books::default(),
            ever: Bits::default(),
            gone: Bits::default(),
            untold: Vec::new(),
            digests,
            credits: Vec::new(),
        }
    }

    /// Returns whether it is one of those that must converge.
    pub(super) const fn is_of_fleet(&self) -> bool {
        self.cluster == 0 && !self.is_hostile
    }

    pub(super) fn pair(&mut self, twin: M) {
        self.twin = Some(twin);
    }

    /// Ends this life. Messages in its inbox are lost.
    pub(super) fn crash(&mut self) {
        self.condition = Condition::Down;
        // What is planned for this life, late polls and the end of a pause, must not reach the next. The clock and the
        // books of what it held stay: they are of the replica, not of the process.
        self.life += 1;
        // Its next life has transports of its own.
        self.stalled.clear();
        self.inbox.clear();
        self.credits.clear();
        self.untold.clear();
        self.deadline = None;
        self.alarm = None;
        self.idle_wakes = 0;
    }

    /// Begins its next life. Returns the machine of the last.
    pub(super) fn restart(&mut self, machine: M, twin: Option<M>) -> M {
        self.twin = twin;
        self.condition = Condition::Up;
        self.drained = false;
        core::mem::replace(&mut self.machine, machine)
    }

    /// Its clock at a virtual time.
    pub(super) fn local(&self, now: Time) -> Time {
        Time::from_micros(now.as_micros().saturating_add(self.ahead))
    }

    /// Virtual time at which its clock shows its deadline; `None` without one, or if it never does.
    pub(super) fn due(&self, now: Time) -> Option<Time> {
        let deadline = self.deadline.filter(|&deadline| deadline < Time::MAX)?;
        // A clock that was set forward may have passed it: then it is due now.
        Some(Time::from_micros(deadline.as_micros().saturating_sub(self.ahead)).max(now))
    }

    pub(super) fn forward(&mut self, by: Duration) {
        // A jump passes several deadlines at once, and some have nothing to do any more.
        self.ahead = self.ahead.saturating_add(micros(by));
        self.idle_wakes = 0;
    }

    pub(super) fn back(&mut self, by: Duration) {
        self.ahead = self.ahead.saturating_sub(micros(by));
        self.idle_wakes = 0;
    }

    /// Whether it holds an element; `None` for one of bytes alone, which it cannot be asked about.
    pub(super) fn holds(&self, element: &Stored<M::Element>) -> Option<bool> {
        element.lend().value().map(|element| self.machine.contains(element))
    }

    pub(super) fn insert(&mut self, element: &Stored<M::Element>) -> Result<bool, Broken> {
        let before = self.machine.count();
        let replaced = match element {
            Stored::Value(element) if M::FORGETS => self.machine.held(&M::key(element)).len(),
            element => usize::from(self.holds(element) == Some(true)),
        };
        let held = put(&mut self.machine, element);
        if let Some(twin) = &mut self.twin
            && put(twin, element) != held
        {
            return Err(Broken::new(Law::Deterministic, "its twin took an insertion otherwise"));
        }
        // One more, less what it replaced, as if it was held: any other count is a loss or an invention.
        let lacks = self.holds(element) == Some(false);
        if (held && lacks) || self.machine.count() != if held { before + 1 - replaced } else { before } {
            let broken = Broken::new(Law::NothingLostNothingInvented, "what was inserted is not held, or more is");
            return Err(broken.about(element.lend()));
        }
        self.input();
        Ok(held)
    }

    /// Removes all that is held under a key.
    pub(super) fn remove(&mut self, key: &[u8]) -> Result<(), Broken> {
        let (before, removed) = (self.machine.count(), self.machine.held(key).len());
        self.machine.remove(key);
        if let Some(twin) = &mut self.twin {
            twin.remove(key);
        }
        if !self.machine.held(key).is_empty() || self.machine.count() + removed != before {
            return Err(Broken::new(Law::NothingLostNothingInvented, "what was removed is held, or more has gone"));
        }
        self.input();
        Ok(())
    }

    /// Takes over what its former life kept. Returns whether it did.
    pub(super) fn resume(&mut self, former: &M) -> bool {
        self.twin.iter_mut().for_each(|twin| _ = twin.resume(former));
        let resumed = self.machine.resume(former);
        self.input();
        resumed
    }

    /// Takes in a message; returns whether it was accepted.
    pub(super) fn receive(&mut self, packet: &Packet) -> Result<bool, Broken> {
        let (count, digest) = (self.machine.count(), self.machine.digest());
        let accepted = self.machine.receive(packet.from, &packet.bytes);
        if let Some(twin) = &mut self.twin
            && twin.receive(packet.from, &packet.bytes) != accepted
        {
            return Err(Broken::new(Law::Deterministic, "its twin took a message otherwise"));
        }
        // Hostile bytes get an error and change nothing.
        if !accepted && (self.machine.count(), self.machine.digest()) != (count, digest) {
            return Err(Broken::new(Law::Bounded, "a refused message changed what is held"));
        }
        if accepted {
            self.earn(packet.from);
        }
        self.input();
        Ok(accepted)
    }

    /// Tells it whether the transport to a peer takes messages. Returns whether that is news.
    pub(super) fn set_writable(&mut self, peer: usize, writable: bool) -> bool {
        if self.stalled.contains(&peer) != writable {
            return false;
        }
        let heeds = self.machine.set_writable(peer, writable);
        self.twin.iter_mut().for_each(|twin| _ = twin.set_writable(peer, writable));
        if heeds && !writable {
            self.stalled.insert(peer);
        } else {
            self.stalled.remove(&peer);
        }
        self.input();
        heeds
    }

    fn input(&mut self) {
        self.drained = false;
        self.idle_wakes = 0;
        // All of them: a proof is of some instant since its probe, and may be of an earlier digest.
        self.digests.insert(self.machine.digest());
    }

    pub(super) fn poll(&mut self, now: Time) -> Result<Step<M::Element, M::Digest>, Broken> {
        let step = self.machine.poll(now);
        if let Some(twin) = &mut self.twin {
            // One output at a time: the first that differs is where to look.
            let other = twin.poll(now);
            if other != step {
                let what = alloc::format!("it gave {}, and its twin {}", describe(&step), describe(&other));
                return Err(Broken::new(Law::Deterministic, what));
            }
        }
        Ok(step)
    }

    fn earn(&mut self, from: usize) {
        let window = self.machine.limits().window;
        match self.credits.iter_mut().find(|credit| credit.peer == from) {
            Some(credit) => credit.earn(window),
            None => self.credits.push(Credit { peer: from, old: false, answers: window, proofs: 1 }),
        }
    }

    /// Ages all credits, after a complete poll.
    pub(super) fn defer_credits(&mut self) {
        for credit in &mut self.credits {
            // Proofs are told in the poll after the message; answers may wait for a budget.
            (credit.old, credit.proofs) = (true, 0);
        }
    }

    /// Charges an answer to this peer.
    pub(super) fn spend_answer(&mut self, to: usize) -> Result<(), Broken> {
        let credit = self.credits.iter_mut().find(|credit| credit.peer == to && credit.answers > 0);
        // By window, not by kind: what an answer consists of is the machine's choice.
        let broken = || Broken::new(Law::Bounded, alloc::format!("r{to} gets more answers than it earned"));
        credit.ok_or_else(broken)?.answers -= 1;
        Ok(())
    }

    /// Charges a proof about this peer.
    pub(super) fn spend_proof(&mut self, peer: usize) -> Result<(), Broken> {
        let credit = self.credits.iter_mut().find(|credit| credit.peer == peer && credit.proofs > 0);
        let broken = || Broken::new(Law::Convergence, alloc::format!("a proof about r{peer} came of no message"));
        credit.ok_or_else(broken)?.proofs -= 1;
        Ok(())
    }
}

/// Inserts an element, or its encoding if that is all there is. Returns whether it is held now.
pub(super) fn put<M: Machine>(machine: &mut M, element: &Stored<M::Element>) -> bool {
    match element {
        Stored::Value(element) => machine.insert(element.clone()),
        Stored::Undecoded(encoded) => machine.restore(encoded),
    }
}

/// Messages of a machine to a peer, polled to the end.
pub(super) fn messages<M: Machine>(mut machine: M, to: usize, now: Time) -> Vec<(Role, Vec<u8>)> {
    let mut messages = Vec::new();
    // Bounded here as well, since nobody judges a copy.
    for _ in 0..MOST_OUTPUTS {
        match machine.poll(now) {
            Step::Send { to: peer, role, message, .. } if peer == to => messages.push((role, message)),
            Step::Wait(_) => break,
            _ => {}
        }
    }
    messages
}

/// Answers among the [`messages`].
pub(super) fn answers<M: Machine>(machine: M, to: usize, now: Time) -> Vec<Vec<u8>> {
    let messages = messages(machine, to, now).into_iter();
    messages.filter(|(role, _)| *role == Role::Answer).map(|(_, message)| message).collect()
}

/// Outputs without a `Wait` after which a machine counts as endless.
pub(super) const MOST_OUTPUTS: usize = 1 << 20;

fn describe<E, D>(step: &Step<E, D>) -> String {
    match step {
        Step::Send { to, kind, message, .. } => alloc::format!("a {kind} of {} bytes for r{to}", message.len()),
        Step::Learned { from, .. } | Step::Undecoded { from, .. } => alloc::format!("an element of r{from}"),
        Step::Changed { from, .. } => alloc::format!("a change by r{from}"),
        Step::InSync { peer, .. } => alloc::format!("a proof about r{peer}"),
        Step::Note(note) => (*note).into(),
        Step::Wait(None) => "no deadline".into(),
        Step::Wait(Some(until)) => alloc::format!("a deadline of {} µs", until.as_micros()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_earns_a_window_and_leaves_of_what_was_earned_before_the_end_of_a_round() {
        let mut credit = Credit { peer: 1, old: false, answers: 3, proofs: 1 };
        credit.earn(3);
        assert_eq!((credit.answers, credit.proofs), (6, 2), "between two polls");
        credit.old = true;
        credit.earn(3);
        assert_eq!((credit.answers, credit.proofs, credit.old), (4, 1, false));
        (credit.old, credit.answers) = (true, 0);
        credit.earn(3);
        assert_eq!(credit.answers, 3, "that was sent");
    }
}
