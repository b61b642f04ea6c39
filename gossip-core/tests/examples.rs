//! The examples as real processes: three replicas that start with different sets, one of which is killed and comes
//! back.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use gossip_core::{AntiEntropy, Config, Digest, Element};

/// How long to wait for a line. Some seconds do on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn tcp_survives_a_kill() {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let addresses = listeners.map(|listener| listener.local_addr().expect("it is bound"));
    survives_a_kill("tcp", addresses, |i| i, |i| i.to_string());
}

#[test]
fn tokio_survives_a_kill() {
    let sockets = [(); 3].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a free port"));
    let addresses = sockets.map(|socket| socket.local_addr().expect("it is bound"));
    survives_a_kill("tokio", addresses, |i| format!("word {i}"), |i| format!("word {i}"));
}

fn survives_a_kill<E: Element>(
    example: &str,
    addresses: [SocketAddr; 3],
    element: impl Fn(u64) -> E,
    line: impl Fn(u64) -> String,
) {
    let program = build(example);
    let start = |i: usize, range| Replica::start(&program, addresses, i, range);
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

/// Builds an example, in case it is not up to date: `cargo test --test examples` alone does not.
fn build(example: &str) -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--message-format=json", "--example", example])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(built.status.success());
    let messages = built.stdout.lines().map_while(Result::ok);
    let executable = messages.filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(&line).ok()?;
        let is_it = message["target"]["name"] == example && message["target"]["kind"][0] == "example";
        message["executable"].as_str().filter(|_| is_it).map(PathBuf::from)
    });
    executable.last().expect("cargo names what it built")
}

/// A process; killed when it is dropped.
struct Replica {
    process: Child,
    lines: Receiver<String>,
}

impl Replica {
    fn start(program: &PathBuf, addresses: [SocketAddr; 3], own: usize, range: Range<u64>) -> Self {
        let [own, peer, other] = [own, (own + 1) % 3, (own + 2) % 3].map(|i| addresses[i].to_string());
        let mut process = Command::new(program)
            .args([own, format!("{peer},{other}"), format!("{}..{}", range.start, range.end)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example starts");
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
