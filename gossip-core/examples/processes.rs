//! The programs as real processes: three replicas that start with different sets, one of which is killed and comes
//! back.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gossip_core::{AntiEntropy, Config, Digest, Element};

/// How long to wait for a line. Some seconds do on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The tests take turns: until a process that one of them starts has become another program, it holds open what the
/// other has bound to find free ports, and these are in use.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn tcp_survives_a_kill() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let addresses = listeners.map(|listener| listener.local_addr().expect("it is bound"));
    survives_a_kill(env!("CARGO_BIN_EXE_tcp"), addresses, |i| i, |i| i.to_string());
}

#[test]
fn tokio_survives_a_kill() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let sockets = [(); 3].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a free port"));
    let addresses = sockets.map(|socket| socket.local_addr().expect("it is bound"));
    survives_a_kill(env!("CARGO_BIN_EXE_tokio"), addresses, |i| format!("word {i}"), |i| format!("word {i}"));
}

fn survives_a_kill<E: Element>(
    program: &str,
    addresses: [SocketAddr; 3],
    element: impl Fn(u64) -> E,
    line: impl Fn(u64) -> String,
) {
    let start = |i: usize, range| Replica::start(program, addresses, i, range);
    let digest_of = |range: Range<u64>| digest(range.map(&element));

    let mut replicas = vec![start(0, 0..40), start(1, 30..70), start(2, 60..100)];
    for replica in &replicas {
        replica.shows(digest_of(0..100));
    }

    drop(replicas.remove(1));
    replicas[0].write(&line(100));
    for replica in &replicas {
        replica.shows(digest_of(0..101));
    }

    // It comes back without what it held, and with something new.
    replicas.push(start(1, 101..110));
    for replica in &replicas {
        replica.shows(digest_of(0..110));
    }
}

fn digest<E: Element>(elements: impl Iterator<Item = E>) -> Digest {
    let mut machine = AntiEntropy::<u8, E>::new(Config::default(), 0);
    machine.extend(elements).expect("small elements");
    machine.digest()
}

/// A process; killed when it is dropped.
struct Replica {
    process: Child,
    lines: Receiver<String>,
}

impl Replica {
    fn start(program: &str, addresses: [SocketAddr; 3], own: usize, range: Range<u64>) -> Self {
        let [own, peer, other] = [own, (own + 1) % 3, (own + 2) % 3].map(|i| addresses[i].to_string());
        let mut process = Command::new(program)
            .args([own, format!("{peer},{other}"), format!("{}..{}", range.start, range.end)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { process, lines }
    }

    fn write(&mut self, line: &str) {
        let input = self.process.stdin.as_mut().expect("it is piped");
        writeln!(input, "{line}").expect("it listens");
    }

    /// Waits until it has proven that it and a peer have this digest.
    fn shows(&self, digest: Digest) {
        let digest = digest.to_string();
        while !self.lines.recv_timeout(PATIENCE).expect("another line").contains(&digest) {}
    }
}

impl Drop for Replica {
    /// On Unix this is `kill -9`.
    fn drop(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }
}
