//! What happens to replicas: messages, insertions, deadlines, faults.

use alloc::vec::Vec;
use core::time::Duration;

use super::{Happening, Simulation};
use crate::sim::cut::Cut;
use crate::sim::node::{Broken, Condition, Input, Packet, answers, messages};
use crate::sim::{Fault, Law, Machine, Memory, ReplicaId, Role, Step, Violation};
use crate::time::micros;

impl<M: Machine> Simulation<M> {
    /// The next thing that happens.
    pub(super) fn step(&mut self) -> Result<(), Violation> {
        let Some((at, happening)) = self.queue.pop() else { return Ok(()) };
        self.now = self.now.max(at);
        match happening {
            Happening::Start { replica, seed } => self.start(replica, seed),
            Happening::Arrive { to, packet } => self.arrive(to, packet),
            Happening::Insert { replica, number } => {
                self.finish();
                self.insert_now(replica, number)
            }
            Happening::Wake(replica) if self.nodes[replica.0].alarm == Some(at) => self.wake(replica),
            Happening::Poll { replica, life } if self.is_up(replica, life) && !self.nodes[replica.0].drained => {
                self.drain(replica).map(drop)
            }
            Happening::Early { replica, life } if self.is_up(replica, life) => self.poll_early(replica),
            Happening::Wake(_) | Happening::Poll { .. } | Happening::Early { .. } => Ok(()),
            Happening::Begin { fault, lasting } => {
                self.finish();
                self.begin(fault, lasting)
            }
            Happening::Heal(number) => {
                self.finish();
                self.trace.record(self.now, "heal", 0, 0, &[]);
                self.cuts.retain(|cut| cut.number != number);
                Ok(())
            }
            Happening::Resume { replica, life } => {
                self.finish();
                if self.nodes[replica.0].life == life { self.resume(replica) } else { Ok(()) }
            }
            Happening::Restart(replica) => {
                self.finish();
                self.restart(replica)
            }
        }
    }

    /// Something planned is over.
    fn finish(&mut self) {
        self.unfinished -= 1;
        self.report.planned_until = self.now;
    }

    fn is_up(&self, replica: ReplicaId, life: u64) -> bool {
        let node = &self.nodes[replica.0];
        node.condition == Condition::Up && node.life == life
    }

    fn start(&mut self, replica: ReplicaId, seed: u64) -> Result<(), Violation> {
        if self.checks.twins {
            let twin = (self.make)(replica, seed);
            self.nodes[replica.0].pair(twin);
        }
        self.drain(replica).map(drop)
    }

    fn arrive(&mut self, to: ReplicaId, packet: Packet) -> Result<(), Violation> {
        if let Some(link) = self.links.get_mut(&(packet.from, to)) {
            self.report.reordered += u64::from(packet.number < link.newest);
            link.newest = link.newest.max(packet.number);
            link.requests -= u64::from(packet.role.asks());
        }
        if self.cuts.iter().any(|cut| cut.stops(packet.from, to)) {
            self.report.cut += 1;
            self.trace.record(self.now, "is cut off from", to.0, packet.from.0, &packet.bytes);
            return Ok(());
        }
        if self.nodes[to.0].condition == Condition::Down {
            self.report.missed += 1;
            self.trace.record(self.now, "misses", to.0, packet.from.0, &packet.bytes);
            return Ok(());
        }
        self.report.delivered += 1;
        self.trace.record(self.now, "gets", to.0, packet.from.0, &packet.bytes);
        if self.nodes[to.0].condition == Condition::Paused {
            self.nodes[to.0].inbox.push(Input::Message(packet));
            return Ok(());
        }
        self.take_in(to, &packet)?;
        if self.dawdling.strikes(&mut self.random.faults) {
            self.report.dawdled += 1;
            let late = Duration::from_micros(1 + self.random.faults.below(10_000));
            let life = self.nodes[to.0].life;
            self.queue.push(self.now + late, Happening::Poll { replica: to, life });
            return Ok(());
        }
        self.drain(to).map(drop)
    }

    fn take_in(&mut self, to: ReplicaId, packet: &Packet) -> Result<(), Violation> {
        let node = &mut self.nodes[to.0];
        let was_drained = node.drained;
        let accepted = node.receive(packet).map_err(|broken| self.violation(to, broken))?;
        if !accepted {
            self.report.refused += 1;
            return Ok(());
        }
        let rehearse = was_drained && packet.role.asks();
        if rehearse && self.checks.rehearsals.strikes(&mut self.random.checks) {
            self.rehearse(to, packet).map_err(|broken| self.violation(to, broken))?;
        }
        Ok(())
    }

    /// A request was just taken in. Answers it on copies: as it is; after another insertion, which must show in the
    /// answer unless that may speak of an earlier state; and after a restart, which must not silence it.
    fn rehearse(&mut self, replica: ReplicaId, request: &Packet) -> Result<(), Broken> {
        let node = &self.nodes[replica.0];
        let now = node.local(self.now);
        let plain = answers(node.machine.clone(), request.from, now);
        if plain.is_empty() {
            return Ok(());
        }
        self.report.rehearsals += 1;
        for _ in 0..8 {
            let Some(number) = self.census.any(&mut self.random.checks) else { break };
            let element = &self.census.entry(number).element;
            if node.machine.contains(element) {
                continue;
            }
            let mut grown = node.machine.clone();
            let may_be_old = request.role == Role::Continuation;
            if !may_be_old && grown.insert(element.clone()) && answers(grown, request.from, now) == plain {
                let what = alloc::format!("what it inserts after a request of {} is not in its answer", request.from);
                return Err(Broken(Law::EagerToLearnLazyToSpeak, what));
            }
            break;
        }
        let held: Vec<usize> = node.held.numbers.iter().collect();
        let mut restarted = (self.make)(replica, self.random.checks.next_u64());
        for number in held {
            restarted.insert(self.census.entry(number).element.clone());
        }
        if restarted.count() != node.held.count {
            let what = "after a restart it does not hold what it held".into();
            return Err(Broken(Law::NothingLostNothingInvented, what));
        }
        // It may answer by a request of its own: without the round that was under way, it may do better to ask.
        if !restarted.receive(request.from, &request.bytes) || messages(restarted, request.from, now).is_empty() {
            let what = alloc::format!("after a restart it does not answer the request of {} any more", request.from);
            return Err(Broken(Law::NoSessionsOnTheWire, what));
        }
        Ok(())
    }

    fn insert_now(&mut self, replica: ReplicaId, number: usize) -> Result<(), Violation> {
        match self.nodes[replica.0].condition {
            Condition::Down => {
                self.report.not_inserted += 1;
                return Ok(());
            }
            Condition::Paused => {
                self.nodes[replica.0].inbox.push(Input::Insert(number));
                return Ok(());
            }
            Condition::Up => {}
        }
        self.put_in(replica, number)?;
        self.drain(replica).map(drop)
    }

    fn put_in(&mut self, replica: ReplicaId, number: usize) -> Result<(), Violation> {
        self.trace.record(self.now, "inserts", replica.0, number, &[]);
        let element = self.census.entry(number).element.clone();
        let node = &mut self.nodes[replica.0];
        if !node.drained {
            node.untold.push(number);
        }
        let held = node.insert(element).map_err(|broken| self.violation(replica, broken))?;
        if !held {
            self.report.not_inserted += 1;
            return Ok(());
        }
        self.report.inserted += 1;
        self.census.entry_mut(number).inserted = true;
        self.hold(replica, number);
        Ok(())
    }

    fn wake(&mut self, replica: ReplicaId) -> Result<(), Violation> {
        let node = &mut self.nodes[replica.0];
        node.alarm = None;
        if node.condition != Condition::Up {
            return Ok(());
        }
        self.report.wakes += 1;
        if self.drain(replica)? > 0 {
            self.nodes[replica.0].idle_wakes = 0;
            return Ok(());
        }
        self.report.idle_wakes += 1;
        let node = &mut self.nodes[replica.0];
        node.idle_wakes += 1;
        let idle_wakes = node.idle_wakes;
        if idle_wakes as usize > self.nodes.len() + 1 {
            let what = alloc::format!("woken at {idle_wakes} deadlines in a row, it had nothing to do");
            return Err(self.violation(replica, Broken(Law::WaitIsTruthful, what)));
        }
        Ok(())
    }

    /// Before its deadline, and without input, a machine has nothing to say but when that is.
    fn poll_early(&mut self, replica: ReplicaId) -> Result<(), Violation> {
        let node = &mut self.nodes[replica.0];
        let now = node.local(self.now);
        if !node.drained || node.deadline.is_some_and(|deadline| deadline <= now) {
            return Ok(());
        }
        self.report.early_polls += 1;
        match node.poll(now).map_err(|broken| self.violation(replica, broken))? {
            Step::Wait(until) if until == self.nodes[replica.0].deadline => Ok(()),
            Step::Wait(_) => {
                let what = "polled before its deadline, it gave another".into();
                Err(self.violation(replica, Broken(Law::WaitIsTruthful, what)))
            }
            _ => {
                let what = "polled before its deadline, it had something to say".into();
                Err(self.violation(replica, Broken(Law::WaitIsTruthful, what)))
            }
        }
    }

    fn begin(&mut self, fault: Fault, lasting: Duration) -> Result<(), Violation> {
        let (what, replica) = match &fault {
            Fault::Cut(_) => ("cut", ReplicaId(0)),
            Fault::Sever(_) => ("sever", ReplicaId(0)),
            Fault::Pause(replica) => ("pause", *replica),
            Fault::Crash(replica, Memory::Kept) => ("crash", *replica),
            Fault::Crash(replica, Memory::Lost) => ("crash and forget", *replica),
            Fault::Forward(replica) => ("forward", *replica),
            Fault::Back(replica) => ("back", *replica),
        };
        let Some(node) = self.nodes.get_mut(replica.0) else { return Ok(()) };
        self.trace.record(self.now, what, replica.0, 0, &micros(lasting).to_le_bytes());
        match fault {
            Fault::Cut(side) => self.cut(Cut::sides(self.report.partitions + 1, side), lasting),
            Fault::Sever(links) => self.cut(Cut::links(self.report.partitions + 1, links), lasting),
            Fault::Pause(_) if node.condition == Condition::Up => {
                self.report.pauses += 1;
                node.condition = Condition::Paused;
                let life = node.life;
                self.plan(self.now + lasting, Happening::Resume { replica, life });
            }
            Fault::Crash(_, memory) if node.condition != Condition::Down => {
                node.crash();
                match memory {
                    Memory::Kept => self.report.crashes += 1,
                    Memory::Lost => {
                        self.report.amnesias += 1;
                        self.forget(replica);
                    }
                }
                self.plan(self.now + lasting, Happening::Restart(replica));
            }
            Fault::Pause(_) | Fault::Crash(..) => {}
            Fault::Forward(_) => {
                self.report.jumps += 1;
                node.forward(lasting);
                self.set_alarm(replica);
            }
            Fault::Back(_) => {
                self.report.jumps += 1;
                node.back(lasting);
                self.set_alarm(replica);
            }
        }
        Ok(())
    }

    fn cut(&mut self, cut: Cut, lasting: Duration) {
        self.report.partitions += 1;
        self.plan(self.now + lasting, Happening::Heal(cut.number));
        self.cuts.push(cut);
    }

    /// A pause is over: what came meanwhile is taken in at once.
    fn resume(&mut self, replica: ReplicaId) -> Result<(), Violation> {
        self.trace.record(self.now, "resumes", replica.0, 0, &[]);
        let node = &mut self.nodes[replica.0];
        node.condition = Condition::Up;
        node.idle_wakes = 0;
        for input in core::mem::take(&mut node.inbox) {
            match input {
                Input::Insert(number) => self.put_in(replica, number)?,
                Input::Message(packet) => self.take_in(replica, &packet)?,
            }
        }
        self.drain(replica).map(drop)
    }

    fn restart(&mut self, replica: ReplicaId) -> Result<(), Violation> {
        self.trace.record(self.now, "restarts", replica.0, 0, &[]);
        let (machine, twin) = self.machines(replica);
        let node = &mut self.nodes[replica.0];
        node.restart(machine, twin);
        let held: Vec<usize> = node.held.numbers.iter().collect();
        for number in held {
            let element = self.census.entry(number).element.clone();
            let node = &mut self.nodes[replica.0];
            let held = node.insert(element).map_err(|broken| self.violation(replica, broken))?;
            if !held {
                let what = "after a crash it refuses what it held".into();
                return Err(self.violation(replica, Broken(Law::NothingLostNothingInvented, what)));
            }
        }
        self.drain(replica).map(drop)
    }
}
