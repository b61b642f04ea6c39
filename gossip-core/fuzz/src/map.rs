//! The body of the fuzz target `map`: three maps do what a script says, on a network that loses, repeats, delays and damages
//! what they send. Nothing panics, and what is refused changes nothing. Where nothing was damaged they agree in the end, and
//! nothing has come back.

use std::collections::BTreeSet;
use std::time::Duration;

use gossip_core::{Config, Map, MapOutput, MessageBudget, Overlay, ReplicaId, Time};

use super::choice::{ECONOMIES, WINDOWS};
use super::script::Script;

type Subject = Map<usize, u8, String>;

/// Plays the script that `bytes` are.
pub fn run(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    World::new(&mut script).play(script);
}

struct World {
    config: Config,
    maps: Vec<Subject>,
    /// What each has had in this life, and what of it is gone.
    held: Vec<BTreeSet<(u8, String)>>,
    gone: Vec<BTreeSet<(u8, String)>>,
    saves: Vec<Vec<u8>>,
    /// From whom, to whom, and what.
    flights: Vec<(usize, usize, Vec<u8>)>,
    now: Time,
    lives: u64,
    /// How many values were written: each is another one.
    written: u64,
    is_damaged: bool,
}

impl World {
    fn new(script: &mut Script<'_>) -> Self {
        let mut config = Config::default();
        config.max_message = MessageBudget::new(script.choose(&[65_536, 0, 300, 1_200]));
        config.window = script.choose(&WINDOWS);
        config.economy = script.choose(&ECONOMIES);
        config.batch_every = script.choose(&[None, Some(Duration::from_millis(100))]);
        config.round_every = Duration::from_millis(500);
        let mut world = Self {
            config,
            maps: Vec::new(),
            held: vec![BTreeSet::new(); 3],
            gone: vec![BTreeSet::new(); 3],
            saves: Vec::new(),
            flights: Vec::new(),
            now: Time::ZERO,
            lives: 0,
            written: 0,
            is_damaged: false,
        };
        for index in 0..3 {
            let id = world.id();
            let map = world.join(index, Map::new(world.config.clone(), id, index as u64));
            world.maps.push(map);
        }
        world
    }

    fn id(&mut self) -> ReplicaId {
        self.lives += 1;
        ReplicaId::from_random(self.lives.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
    }

    fn join(&self, index: usize, mut map: Subject) -> Subject {
        (0..3).filter(|&peer| peer != index).for_each(|peer| _ = map.add_peer(peer));
        map.set_overlay(Overlay::star(&index, 0..3));
        map
    }

    fn play(mut self, mut script: Script<'_>) {
        while !script.is_over() {
            self.step(&mut script);
        }
        if !self.is_damaged {
            self.heal();
        }
    }

    fn step(&mut self, script: &mut Script<'_>) {
        let (act, index) = (script.byte(), usize::from(script.byte()) % 3);
        match act % 10 {
            0 | 1 => {
                self.written += 1;
                let value = self.written.to_string();
                _ = self.maps[index].insert(script.byte() % 16, value).expect("it is short");
            }
            2 => _ = self.maps[index].remove(&(script.byte() % 16)),
            3 => self.maps[index].sync_now(&((index + 1) % 3)),
            4 => self.pass(u64::from(script.byte()) * 4),
            5 => self.saves.push(self.maps[index].save()),
            6 => self.restore(script, index),
            7 => self.damage(script),
            8 if !self.flights.is_empty() => drop(self.flights.remove(usize::from(script.byte()) % self.flights.len())),
            9 if !self.flights.is_empty() => {
                let flight = self.flights[usize::from(script.byte()) % self.flights.len()].clone();
                self.flights.push(flight);
            }
            _ => self.pass(5),
        }
        (0..3).for_each(|index| self.look(index));
    }

    fn restore(&mut self, script: &mut Script<'_>, index: usize) {
        let id = self.id();
        let saved = self.saves.get(usize::from(script.byte()) % self.saves.len().max(1));
        let map = match saved {
            Some(saved) => Map::restore(self.config.clone(), id, self.lives, saved).expect("it was saved"),
            None => Map::new(self.config.clone(), id, self.lives),
        };
        self.maps[index] = self.join(index, map);
        (self.held[index], self.gone[index]) = (values(&self.maps[index]), BTreeSet::new());
    }

    /// Changes bytes of a message under way, or makes one up.
    fn damage(&mut self, script: &mut Script<'_>) {
        self.is_damaged = true;
        let at = usize::from(script.byte());
        if self.flights.is_empty() || at == 0 {
            let bytes = script.run().to_vec();
            return self.flights.push((0, 1, bytes));
        }
        let count = self.flights.len();
        let (_, _, bytes) = &mut self.flights[at % count];
        let (from, with) = (usize::from(script.byte()), script.run());
        let end = bytes.len();
        bytes.iter_mut().skip(from % end.max(1)).zip(with).for_each(|(byte, with)| *byte ^= with);
    }

    fn pass(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while self.now < end {
            self.now = self.now + Duration::from_millis(5);
            for (from, to, bytes) in std::mem::take(&mut self.flights) {
                let before = self.maps[to].digest();
                if self.maps[to].receive_bytes(&from, &bytes).is_err() {
                    assert!(self.is_damaged && self.maps[to].digest() == before, "what is refused changes nothing");
                }
                self.look(to);
            }
            (0..3).for_each(|index| self.poll(index));
        }
    }

    fn poll(&mut self, index: usize) {
        loop {
            match self.maps[index].poll(self.now) {
                MapOutput::Send { to, message } => {
                    let bytes = message.encode();
                    assert_eq!(bytes.len(), message.encoded_len());
                    self.flights.push((index, to, bytes));
                }
                MapOutput::Event(_) => {}
                MapOutput::Wait(until) => return assert!(until.is_none_or(|until| until > self.now)),
            }
        }
    }

    /// What was there and went has not come back. (A peer that damages what it says may well make a value anew.)
    fn look(&mut self, index: usize) {
        let now = values(&self.maps[index]);
        self.gone[index].extend(self.held[index].difference(&now).cloned());
        assert!(self.is_damaged || self.gone[index].is_disjoint(&now), "never_comes_back");
        self.held[index] = now;
    }

    fn heal(&mut self) {
        for _ in 0..120 {
            self.pass(500);
            if self.maps.iter().all(|map| map.digest() == self.maps[0].digest()) {
                return assert!(self.held.iter().all(|held| *held == self.held[0]));
            }
        }
        panic!("convergence");
    }
}

fn values(map: &Subject) -> BTreeSet<(u8, String)> {
    map.iter().flat_map(|(&key, _)| map.get_all(&key).map(move |value| (key, value.clone()))).collect()
}
