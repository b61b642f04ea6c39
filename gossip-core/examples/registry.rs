//! A registry of services over UDP: each process tells by heartbeats that it is there, and whoever finds one that is silent
//! evicts it. Nobody is the leader, and there is no roster, no lease and no clock that two of them share.
//!
//! In three terminals, each with its own address first: `cargo run -p examples --bin registry -- 127.0.0.1:7001
//! 127.0.0.1:7002,127.0.0.1:7003`. Stop one (Ctrl-Z), and the others evict it; let it go on (`fg`) after as long as you like:
//! it brings back nothing that was evicted meanwhile, and is there again with its next heartbeat.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use gossip_core::{Config, Element, Map, MapEvent, MessageBudget, ReplicaId};

/// How often a service says that it is there, and after how long a silence it is evicted.
const BEAT: Duration = Duration::from_secs(1);
const SILENCE: Duration = Duration::from_secs(4);

/// What a service says of itself under its address.
#[derive(Clone, Debug, PartialEq, Eq, Element)]
#[element(tag = "registry.heartbeat.1")]
struct Heartbeat {
    process: u32,
    beats: u64,
}

#[allow(clippy::disallowed_methods, reason = "this is where time enters")]
fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, own, peers] = &args[..] else { return Err("give address and peers".into()) };
    let own: SocketAddr = own.parse()?;
    let mut config = Config::default();
    // A datagram each.
    (config.max_message, config.max_element_bytes) = (MessageBudget::new(1_200), 1_000);
    config.round_every = Duration::from_millis(500);
    // Of the operating system, and another one for each life: nothing is on the disk.
    let mut random = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    let (id, seed) = random.split_at(8);
    let mut registry = Map::<SocketAddr, SocketAddr, Heartbeat>::new(
        config,
        ReplicaId::from_random(id.try_into()?),
        u64::from_le_bytes(seed.try_into()?),
    );
    for peer in peers.split(',') {
        registry.add_peer(peer.parse()?);
    }
    let socket = UdpSocket::bind(own)?;
    let (start, mut beats, mut next_beat) = (Instant::now(), 0, Duration::ZERO);
    // When each service was heard of last, on our own clock. It is nobody else's business.
    let mut heard: BTreeMap<SocketAddr, Duration> = BTreeMap::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let now = start.elapsed();
        if now >= next_beat {
            registry.insert(own, Heartbeat { process: std::process::id(), beats })?;
            (beats, next_beat) = (beats + 1, now + BEAT);
            for (service, at) in &heard {
                // What it has said since, and we have not heard, is another entry: that survives.
                if now.saturating_sub(*at) > SILENCE && registry.remove(service) > 0 {
                    println!("{service} is silent: evicted");
                }
            }
            let services = registry.iter().map(|(service, Heartbeat { process, .. })| format!("{service} ({process})"));
            println!("there: {}", services.collect::<Vec<_>>().join(", "));
        }
        let wait = registry.drive(
            now,
            |_, to, message| drop(socket.send_to(&message.encode(), to)),
            |registry, event| match event {
                MapEvent::Changed { key, .. } => {
                    if registry.get(&key).is_some() {
                        heard.insert(key, now);
                    }
                }
                MapEvent::InSync { .. } => {}
                event => println!("{event:?}"),
            },
        );
        let wait = wait.min(next_beat.saturating_sub(now));
        socket.set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
        if let Ok((len, from)) = socket.recv_from(&mut buffer)
            && let Err(error) = registry.receive_bytes(&from, &buffer[..len])
        {
            eprintln!("{from}: {error}");
        }
    }
}
