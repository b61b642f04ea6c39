//! The body of the fuzz target `converge`: two replicas do what a script says, on a network that loses, repeats, delays
//! and reorders what they send. Then it heals, and within a bound both hold the union and have proven it to each other:
//! what plain sets come to, and replicas without sketches.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gossip_core::{AntiEntropy, Config, Economy, Key, MessageBudget, Overlay, Time};

use super::choice::{Choice, ECONOMIES, WINDOWS};
use super::script::Script;
use super::subject::Subject;

/// Plays the script that `bytes` are.
pub fn run(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let choice = usize::from(script.byte());
    let batch_every = [None, Some(100), Some(370), Some(5_000)][choice / 3 % 4].map(Duration::from_millis);
    match choice % 3 {
        0 => World::<u64>::new(&mut script, batch_every).play(script),
        1 => World::<String>::new(&mut script, batch_every).play(script),
        _ => World::<[u8; 32]>::new(&mut script, batch_every).play(script),
    }
}

/// Both replicas, the network between them, and what plain sets say they hold.
struct World<E> {
    subjects: [Subject<E>; 2],
    clocks: [Clock; 2],
    network: Network,
    now: Time,
    /// Everything that was ever inserted.
    inserted: BTreeSet<E>,
    /// What was inserted into each since it last lost its memory.
    kept: [BTreeSet<E>; 2],
    seed: u64,
}

impl<E: Choice> World<E> {
    fn new(script: &mut Script<'_>, batch_every: Option<Duration>) -> Self {
        let key = script.choose(&[Key::open(), Key::secret(*b"a key of 16 byte")]);
        let max_element_bytes = script.choose(&[1_024, 100, 8, u32::MAX]);
        Self::of([0, 1].map(|_| {
            let mut config = Config::default();
            config.key = key.clone();
            config.max_element_bytes = max_element_bytes;
            config.max_message = MessageBudget::new(script.choose(&[65_536, 0, 300, 1_200]));
            config.window = script.choose(&WINDOWS);
            config.work_per_second = script.choose(&[16 << 20, 0, 1 << 18, u32::MAX]);
            config.economy = script.choose(&ECONOMIES);
            config.round_every = Duration::from_millis(script.choose(&[1_000, 50, 200, LONGEST_INTERVAL]));
            config.answer_within = Duration::from_millis(script.choose(&[1_000, 0, 100, u64::MAX]));
            config.batch_every = batch_every;
            config
        }))
    }

    /// Empty replicas that know each other.
    fn of(configs: [Config; 2]) -> Self {
        let mut name = 0..;
        let subjects = configs.map(|config| Subject::new(name.next().unwrap(), 0, config));
        let mut world = Self {
            subjects,
            clocks: [Clock::default(); 2],
            network: Network::default(),
            now: Time::ZERO,
            inserted: BTreeSet::new(),
            kept: [const { BTreeSet::new() }; 2],
            seed: 0,
        };
        for name in [0, 1] {
            world.subjects[name].machine.add_peer(1 - name);
            world.subjects[name].machine.set_overlay(Overlay::star(&name, [0, 1]));
        }
        world
    }

    fn play(mut self, mut script: Script<'_>) {
        while !script.is_over() {
            self.step(&mut script);
        }
        // What a replica has lost with its memory may come back with what it had sent; later than here, it would only
        // spoil the comparison.
        while let Some((_, sent)) = self.network.under_way.pop_first() {
            self.subjects[sent.to].accept(&(1 - sent.to), &sent.bytes);
        }
        let twin = self.without_sketches();
        assert_eq!(self.heal(), twin.heal(), "with sketches and without");
    }

    fn step(&mut self, script: &mut Script<'_>) {
        let choice = script.byte();
        let name = usize::from(choice & 1);
        match choice >> 1 & 0xf {
            0 => self.insert(name, E::choose(script)),
            1 => family(script).for_each(|number| self.insert(name, E::numbered(number))),
            2 => family(script)
                .for_each(|number| [0, 1].into_iter().for_each(|name| self.insert(name, E::numbered(number)))),
            3 => self.pass(Duration::from_micros(1 << (script.byte() % 24))),
            4 => self.network.weather = script.array(),
            5 => self.tell(name, |machine| machine.sync_now(&(1 - name))),
            6 => self.tell(name, |machine| _ = machine.remove_peer(&(1 - name))),
            7 => self.tell(name, |machine| _ = machine.add_peer(1 - name)),
            8 => self.clocks[name].set(self.now, |shown| shown + Duration::from_micros(1 << (script.byte() % 40))),
            9 => self.clocks[name].set(self.now, |shown| {
                Time::ZERO + shown.saturating_since(Time::from_micros(1 << (script.byte() % 40)))
            }),
            10 => self.restart(name, script.choose(&[false, true, true, true])),
            11 => self.network.under_way.clear(),
            12 => self.drain(name),
            13 => self.tell(name, |machine| machine.set_overlay(Overlay::star(&name, [0, 1]))),
            _ => (0..=script.byte() % 32).for_each(|_| _ = self.happen(Time::MAX)),
        }
    }

    fn tell(&mut self, name: usize, what: impl FnOnce(&mut AntiEntropy<usize, E>)) {
        what(&mut self.subjects[name].machine);
        self.drain(name);
    }

    fn insert(&mut self, name: usize, element: E) {
        if self.inserted.len() < MOST_ELEMENTS && self.subjects[name].insert(element.clone()) {
            self.inserted.insert(element.clone());
            self.kept[name].insert(element);
        }
    }

    /// Another machine takes over, with all that this one held or with nothing.
    fn restart(&mut self, name: usize, remembers: bool) {
        let before = &self.subjects[name].machine;
        self.seed += 1;
        let mut after = Subject::new(name, self.seed, before.config().clone());
        before.peers().for_each(|peer| _ = after.machine.add_peer(*peer));
        after.machine.set_overlay(Overlay::star(&name, [0, 1]));
        if remembers {
            before.iter().for_each(|element| assert!(after.insert(element.clone())));
        } else {
            self.kept[name].clear();
        }
        self.subjects[name] = after;
        self.drain(name);
    }

    /// Lets time pass, and as many things happen as a script of few bytes may ask for.
    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        for _ in 0..MOST_IN_A_SPAN {
            if !self.happen(end) {
                break;
            }
        }
        self.now = end;
    }

    /// Lets the next thing happen, unless it is after `end`: a message arrives, or a replica wakes. Whether it does.
    fn happen(&mut self, end: Time) -> bool {
        let wakes = [0, 1].map(|name| {
            let until = self.subjects[name].deadline();
            until.map(|until| self.clocks[name].when(until))
        });
        let arrival = self.network.next();
        let Some(at) = wakes.into_iter().chain([arrival]).flatten().min().filter(|&at| at <= end) else { return false };
        self.now = self.now.max(at);
        if arrival == Some(at) {
            let (_, sent) = self.network.under_way.pop_first().expect("it is the next");
            self.subjects[sent.to].accept(&(1 - sent.to), &sent.bytes);
            if !sent.unnoticed {
                self.drain(sent.to);
            }
        } else {
            self.drain(usize::from(wakes[0] != Some(at)));
        }
        true
    }

    fn drain(&mut self, name: usize) {
        for (to, bytes) in self.subjects[name].drain(self.clocks[name].shows(self.now)) {
            self.network.send(to, bytes, self.now);
        }
    }

    /// Fresh replicas that hold what these do, and page it, in rounds alone.
    fn without_sketches(&self) -> Self {
        let mut twin = Self::of(self.subjects.each_ref().map(|subject| {
            let mut config = subject.machine.config().clone();
            config.economy = Economy::Pages;
            config.batch_every = None;
            config
        }));
        for name in [0, 1] {
            self.subjects[name].machine.iter().for_each(|element| twin.insert(name, element.clone()));
        }
        twin
    }

    /// Laws 1 and 2: once messages flow again both end with the union, and with a proof of it. What that is.
    fn heal(mut self) -> BTreeSet<E> {
        self.network.weather = Default::default();
        let mut union = BTreeSet::new();
        for name in [0, 1] {
            let subject = &mut self.subjects[name];
            // A clock that was put back stands still no longer.
            self.clocks[name].set(self.now, |shown| shown.max(subject.polled()));
            subject.machine.add_peer(1 - name);
            let held = subject.elements();
            assert!(held.is_superset(&self.kept[name]), "an element was lost");
            union.extend(held);
            self.drain(name);
            self.subjects[name].forget_proofs();
        }
        assert!(union.is_subset(&self.inserted), "an element was invented");
        let end = self.now + HEALS_WITHIN;
        let mut asked = self.subjects[0].machine.config().batch_every.is_none();
        while !self.is_proven() {
            // Those that push have nothing to ask once all has come.
            if !asked && self.is_equal() {
                asked = true;
                [0, 1].into_iter().for_each(|name| self.tell(name, |machine| machine.sync_now(&(1 - name))));
            }
            assert!(self.happen(end), "no proof: {:?}", self.subjects.each_ref().map(|subject| &subject.machine));
        }
        for subject in &self.subjects {
            subject.counts_everything_it_holds();
            assert_eq!(subject.elements(), union);
        }
        union
    }

    fn is_equal(&self) -> bool {
        self.subjects[0].machine.digest() == self.subjects[1].machine.digest()
    }

    fn is_proven(&self) -> bool {
        self.is_equal() && self.subjects.iter().all(|subject| subject.proof() == Some(subject.machine.digest()))
    }
}

/// Consecutive numbers.
fn family(script: &mut Script<'_>) -> impl Iterator<Item = u64> + use<> {
    let first = u64::from(u16::from_le_bytes(script.array()));
    let count = 4 * u64::from(script.byte());
    first..first + count
}

/// A replica's clock, which may be set.
#[derive(Clone, Copy, Default)]
struct Clock {
    set_at: Time,
    showed: Time,
}

impl Clock {
    fn set(&mut self, now: Time, to: impl FnOnce(Time) -> Time) {
        *self = Self { set_at: now, showed: to(self.shows(now)) };
    }

    fn shows(self, now: Time) -> Time {
        self.showed + now.saturating_since(self.set_at)
    }

    /// When it will show `time`.
    fn when(self, time: Time) -> Time {
        self.set_at + time.saturating_since(self.showed)
    }
}

/// What is under way.
#[derive(Default)]
struct Network {
    /// By when it arrives, then by when it was sent.
    under_way: BTreeMap<(Time, u64), Sent>,
    sent: u64,
    /// What becomes of the next messages, in turn: the two low bits of a byte say how many copies arrive, the
    /// third whether their receiver is polled at once, the others how late they are.
    weather: [u8; 8],
}

#[derive(Clone)]
struct Sent {
    to: usize,
    bytes: Vec<u8>,
    /// Whether its receiver takes it in and is polled later.
    unnoticed: bool,
}

impl Network {
    fn next(&self) -> Option<Time> {
        self.under_way.keys().next().map(|(at, _)| *at)
    }

    fn send(&mut self, to: usize, bytes: Vec<u8>, now: Time) {
        let [fate, ..] = self.weather;
        self.weather.rotate_left(1);
        let delay = Duration::from_micros(1 << ((fate >> 3) % 24));
        let copies = [1, 1, 0, 2][usize::from(fate & 3)];
        let sent = Sent { to, bytes, unnoticed: fate & 4 == 4 };
        for copy in 0..copies {
            self.sent += 1;
            self.under_way.insert((now + delay * (1 + 2 * copy), self.sent), sent.clone());
        }
        while self.under_way.len() > MOST_UNDER_WAY {
            self.under_way.pop_first();
        }
    }
}

/// How many messages are under way at the most; the nearest is lost.
const MOST_UNDER_WAY: usize = 256;

/// How many elements there are at the most: plenty for sketches of several messages.
const MOST_ELEMENTS: usize = 2_048;

/// How many things happen at the most while a script lets time pass once.
const MOST_IN_A_SPAN: u32 = 256;

/// The longest interval between rounds, in milliseconds.
const LONGEST_INTERVAL: u64 = 10_000;

/// By when both have a proof once the network is well: a round that began before may wait seven minutes for answers that
/// were lost, and then leave the peer alone for ten intervals; twice.
const HEALS_WITHIN: Duration = Duration::from_secs(900);
