//! What convergence costs, for fixed fleets and seeds: a change to it shows as a difference to `efficiency.txt`.

use core::fmt::Write;
use core::time::Duration;

use gossip_core::sim::{Chance, Fault, Latency, Network, Report, Simulation};
use gossip_core::{AntiEntropy, Config, MessageBudget, MessageKind, Time};

struct Fleet {
    name: &'static str,
    replicas: usize,
    /// Bytes in a message.
    budget: usize,
    /// Elements that all replicas begin with.
    common: u64,
    /// Elements that one replica each begins with.
    apart: u64,
    /// Elements inserted one by one, every 100 ms.
    later: u64,
    loss: u32,
    /// Seconds.
    cut: u64,
}

const FLEETS: [Fleet; 6] = [
    Fleet { name: "equal pair", replicas: 2, budget: 65_536, common: 10_000, apart: 0, later: 0, loss: 0, cut: 0 },
    Fleet { name: "near pair", replicas: 2, budget: 65_536, common: 10_000, apart: 20, later: 0, loss: 0, cut: 0 },
    Fleet { name: "distant pair", replicas: 2, budget: 1_200, common: 0, apart: 5_000, later: 0, loss: 0, cut: 0 },
    Fleet { name: "lossy pair", replicas: 2, budget: 1_200, common: 1_000, apart: 100, later: 0, loss: 20, cut: 0 },
    Fleet { name: "five writing", replicas: 5, budget: 1_200, common: 100, apart: 0, later: 100, loss: 0, cut: 0 },
    Fleet { name: "eight split", replicas: 8, budget: 1_200, common: 500, apart: 80, later: 50, loss: 10, cut: 8 },
];

impl Fleet {
    fn run(&self, seed: u64) -> Report {
        let network = Network {
            latency: Latency::Uniform(Duration::from_millis(20), Duration::from_millis(40)),
            loss: Chance::percent(self.loss),
            ..Network::default()
        };
        let (replicas, budget) = (self.replicas, self.budget);
        let mut simulation = Simulation::new(seed, network, replicas, move |id, seed| {
            let mut config = Config::default();
            config.max_message = MessageBudget::new(budget);
            let mut machine = AntiEntropy::<_, u64>::new(config, seed);
            (0..replicas).filter(|&peer| peer != id).for_each(|peer| assert!(machine.add_peer(peer)));
            machine
        });
        let value = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed;
        let replica = |number: u64| number as usize % replicas;
        for number in 0..self.common {
            (0..replicas).for_each(|replica| simulation.insert(Time::ZERO, replica, value(number)));
        }
        for number in 0..self.apart {
            simulation.insert(Time::ZERO, replica(number), value(1_000_000 + number));
        }
        for number in 0..self.later {
            simulation.insert(Time::from_millis(number * 100), replica(number), value(2_000_000 + number));
        }
        if self.cut > 0 {
            let side = (0..replicas / 2).collect();
            simulation.fault(Time::from_millis(1_000), Fault::Cut(side), Duration::from_secs(self.cut));
        }
        // Until everybody has talked.
        simulation.run_until(Time::from_millis(20_000)).unwrap_or_else(|violation| panic!("{violation}"));
        simulation.settle(Duration::from_secs(300)).unwrap_or_else(|violation| panic!("{violation}"))
    }
}

fn measure() -> String {
    let mut text = String::from(
        "# Sums over 3 seeds of runs of 20 s or until all is proven. UPDATE_SNAPSHOT=1 rewrites this file.\n",
    );
    for fleet in FLEETS {
        let mut sum = Report::default();
        let mut settled = 0;
        for seed in 0..3 {
            let report = fleet.run(seed);
            settled += report.settled_at.as_millis();
            sum.add(&report);
        }
        writeln!(text, "{}: {} bytes in {} messages, {} ms", fleet.name, sum.bytes, sum.sent, settled)
            .expect("a string");
        for kind in MessageKind::ALL {
            if let Some((messages, bytes)) = sum.kinds.get(kind.name()) {
                writeln!(text, "    {:8} {messages:6} {bytes:8} bytes", kind.name()).expect("a string");
            }
        }
    }
    text
}

#[test]
fn efficiency_is_as_recorded() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/efficiency.txt");
    let measured = measure();
    if std::env::var_os("UPDATE_SNAPSHOT").is_some() {
        std::fs::write(path, &measured).expect("the snapshot can be written");
    }
    let recorded = std::fs::read_to_string(path).unwrap_or_default();
    if measured != recorded {
        let mut difference = String::new();
        let (mut old, mut new) = (recorded.lines(), measured.lines());
        loop {
            let (was, is) = (old.next(), new.next());
            if was.is_none() && is.is_none() {
                break;
            }
            if was != is {
                writeln!(difference, "- {}\n+ {}", was.unwrap_or_default(), is.unwrap_or_default()).expect("a string");
            }
        }
        panic!("efficiency changed; if that is meant, set UPDATE_SNAPSHOT=1 and commit:\n{difference}");
    }
}
