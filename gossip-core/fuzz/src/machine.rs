//! The body of the fuzz target `machine`: two machines and a network between them do what a script says, hostile bytes
//! included; then the network heals, and both must end with the same set and a proof.

use std::time::Duration;

use gossip_core::{Config, Key, MessageBudget, Overlay, Time};

use super::choice::{Choice, ECONOMIES, WINDOWS};
use super::forge::forge;
use super::script::Script;
use super::subject::Subject;

/// Plays the script that `bytes` are.
pub fn run(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let choice = script.byte();
    let batch_every = if choice & 2 == 2 { Some(Duration::from_millis(100)) } else { None };
    match choice & 1 {
        0 => Network::<u64>::new(&mut script, batch_every).play(script),
        _ => Network::<String>::new(&mut script, batch_every).play(script),
    }
}

/// A peer that answers only with what the script makes up.
const GHOST: usize = 2;

/// How many messages are under way at the most; older ones are lost.
const UNDER_WAY: usize = 64;

/// Both machines, and what is under way between them.
struct Network<E> {
    subjects: [Subject<E>; 2],
    /// Sender, receiver and bytes, the oldest first.
    under_way: Vec<(usize, usize, Vec<u8>)>,
    now: Time,
}

impl<E: Choice> Network<E> {
    fn new(script: &mut Script<'_>, batch_every: Option<Duration>) -> Self {
        let key = script.choose(&[Key::open(), Key::secret(*b"a key of 16 byte")]);
        let max_element_bytes = script.choose(&[1_024, 4, 0, 100, u32::MAX]);
        let subjects = [0, 1].map(|name| {
            let mut config = Config::default();
            config.key = key.clone();
            config.max_element_bytes = max_element_bytes;
            config.max_message = MessageBudget::new(script.choose(&[0, 300, 1_200, 65_536]));
            config.window = script.choose(&WINDOWS);
            config.economy = script.choose(&ECONOMIES);
            config.round_every = Duration::from_millis(script.choose(&[1_000, 0, 1, u64::MAX]));
            config.answer_within = Duration::from_millis(script.choose(&[1_000, 0, 1, u64::MAX]));
            config.batch_every = batch_every;
            Subject::new(name, name as u64, config)
        });
        let mut network = Self { subjects, under_way: Vec::new(), now: Time::ZERO };
        for (name, peer) in [(0, 1), (1, 0)] {
            network.subjects[name].machine.add_peer(peer);
            network.subjects[name].machine.set_overlay(Overlay::star(&name, [0, 1]));
        }
        network
    }

    fn play(mut self, mut script: Script<'_>) {
        while !script.is_over() {
            self.step(&mut script);
        }
        for subject in &self.subjects {
            subject.outlives_the_end_of_time();
        }
        self.heal();
    }

    fn step(&mut self, script: &mut Script<'_>) {
        let choice = script.byte();
        let name = usize::from(choice & 1);
        match choice >> 1 & 0xf {
            0 => _ = self.subjects[name].insert(E::choose(script)),
            1 => self.poll(name),
            2 => self.deliver(script, name, |_, _| {}),
            3 => self.deliver(script, name, |script, bytes| {
                let at = usize::from(script.byte()) % bytes.len();
                bytes[at] = script.byte();
            }),
            4 => self.deliver(script, name, |script, bytes| {
                let at = usize::from(script.byte()) % bytes.len();
                bytes.splice(at.., script.run().iter().copied());
            }),
            5 => self.forge(script, name),
            6 => {
                let from = usize::from(script.byte() % 4);
                self.subjects[name].receive(&from, script.run(), self.now);
            }
            7 => {
                self.now = Time::from_micros(self.now.as_micros() + (1 << (script.byte() % 48)));
                self.poll(name);
            }
            8 => {
                let back = Duration::from_micros(1 << (script.byte() % 48));
                self.subjects[name].drain(Time::ZERO + self.now.saturating_since(Time::ZERO + back));
            }
            9 => self.subjects[name].machine.sync_now(&usize::from(script.byte() % 4)),
            10 => _ = self.subjects[name].machine.add_peer(usize::from(script.byte() % 4)),
            11 => _ = self.subjects[name].machine.remove_peer(&usize::from(script.byte() % 4)),
            12 => self.under_way.clear(),
            // All that is under way, in order: what a script needs to get anywhere in few bytes.
            13 => self.exchange(),
            14 => {
                let first = script.array::<8>();
                let count = script.byte() % 64;
                let numbers = (0..u64::from(count)).map(|i| u64::from_le_bytes(first).wrapping_add(i));
                numbers.for_each(|number| _ = self.subjects[name].insert(E::numbered(number)));
            }
            _ => self.subjects[name].counts_everything_it_holds(),
        }
    }

    /// Polls until there is nothing more to do; what is sent is under way then.
    fn poll(&mut self, name: usize) {
        for (to, bytes) in self.subjects[name].drain(self.now) {
            self.under_way.push((name, to, bytes));
        }
        let excess = self.under_way.len().saturating_sub(UNDER_WAY);
        self.under_way.drain(..excess);
    }

    /// Delivers a message under way that the script chooses, as `change` leaves it. It stays under way if `keep`.
    fn deliver(&mut self, script: &mut Script<'_>, keep: usize, change: impl FnOnce(&mut Script<'_>, &mut Vec<u8>)) {
        if self.under_way.is_empty() {
            return;
        }
        let at = usize::from(script.byte()) % self.under_way.len();
        let (from, to, mut bytes) = self.under_way[at].clone();
        if keep == 0 {
            self.under_way.remove(at);
        }
        change(script, &mut bytes);
        if let Some(subject) = self.subjects.get_mut(to) {
            subject.receive(&from, &bytes, self.now);
        }
    }

    /// A message of the script's making, as from a peer that has overheard the cluster's tag, the nonce of the last
    /// request of this machine, and both digests.
    fn forge(&mut self, script: &mut Script<'_>, name: usize) {
        let from = script.choose(&[1 - name, GHOST, 3]);
        let overheard = self.subjects[name].overheard(&self.subjects[1 - name]);
        let bytes = forge::<E>(script, &overheard);
        self.subjects[name].receive(&from, &bytes, self.now);
    }

    fn exchange(&mut self) {
        for (from, to, bytes) in std::mem::take(&mut self.under_way) {
            if to != GHOST
                && let Some(subject) = self.subjects.get_mut(to)
            {
                subject.receive(&from, &bytes, self.now);
            }
        }
        self.poll(0);
        self.poll(1);
    }

    /// Law 1: once messages flow again both end with the union, and with a proof of it.
    fn heal(&mut self) {
        self.under_way.clear();
        let union: Vec<E> = self.subjects.iter().flat_map(|subject| subject.machine.iter().cloned()).collect();
        for subject in &mut self.subjects {
            let other = 1 - subject.name;
            // A proof that it has not told of yet may be older than what it holds.
            subject.drain(self.now);
            (2..4).for_each(|stranger| _ = subject.machine.remove_peer(&stranger));
            subject.machine.add_peer(other);
            subject.machine.sync_now(&other);
            subject.forget_proofs();
        }
        for nap in 0..MOST_NAPS {
            self.flow();
            let [left, right] = &self.subjects;
            if left.proof().is_some() && left.proof() == right.proof() && left.proof() == Some(left.machine.digest()) {
                assert_eq!(left.machine.digest(), right.machine.digest());
                assert!(union.iter().all(|element| left.machine.contains(element)), "an element was lost");
                self.subjects.iter().for_each(Subject::counts_everything_it_holds);
                return;
            }
            self.sleep(nap);
        }
        panic!("no proof after {MOST_NAPS} naps: {:?}", self.subjects.each_ref().map(|subject| &subject.machine));
    }

    /// Delivers everything at once, until nothing is under way.
    fn flow(&mut self) {
        for _ in 0..MOST_EXCHANGES {
            for name in [0, 1] {
                for (to, bytes) in self.subjects[name].drain(self.now) {
                    self.under_way.push((name, to, bytes));
                }
            }
            if self.under_way.is_empty() {
                return;
            }
            for (from, to, bytes) in std::mem::take(&mut self.under_way) {
                self.subjects[to].receive(&from, &bytes, self.now);
            }
        }
        panic!("they never fall silent");
    }

    /// Sleeps until the earliest deadline, longer each time so that slow replicas get their turn beside restless ones,
    /// and asks for another round: chance alone may take as long as it likes.
    fn sleep(&mut self, nap: u32) {
        let longer = self.now + Duration::from_millis(1 << nap).min(LONGEST_NAP);
        let deadlines = self.subjects.iter().filter_map(Subject::deadline);
        self.now = deadlines.min().unwrap_or(longer).min(self.now + LONGEST_NAP).max(longer);
        for subject in &mut self.subjects {
            subject.machine.sync_now(&(1 - subject.name));
        }
    }
}

/// Far more than the pages of the largest sets that a script makes.
const MOST_EXCHANGES: u32 = 10_000;

/// Longer than any wait for an answer.
const LONGEST_NAP: Duration = Duration::from_secs(600);

/// How often both sleep before both have a proof: until the last try of a request that a lost message left waiting, for
/// a few rounds that a forged answer spoils, and plenty to spare.
const MOST_NAPS: u32 = 50;
