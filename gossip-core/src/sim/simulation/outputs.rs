//! Outputs of replicas: messages for the network, and events for the books.

use alloc::vec::Vec;
use core::time::Duration;

use super::Simulation;
use super::happening::Happening;
use crate::element::Stored;
use crate::sim::node::{Broken, MOST_OUTPUTS, Packet};
use crate::sim::{Fate, Flight, Law, Machine, Role, Step, Violation};
use crate::time::micros;

impl<M: Machine> Simulation<M> {
    /// Polls a replica to its `Wait`; returns the number of outputs before it.
    pub(super) fn drain(&mut self, replica: usize) -> Result<usize, Violation> {
        self.drain_checked(replica).map_err(|broken| self.violation(replica, broken))
    }

    fn drain_checked(&mut self, replica: usize) -> Result<usize, Broken> {
        let node = &mut self.nodes[replica];
        let now = node.local(self.now);
        let digest = node.machine.digest();
        let mut outputs = 0;
        let until = loop {
            match self.nodes[replica].poll(now)? {
                Step::Send { to, kind, role, message } => self.send(replica, to, kind, role, message)?,
                Step::Learned { element, from } => self.learn(replica, &Stored::Value(element), from)?,
                Step::Undecoded { encoded, from } => self.learn(replica, &Stored::Undecoded(encoded), from)?,
                Step::Changed { key, .. } => self.reconcile(replica, &key)?,
                Step::InSync { peer, digest } => self.prove(replica, peer, &digest)?,
                Step::Note(note) => *self.report.notes.entry(note).or_default() += 1,
                Step::Wait(until) => break until,
            }
            outputs += 1;
            if outputs == MOST_OUTPUTS {
                return Err(Broken::new(Law::Bounded, alloc::format!("{outputs} outputs without a `Wait`")));
            }
        };
        // A deadline that is not later would have an embedder poll without end.
        if let Some(until) = until.filter(|&until| until <= now) {
            let ago = until.saturating_since(now).as_micros();
            return Err(Broken::new(Law::WaitIsTruthful, alloc::format!("its deadline was {ago} µs ago, or is now")));
        }
        // Merged at once means merged in `receive`: a poll only speaks.
        if self.nodes[replica].machine.digest() != digest {
            return Err(Broken::new(Law::EagerToLearnLazyToSpeak, "what it holds changed while it was polled"));
        }
        self.audit(replica)?;
        let node = &mut self.nodes[replica];
        node.drained = true;
        node.defer_credits();
        node.untold.clear();
        node.deadline = until;
        self.set_alarm(replica);
        if self.checks.early_polls.strikes(&mut self.random.checks) {
            let node = &self.nodes[replica];
            // Without a deadline, at some time of the next 10 s.
            let left = node.due(self.now).map_or(10_000_000, |due| micros(due.saturating_since(self.now)));
            let early = Duration::from_micros(self.random.checks.below(left));
            let life = node.life;
            self.queue.push(self.now + early, Happening::Early { replica, life });
        }
        Ok(outputs)
    }

    /// Schedules the wake of a replica at its deadline.
    pub(super) fn set_alarm(&mut self, replica: usize) {
        let node = &mut self.nodes[replica];
        let due = node.due(self.now);
        // Not again for the same time: a replica is polled at each message, and an alarm each would fill the queue.
        if node.alarm != due {
            node.alarm = due;
            if let Some(due) = due {
                self.queue.push(due, Happening::Wake(replica));
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, kind: &'static str, role: Role, bytes: Vec<u8>) -> Result<(), Broken> {
        let node = &mut self.nodes[from];
        if node.stalled.contains(&to) && !node.is_hostile {
            return Err(Broken::new(
                Law::Bounded,
                alloc::format!("a {kind} for r{to}, whose transport takes no messages"),
            ));
        }
        let limit = node.machine.limits().message_bytes;
        if bytes.len() > limit {
            return Err(Broken::new(Law::Bounded, alloc::format!("a {kind} of {} bytes, over {limit}", bytes.len())));
        }
        if role == Role::Answer {
            node.spend_answer(to)?;
        }
        self.trace.record(self.now, kind, from, to, &bytes);
        self.report.sent += 1;
        self.report.bytes += bytes.len() as u64;
        self.report.largest = self.report.largest.max(bytes.len());
        let (messages, sum) = self.report.kinds.entry(kind).or_default();
        (*messages, *sum) = (*messages + 1, *sum + bytes.len() as u64);
        let of_fleet = |node: &super::Node<M>| node.is_of_fleet();
        // A peer that is not simulated: its messages go nowhere.
        let Some(both) = self.nodes.get(to).map(|peer| of_fleet(peer) && of_fleet(&self.nodes[from])) else {
            self.report.missed += 1;
            return Ok(());
        };
        if both && from != to {
            // By pair, whoever began: a proof tells of both.
            self.fleet.talked.insert((from.min(to), from.max(to)));
        }
        let link = self.links.entry((from, to)).or_default();
        link.sent += 1;
        let number = link.sent;
        // A request that meets one of the other side on its way: tests demand that some do.
        let under_way = self.links.get(&(to, from)).is_some_and(|link| link.requests > 0);
        self.report.crossed += u64::from(role.asks() && under_way);
        self.carry(to, kind, Packet { from, role, number, flight: 0, bytes });
        Ok(())
    }

    fn carry(&mut self, to: usize, kind: &'static str, mut packet: Packet) {
        let random = &mut self.random.network;
        let copies = 1 + u64::from(self.network.duplication.strikes(random));
        self.report.duplicated += copies - 1;
        let (sent, from, bytes) = (self.now, packet.from, packet.bytes.len());
        for _ in 0..copies {
            packet.flight = self.flights.depart(Flight { sent, from, to, kind, bytes, fate: Fate::UnderWay });
            let random = &mut self.random.network;
            // Each copy by itself: of two, one may be lost.
            if self.network.loss.strikes(random) {
                self.report.lost += 1;
                self.flights.end(packet.flight, Fate::Lost);
                continue;
            }
            // Only what will arrive, since its arrival counts it out again.
            if let Some(link) = self.links.get_mut(&(packet.from, to)).filter(|_| packet.role.asks()) {
                link.requests += 1;
            }
            // Without latency two machines could answer each other for ever at one instant.
            let delay = self.network.delay(random).max(Duration::from_micros(1));
            let mut packet = packet.clone();
            if self.network.truncation.strikes(random) {
                self.report.truncated += 1;
                // A byte shorter at least, or nothing was cut.
                let len = random.below(packet.bytes.len() as u64);
                packet.bytes.truncate(usize::try_from(len).unwrap_or(0));
            }
            self.queue.push(self.now + delay, Happening::Arrive { to, packet });
        }
    }

    fn learn(&mut self, replica: usize, element: &Stored<M::Element>, from: usize) -> Result<(), Broken> {
        let broken = |what| {
            let broken = Broken::new(Law::NothingLostNothingInvented, alloc::format!("{what} of r{from}"));
            Err(broken.about(element.lend()))
        };
        // Its elements are nobody's inserts; what it sends is taken for such, since the others may not tell.
        if self.nodes.get(from).is_some_and(|from| from.is_hostile) {
            self.invent(from, element);
        }
        let node = &mut self.nodes[replica];
        if node.is_hostile {
            return Ok(());
        }
        // In its own cluster: an element of an outsider is one that nobody here has inserted.
        let number = self.census.find(node.cluster, element.lend());
        let Some(number) = number.filter(|&number| self.census.entry(number).inserted) else {
            return broken("nobody has inserted an element");
        };
        if node.held.numbers.has(number) {
            // It may have been inserted here after it came and before it was told.
            let Some(place) = node.untold.iter().position(|&untold| untold == number) else {
                return broken("it held an element already");
            };
            node.untold.swap_remove(place);
            return Ok(());
        }
        // In any life: the message may be older than the sender's last crash.
        if self.nodes.get(from).is_none_or(|from| !from.ever.has(number)) {
            return broken("the sender never held an element");
        }
        self.report.learned += 1;
        self.hold(replica, number);
        Ok(())
    }

    /// Books an element of a hostile replica as its insert.
    pub(super) fn invent(&mut self, replica: usize, element: &Stored<M::Element>) {
        let node = &mut self.nodes[replica];
        let number = self.census.enter(node.cluster, element.clone());
        self.census.entry_mut(number).inserted = true;
        node.ever.add(number);
    }

    fn prove(&mut self, replica: usize, peer: usize, digest: &M::Digest) -> Result<(), Broken> {
        let node = &mut self.nodes[replica];
        if node.is_hostile {
            return Ok(());
        }
        // A proof takes a message of that peer; one that comes of none is made up.
        node.spend_proof(peer)?;
        let cluster = node.cluster;
        let had = |node: &super::Node<M>| node.cluster == cluster && node.digests.contains(digest);
        if !had(node) {
            // What was invented since the last poll shows in the digest first.
            let invented = node.machine.count() > node.held.count;
            let law = if invented { Law::NothingLostNothingInvented } else { Law::Convergence };
            return Err(Broken::new(law, alloc::format!("a proof about r{peer} is of what it never held")));
        }
        // At any time: the proof is of an instant since the probe, and the peer may have grown or crashed by now.
        if !self.nodes.get(peer).is_some_and(|peer| peer.is_hostile || had(peer)) {
            return Err(Broken::new(Law::Convergence, alloc::format!("a proof is of what r{peer} never held")));
        }
        self.report.proofs += 1;
        let node = &self.nodes[replica];
        let with_fleet = node.is_of_fleet() && self.nodes[peer].is_of_fleet();
        // Only of all there is by now: an older proof does not end the run.
        if with_fleet && node.held.count == self.fleet.union && node.machine.digest() == *digest {
            self.fleet.proven.insert((replica.min(peer), replica.max(peer)));
        }
        Ok(())
    }
}
