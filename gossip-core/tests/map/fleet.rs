//! A fleet of maps over a network of faults, beside what was written: each value is written once, so it tells its entry.

use core::time::Duration;
use std::collections::BTreeSet;

use gossip_core::{Config, Economy, Map, MapEvent, MapOutput, MessageBudget, Overlay, Place, ReplicaId, Rule, Time};

pub(crate) type Key = u8;
pub(crate) type Value = u64;

/// Random numbers of a seed.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A replica, and what was seen of it in this life.
#[derive(Clone)]
pub(crate) struct Replica {
    pub(crate) map: Map<usize, Key, Value>,
    held: BTreeSet<(Key, Value)>,
    gone: BTreeSet<(Key, Value)>,
    /// The map of what was saved of this life, change by change, and the place up to which that is.
    kept: (Map<usize, Key, Value>, Place),
}

impl Replica {
    /// Keeps what has changed, which is then all there is.
    fn keep(&mut self) {
        let (kept, place) = &mut self.kept;
        match self.map.save_since(*place) {
            Some(changes) => kept.restore_since(&changes).expect("it was saved"),
            None => *kept = copy(&self.map),
        }
        *place = self.map.end();
        assert_eq!(kept.digest(), self.map.digest(), "what_is_kept_is_what_is_held");
    }

    fn values(&self) -> BTreeSet<(Key, Value)> {
        let map = &self.map;
        map.iter().flat_map(|(&key, _)| map.get_all(&key).map(move |&value| (key, value))).collect()
    }
}

/// A map of all that is saved of another.
fn copy(map: &Map<usize, Key, Value>) -> Map<usize, Key, Value> {
    Map::restore(map.config().clone(), map.replica(), 0, &map.save()).expect("it was saved")
}

/// A message under way: when it arrives, from whom, to whom.
type Flight = (Time, usize, usize, Vec<u8>);

pub(crate) struct Fleet {
    pub(crate) rng: Rng,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) config: Config,
    pub(crate) now: Time,
    flights: Vec<Flight>,
    late: Vec<Flight>,
    /// What was saved of each replica at any time.
    saves: Vec<Vec<Vec<u8>>>,
    /// All values that were written, and those that somebody removed or replaced.
    pub(crate) written: BTreeSet<(Key, Value)>,
    pub(crate) removed: BTreeSet<(Key, Value)>,
    next: Value,
    pub(crate) forked: BTreeSet<ReplicaId>,
    pub(crate) loss: u64,
    /// The rule that all replicas break.
    broken: Option<Rule>,
}

pub(crate) fn config(rng: &mut Rng) -> Config {
    let mut config = Config::default();
    config.economy = [Economy::Balanced, Economy::FewestBytes, Economy::Pages][rng.below(3) as usize];
    config.max_message = MessageBudget::new([256, 600, 4_096, 65_536][rng.below(4) as usize]);
    config.round_every = Duration::from_millis(500);
    config.batch_every = [None, Some(Duration::from_millis(100))][rng.below(2) as usize];
    config
}

impl Fleet {
    pub(crate) fn new(seed: u64, count: usize) -> Self {
        Self::breaking(None, seed, count)
    }

    /// A fleet of saboteurs, if they break a rule.
    pub(crate) fn breaking(broken: Option<Rule>, seed: u64, count: usize) -> Self {
        let mut rng = Rng::new(seed);
        let config = config(&mut rng);
        let mut fleet = Self {
            rng,
            replicas: vec![],
            config,
            now: Time::ZERO,
            flights: vec![],
            late: vec![],
            saves: vec![vec![]; count],
            written: BTreeSet::new(),
            removed: BTreeSet::new(),
            next: 0,
            forked: BTreeSet::new(),
            loss: 0,
            broken,
        };
        for index in 0..count {
            let replica = fleet.life(index, count);
            fleet.replicas.push(replica);
        }
        fleet
    }

    /// A new life with nothing in memory.
    fn life(&mut self, index: usize, count: usize) -> Replica {
        let map = Map::new(self.config.clone(), self.id(), self.rng.next());
        self.begin(map, index, count)
    }

    pub(crate) fn id(&mut self) -> ReplicaId {
        ReplicaId::from_random(self.rng.next().to_le_bytes())
    }

    fn begin(&mut self, mut map: Map<usize, Key, Value>, index: usize, count: usize) -> Replica {
        (0..count).filter(|&peer| peer != index).for_each(|peer| _ = map.add_peer(peer));
        self.broken.iter().for_each(|&rule| map.break_rule(rule));
        map.set_overlay(Overlay::star(&index, 0..count));
        let kept = (copy(&map), map.end());
        Replica { map, held: BTreeSet::new(), gone: BTreeSet::new(), kept }
    }

    pub(crate) fn crash(&mut self, index: usize) {
        self.replicas[index] = self.life(index, self.replicas.len());
    }

    /// Begins anew with replicas that push every 100 ms, and have rounds but seldom.
    pub(crate) fn push_alone(&mut self) {
        self.config = Config::default();
        self.config.batch_every = Some(Duration::from_millis(100));
        (0..self.replicas.len()).for_each(|index| self.crash(index));
    }

    /// Keeps what a replica holds now.
    pub(crate) fn save(&mut self, index: usize) {
        let saved = self.replicas[index].map.save();
        self.saves[index].push(saved);
    }

    /// A new life of a replica, with what was saved at some time: its own latest state or, as often, an older one.
    pub(crate) fn restore(&mut self, index: usize) {
        if self.rng.chance(50) {
            self.save(index);
        }
        let Some(saved) = self.saves[index].len().checked_sub(1) else { return self.crash(index) };
        let which = if self.rng.chance(50) { saved } else { self.rng.below(saved as u64 + 1) as usize };
        let id = self.id();
        let seed = self.rng.next();
        let map = Map::restore(self.config.clone(), id, seed, &self.saves[index][which]).expect("it was saved");
        let mut replica = self.begin(map, index, self.replicas.len());
        replica.held = replica.values();
        self.replicas[index] = replica;
    }

    pub(crate) fn insert(&mut self, index: usize, key: Key) -> Value {
        let value = self.next;
        self.next += 1;
        let replaced: Vec<Value> = self.replicas[index].map.get_all(&key).copied().collect();
        let count = self.replicas[index].map.insert(key, value).expect("it is short");
        assert_eq!(count, replaced.len());
        self.removed.extend(replaced.into_iter().map(|value| (key, value)));
        self.written.insert((key, value));
        self.look(index);
        value
    }

    pub(crate) fn remove(&mut self, index: usize, key: Key) {
        let values: Vec<Value> = self.replicas[index].map.get_all(&key).copied().collect();
        assert_eq!(self.replicas[index].map.remove(&key), values.len());
        self.removed.extend(values.into_iter().map(|value| (key, value)));
        self.look(index);
    }

    pub(crate) fn held(&self, index: usize) -> BTreeSet<(Key, Value)> {
        self.replicas[index].values()
    }

    /// Looks at what a replica holds: nothing has come back, and nothing has gone unasked.
    fn look(&mut self, index: usize) {
        let now = self.held(index);
        let replica = &mut self.replicas[index];
        replica.gone.extend(replica.held.difference(&now));
        assert!(replica.gone.is_disjoint(&now), "never_comes_back: {:?} at {index}", &replica.gone & &now);
        assert!(
            replica.gone.is_subset(&self.removed),
            "nothing_goes_unasked: {:?} at {index}",
            &replica.gone - &self.removed
        );
        assert!(now.is_subset(&self.written), "nothing_invented");
        replica.held = now;
        replica.keep();
    }

    fn poll(&mut self, index: usize) {
        loop {
            match self.replicas[index].map.poll(self.now) {
                MapOutput::Event(MapEvent::Forked { replica }) => _ = self.forked.insert(replica),
                MapOutput::Event(_) => {}
                MapOutput::Send { to, message } => self.send(index, to, message.encode()),
                MapOutput::Wait(_) => break,
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, bytes: Vec<u8>) {
        assert!(bytes.len() <= self.config.max_message.bytes().max(65_536 + 96), "{} bytes", bytes.len());
        let times = if self.rng.chance(self.loss) { 0 } else { 1 + usize::from(self.rng.chance(self.loss / 2)) };
        for _ in 0..times {
            let delay = Duration::from_millis(1 + self.rng.below(60));
            self.flights.push((self.now + delay, from, to, bytes.clone()));
        }
        if self.loss > 0 && self.rng.chance(2) {
            self.late.push((self.now, from, to, bytes));
        }
    }

    /// Lets a message of any age arrive once more.
    pub(crate) fn revive(&mut self) {
        if !self.late.is_empty() {
            let which = self.rng.below(self.late.len() as u64) as usize;
            let (_, from, to, bytes) = self.late[which].clone();
            self.flights.push((self.now, from, to, bytes));
        }
    }

    /// Lets so much time pass.
    pub(crate) fn pass(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while self.now < end {
            self.now = self.now + Duration::from_millis(5);
            let (due, rest): (Vec<_>, Vec<_>) = self.flights.drain(..).partition(|flight| flight.0 <= self.now);
            self.flights = rest;
            for (_, from, to, bytes) in due {
                self.replicas[to].map.receive_bytes(&from, &bytes).expect("it is sound");
                self.look(to);
                self.poll(to);
            }
            (0..self.replicas.len()).for_each(|index| self.poll(index));
        }
    }

    /// Ends all faults. Returns what is held anywhere then.
    pub(crate) fn heal(&mut self) -> BTreeSet<(Key, Value)> {
        self.loss = 0;
        (0..self.replicas.len()).flat_map(|index| self.held(index)).collect()
    }

    /// Lets time pass until all agree.
    pub(crate) fn settle(&mut self, seed: u64) {
        self.settle_digests(seed);
        assert!((1..self.replicas.len()).all(|index| self.held(index) == self.held(0)), "convergence: seed {seed}");
    }

    pub(crate) fn settle_digests(&mut self, seed: u64) {
        let mut passed = 0;
        while self.replicas.iter().any(|replica| replica.map.digest() != self.replicas[0].map.digest()) {
            self.pass(500);
            passed += 500;
            assert!(passed < 60_000, "convergence: seed {seed}, {:?}", self.config);
        }
    }

    /// Restores a replica under this id.
    pub(crate) fn restore_from(&mut self, index: usize, saved: &[u8], id: ReplicaId) {
        let map = Map::restore(self.config.clone(), id, 7, saved).expect("it was saved");
        self.replicas[index] = self.begin(map, index, self.replicas.len());
    }

    /// Inserts without a look at what that does to others, where an id is used twice.
    pub(crate) fn insert_unseen(&mut self, index: usize, key: Key) {
        self.next += 1;
        self.written.insert((key, self.next));
        self.replicas[index].map.insert(key, self.next).expect("it is short");
    }
}
