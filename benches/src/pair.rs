//! A pair of machines, and the one driver of a round between two.

use core::fmt;
use std::mem;
use std::time::{Duration, Instant};

use gossip_core::{Content, Element, Engine, Event, Kind, MapEvent, Output, Set, Time};

/// What a round cost, both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// What is the same in every run.
    pub counts: Counts,
    /// The time that both sides took, from bytes to bytes: decoding and encoding included, transport excluded.
    pub cpu: Duration,
}

/// What is counted of a round, both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages, until nothing moves.
    pub messages: usize,
    /// Their encoded bytes.
    pub bytes: usize,
    /// One-way hops on the longest chain of messages, until both sides hold the union and know it: two are a round
    /// trip.
    pub hops: usize,
}

impl Cost {
    fn add(&mut self, turn: &Turn) {
        self.cpu += turn.cpu;
        self.counts.messages += turn.sent.len();
        self.counts.bytes += turn.sent.iter().map(Vec::len).sum::<usize>();
    }
}

/// Two machines that know each other as 0 and 1.
#[derive(Clone)]
pub struct Pair<S: Kind> {
    machines: [Engine<usize, S>; 2],
}

/// What a machine reports, as far as the driver looks at it.
pub trait Report {
    /// Whether it is a proof that both sides hold the same.
    fn is_proof(&self) -> bool;
}

impl<P, E> Report for Event<P, E> {
    fn is_proof(&self) -> bool {
        matches!(self, Self::InSync { .. })
    }
}

impl<P, K> Report for MapEvent<P, K> {
    fn is_proof(&self) -> bool {
        matches!(self, Self::InSync { .. })
    }
}

impl<S: Kind + Content<Event<usize>: Report>> Pair<S> {
    /// A pair of machines, which are made each other's peers.
    pub fn new(mut machines: [Engine<usize, S>; 2]) -> Self {
        machines[0].add_peer(1);
        machines[1].add_peer(0);
        Self { machines }
    }

    /// Each forgets what it knows of the other.
    pub fn part(&mut self) {
        for (machine, peer) in self.machines.iter_mut().zip([1, 0]) {
            machine.remove_peer(&peer);
            machine.add_peer(peer);
        }
    }

    /// A round that one side begins, the initiator, until nothing moves. A side answers once it has taken in all that one
    /// hop brought, so what it sends then is of the next hop.
    ///
    /// # Panics
    ///
    /// If it does not end with equal digests and a proof for both.
    pub fn round(&mut self, initiator: usize) -> Cost {
        self.round_heard(initiator, |_hop, _from, _message| {})
    }

    /// A [`round`](Self::round) of which each message is heard as it is sent: the hop it is of, from 1 on, and its sender.
    ///
    /// # Panics
    ///
    /// As that does.
    pub fn round_heard(&mut self, initiator: usize, mut hear: impl FnMut(usize, usize, &[u8])) -> Cost {
        let mut cost = Cost::default();
        let mut proven = [false; 2];
        self.machines[initiator].sync_now(&(1 - initiator));
        let first = self.turn(initiator, vec![]);
        let mut under_way = [vec![], vec![]];
        cost.add(&first);
        first.sent.iter().for_each(|message| hear(1, initiator, message));
        under_way[1 - initiator] = first.sent;
        let mut hop = 0;
        while under_way.iter().any(|inbox| !inbox.is_empty()) {
            hop += 1;
            let arrived = mem::take(&mut under_way);
            for (side, inbox) in arrived.into_iter().enumerate() {
                if inbox.is_empty() {
                    continue;
                }
                let before = (self.machines[side].digest(), proven[side]);
                let turn = self.turn(side, inbox);
                proven[side] |= turn.proven;
                if (self.machines[side].digest(), proven[side]) != before {
                    cost.counts.hops = hop;
                }
                cost.add(&turn);
                turn.sent.iter().for_each(|message| hear(hop + 1, side, message));
                under_way[1 - side] = turn.sent;
            }
        }
        assert_eq!(proven, [true; 2], "both have a proof");
        assert_eq!(self.machines[0].digest(), self.machines[1].digest(), "both have one digest");
        cost
    }

    /// One side takes messages in and says what it has to say, bytes both. The lists of messages are the driver's: they
    /// are made and dropped while no clock runs.
    #[expect(clippy::disallowed_methods, reason = "a bench reads a clock")]
    fn turn(&mut self, side: usize, inbox: Vec<Vec<u8>>) -> Turn {
        let machine = &mut self.machines[side];
        let (mut sent, mut proven) = (Vec::with_capacity(ROOM), false);
        let start = Instant::now();
        for message in &inbox {
            machine.receive_bytes(&(1 - side), message).expect("a pair understands each other");
        }
        loop {
            match machine.poll(Time::ZERO) {
                Output::Send { message, .. } => sent.push(message.encode()),
                Output::Event(event) => proven |= event.is_proof(),
                Output::Wait(_) => break,
            }
        }
        Turn { sent, proven, cpu: start.elapsed() }
    }

    /// The machines.
    pub fn machines(&self) -> &[Engine<usize, S>; 2] {
        &self.machines
    }

    /// A machine, to write to.
    pub fn machine(&mut self, side: usize) -> &mut Engine<usize, S> {
        &mut self.machines[side]
    }
}

impl<E: Element> Pair<Set<E>> {
    /// Inserts elements of one side's own.
    ///
    /// # Panics
    ///
    /// If one is over the limit.
    pub fn extend(&mut self, side: usize, elements: impl IntoIterator<Item = E>) {
        self.machines[side].extend(elements).expect("samples are within the limit");
    }
}

impl<S: Kind> fmt::Debug for Pair<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digests = self.machines.each_ref().map(Engine::digest);
        f.debug_struct("Pair").field("digests", &digests).finish_non_exhaustive()
    }
}

/// The messages of a turn that its list has room for: more than any but a round of pages sends.
const ROOM: usize = 64;

struct Turn {
    sent: Vec<Vec<u8>>,
    proven: bool,
    cpu: Duration,
}

#[cfg(test)]
mod tests {
    use gossip_core::{AntiEntropy, Config};

    use super::*;
    use crate::sets::{Sets, Side};

    fn pair(n: usize, d: usize, side: Side) -> (Sets<u64>, Pair<Set<u64>>) {
        let sets = Sets::new(n, d, side, 1).expect("so many can differ");
        let machines = [0, 1].map(|side| {
            let mut machine = AntiEntropy::new(Config::default(), side as u64);
            machine.extend(sets.side(side).copied()).expect("integers are small");
            machine
        });
        (sets, Pair::new(machines))
    }

    #[test]
    fn bytes_and_messages_are_those_of_both_ledgers() {
        for side in Side::ALL {
            let (sets, mut pair) = pair(1_000, 10, side);
            let counts = pair.round(0).counts;
            let sent = pair.machines().each_ref().map(|machine| machine.stats().total.sent.total());
            let received = pair.machines().each_ref().map(|machine| machine.stats().total.received.total());
            assert_eq!(counts.bytes as u64, sent[0].bytes + sent[1].bytes);
            assert_eq!(counts.bytes as u64, received[0].bytes + received[1].bytes);
            assert_eq!(counts.messages as u64, sent[0].messages + sent[1].messages);
            for machine in pair.machines() {
                assert!(sets.union().all(|element| machine.contains(element)));
                assert_eq!(machine.len(), sets.union().count());
            }
        }
    }

    #[test]
    fn equal_sets_take_one_round_trip() {
        let counts = pair(1_000, 0, Side::Half).1.round(0).counts;
        assert_eq!((counts.messages, counts.hops), (2, 2));
    }
}
