//! Links that are slower than machines: what is offered to one, and what of it is needed.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use gossip_core::{AntiEntropy, Config, Event, MessageBudget, Output, Overlay, Time};

/// What a message takes from one end of a link to the other, beside its bytes.
const LATENCY: u64 = 10_000;

/// How a runtime treats a link that takes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runtime {
    /// It queues so many messages and drops what comes then.
    Drops(usize),
    /// It says so from this many bytes on, until half of them have gone.
    Says(usize),
}

/// One way between two machines.
#[derive(Debug, Default)]
struct Link {
    queue: VecDeque<Vec<u8>>,
    bytes: usize,
    /// When the first of the queue has gone.
    goes_at: Option<u64>,
    is_full: bool,
    offered: u64,
    dropped: u64,
    longest: usize,
}

/// Two machines, the second of which lacks what the first holds.
struct Pair {
    machines: [AntiEntropy<usize, String>; 2],
    links: [Link; 2],
    runtime: Runtime,
    /// Bytes a second.
    rate: u64,
    under_way: BTreeMap<(u64, u64), (usize, Vec<u8>)>,
    now: u64,
    sent: u64,
    proven: [bool; 2],
}

impl Pair {
    fn new(rate: u64, runtime: Runtime, pushes: bool, message: usize) -> Self {
        let machine = |me: usize| {
            let mut config = Config::default();
            config.max_message = MessageBudget::new(message);
            config.batch_every = pushes.then_some(Duration::from_millis(400));
            let mut machine = AntiEntropy::new(config, me as u64);
            machine.add_peer(1 - me);
            if pushes {
                machine.set_overlay(Overlay::star(&me, 0..2));
            }
            machine
        };
        let links = [Link::default(), Link::default()];
        let machines = [0, 1].map(machine);
        Self { machines, links, runtime, rate, under_way: BTreeMap::new(), now: 0, sent: 0, proven: [false; 2] }
    }

    /// Writes so many elements of 1 000 bytes at the first machine.
    fn write(&mut self, count: u32) {
        let from = self.machines[0].len() as u32;
        for number in from..from + count {
            self.machines[0].insert(format!("{number:01000}")).expect("it is small");
        }
    }

    /// Polls a machine until it waits.
    fn poll(&mut self, me: usize) -> Option<u64> {
        loop {
            match self.machines[me].poll(Time::from_micros(self.now)) {
                Output::Send { message, .. } => self.offer(me, message.encode()),
                Output::Event(Event::InSync { digest, .. }) => {
                    self.proven[me] = digest == self.machines[0].digest() && digest == self.machines[1].digest();
                }
                Output::Event(_) => {}
                Output::Wait(until) => return until.map(Time::as_micros),
            }
        }
    }

    fn offer(&mut self, me: usize, message: Vec<u8>) {
        let link = &mut self.links[me];
        assert!(!link.is_full, "nothing is sent that there is no room for");
        link.offered += message.len() as u64;
        if matches!(self.runtime, Runtime::Drops(most) if link.queue.len() >= most) {
            link.dropped += message.len() as u64;
            return;
        }
        link.bytes += message.len();
        link.longest = link.longest.max(link.bytes);
        link.queue.push_back(message);
        if matches!(self.runtime, Runtime::Says(most) if link.bytes >= most) {
            link.is_full = true;
            self.machines[me].set_writable(&(1 - me), false);
        }
        self.start(me);
    }

    /// Begins to send the first of a queue.
    fn start(&mut self, me: usize) {
        let link = &mut self.links[me];
        if let (None, Some(first)) = (link.goes_at, link.queue.front()) {
            link.goes_at = Some(self.now + first.len() as u64 * 1_000_000 / self.rate);
        }
    }

    /// The first of a queue has gone.
    fn gone(&mut self, me: usize) {
        let link = &mut self.links[me];
        let message = link.queue.pop_front().expect("it was on its way");
        (link.goes_at, link.bytes) = (None, link.bytes - message.len());
        if link.is_full && matches!(self.runtime, Runtime::Says(most) if link.bytes <= most / 2) {
            link.is_full = false;
            self.machines[me].set_writable(&(1 - me), true);
        }
        self.sent += 1;
        self.under_way.insert((self.now + LATENCY, self.sent), (1 - me, message));
        self.start(me);
    }

    /// Runs until both have a proof that they hold the same, for at most this long. Returns how long it took.
    fn run(&mut self, most: Duration) -> Duration {
        let began = self.now;
        while self.proven != [true; 2] {
            let deadlines = [0, 1].map(|me| self.poll(me));
            let goes = [0, 1].map(|me| self.links[me].goes_at);
            let comes = self.under_way.first_key_value().map(|((at, _), _)| *at);
            let next =
                deadlines.into_iter().chain(goes).chain([comes]).flatten().min().expect("machines wake for ever");
            assert!(next < began + most.as_micros() as u64, "not in step after {most:?}: {:?}", self.links);
            self.now = next;
            for me in [0, 1] {
                if self.links[me].goes_at == Some(next) {
                    self.gone(me);
                }
            }
            while let Some(first) = self.under_way.first_entry().filter(|first| first.key().0 <= self.now) {
                let (to, bytes) = first.remove();
                self.machines[to].receive_bytes(&(1 - to), &bytes).expect("it is honest");
            }
        }
        Duration::from_micros(self.now - began)
    }

    fn print(&self, what: &str, took: Duration) {
        let [there, back] = &self.links;
        println!(
            "{what}: {took:?}, {} bytes offered there and {} back, {} dropped, {} waited at the most",
            there.offered, back.offered, there.dropped, there.longest
        );
    }
}

#[test]
fn a_slow_link_is_offered_what_is_needed() {
    for pushes in [false, true] {
        for rate in [100_000, 1_000_000] {
            // As two runtimes of the examples would do it, to compare with.
            for runtime in [Runtime::Drops(64), Runtime::Drops(4), Runtime::Says(128 << 10)] {
                let mut pair = Pair::new(rate, runtime, pushes, 64 << 10);
                pair.write(5_000);
                let took = pair.run(Duration::from_secs(3_600));
                pair.print(&format!("{rate} bytes a second, {runtime:?}, pushes: {pushes}"), took);
                if runtime == Runtime::Says(128 << 10) {
                    // 5 MB are lacking. Parts of an answer come further apart than round trips took before, so a request
                    // or two go out again too soon.
                    assert!(pair.links[0].offered < 5_400_000 && pair.links[0].dropped == 0);
                    assert!(took.as_millis() as u64 * rate < 6_000_000 * 1_000, "{took:?}");
                    // And a message more than was said to be full.
                    assert!(pair.links[0].longest < 200_000);
                }
            }
        }
    }
}

#[test]
fn a_queue_that_drops_is_offered_little_more_than_it_takes() {
    for pushes in [false, true] {
        for rate in [100_000, 1_000_000] {
            // By default up to 32 messages go out at once: 81 and 10 MB would be offered.
            for (queue, most) in [(2, 6_900_000), (13, 5_400_000)] {
                let runtime = Runtime::Drops(queue);
                let mut pair = Pair::new(rate, runtime, pushes, 1_200);
                pair.write(5_000);
                let took = pair.run(Duration::from_secs(3_600));
                pair.print(&format!("{rate} bytes a second, {runtime:?}, pushes: {pushes}"), took);
                assert!(pair.links[0].offered < most, "{rate}, {runtime:?}, pushes: {pushes}: {:?}", pair.links);
            }
        }
    }
}

/// All that a machine gives until it waits, at this millisecond.
fn outputs(machine: &mut AntiEntropy<usize, String>, millis: u64) -> (usize, Option<Time>) {
    let mut sent = 0;
    loop {
        match machine.poll(Time::from_millis(millis)) {
            Output::Send { .. } => sent += 1,
            Output::Event(event) => panic!("nothing has happened: {event:?}"),
            Output::Wait(until) => return (sent, until),
        }
    }
}

/// A machine that asks its peer at the next poll, and nobody by chance for a day.
fn asking() -> AntiEntropy<usize, String> {
    let mut config = Config::default();
    config.round_every = Duration::from_secs(86_400);
    let mut machine = AntiEntropy::new(config, 1);
    machine.add_peer(1);
    machine.sync_now(&1);
    machine
}

#[test]
fn timers_stand_still_while_a_link_is_full() {
    let mut machine = asking();
    assert_eq!(outputs(&mut machine, 0), (1, Some(Time::from_millis(1_000))), "an answer may take a second");
    assert_eq!(outputs(&mut machine, 400), (0, Some(Time::from_millis(1_000))));
    machine.set_writable(&1, false);
    assert_eq!(outputs(&mut machine, 400).0, 0);
    // An hour later nothing has gone out again, and the peer is not taken to be gone.
    machine.sync_now(&1);
    let (sent, until) = outputs(&mut machine, 3_600_000);
    assert!(sent == 0 && until > Some(Time::from_millis(3_700_000)), "but for a round by chance: {until:?}");
    machine.set_writable(&1, true);
    assert_eq!(outputs(&mut machine, 3_600_000), (0, Some(Time::from_millis(3_600_600))), "what was left of it");
    assert_eq!(outputs(&mut machine, 3_600_600).0, 1);
}

#[test]
fn a_link_that_is_full_and_free_again_between_two_polls_changes_nothing() {
    let mut machine = asking();
    let mut other = machine.clone();
    for writable in [false, true, true, false, true] {
        machine.set_writable(&1, writable);
    }
    machine.set_writable(&9, false); // no peer
    for millis in [0, 1_000, 3_000] {
        assert_eq!(outputs(&mut machine, millis), outputs(&mut other, millis));
    }
}
