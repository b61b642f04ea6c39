//! Replicas of a set of words over UDP, with tokio. Each is told its address, those of its peers, and what it holds:
//! `cargo run -p examples --features tokio --bin tokio -- 127.0.0.1:7001 127.0.0.1:7002,127.0.0.1:7003 0..50`; a line
//! is inserted as it is. Kill one and start it again, with `0..0` if you like: its peers make it whole.

use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

use gossip_core::{AntiEntropy, Config, Event, MessageBudget};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

#[allow(clippy::disallowed_methods, reason = "this is where time enters")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, own, peers, range] = &args[..] else { return Err("give address, peers and range".into()) };
    let own: SocketAddr = own.parse()?;
    let (first, end) = range.split_once("..").ok_or("a range is <first>..<end>")?;
    let range: Range<u64> = first.parse()?..end.parse()?;

    let mut config = Config::default();
    config.max_message = MessageBudget::new(1_200); // what a datagram holds without being cut up, nearly everywhere
    let mut machine = AntiEntropy::new(config, RandomState::new().hash_one(own));
    machine.extend(range.map(|i| format!("word {i}")))?;
    for peer in peers.split(',') {
        machine.add_peer(peer.parse::<SocketAddr>()?);
    }
    let socket = UdpSocket::bind(own).await?;
    socket.writable().await?; // until it has been seen to be, `try_send_to` refuses
    let (lines, mut inbox) = mpsc::channel(64);
    // A thread of its own: a read of standard input cannot be cancelled, and would keep the runtime from shutting down.
    std::thread::spawn(move || {
        std::io::stdin().lines().map_while(Result::ok).try_for_each(|line| lines.blocking_send(line))
    });

    let (start, mut datagram) = (Instant::now(), vec![0; 65_536]);
    loop {
        let wait = machine.drive(
            start.elapsed(),
            |_, to, message| _ = socket.try_send_to(&message.encode(), to), // or lose it
            |machine, event| {
                if let Event::InSync { peer, digest, again: false } = event {
                    println!("in sync with {peer}: {digest}; {:?}", machine.stats().total);
                }
            },
        );
        tokio::select! {
            // An error is of one datagram, not of the socket: say, that a peer's port is closed.
            Ok((len, from)) = socket.recv_from(&mut datagram) => {
                // A message that is refused changes nothing; the ledger counts it.
                _ = machine.receive_bytes(&from, &datagram[..len]);
            }
            // Once the input has ended this branch is left out.
            Some(line) = inbox.recv() => {
                _ = machine.insert(line).map_err(|refused| eprintln!("{refused}"));
            }
            () = tokio::time::sleep(wait) => {}
        }
    }
}
