//! Peers that push to do harm: what they can earn is bounded, and others are served meanwhile.

use core::time::Duration;

use gossip_core::sim::forge::{self, ASKS, TO_PARENT};
use gossip_core::{AntiEntropy, Config, Message, MessageKind, Output, Overlay, Time};

/// How much work a peer may earn a second; four times as much at once.
const RATE: u64 = 64 << 10;

/// Another id for its log each time.
struct Forger {
    tag: [u8; 4],
    log: u32,
}

impl Forger {
    /// A push without elements: the flags, and places as they stand on the wire.
    fn push(&self, of: u32, flags: u8, places: [u64; 4]) -> Vec<u8> {
        let [acked, from, to, ack] = places;
        let numbers = [acked, from, to, ack, 0, 0, 0];
        forge::push(self.tag, self.log.to_le_bytes(), of.to_le_bytes(), flags, numbers, &[0])
    }
}

/// A hub of 20 000 numbers, an honest peer 1 and a hostile one, 2, below it; what the hub pushed last names its log.
struct Scene {
    hub: AntiEntropy<usize, u64>,
    honest: AntiEntropy<usize, u64>,
    forger: Forger,
    hub_log: u32,
    now: u64,
    /// Messages and bytes to the hostile peer.
    earned: (u64, u64),
}

impl Scene {
    fn new() -> Self {
        let mut config = Config::default();
        config.batch_every = Some(Duration::from_millis(100));
        config.work_per_second = RATE as u32;
        let mut hub = AntiEntropy::new(config.clone(), 1);
        let mut honest = AntiEntropy::new(config, 2);
        hub.extend(0..20_000).expect("they are small");
        honest.extend(0..20_000).expect("they are small");
        for peer in [1, 2] {
            hub.add_peer(peer);
        }
        honest.add_peer(0);
        hub.set_overlay(Overlay::star(&0, [0, 1, 2]));
        honest.set_overlay(Overlay::star(&1, [0, 1]));
        let mut scene =
            Self { hub, honest, forger: Forger { tag: [0; 4], log: 7 }, hub_log: 0, now: 0, earned: (0, 0) };
        let probe = {
            scene.hub.sync_now(&2);
            scene.run(1).into_iter().find(|message| message.kind() == MessageKind::Probe).expect("a probe").encode()
        };
        scene.forger.tag = forge::tag(&probe).expect("a probe has one");
        let asking = scene.forger.push(0, ASKS | TO_PARENT, [0; 4]);
        scene.hub.receive_bytes(&2, &asking).expect("it is well-formed");
        let push =
            scene.run(1).into_iter().find(|message| message.kind() == MessageKind::Push).expect("a push").encode();
        scene.hub_log = u32::from_le_bytes(forge::nonce(&push).expect("a log id"));
        scene.earned = (0, 0);
        scene
    }

    /// So many milliseconds; what the hub sends to the hostile peer.
    fn run(&mut self, millis: u64) -> Vec<Message<u64>> {
        let mut sent = vec![];
        for _ in 0..millis {
            self.now += 1;
            let time = Time::from_millis(self.now);
            loop {
                match self.hub.poll(time) {
                    Output::Send { to: 1, message } => self.honest.receive(&0, message).expect("the hub is honest"),
                    Output::Send { message, .. } => {
                        self.earned.0 += 1;
                        self.earned.1 += message.encoded_len() as u64;
                        sent.push(message);
                    }
                    Output::Event(_) => {}
                    Output::Wait(_) => break,
                }
            }
            loop {
                match self.honest.poll(time) {
                    Output::Send { message, .. } => self.hub.receive(&1, message).expect("it is honest"),
                    Output::Event(_) => {}
                    Output::Wait(_) => break,
                }
            }
        }
        sent
    }

    /// What the hostile peer has earned is within its budget, and the honest one has what was inserted since.
    fn check(&mut self, seconds: u64) {
        let (messages, bytes) = self.earned;
        println!("{messages} messages of {bytes} bytes in {seconds} s");
        // A message counts 256 beside its bytes, and one largest may overdraw it.
        assert!(bytes + 256 * messages <= (4 + seconds) * RATE + (64 << 10) + 256, "{messages} of {bytes} bytes");
        self.hub.insert(1 << 40).expect("it is small");
        self.run(500);
        assert_eq!(self.honest.digest(), self.hub.digest());
    }
}

#[test]
fn one_that_asks_for_everything_again_and_again_gets_what_its_budget_allows() {
    let mut scene = Scene::new();
    for _ in 0..1_000 {
        // It has the first, by its own word: with a peer that has nothing, digests are compared before much is pushed.
        let asking = scene.forger.push(scene.hub_log, ASKS | TO_PARENT, [0, 0, 0, 1]);
        for _ in 0..10 {
            scene.hub.receive_bytes(&2, &asking).expect("it is well-formed");
        }
        scene.run(10);
    }
    assert!(scene.earned.1 > 4 * RATE, "it is served until then");
    scene.check(10);
}

#[test]
fn one_that_renames_its_log_each_time_gets_what_its_budget_allows() {
    let mut scene = Scene::new();
    for _ in 0..1_000 {
        scene.forger.log += 1;
        let renamed = scene.forger.push(scene.hub_log, TO_PARENT, [0, 0, 0, 20_000]);
        scene.hub.receive_bytes(&2, &renamed).expect("it is well-formed");
        scene.run(10);
    }
    scene.check(10);
}

#[test]
fn places_beyond_all_there_is_change_nothing_for_others() {
    let mut scene = Scene::new();
    let far = u64::from(u32::MAX);
    for places in [[far, 0, 0, far], [0, far, 0, far], [0, 0, far, 0], [far, far, far, 20_001]] {
        for flags in [0, ASKS, TO_PARENT, ASKS | TO_PARENT, 4, 8, TO_PARENT | 8] {
            let lie = scene.forger.push(scene.hub_log, flags, places);
            scene.hub.receive_bytes(&2, &lie).expect("it is well-formed");
            scene.run(20);
        }
    }
    scene.check(1);
    assert_eq!(scene.hub.len(), 20_001);
}

#[test]
fn one_that_acknowledges_what_it_was_never_sent_harms_itself() {
    let mut scene = Scene::new();
    let lie = scene.forger.push(scene.hub_log, TO_PARENT, [0, 0, 0, 20_000]);
    scene.hub.receive_bytes(&2, &lie).expect("it is well-formed");
    scene.hub.insert(1 << 41).expect("it is small");
    let pushed: usize = scene.run(300).iter().map(|message| message.encoded_len()).sum();
    assert!(pushed < 100, "{pushed} bytes: one element");
    scene.check(1);
}

#[test]
fn what_is_pushed_for_the_first_time_costs_nothing_and_what_is_pushed_again_does() {
    let mut scene = Scene::new();
    let work = |scene: &Scene| scene.hub.peer_stats(&2).expect("a peer").ledger.work;
    let has_all = scene.forger.push(scene.hub_log, TO_PARENT, [0, 0, 0, 20_000]);
    scene.hub.receive_bytes(&2, &has_all).expect("it is well-formed");
    scene.run(200);
    let before = work(&scene);
    scene.hub.insert(1 << 42).expect("it is small");
    assert_eq!(scene.run(200).len(), 1);
    assert_eq!(work(&scene), before);
    let asking = scene.forger.push(scene.hub_log, ASKS | TO_PARENT, [0, 0, 0, 20_000]);
    scene.hub.receive_bytes(&2, &asking).expect("it is well-formed");
    let [again] = &scene.run(1)[..] else { panic!("one message") };
    // The message, and an element to measure.
    assert_eq!(work(&scene), before + 256 + again.encoded_len() as u64 + 2);
}
