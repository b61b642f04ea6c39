//! Small windows: pushes keep up wherever a window of messages in each round trip would do.

use core::num::NonZeroU16;
use core::time::Duration;
use std::collections::BTreeMap;

use gossip_core::{AntiEntropy, Config, MessageBudget, MessageKind, Output, Overlay, Time};

/// One way.
const LATENCY: u64 = 20;

/// What an element takes in a message: 40 digits and a length.
const ELEMENT: u64 = 41;

/// A writer and a reader, each with its own window, and messages of so many bytes.
struct Pair {
    machines: [AntiEntropy<usize, String>; 2],
    under_way: BTreeMap<(u64, u64), (usize, Vec<u8>)>,
    now: u64,
    written: u64,
    pushes: u64,
    probes: u64,
}

impl Pair {
    fn new(windows: [u16; 2], message: usize) -> Self {
        let machine = |me: usize| {
            let mut config = Config::default();
            config.batch_every = Some(Duration::from_millis(400));
            config.window = NonZeroU16::new(windows[me]).expect("some messages");
            config.max_message = MessageBudget::new(message);
            let mut machine = AntiEntropy::new(config, me as u64);
            machine.add_peer(1 - me);
            machine.set_overlay(Overlay::star(&me, 0..2));
            machine
        };
        Self { machines: [0, 1].map(machine), under_way: BTreeMap::new(), now: 0, written: 0, pushes: 0, probes: 0 }
    }

    /// So many milliseconds, while machine `writer` inserts elements at this rate a second.
    fn run(&mut self, millis: u64, writer: usize, rate: u64) {
        let (begins, before) = (self.now, self.written);
        while self.now < begins + millis {
            self.now += 10;
            while self.written - before < rate * (self.now - begins) / 1_000 {
                self.machines[writer].insert(format!("{:040}", self.written)).expect("it is small");
                self.written += 1;
            }
            while let Some(first) = self.under_way.first_entry().filter(|first| first.key().0 <= self.now) {
                let (to, bytes) = first.remove();
                self.machines[to].receive_bytes(&(1 - to), &bytes).expect("it is honest");
            }
            for machine in &mut self.machines {
                loop {
                    match machine.poll(Time::from_millis(self.now)) {
                        Output::Send { to, message } => {
                            self.pushes += u64::from(message.kind() == MessageKind::Push);
                            self.probes += u64::from(message.kind() == MessageKind::Probe);
                            let number = self.pushes + self.under_way.len() as u64 * 1_000_000;
                            let at = (self.now + LATENCY, number);
                            assert!(self.under_way.insert(at, (to, message.encode())).is_none());
                        }
                        Output::Event(_) => {}
                        Output::Wait(_) => break,
                    }
                }
            }
        }
    }

    fn lag(&self) -> u64 {
        self.machines[0].len().abs_diff(self.machines[1].len()) as u64
    }
}

/// Half a minute at a rate of a third of what the writer's window allows: the other keeps up with it.
fn keeps_up(windows: [u16; 2], message: usize, writer: usize) {
    let allowed = u64::from(windows[writer]) * message as u64 / ELEMENT * 1_000 / (2 * LATENCY);
    let rate = (allowed / 3).min(2_000);
    let mut pair = Pair::new(windows, message);
    pair.run(2_000, writer, 0);
    pair.run(20_000, writer, rate);
    let lags = [0; 3].map(|_| {
        pair.run(5_000, writer, rate);
        pair.lag()
    });
    println!(
        "{windows:?} of {message} bytes, {writer} writes {rate} a second: lags {lags:?}, {} pushes, {} probes",
        pair.pushes, pair.probes
    );
    // An interval and a round trip, and another of them for what has just missed its turn.
    assert!(lags.iter().all(|lag| *lag <= rate), "{windows:?} of {message} bytes, {writer} writes: {lags:?}");
    pair.run(3_000, writer, 0);
    assert_eq!(pair.lag(), 0);
    // Where windows differ a writer may come to rounds, before it knows that its peer waits for more messages.
    assert!(windows[0] != windows[1] || pair.probes < 8, "{windows:?}, {writer} writes: {} probes", pair.probes);
}

#[test]
fn pushes_keep_up_in_any_window() {
    for window in 1..=9 {
        keeps_up([window; 2], 1_200, 0);
        keeps_up([window; 2], 1_200, 1);
    }
    for window in [1, 2, 5] {
        keeps_up([window; 2], 256, 0);
        keeps_up([window; 2], 65_536, 0);
    }
}

#[test]
fn pushes_keep_up_where_windows_differ() {
    for [small, large] in [[1, 32], [1, 3], [3, 16], [7, 32]] {
        for writer in [0, 1] {
            keeps_up([small, large], 1_200, writer);
            keeps_up([large, small], 1_200, writer);
        }
    }
}
