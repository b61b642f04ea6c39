//! Events of replicas: messages, deadlines, faults.

use alloc::vec::Vec;
use core::time::Duration;

use super::Simulation;
use super::happening::Happening;
use crate::Time;
use crate::sim::cut::Cut;
use crate::sim::node::{Broken, Condition, Input, Node, Packet, answers, messages, put};
use crate::sim::{Fate, Fault, Law, Machine, Memory, Role, Step, Violation};
use crate::time::micros;

impl<M: Machine> Simulation<M> {
    /// Plays the next event.
    pub(super) fn step(&mut self) -> Result<(), Violation> {
        let Some((at, happening)) = self.queue.pop() else { return Ok(()) };
        self.now = self.now.max(at);
        self.play(at, happening)?;
        self.check_staleness()
    }

    fn play(&mut self, at: Time, happening: Happening) -> Result<(), Violation> {
        match happening {
            Happening::Start { replica, seed } => self.start(replica, seed),
            Happening::Arrive { to, packet } => self.arrive(to, packet),
            Happening::Insert { replica, number } => {
                self.finish();
                self.write(replica, Input::Insert(number))
            }
            Happening::Remove { replica, key } => {
                self.finish();
                self.write(replica, Input::Remove(key))
            }
            // Deadlines move, and a heap gives nothing back before its turn: only the alarm that was set last rings.
            Happening::Wake(replica) if self.nodes[replica].alarm == Some(at) => self.wake(replica),
            // A poll that was put off comes to nothing if another input brought one before, or a crash a new machine.
            Happening::Poll { replica, life } if self.is_up(replica, life) && !self.nodes[replica].drained => {
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
                self.disturb(self.now);
                Ok(())
            }
            Happening::Resume { replica, life } => {
                self.finish();
                // A crash within the pause has ended it.
                if self.nodes[replica].life == life { self.resume(replica) } else { Ok(()) }
            }
            Happening::Flow { from, to, life } => {
                self.finish();
                // A crash has ended it before. A pause has not, and takes in nothing until it is over.
                match self.nodes[from].condition {
                    _ if self.nodes[from].life != life => Ok(()),
                    Condition::Up => self.flow(from, to),
                    _ => {
                        self.nodes[from].inbox.push(Input::Flow(to));
                        Ok(())
                    }
                }
            }
            Happening::Restart { replica, memory } => {
                self.finish();
                self.restart(replica, memory)
            }
        }
    }

    /// Notes that a fault has begun or ended, whose effects last `until` then at least.
    fn disturb(&mut self, until: Time) {
        let is_up = |node: &Node<M>| node.condition == Condition::Up && node.stalled.is_empty();
        self.staleness.disturb(until, !self.cuts.is_empty() || !self.nodes.iter().all(is_up));
    }

    /// Counts a planned event as over.
    fn finish(&mut self) {
        self.unfinished -= 1;
        // The time to settle in counts from the last of them.
        self.report.planned_until = self.now;
    }

    fn is_up(&self, replica: usize, life: u64) -> bool {
        let node = &self.nodes[replica];
        node.condition == Condition::Up && node.life == life
    }

    fn start(&mut self, replica: usize, seed: u64) -> Result<(), Violation> {
        if self.checks.twins {
            let twin = (self.make)(replica, seed);
            self.nodes[replica].pair(twin);
        }
        self.drain(replica).map(drop)
    }

    fn arrive(&mut self, to: usize, packet: Packet) -> Result<(), Violation> {
        // Before anything may stop it: cut off or missed, it is not under way any more either.
        if let Some(link) = self.links.get_mut(&(packet.from, to)) {
            self.report.reordered += u64::from(packet.number < link.newest);
            link.newest = link.newest.max(packet.number);
            link.requests -= u64::from(packet.role.asks());
        }
        // Stopped on arrival, as a router would. Stopped as they were sent, the medians of real nodes and of these
        // differed by up to a fifth.
        if self.cuts.iter().any(|cut| cut.stops(packet.from, to)) {
            self.report.cut += 1;
            self.flights.end(packet.flight, Fate::Cut(self.now));
            self.trace.record(self.now, "is cut off from", to, packet.from, &packet.bytes);
            return Ok(());
        }
        if self.nodes[to].condition == Condition::Down {
            self.report.missed += 1;
            self.flights.end(packet.flight, Fate::Missed(self.now));
            self.trace.record(self.now, "misses", to, packet.from, &packet.bytes);
            return Ok(());
        }
        self.report.delivered += 1;
        self.flights.end(packet.flight, Fate::Arrived(self.now));
        self.trace.record(self.now, "gets", to, packet.from, &packet.bytes);
        if self.nodes[to].condition == Condition::Paused {
            self.nodes[to].inbox.push(Input::Message(packet));
            return Ok(());
        }
        self.take_in(to, &packet)?;
        // An embedder may batch inputs, and the laws must hold for that, too.
        if self.dawdling.strikes(&mut self.random.faults) {
            self.report.dawdled += 1;
            let late = Duration::from_micros(1 + self.random.faults.below(10_000));
            let life = self.nodes[to].life;
            self.queue.push(self.now + late, Happening::Poll { replica: to, life });
            return Ok(());
        }
        self.drain(to).map(drop)
    }

    pub(super) fn take_in(&mut self, to: usize, packet: &Packet) -> Result<(), Violation> {
        let node = &mut self.nodes[to];
        let was_drained = node.drained;
        let accepted = node.receive(packet).map_err(|broken| self.violation(to, broken))?;
        if !accepted {
            self.report.refused += 1;
            return Ok(());
        }
        // Polled to the end before, a copy has nothing to say but what comes of this request.
        let rehearse = was_drained && packet.role.asks();
        if rehearse && self.checks.rehearsals.strikes(&mut self.random.checks) {
            self.rehearse(to, packet).map_err(|broken| self.violation(to, broken))?;
        }
        Ok(())
    }

    /// Answers a request that was just taken in on copies of the replica: as it is; after another insertion, which must
    /// show in the answer unless that may be of an earlier state; and after a restart, which must not silence it.
    fn rehearse(&mut self, replica: usize, request: &Packet) -> Result<(), Broken> {
        let node = &self.nodes[replica];
        let now = node.local(self.now);
        let plain = answers(node.machine.clone(), request.from, now);
        // Probes may cross, and answers wait for a budget: no answer is no violation.
        if plain.is_empty() {
            return Ok(());
        }
        self.report.rehearsals += 1;
        // Tries, since most of what is drawn is held already once the fleet has nearly settled.
        for _ in 0..8 {
            let Some(number) = self.census.any(&mut self.random.checks) else { break };
            let element = &self.census.entry(number).element;
            if node.holds(element) != Some(false) {
                continue;
            }
            let mut grown = node.machine.clone();
            let may_be_old = request.role == Role::Continuation;
            // Another element is another digest: an answer of the newest state cannot stay the same.
            if !may_be_old && put(&mut grown, element) && answers(grown, request.from, now) == plain {
                let what = alloc::format!("what it inserts after a request of {} is not in its answer", request.from);
                return Err(Broken::new(Law::EagerToLearnLazyToSpeak, what));
            }
            break;
        }
        // Another seed: the answer must not depend on nonces or choices of the life before either.
        let mut restarted = (self.make)(replica, self.random.checks.next_u64());
        let count = if restarted.resume(&node.machine) {
            // What the request brought is not told yet, and so not in the books.
            node.machine.count()
        } else {
            for number in node.held.numbers.iter() {
                put(&mut restarted, &self.census.entry(number).element);
            }
            node.held.count
        };
        if restarted.count() != count {
            let what = "after a restart it does not hold what it held";
            return Err(Broken::new(Law::NothingLostNothingInvented, what));
        }
        // It may answer by a request of its own: without the round that was under way, it may do better to ask.
        if !restarted.receive(request.from, &request.bytes) || messages(restarted, request.from, now).is_empty() {
            let what = alloc::format!("after a restart it does not answer the request of {} any more", request.from);
            return Err(Broken::new(Law::NoSessionsOnTheWire, what));
        }
        Ok(())
    }

    fn wake(&mut self, replica: usize) -> Result<(), Violation> {
        let node = &mut self.nodes[replica];
        node.alarm = None;
        // It is polled when it resumes, or restarts.
        if node.condition != Condition::Up {
            return Ok(());
        }
        self.report.wakes += 1;
        if self.drain(replica)? > 0 {
            self.nodes[replica].idle_wakes = 0;
            return Ok(());
        }
        self.report.idle_wakes += 1;
        let node = &mut self.nodes[replica];
        node.idle_wakes += 1;
        let idle_wakes = node.idle_wakes;
        // A deadline that has moved costs an idle wake: once for each peer, and once for the machine's own.
        if idle_wakes as usize > self.nodes.len() + 1 {
            let what = alloc::format!("woken at {idle_wakes} deadlines in a row, it had nothing to do");
            return Err(self.violation(replica, Broken::new(Law::WaitIsTruthful, what)));
        }
        Ok(())
    }

    /// Polls a replica before its deadline: without input it must have nothing but that deadline to tell.
    fn poll_early(&mut self, replica: usize) -> Result<(), Violation> {
        let node = &mut self.nodes[replica];
        let now = node.local(self.now);
        // With an input to be polled for, or at the deadline itself, it may well have something to say.
        if !node.drained || node.deadline.is_some_and(|deadline| deadline <= now) {
            return Ok(());
        }
        self.report.early_polls += 1;
        match node.poll(now).map_err(|broken| self.violation(replica, broken))? {
            Step::Wait(until) if until == self.nodes[replica].deadline => Ok(()),
            Step::Wait(_) => {
                let what = "polled before its deadline, it gave another";
                Err(self.violation(replica, Broken::new(Law::WaitIsTruthful, what)))
            }
            _ => {
                let what = "polled before its deadline, it had something to say";
                Err(self.violation(replica, Broken::new(Law::WaitIsTruthful, what)))
            }
        }
    }

    fn begin(&mut self, fault: Fault, lasting: Duration) -> Result<(), Violation> {
        let (what, replica) = match &fault {
            Fault::Cut(_) => ("cut", 0),
            Fault::Sever(_) => ("sever", 0),
            Fault::Stall(replica, _) => ("stall", *replica),
            Fault::Pause(replica) => ("pause", *replica),
            Fault::Crash(replica, Memory::Kept) => ("crash", *replica),
            Fault::Crash(replica, Memory::Lost) => ("crash and forget", *replica),
            Fault::Forward(replica) => ("forward", *replica),
            Fault::Back(replica) => ("back", *replica),
        };
        let Some(node) = self.nodes.get_mut(replica) else { return Ok(()) };
        self.trace.record(self.now, what, replica, 0, &micros(lasting).to_le_bytes());
        match fault {
            // Numbered, so that its end heals no other.
            Fault::Cut(side) => self.cut(Cut::sides(self.report.partitions + 1, side), lasting),
            Fault::Sever(links) => self.cut(Cut::links(self.report.partitions + 1, links), lasting),
            Fault::Pause(_) if node.condition == Condition::Up => {
                self.report.pauses += 1;
                node.condition = Condition::Paused;
                let life = node.life;
                self.plan(self.now + lasting, Happening::Resume { replica, life });
            }
            // A paused one may crash: its resumption is for a life that is over.
            Fault::Crash(_, memory) if node.condition != Condition::Down => {
                node.crash();
                match memory {
                    Memory::Kept => self.report.crashes += 1,
                    Memory::Lost => {
                        self.report.amnesias += 1;
                        // At the crash, not at the restart: the union has shrunk for all others from now on.
                        self.forget(replica);
                    }
                }
                self.plan(self.now + lasting, Happening::Restart { replica, memory });
            }
            Fault::Stall(from, to) if node.condition == Condition::Up => {
                if node.set_writable(to, false) {
                    self.report.stalls += 1;
                    let life = self.nodes[from].life;
                    self.plan(self.now + lasting, Happening::Flow { from, to, life });
                    self.disturb(self.now);
                    return self.drain(from).map(drop);
                }
            }
            Fault::Stall(..) | Fault::Pause(_) | Fault::Crash(..) => {}
            Fault::Forward(_) => {
                self.report.jumps += 1;
                // Its deadline stays, on its own clock, and so comes at another virtual time.
                node.forward(lasting);
                self.set_alarm(replica);
            }
            Fault::Back(_) => {
                self.report.jumps += 1;
                node.back(lasting);
                self.set_alarm(replica);
                self.disturb(self.now + lasting);
            }
        }
        self.disturb(self.now);
        Ok(())
    }

    fn cut(&mut self, cut: Cut, lasting: Duration) {
        self.report.partitions += 1;
        self.plan(self.now + lasting, Happening::Heal(cut.number));
        self.cuts.push(cut);
    }

    /// Tells a replica whether its transport to another takes messages.
    fn flow(&mut self, from: usize, to: usize) -> Result<(), Violation> {
        self.trace.record(self.now, "flows", from, to, &[]);
        self.nodes[from].set_writable(to, true);
        self.disturb(self.now);
        self.drain(from).map(drop)
    }

    /// Ends a pause: inputs that came meanwhile are taken in at once.
    fn resume(&mut self, replica: usize) -> Result<(), Violation> {
        self.trace.record(self.now, "resumes", replica, 0, &[]);
        let node = &mut self.nodes[replica];
        node.condition = Condition::Up;
        node.idle_wakes = 0;
        let inbox = core::mem::take(&mut node.inbox);
        self.disturb(self.now);
        // All before the first poll: a process that was stopped finds its sockets full.
        for input in inbox {
            self.take(replica, input)?;
        }
        self.drain(replica).map(drop)
    }

    fn restart(&mut self, replica: usize, memory: Memory) -> Result<(), Violation> {
        self.trace.record(self.now, "restarts", replica, 0, &[]);
        let (machine, twin) = self.machines(replica);
        let former = self.nodes[replica].restart(machine, twin);
        self.disturb(self.now);
        if memory == Memory::Kept && self.nodes[replica].resume(&former) {
            self.reconcile_all(replica).map_err(|broken| self.violation(replica, broken))?;
            return self.drain(replica).map(drop);
        }
        // Loaded as from a disk, by insertion.
        let held: Vec<usize> = self.nodes[replica].held.numbers.iter().collect();
        for number in held {
            let element = &self.census.entry(number).element;
            let node = &mut self.nodes[replica];
            let held = node.insert(element).map_err(|broken| self.violation(replica, broken))?;
            if !held {
                let what = "after a crash it refuses what it held";
                return Err(self.violation(replica, Broken::new(Law::NothingLostNothingInvented, what)));
            }
        }
        self.drain(replica).map(drop)
    }
}
