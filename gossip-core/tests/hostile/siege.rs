//! A replica under siege: by a peer that sends what it likes, while an honest one repairs with it.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::common::Network;
use gossip_core::sim::forge::Forger;
use gossip_core::{Config, Element, Ledger, Time};

/// The replica under siege, the honest peer, and the other.
pub(super) const VICTIM: usize = 0;
pub(super) const HONEST: usize = 1;
pub(super) const HOSTILE: usize = 2;

/// The budget of the tests, in work a second: 64 times less than by default, so that they reach it soon.
pub(super) const RATE: u64 = 256 << 10;

/// How long a siege lasts, and how often the hostile peer may send what it likes.
pub(super) const SECONDS: u64 = 10;
const TICK: Duration = Duration::from_millis(1);
const LATENCY: Duration = Duration::from_millis(10);

/// What may be done beyond the budget, since it is looked at before a message is built: the largest, and what its
/// answer leads to.
const OVERDRAFT: u64 = 256 << 10;

/// What a siege may cost a replica of so many elements, of so many bytes: a budget that was full, what filled it again
/// meanwhile, and one overdraft, which may be a sketch of all elements.
const fn siege(count: u64, bytes: u64) -> u64 {
    RATE * (4 + SECONDS) + bytes + bytes / 4 + OVERDRAFT + 8 * count
}

/// A message costs so much beside its bytes.
const MESSAGE: u64 = 256;

/// What the hostile peer sends when it is its turn, or gets a message.
type Attack<'a> = &'a mut dyn FnMut(&Forger, Option<&[u8]>) -> Vec<Vec<u8>>;

pub(super) struct Siege<E> {
    pub(super) net: Network<E>,
    /// By their arrival.
    under_way: BTreeMap<(Time, u64), (usize, usize, Vec<u8>)>,
    sent: u64,
    /// What is inserted at half time, on both sides in turn.
    fresh: Vec<E>,
    /// When the victim and the honest peer held the same after that, and had a proof of it.
    repaired: Option<Time>,
    /// Bytes that the hostile peer sent.
    spent: u64,
    pub(super) forger: Forger,
}

impl<E: Element + Ord + core::fmt::Debug> Siege<E> {
    /// 500 elements are on either side alone, and 200 more at half time.
    pub(super) fn new(count: u64, element: fn(u64) -> E) -> Self {
        let mut config = Config::default();
        config.work_per_second = u32::try_from(RATE).expect("small");
        Self::with(&config, count, element)
    }

    pub(super) fn with(config: &Config, count: u64, element: fn(u64) -> E) -> Self {
        let mut net = Network::pair(config, [0..count, 500..count + 500].map(|set| set.map(element)));
        net.machines[VICTIM].add_peer(HOSTILE);
        let forger = Forger::of(&net.machines[VICTIM], &HONEST);
        net.machines[VICTIM].sync_now(&HONEST);
        let fresh = (0..400).map(|number| element(1 << 40 | number)).collect();
        Self { net, under_way: BTreeMap::new(), sent: 0, fresh, repaired: None, spent: 0, forger }
    }

    fn send(&mut self, from: usize, to: usize, bytes: Vec<u8>) {
        self.sent += 1;
        self.under_way.insert((self.net.now + LATENCY, self.sent), (from, to, bytes));
    }

    fn attack(&mut self, attack: Attack<'_>, message: Option<&[u8]>) {
        for bytes in attack(&self.forger, message) {
            self.spent += bytes.len() as u64;
            self.send(HOSTILE, VICTIM, bytes);
        }
    }

    /// Runs a siege to its end; what the victim's books say about the hostile peer.
    fn run(&mut self, attack: Attack<'_>) -> Ledger {
        let (half, end, mut tick) = (Time::from_millis(SECONDS * 500), Time::from_millis(SECONDS * 1_000), Time::ZERO);
        let union = self.net.machines[VICTIM].len() + 500 + self.fresh.len();
        while self.net.now < end {
            if tick <= self.net.now {
                self.attack(attack, None);
                tick = self.net.now + TICK;
            }
            if self.net.now >= half && !self.fresh.is_empty() {
                for (index, element) in self.fresh.drain(..).enumerate() {
                    self.net.machines[[VICTIM, HONEST][index % 2]].insert(element).expect("it is small");
                }
                self.net.machines[VICTIM].sync_now(&HONEST);
            }
            let deadline = self.net.drain_all().expect("replicas with peers have deadlines");
            for datagram in core::mem::take(&mut self.net.wire) {
                if datagram.to == HOSTILE {
                    self.attack(attack, Some(&datagram.bytes));
                } else {
                    self.send(datagram.from, datagram.to, datagram.bytes);
                }
            }
            let machines = &self.net.machines;
            let proof = machines[VICTIM].peer_stats(&HONEST).and_then(|stats| stats.last_proof);
            let equal = machines[HONEST].len() == union && proof == Some(machines[HONEST].digest());
            if self.repaired.is_none() && equal {
                self.repaired = Some(self.net.now);
            }
            let first = self.under_way.first_key_value().map_or(Time::MAX, |(&(at, _), _)| at);
            self.net.now = deadline.min(first).min(tick);
            while let Some(entry) = self.under_way.first_entry().filter(|entry| entry.key().0 <= self.net.now) {
                let (from, to, bytes) = entry.remove();
                let taken = self.net.machines[to].receive_bytes(&from, &bytes);
                assert!(from == HOSTILE || taken.is_ok());
            }
        }
        let victim = &self.net.machines[VICTIM];
        assert_eq!(victim.len(), union, "the hostile peer knows nothing that is new");
        victim.peer_stats(&HOSTILE).expect("it is a peer").ledger
    }
}

/// A siege, and the same with a hostile peer that is silent: the honest repair takes no longer.
pub(super) fn besiege<E: Element + Ord + core::fmt::Debug>(
    name: &str,
    count: u64,
    element: fn(u64) -> E,
    attack: Attack<'_>,
) -> Ledger {
    let mut peace = Siege::new(count, element);
    peace.run(&mut |_, _| vec![]);
    let mut siege = Siege::new(count, element);
    let ledger = siege.run(attack);
    let [repaired, expected] = [&siege, &peace].map(|siege| siege.repaired.expect("honest repair ends"));
    let sent = ledger.sent.total();
    let victim = &siege.net.machines[VICTIM];
    let allowed = self::siege(victim.len() as u64, victim.stats().state_bytes);
    println!(
        "{name}: {} bytes in, {} messages of {} bytes out, work {} of {allowed}, deferred {}, ignored {}, rejected {}; \
         repaired at {} ms, undisturbed {}",
        siege.spent,
        sent.messages,
        sent.bytes,
        ledger.work,
        ledger.deferred,
        ledger.ignored,
        ledger.rejected,
        repaired.as_millis(),
        expected.as_millis(),
    );
    assert!(ledger.work <= allowed, "{} of {allowed}", ledger.work);
    assert!(sent.bytes + MESSAGE * sent.messages <= ledger.work, "what is sent is paid for");
    assert!(repaired <= expected, "{repaired:?}, {expected:?}");
    ledger
}
