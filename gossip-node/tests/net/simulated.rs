//! Replicas on a simulated network, in virtual time: partitions, crashes, and what must hold in spite of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gossip_core::AntiEntropy;
use gossip_core::sim::Rng;
use gossip_node::net::{Builder, PeerId, Peers, Quorum, Transport};
use turmoil::net::{TcpListener, TcpStream};
use turmoil::{Sim, lookup};

use crate::memory::Memory;

/// The network of the simulation.
#[derive(Clone, Copy, Debug)]
struct Simulated;

impl Transport for Simulated {
    type Stream = TcpStream;
    type Listener = TcpListener;

    async fn listen(&self, _address: &str) -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind((IpAddr::from(Ipv4Addr::UNSPECIFIED), PORT)).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    async fn accept(listener: &mut TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        listener.accept().await
    }

    async fn connect(&self, address: &str) -> io::Result<TcpStream> {
        TcpStream::connect(address).await
    }

    async fn look_up(&self, address: &str) -> io::Result<Vec<SocketAddr>> {
        let host = address.split(':').next().unwrap_or(address);
        Ok(vec![(lookup(host), PORT).into()])
    }
}

const PORT: u16 = 7_400;

/// How long writes and faults go on.
const WRITING: Duration = Duration::from_secs(30);

/// All there is to know of a run, as of now.
#[derive(Debug, Default)]
struct Books {
    /// Acknowledged writes, where and when.
    acknowledged: BTreeMap<u64, (String, Duration)>,
    /// All writes, acknowledged or not.
    written: BTreeSet<u64>,
    /// What each replica held when it last looked.
    held: BTreeMap<String, BTreeSet<u64>>,
    /// The replicas that have a proof with all others, since the end of writes.
    proven: BTreeSet<String>,
    lives: u64,
}

type Shared = Arc<Mutex<Books>>;

fn lock(books: &Shared) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A life of a replica: it writes every 200 ms, shows what it holds, and asks for proofs once writes are over.
async fn live(name: String, names: Vec<String>, store: Memory, books: Shared, seed: u64) -> turmoil::Result {
    let life = {
        let mut books = lock(&books);
        books.lives += 1;
        books.lives
    };
    let peers = names.iter().map(|name| format!("{name}:{PORT}"));
    let replica = Builder::<AntiEntropy<PeerId, u64>, _>::new(&name, Simulated)
        .listen("")
        .insecure()
        .peers(Peers::fixed(peers))
        .store(store)
        .seed(seed ^ (life << 32))
        .spawn()
        .await?;
    let mut number = 0;
    while turmoil::sim_elapsed() < Some(WRITING) {
        let write = life << 32 | number;
        number += 1;
        lock(&books).written.insert(write);
        if replica.insert(write).await? {
            let now = turmoil::sim_elapsed().unwrap_or_default();
            lock(&books).acknowledged.insert(write, (name.clone(), now));
        }
        look(&replica, &name, &books);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    while !lock(&books).proven.contains(&name) {
        tokio::select! {
            synced = replica.synced(Quorum::All) => {
                synced?;
                lock(&books).proven.insert(name.clone());
            }
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
        }
        look(&replica, &name, &books);
    }
    std::future::pending().await
}

fn look(replica: &gossip_node::net::Replica<AntiEntropy<PeerId, u64>>, name: &str, books: &Shared) {
    let held = replica.read(|set| set.iter().copied().collect());
    lock(books).held.insert(name.to_owned(), held);
}

/// A fault and its end.
enum Fault {
    Cut(Vec<String>, Vec<String>),
    Crash(String),
}

impl Fault {
    fn draw(names: &[String], chance: &mut Rng) -> Self {
        if chance.below(3) == 0 {
            return Self::Crash(names[chance.below(names.len() as u64) as usize].clone());
        }
        let (here, there) = names.iter().cloned().partition(|_| chance.below(2) == 0);
        Self::Cut(here, there)
    }

    fn begin(&self, sim: &mut Sim<'_>) {
        match self {
            Self::Cut(here, there) => each(here, there, |a, b| sim.partition(a, b)),
            Self::Crash(name) => sim.crash(name.as_str()),
        }
    }

    fn end(&self, sim: &mut Sim<'_>) {
        match self {
            Self::Cut(here, there) => each(here, there, |a, b| sim.repair(a, b)),
            Self::Crash(name) => sim.bounce(name.as_str()),
        }
    }
}

fn each(here: &[String], there: &[String], act: impl Fn(&str, &str)) {
    here.iter().for_each(|a| there.iter().for_each(|b| act(a, b)));
}

/// Runs five replicas on this seed. Returns how long after the last fault all had their proofs.
fn run(seed: u64) -> Duration {
    let books = Shared::default();
    let mut chance = Rng::new(seed);
    let mut sim = turmoil::Builder::new()
        .simulation_duration(Duration::from_secs(200))
        .tick_duration(Duration::from_millis(5))
        .max_message_latency(Duration::from_millis(50))
        .rng_seed(seed)
        .build();
    let names: Vec<String> = (1..=5).map(|number| format!("n{number}")).collect();
    for name in &names {
        let (name, names, books, store) = (name.clone(), names.clone(), books.clone(), Memory::default());
        sim.host(name.clone(), move || live(name.clone(), names.clone(), store.clone(), books.clone(), seed));
    }
    let (mut fault, mut next) = (None::<Fault>, Duration::from_secs(3));
    let mut healed = Duration::ZERO;
    loop {
        sim.step().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let now = sim.elapsed();
        check(&lock(&books), seed);
        if now >= next && (now < WRITING || fault.is_some()) {
            next = now + Duration::from_millis(500 + chance.below(8_000));
            match fault.take() {
                Some(over) => {
                    over.end(&mut sim);
                    healed = now;
                }
                None => fault.insert(Fault::draw(&names, &mut chance)).begin(&mut sim),
            }
        }
        if lock(&books).proven.len() == names.len() && now >= WRITING {
            break;
        }
        assert!(
            now < healed.max(WRITING) + Duration::from_secs(30),
            "seed {seed}: no proofs in 30 s: {:?}",
            lock(&books).proven
        );
    }
    let books = lock(&books);
    for (name, held) in &books.held {
        for (write, (at, when)) in &books.acknowledged {
            assert!(held.contains(write), "seed {seed}: {name} lacks {write:x}, which {at} acknowledged at {when:?}");
        }
    }
    assert!(books.acknowledged.len() > 300, "seed {seed}: {} writes", books.acknowledged.len());
    sim.elapsed().saturating_sub(healed.max(WRITING))
}

/// Nothing is invented, and what was acknowledged is held where it was.
fn check(books: &Books, seed: u64) {
    for (name, held) in &books.held {
        assert!(held.is_subset(&books.written), "seed {seed}: {name} holds what nobody wrote");
    }
}

#[test]
fn convergence_and_bounded_staleness_and_nothing_lost() {
    for seed in 0..8 {
        let took = run(seed);
        println!("seed {seed}: proofs {took:?} after the last fault");
    }
}
