//! A replica, or one that means harm: it lies, asks without end, repeats what it heard, and talks nonsense.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use gossip_core::sim::{Limits, Machine, Rng, Role, Step, forge};
use gossip_core::{AntiEntropy, Digest, Element, MessageKind, Time};

/// What a hostile replica does, and how often.
#[derive(Clone, Debug)]
pub(super) struct Malice {
    tricks: Vec<Trick>,
    /// The mean time between two bursts of messages, in microseconds.
    every: u64,
    /// How many messages a burst has at the most.
    burst: u64,
    /// Of a hundred messages that an honest replica would send, how many it does not.
    silence: u64,
    /// Whether it may change elements, so that others learn what nobody has inserted.
    invents: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trick {
    /// A push with places, log names and times of its own choice.
    Push,
    /// A probe of a digest that nobody has.
    Digest,
    /// A request for all there is: pages, cells, elements.
    Request,
    /// To say that digests are equal.
    Prove,
    /// What it heard before, from anybody to anybody.
    Replay,
    /// What it heard before, or would say, with a byte changed.
    Tamper,
    /// Bytes.
    Garbage,
}

impl Trick {
    const ALL: [Self; 7] =
        [Self::Push, Self::Digest, Self::Request, Self::Prove, Self::Replay, Self::Tamper, Self::Garbage];
}

impl Malice {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let mut tricks: Vec<_> = Trick::ALL.into_iter().filter(|_| rng.below(2) == 0).collect();
        // A hostile replica without a trick would be an honest one that is not checked.
        if tricks.is_empty() {
            tricks.extend(Trick::ALL);
        }
        // A steady trickle, a few at a time, or floods after long silences.
        let (every, burst) = [(200_000, 1), (2_000_000, 4), (20_000_000, 50)][below(rng, 3)];
        Self { tricks, every, burst, silence: [0, 0, 30, 100][below(rng, 4)], invents: rng.below(3) == 0 }
    }

    pub(super) const fn invents(&self) -> bool {
        self.invents
    }
}

/// A replica, with what it does beside if it is hostile.
#[derive(Clone, Debug)]
pub(super) struct Member<E> {
    machine: AntiEntropy<usize, E>,
    hostility: Option<Hostility>,
}

#[derive(Clone, Debug)]
struct Hostility {
    malice: Malice,
    rng: Rng,
    peers: Vec<usize>,
    /// The latest that came, and that it would have sent.
    heard: VecDeque<Vec<u8>>,
    /// What others name their logs.
    logs: BTreeMap<usize, [u8; 4]>,
    /// The last probe of each that may be answered.
    probes: BTreeMap<usize, Vec<u8>>,
    outbox: VecDeque<(usize, Vec<u8>)>,
    now: Time,
    /// When the next burst is due.
    next: Option<Time>,
}

impl<E> Member<E> {
    pub(super) fn new(machine: AntiEntropy<usize, E>, malice: Option<Malice>, peers: Vec<usize>, seed: u64) -> Self {
        let hostility = malice.map(|malice| Hostility {
            malice,
            rng: Rng::new(!seed),
            peers,
            heard: VecDeque::new(),
            logs: BTreeMap::new(),
            probes: BTreeMap::new(),
            outbox: VecDeque::new(),
            now: Time::ZERO,
            next: None,
        });
        Self { machine, hostility }
    }

    pub(super) const fn machine(&self) -> &AntiEntropy<usize, E> {
        &self.machine
    }
}

impl<E: Element> Machine for Member<E> {
    type Element = E;
    type Digest = Digest;

    fn insert(&mut self, element: E) -> bool {
        Machine::insert(&mut self.machine, element)
    }

    fn restore(&mut self, encoded: &[u8]) -> bool {
        Machine::restore(&mut self.machine, encoded)
    }

    fn receive(&mut self, from: usize, message: &[u8]) -> bool {
        if let Some(hostility) = &mut self.hostility {
            hostility.overhear(from, message);
        }
        Machine::receive(&mut self.machine, from, message)
    }

    fn poll(&mut self, now: Time) -> Step<E, Digest> {
        let Some(hostility) = &mut self.hostility else { return Machine::poll(&mut self.machine, now) };
        if let Some(step) = hostility.attack(now, &self.machine) {
            return step;
        }
        match Machine::poll(&mut self.machine, now) {
            Step::Send { to, kind, message, .. } => hostility.send(to, kind, message),
            Step::Learned { .. }
            | Step::Undecoded { .. }
            | Step::Changed { .. }
            | Step::InSync { .. }
            | Step::Note(_) => Step::Note("hostile event"),
            Step::Wait(until) => Step::Wait(until.into_iter().chain(hostility.next).min()),
        }
    }

    fn contains(&self, element: &E) -> bool {
        self.machine.contains(element)
    }

    fn count(&self) -> usize {
        self.machine.len()
    }

    fn digest(&self) -> Digest {
        self.machine.digest()
    }

    fn limits(&self) -> Limits {
        // It sends what it likes; limits are for those who keep the protocol.
        if self.hostility.is_some() { Limits::default() } else { self.machine.limits() }
    }
}

impl Hostility {
    fn overhear(&mut self, from: usize, message: &[u8]) {
        match (forge::kind(message), forge::nonce(message)) {
            (Some(MessageKind::Push), Some(log)) => drop(self.logs.insert(from, log)),
            (Some(MessageKind::Probe), Some(_)) => drop(self.probes.insert(from, message.to_vec())),
            _ => {}
        }
        self.remember(message.to_vec());
    }

    fn remember(&mut self, message: Vec<u8>) {
        if self.heard.len() == MOST_HEARD {
            self.heard.pop_front();
        }
        self.heard.push_back(message);
    }

    /// What an honest replica would send.
    fn send<E>(&mut self, to: usize, kind: &'static str, message: Vec<u8>) -> Step<E, Digest> {
        self.remember(message.clone());
        if self.rng.below(100) < self.malice.silence {
            return Step::Note("hostile silence");
        }
        Step::Send { to, kind, role: Role::Push, message }
    }

    fn attack<E: Element>(&mut self, now: Time, machine: &AntiEntropy<usize, E>) -> Option<Step<E, Digest>> {
        self.now = self.now.max(now);
        // Attacks come of their own: to attack only when something comes in would leave a quiet cluster in peace.
        let due = *self.next.get_or_insert(self.now);
        if due <= self.now {
            self.next = Some(self.now + Duration::from_micros(1 + self.rng.below(2 * self.malice.every)));
            for _ in 0..=self.rng.below(self.malice.burst) {
                let to = self.peers[below(&mut self.rng, self.peers.len())];
                let trick = self.malice.tricks[below(&mut self.rng, self.malice.tricks.len())];
                if let Some(message) = self.message(trick, to, machine) {
                    self.outbox.push_back((to, message));
                }
            }
        }
        match self.outbox.pop_front() {
            Some((to, message)) => Some(Step::Send { to, kind: "hostile", role: Role::Push, message }),
            // It has heard too little yet.
            None if due <= self.now => Some(Step::Note("hostile silence")),
            None => None,
        }
    }

    fn message<E: Element>(&mut self, trick: Trick, to: usize, machine: &AntiEntropy<usize, E>) -> Option<Vec<u8>> {
        // Without the cluster's tag every message is refused at once, which would test one line.
        let tag = self.heard.iter().find_map(|message| forge::tag(message))?;
        let forger = forge::Forger { tag, digest: machine.digest() };
        let nonce = self.rng.next_u64() as u32;
        match trick {
            Trick::Push => Some(self.push(tag, to, machine)),
            Trick::Digest => {
                let count = self.number(machine.len());
                Some(forger.probe(nonce, count, self.rng.next_u64()))
            }
            Trick::Request => Some(match self.rng.below(3) {
                // Everything, though nothing is listed.
                0 => forger.page(nonce),
                // Cells of a state that is forgotten, or was never there.
                1 => forger.want_cells(nonce, self.rng.next_u64().to_le_bytes(), 0, 1 << 17),
                // Eight elements whose ids begin next to each other, and the state.
                _ => forger.wishes(nonce, 2, self.rng.next_u64() as u32, 8),
            }),
            Trick::Prove => {
                let probe = self.probes.get(&to)?;
                // A probe ends with what a proof names: the upper half of the sum.
                Some(forge::message(MessageKind::Proof, tag, forge::nonce(probe)?, &[probe.last_chunk::<8>()?]))
            }
            Trick::Replay => self.heard.get(below(&mut self.rng, self.heard.len())).cloned(),
            Trick::Tamper => {
                let mut message = self.heard.get(below(&mut self.rng, self.heard.len())).cloned()?;
                let has_elements = matches!(
                    forge::kind(&message),
                    Some(MessageKind::Repair | MessageKind::Page | MessageKind::Give | MessageKind::Push)
                );
                let place = below(&mut self.rng, message.len());
                *message.get_mut(place)? ^= 1 << self.rng.below(8);
                // Another byte may make an element that nobody has inserted, which breaks a law by itself: only those
                // who may invent send that.
                let may = !has_elements || (self.malice.invents && self.rng.below(8) == 0);
                may.then_some(message)
            }
            Trick::Garbage => {
                let len = below(&mut self.rng, 64);
                Some(self.bytes(len))
            }
        }
    }

    fn push<E: Element>(&mut self, tag: [u8; 4], to: usize, machine: &AntiEntropy<usize, E>) -> Vec<u8> {
        let any = self.rng.next_u64().to_le_bytes();
        let names = self.logs.values().copied().chain([[any[0], any[1], any[2], any[3]], [1; 4]]).collect::<Vec<_>>();
        let log = names[below(&mut self.rng, names.len())];
        // Mostly the name of the receiver's own log, so that it reads on; the others are those of logs that it does not
        // have.
        let of = match self.logs.get(&to) {
            Some(&of) if self.rng.below(4) > 0 => of,
            _ => names[below(&mut self.rng, names.len())],
        };
        let flags = [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13][below(&mut self.rng, 12)];
        let places = [(); 4].map(|()| self.number(machine.len()));
        let times = [(); 3].map(|()| self.number(machine.len()) & u64::from(u32::MAX));
        let numbers: Vec<u64> = places.into_iter().chain(times).collect();
        let element = machine.iter().nth(below(&mut self.rng, 1 + machine.len()));
        let elements = forge::elements(element.map_or(&[], core::slice::from_ref));
        forge::push(tag, log, of, flags, numbers.try_into().expect("seven"), &elements)
    }

    /// Small, about as many as there are, or beyond all bounds.
    fn number(&mut self, about: usize) -> u64 {
        let about = about as u64;
        match self.rng.below(6) {
            0 => 0,
            1 => self.rng.below(4),
            2 => about,
            3 => about.saturating_sub(self.rng.below(20)),
            4 => about + self.rng.below(20),
            _ => [1 << 20, 1 << 32, 1 << 62, u64::MAX][below(&mut self.rng, 4)],
        }
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.rng.next_u64().to_le_bytes()[0]).collect()
    }
}

const MOST_HEARD: usize = 64;

fn below(rng: &mut Rng, bound: usize) -> usize {
    rng.below(bound as u64) as usize
}
