//! What the search takes for the same goes on alike: a fleet that pushes, and one that does the same an hour later.

use std::collections::VecDeque;
use std::time::Duration;

use gossip_core::{AntiEntropy, Config, Output, Overlay, Time};

/// Two replicas, what is under way between them, and their clock.
struct Fleet {
    machines: [AntiEntropy<usize, u64>; 2],
    wire: VecDeque<(usize, Vec<u8>)>,
    now: Time,
}

impl Fleet {
    fn new(now: Time) -> Self {
        let mut config = Config::default();
        config.batch_every = Some(Duration::from_millis(400));
        let machines = [0, 1].map(|id| {
            let mut machine = AntiEntropy::new(config.clone(), id as u64);
            machine.add_peer(1 - id);
            machine.set_overlay(Overlay::star(&id, 0..2));
            machine
        });
        let mut fleet = Self { machines, wire: VecDeque::new(), now };
        fleet.poll();
        fleet
    }

    /// When the first of them has something to do.
    fn poll(&mut self) -> Option<Duration> {
        let mut waits = vec![];
        for machine in &mut self.machines {
            loop {
                match machine.poll(self.now) {
                    Output::Send { to, message } => self.wire.push_back((to, message.encode())),
                    Output::Event(_) => {}
                    Output::Wait(until) => break waits.extend(until),
                }
            }
        }
        waits.into_iter().min().map(|until| until.saturating_since(self.now))
    }

    /// Lets something happen, as chance has it.
    fn step(&mut self, chance: u64, number: u64) {
        let id = usize::from(chance % 2 == 1);
        match chance / 2 % 8 {
            0 => drop(self.machines[id].insert(number).expect("it is small")),
            1 if chance.is_multiple_of(5) => self.machines[id].sync_now(&(1 - id)),
            1 if chance.is_multiple_of(7) => {
                self.machines[id].remove_peer(&(1 - id));
                self.machines[id].add_peer(1 - id);
            }
            2 => drop(self.wire.pop_front()),
            3 => self.wire.extend(self.wire.front().cloned()),
            4 => self.wire.rotate_left(1.min(self.wire.len())),
            5 => self.now = self.now + Duration::from_millis(chance % 700),
            _ => match self.wire.pop_front() {
                Some((to, bytes)) => self.machines[to].receive_bytes(&(1 - to), &bytes).expect("of the cluster"),
                None => self.now = self.now + self.poll().unwrap_or_default(),
            },
        }
        // Before a poll, what has come is yet to be told the time.
        if !chance.is_multiple_of(3) {
            self.poll();
        }
    }
}

#[test]
fn states_do_not_tell_the_hour() {
    let mut chance = 1_u64;
    for _ in 0..200 {
        let mut fleets = [Time::from_millis(3_600_000), Time::from_millis(7_200_000)].map(Fleet::new);
        for number in 0..120 {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            fleets.iter_mut().for_each(|fleet| fleet.step(chance >> 33, number));
            let [early, late] = &fleets;
            assert_eq!(early.wire, late.wire);
            for id in 0..2 {
                assert_eq!(early.machines[id].model(), late.machines[id].model());
            }
        }
    }
}
