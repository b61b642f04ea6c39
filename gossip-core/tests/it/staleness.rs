//! Law 10, bounded staleness, by the public API alone: whatever befell replicas before, and while writes go on, what one
//! holds all hold within 30 s.

use core::time::Duration;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::num::{NonZeroU16, NonZeroUsize};

use gossip_core::sim::Rng;
use gossip_core::{AntiEntropy, Config, Output, Overlay, Time};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::fleets::cases;

type Machine = AntiEntropy<usize, u64>;

/// In milliseconds, as all times here.
const BOUND: u64 = 30_000;

/// What it is where replicas have such views of the overlay that it falls into islands. Their roots audit one stranger
/// after the other, of which there are up to four, each a quarter more than 25 s after the one before.
const BOUND_OF_ISLANDS: u64 = BOUND + 4 * 31_250;

/// What befalls a fleet.
#[derive(Clone, Debug)]
enum Mishap {
    Wait(u64),
    Insert(usize),
    Extend(usize, u64),
    Remove(usize, usize),
    Add(usize, usize),
    SetOverlay(usize, View),
    SyncNow(usize, usize),
    /// It begins anew, with these of its elements, and under the seed that it had or another; the overlay is set before
    /// they are inserted or after.
    Restart {
        of: usize,
        keeps: bool,
        same_seed: bool,
        overlay_first: bool,
    },
    /// Its memory is copied.
    Save(usize),
    /// Its memory is put back as it was copied, with the clock of then or of now.
    PutBack {
        of: usize,
        with_clock: bool,
    },
    /// A message that was sent comes again, at another replica or under another name.
    Again {
        message: usize,
        from: Option<usize>,
        to: Option<usize>,
    },
    /// Of a hundred messages, how many are lost, and how many come up to so much later.
    Weather {
        lost: u64,
        late: u64,
        by: u64,
    },
    Forward(usize, u64),
    Back(usize, u64),
}

/// One replica's idea of the overlay. Bits of the mask are the replicas that it has heard of.
#[derive(Clone, Debug)]
enum View {
    Star(u32),
    Tree(u32, usize),
    Graph(u32),
}

impl View {
    fn overlay(&self, me: usize, count: usize) -> Overlay<usize> {
        let others = |mask: u32| (0..count).filter(move |&other| other != me && mask >> other & 1 == 1);
        match *self {
            Self::Star(mask) => Overlay::star(&me, others(mask)),
            Self::Tree(mask, fan_out) => Overlay::tree(&me, others(mask), NonZeroUsize::new(fan_out).expect("from 1")),
            Self::Graph(mask) => Overlay::of(others(mask)),
        }
    }
}

fn views() -> impl Strategy<Value = View> {
    prop_oneof![
        3 => Just(View::Star(u32::MAX)),
        1 => any::<u32>().prop_map(View::Star),
        1 => (any::<u32>(), 1..4_usize).prop_map(|(mask, fan_out)| View::Tree(mask, fan_out)),
        1 => any::<u32>().prop_map(View::Graph),
    ]
}

/// Replicas are drawn from more than there are, and taken modulo their number.
fn mishaps() -> impl Strategy<Value = Mishap> {
    let one = 0..60_usize;
    let two = (0..60_usize, 0..60_usize);
    prop_oneof![
        4 => (0..4_000_u64).prop_map(Mishap::Wait),
        4 => one.clone().prop_map(Mishap::Insert),
        1 => (one.clone(), 1..400_u64).prop_map(|(of, count)| Mishap::Extend(of, count)),
        1 => two.clone().prop_map(|(at, peer)| Mishap::Remove(at, peer)),
        2 => two.clone().prop_map(|(at, peer)| Mishap::Add(at, peer)),
        1 => (one.clone(), views()).prop_map(|(at, view)| Mishap::SetOverlay(at, view)),
        2 => two.prop_map(|(at, peer)| Mishap::SyncNow(at, peer)),
        3 => (one.clone(), any::<[bool; 3]>()).prop_map(|(of, [keeps, same_seed, overlay_first])| {
            Mishap::Restart { of, keeps, same_seed, overlay_first }
        }),
        1 => one.clone().prop_map(Mishap::Save),
        2 => (one.clone(), any::<bool>()).prop_map(|(of, with_clock)| Mishap::PutBack { of, with_clock }),
        4 => (any::<usize>(), prop::option::weighted(0.2, one.clone()), prop::option::weighted(0.2, one.clone()))
            .prop_map(|(message, from, to)| Mishap::Again { message, from, to }),
        2 => (0..60_u64, 0..60_u64, 0..8_000_u64).prop_map(|(lost, late, by)| Mishap::Weather { lost, late, by }),
        1 => (one.clone(), 0..20_000_u64).prop_map(|(at, by)| Mishap::Forward(at, by)),
        1 => (one, 0..5_000_u64).prop_map(|(at, by)| Mishap::Back(at, by)),
    ]
}

/// How a fleet is set up.
#[derive(Clone, Debug)]
struct Setting {
    replicas: usize,
    batch_every: Option<u64>,
    window: u16,
    latency: u64,
    views: Vec<View>,
    /// How long until the next write, while they go on.
    writes_every: u64,
    seed: u64,
}

fn settings() -> impl Strategy<Value = Setting> {
    let batches = prop_oneof![1 => Just(None), 1 => Just(Some(50)), 3 => Just(Some(370)), 1 => Just(Some(1_500))];
    let choices = (2..6_usize, batches, prop_oneof![1..4_u16, Just(32)], prop_oneof![Just(1), Just(20), Just(200)]);
    (choices, vec(views(), 6), prop_oneof![Just(50_u64), Just(400), Just(1_000)], any::<u64>()).prop_map(
        |((replicas, batch_every, window, latency), views, writes_every, seed)| Setting {
            replicas,
            batch_every,
            window,
            latency,
            views,
            writes_every,
            seed,
        },
    )
}

struct Replica {
    machine: Machine,
    view: View,
    seed: u64,
    saved: Option<(Machine, u64)>,
    /// How far its clock is ahead of virtual time, which begins at an hour.
    ahead: i64,
    /// The latest time that its machine was told.
    latest: u64,
    wakes_at: Option<Time>,
}

type Letter = (usize, usize, Vec<u8>);

struct Fleet {
    setting: Setting,
    config: Config,
    replicas: Vec<Replica>,
    now: u64,
    /// By when they come, and order.
    under_way: BinaryHeap<Reverse<(u64, u64, Letter)>>,
    /// The latest that were sent.
    sent: Vec<Letter>,
    sent_count: u64,
    weather: [u64; 3],
    rng: Rng,
    next_element: u64,
}

const HOUR: u64 = 3_600_000;
const MOST_SENT: usize = 1_000;

impl Fleet {
    fn new(setting: Setting) -> Self {
        let mut config = Config::default();
        config.batch_every = setting.batch_every.map(Duration::from_millis);
        config.window = NonZeroU16::new(setting.window).expect("from 1");
        let mut fleet = Self {
            config,
            replicas: vec![],
            now: HOUR,
            under_way: BinaryHeap::new(),
            sent: vec![],
            sent_count: 0,
            weather: [0; 3],
            rng: Rng::new(setting.seed),
            next_element: 0,
            setting,
        };
        for id in 0..fleet.setting.replicas {
            let (view, seed) = (fleet.setting.views[id].clone(), fleet.rng.next_u64());
            let machine = fleet.machine(id, seed, &view, &[], true);
            fleet.replicas.push(Replica { machine, view, seed, saved: None, ahead: 0, latest: 0, wakes_at: None });
        }
        (0..fleet.replicas.len()).for_each(|id| fleet.poll(id));
        fleet
    }

    fn machine(&self, id: usize, seed: u64, view: &View, elements: &[u64], overlay_first: bool) -> Machine {
        let count = self.setting.replicas;
        let mut machine = Machine::new(self.config.clone(), seed);
        (0..count).filter(|&peer| peer != id).for_each(|peer| _ = machine.add_peer(peer));
        if overlay_first {
            machine.set_overlay(view.overlay(id, count));
        }
        machine.extend(elements.iter().copied()).expect("they are small");
        if !overlay_first {
            machine.set_overlay(view.overlay(id, count));
        }
        machine
    }

    fn poll(&mut self, id: usize) {
        let replica = &mut self.replicas[id];
        let clock = self.now.saturating_add_signed(replica.ahead);
        replica.latest = replica.latest.max(clock);
        let local = Time::from_millis(clock);
        loop {
            match self.replicas[id].machine.poll(local) {
                Output::Send { to, message } => self.send((id, to, message.encode())),
                Output::Event(_) => {}
                Output::Wait(until) => {
                    assert!(until.is_none_or(|until| until > local));
                    self.replicas[id].wakes_at = until;
                    break;
                }
            }
        }
    }

    fn send(&mut self, letter: Letter) {
        let [lost, late, by] = self.weather;
        let at = (self.sent_count % MOST_SENT as u64) as usize;
        self.sent_count += 1;
        self.sent.truncate(MOST_SENT - 1);
        self.sent.insert(at.min(self.sent.len()), letter.clone());
        if self.rng.below(100) >= lost {
            let delay = if self.rng.below(100) < late { self.rng.below(by + 1) } else { 0 };
            self.under_way.push(Reverse((self.now + self.setting.latency + delay, self.sent_count, letter)));
        }
    }

    fn deliver(&mut self, (from, to, bytes): Letter) {
        // Of who is no peer any more, or of another cluster: refused is refused.
        _ = self.replicas[to].machine.receive_bytes(&from, &bytes);
        self.poll(to);
    }

    /// When a replica wakes, in virtual time.
    fn alarm(&self, id: usize) -> Option<u64> {
        let replica = &self.replicas[id];
        Some(replica.wakes_at?.as_micros().div_ceil(1_000).saturating_add_signed(-replica.ahead))
    }

    fn run_until(&mut self, end: u64) {
        loop {
            let arrival = self.under_way.peek().map(|Reverse((at, ..))| *at);
            let alarm = (0..self.replicas.len()).filter_map(|id| Some((self.alarm(id)?, id))).min();
            match (arrival, alarm) {
                (Some(at), alarm) if at <= end && alarm.is_none_or(|(wake, _)| at <= wake) => {
                    self.now = self.now.max(at);
                    let Reverse((.., letter)) = self.under_way.pop().expect("it was looked at");
                    self.deliver(letter);
                }
                (_, Some((at, id))) if at <= end => {
                    self.now = self.now.max(at);
                    self.poll(id);
                }
                _ => break,
            }
        }
        self.now = self.now.max(end);
    }

    fn write(&mut self, id: usize, count: u64) {
        let from = self.next_element;
        self.next_element += count;
        self.replicas[id].machine.extend(from..self.next_element).expect("they are small");
        self.poll(id);
    }

    fn befall(&mut self, mishap: &Mishap) {
        let count = self.replicas.len();
        let at = |drawn: usize| drawn % count;
        match *mishap {
            Mishap::Wait(by) => self.run_until(self.now + by),
            Mishap::Insert(id) => self.write(at(id), 1),
            Mishap::Extend(id, many) => self.write(at(id), many),
            Mishap::Remove(id, peer) => {
                self.replicas[at(id)].machine.remove_peer(&at(peer));
                self.poll(at(id));
            }
            Mishap::Add(id, peer) if at(id) != at(peer) => {
                self.replicas[at(id)].machine.add_peer(at(peer));
                self.poll(at(id));
            }
            Mishap::Add(..) => {}
            Mishap::SetOverlay(id, ref view) => {
                let replica = &mut self.replicas[at(id)];
                replica.view = view.clone();
                replica.machine.set_overlay(view.overlay(at(id), count));
                self.poll(at(id));
            }
            Mishap::SyncNow(id, peer) => {
                self.replicas[at(id)].machine.sync_now(&at(peer));
                self.poll(at(id));
            }
            Mishap::Restart { of, keeps, same_seed, overlay_first } => {
                let id = at(of);
                let seed = if same_seed { self.replicas[id].seed } else { self.rng.next_u64() };
                let held: Vec<u64> = self.replicas[id].machine.iter().copied().filter(|_| keeps).collect();
                let machine = self.machine(id, seed, &self.replicas[id].view, &held, overlay_first);
                let replica = &mut self.replicas[id];
                (replica.machine, replica.seed, replica.latest) = (machine, seed, 0);
                self.poll(id);
            }
            Mishap::Save(id) => {
                let clock = self.now.saturating_add_signed(self.replicas[at(id)].ahead);
                self.replicas[at(id)].saved = Some((self.replicas[at(id)].machine.clone(), clock));
            }
            Mishap::PutBack { of, with_clock } => {
                let (id, now) = (at(of), self.now);
                let replica = &mut self.replicas[id];
                let Some((machine, clock)) = replica.saved.clone() else { return };
                (replica.machine, replica.latest) = (machine, clock);
                if with_clock {
                    replica.ahead = clock.cast_signed() - now.cast_signed();
                }
                self.poll(id);
            }
            Mishap::Again { message, from, to } if !self.sent.is_empty() => {
                let (sender, receiver, bytes) = self.sent[message % self.sent.len()].clone();
                let (from, to) = (from.map_or(sender, at), to.map_or(receiver, at));
                if from != to {
                    self.deliver((from, to, bytes));
                }
            }
            Mishap::Again { .. } => {}
            Mishap::Weather { lost, late, by } => self.weather = [lost, late, by],
            Mishap::Forward(id, by) => self.set_clock(at(id), by.cast_signed()),
            Mishap::Back(id, by) => self.set_clock(at(id), -by.cast_signed()),
        }
    }

    fn set_clock(&mut self, id: usize, by: i64) {
        self.replicas[id].ahead += by;
        self.poll(id);
    }

    /// Whether all reach each other along the overlay: by parents, whom children choose, and by neighbours. Rounds reach
    /// all by chance.
    fn is_one_island(&self) -> bool {
        let count = self.replicas.len();
        let mut reached = BTreeSet::from([0]);
        for _ in 0..count {
            for (id, replica) in self.replicas.iter().enumerate() {
                let overlay = replica.view.overlay(id, count);
                let parent = overlay.upstream().first();
                let neighbours = overlay.downstream().iter().filter(|_| matches!(replica.view, View::Graph(_)));
                let joined: BTreeSet<usize> = parent.into_iter().chain(neighbours).copied().chain([id]).collect();
                if !joined.is_disjoint(&reached) {
                    reached.extend(joined);
                }
            }
        }
        self.config.batch_every.is_none() || reached.len() == count
    }

    fn union(&self) -> BTreeSet<u64> {
        self.replicas.iter().flat_map(|replica| replica.machine.iter().copied()).collect()
    }

    /// From now on all messages come, to replicas that know each other, and writes go on to the end.
    fn check(&mut self) -> Result<(), TestCaseError> {
        self.weather = [0; 3];
        // A message that is late is a fault that lasts until it comes; a clock that was set back, until it is where it was:
        // it counts as standing still so long.
        let late = self.under_way.iter().map(|Reverse((at, ..))| *at);
        let back = self.replicas.iter().map(|replica| replica.latest.saturating_add_signed(-replica.ahead));
        self.run_until(late.chain(back).max().unwrap_or(self.now));
        let count = self.replicas.len();
        for (id, replica) in self.replicas.iter_mut().enumerate() {
            (0..count).filter(|&peer| peer != id).for_each(|peer| _ = replica.machine.add_peer(peer));
        }
        (0..count).for_each(|id| self.poll(id));
        // What is there, and when, by the second.
        let mut stages = vec![(self.now, self.union())];
        let bound = if self.is_one_island() { BOUND } else { BOUND_OF_ISLANDS };
        let end = self.now + bound + 5_000;
        while self.now < end {
            let next_stage = stages[stages.len() - 1].0 + 1_000;
            while self.now < next_stage {
                let id = self.rng.below(count as u64) as usize;
                self.write(id, 1);
                self.run_until(self.now + self.setting.writes_every);
            }
            stages.push((self.now, self.union()));
        }
        let due = stages.iter().rev().find(|(at, _)| at + bound <= self.now).expect("the first");
        for (id, replica) in self.replicas.iter().enumerate() {
            let lacks: Vec<u64> = due.1.iter().copied().filter(|element| !replica.machine.contains(element)).collect();
            prop_assert!(lacks.is_empty(), "{id} lacks {lacks:?} of {} after {bound} ms", due.1.len());
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn what_one_holds_all_hold_within_the_bound_while_writes_go_on(setting in settings(), mishaps in vec(mishaps(), 0..60)) {
        let mut fleet = Fleet::new(setting);
        for mishap in &mishaps {
            fleet.befall(mishap);
        }
        fleet.check()?;
    }
}
