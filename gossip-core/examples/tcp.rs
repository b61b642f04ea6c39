//! Replicas of a set of numbers over TCP, with threads. Each is told its address, those of its peers, and what it
//! holds: `cargo run -p examples --bin tcp -- 127.0.0.1:7001 127.0.0.1:7002,127.0.0.1:7003 0..50`; a line with a number
//! inserts it. Kill one and start it again, with `0..0` if you like: its peers make it whole.

use std::collections::BTreeMap;
use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use std::{io, thread};

use gossip_core::{AntiEntropy, Config, Event, MessageBudget};

/// What all threads put into the one inbox.
enum Input {
    Message(SocketAddr, Vec<u8>),
    Write(u64),
}

#[allow(clippy::disallowed_methods, reason = "this is where time enters")]
fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, own, peers, range] = &args[..] else { return Err("give address, peers and range".into()) };
    let own: SocketAddr = own.parse()?;
    let (first, end) = range.split_once("..").ok_or("a range is <first>..<end>")?;
    let mut machine = AntiEntropy::new(Config::default(), RandomState::new().hash_one(own));
    machine.extend(first.parse()?..end.parse()?)?;
    let mut links = BTreeMap::new();
    for peer in peers.split(',') {
        let (peer, (link, queue)) = (peer.parse()?, sync_channel(64));
        machine.add_peer(peer);
        links.insert(peer, link);
        thread::spawn(move || queue.iter().fold(None, |stream, message| send(own, peer, stream, message).ok()));
    }
    let (inbox, inputs) = sync_channel(1_024);
    let (listener, readers) = (TcpListener::bind(own)?, inbox.clone());
    thread::spawn(move || listener.incoming().flatten().for_each(|stream| receive(stream, readers.clone())));
    thread::spawn(move || {
        let numbers = io::stdin().lines().map_while(Result::ok).filter_map(|line| line.parse().ok());
        numbers.map(Input::Write).try_for_each(|write| inbox.send(write))
    });
    let start = Instant::now();
    loop {
        let wait = machine.drive(
            start.elapsed(),
            // A link that is down or slow loses messages, which is safe; waiting for it would hold up all others.
            |_, to, message| _ = links[&to].try_send(message.encode()),
            |machine, event| {
                if let Event::InSync { peer, digest, again: false } = event {
                    println!("in sync with {peer}: {digest}; {:?}", machine.stats().total);
                }
            },
        );
        match inputs.recv_timeout(wait) {
            Ok(Input::Message(from, bytes)) => _ = machine.receive_bytes(&from, &bytes), // refused, it changes nothing
            Ok(Input::Write(number)) => _ = machine.insert(number)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// Writes a message; connects first if need be. What fails is not tried again: the machine will send something newer.
fn send(own: SocketAddr, peer: SocketAddr, stream: Option<TcpStream>, message: Vec<u8>) -> io::Result<TcpStream> {
    let hello = stream.is_none().then(|| own.to_string().into_bytes());
    let mut stream = stream.map_or_else(|| connect(peer), Ok)?;
    for frame in hello.into_iter().chain([message]) {
        let len = u32::try_from(frame.len()).map_err(io::Error::other)?;
        stream.write_all(&[&len.to_le_bytes(), &frame[..]].concat())?;
    }
    Ok(stream)
}

/// A connection that is given up soon where what it carries arrives no more. The kernel would try for a quarter of an hour, up
/// to half a minute apart after a while: after a cut of 40 s the next message took 14 to 15 s to arrive, and half a second so.
fn connect(peer: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&peer, Duration::from_secs(1))?;
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(Duration::from_secs(3)))?;
    Ok(stream)
}

/// Passes on what comes in. The first frame is the sender's address; here it is believed.
fn receive(mut stream: TcpStream, inbox: SyncSender<Input>) {
    thread::spawn(move || -> Result<(), Box<dyn Error + Send + Sync>> {
        let peer = String::from_utf8(read_frame(&mut stream)?)?.parse()?;
        loop {
            inbox.send(Input::Message(peer, read_frame(&mut stream)?))?;
        }
    });
}

/// A frame longer than any message is refused before there is room for it.
fn read_frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut len = [0; 4];
    stream.read_exact(&mut len)?;
    let len = usize::try_from(u32::from_le_bytes(len)).ok().filter(|&len| len <= MessageBudget::MAX.bytes());
    let mut bytes = vec![0; len.ok_or(io::ErrorKind::InvalidData)?];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}
