//! Five processes in five network namespaces: loss, and a cut while both sides are written to.
//!
//! It takes root, `ip` and `nft`, and says so where it is skipped. Two bridges in a namespace of their own have a link between
//! them, which is cut; each process has an interface at one of them, and another one by which the test reaches its HTTP.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::{Client, Process};
use crate::wait_for;

const NODES: usize = 5;

/// How many of them are on one side of the cut.
const SIDE: usize = 2;

/// Namespaces, gone when this is dropped.
struct Networks(String);

/// Runs a command. Returns whether it succeeds.
fn run(command: &str) -> bool {
    let mut words = command.split(' ');
    let mut process = Command::new(words.next().expect("a program"));
    process.args(words).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[track_caller]
fn must(command: &str) {
    assert!(run(command), "{command}");
}

impl Networks {
    /// Makes them, or says what it lacks.
    fn new() -> Result<Self, &'static str> {
        if !run("nft --version") || !run("ip -V") {
            return Err("there is no ip, or no nft");
        }
        let prefix = format!("g{}", std::process::id() % 100_000);
        let networks = Self(prefix.clone());
        let hub = format!("{prefix}hub");
        if !run(&format!("ip netns add {hub}")) {
            return Err("it may not make network namespaces");
        }
        let nft = format!("ip netns exec {hub} nft");
        let rule = format!("{nft} add rule inet loss in numgen random mod 100 < 10 accept");
        let chain = format!("{nft} add chain inet loss in {{ type filter hook input priority 0 ; }}");
        if ![format!("{nft} add table inet loss"), chain, rule].iter().all(|command| run(command)) {
            return Err("it may not set rules of nft");
        }
        for bridge in ["one", "two"] {
            must(&format!("ip -n {hub} link add {bridge} type bridge"));
            must(&format!("ip -n {hub} link set {bridge} up"));
        }
        must(&format!("ip -n {hub} link add cut type veth peer name end"));
        for (end, bridge) in [("cut", "one"), ("end", "two")] {
            must(&format!("ip -n {hub} link set {end} master {bridge}"));
            must(&format!("ip -n {hub} link set {end} up"));
        }
        (0..NODES).for_each(|node| networks.add(node, &hub));
        Ok(networks)
    }

    fn name(&self, node: usize) -> String {
        format!("{}n{node}", self.0)
    }

    /// A namespace with both its interfaces, which loses a tenth of what peers send.
    fn add(&self, node: usize, hub: &str) {
        let (name, bridge) = (self.name(node), if node < SIDE { "one" } else { "two" });
        must(&format!("ip netns add {name}"));
        must(&format!("ip -n {name} link set lo up"));
        must(&format!("ip -n {hub} link add p{node} type veth peer name data netns {name}"));
        must(&format!("ip -n {hub} link set p{node} master {bridge} up"));
        must(&format!("ip -n {name} addr add 10.77.0.{}/24 dev data", node + 1));
        must(&format!("ip -n {name} link set data up"));
        must(&format!("ip link add {name}c type veth peer name http netns {name}"));
        must(&format!("ip addr add 10.78.{node}.1/30 dev {name}c"));
        must(&format!("ip link set {name}c up"));
        must(&format!("ip -n {name} addr add 10.78.{node}.2/30 dev http"));
        must(&format!("ip -n {name} link set http up"));
        let nft = format!("ip netns exec {name} nft");
        must(&format!("{nft} add table inet loss"));
        must(&format!("{nft} add chain inet loss in {{ type filter hook input priority 0 ; }}"));
        must(&format!("{nft} add rule inet loss in iifname data numgen random mod 100 < 10 drop"));
    }

    fn set_cut(&self, is_cut: bool) {
        must(&format!("ip -n {}hub link set cut {}", self.0, if is_cut { "down" } else { "up" }));
    }

    fn start(&self, node: usize, data: &TempDir) -> Process {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name(node), env!("CARGO_BIN_EXE_gossip-node")]);
        let peers: Vec<String> = (1..=NODES).map(|peer| format!("10.77.0.{peer}:7400")).collect();
        let directory = data.path().join(format!("{node}"));
        let options = format!(
            "--set --name n{node} --listen 10.77.0.{}:7400 --peers {} --insecure --http 10.78.{node}.2:9400 --data-dir {}",
            node + 1,
            peers.join(","),
            directory.display()
        );
        Process::start_by(command, &options.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for name in (0..NODES).map(|node| self.name(node)).chain([format!("{}hub", self.0)]) {
            run(&format!("ip netns del {name}"));
        }
    }
}

fn client(node: usize) -> Option<Client> {
    let octet = u8::try_from(node).expect("a few");
    Client::connect(SocketAddr::from(([10, 78, octet, 2], 9_400)))
}

fn get(node: usize, path: &str) -> Option<(u16, String)> {
    client(node)?.request("GET", path, "")
}

/// Writes at a process, about a hundred times a second, until it is over. Returns what was acknowledged.
fn write(node: usize, over: &AtomicBool) -> Vec<String> {
    let (mut connection, mut acknowledged) = (client(node).expect("it serves"), Vec::new());
    while !over.load(Ordering::Relaxed) {
        let element = format!("{node} {}", acknowledged.len());
        let answer = connection.request("POST", "/v1/elements", &format!("\"{element}\""));
        assert_eq!(answer.map(|(status, _)| status), Some(201), "cut off or not, it takes writes");
        acknowledged.push(element);
        thread::sleep(Duration::from_millis(10));
    }
    acknowledged
}

#[test]
fn five_namespaces_with_loss_and_a_cut_end_up_equal() {
    let networks = match Networks::new() {
        Ok(networks) => networks,
        Err(lacking) => return println!("skipped: {lacking}"),
    };
    let seconds = std::env::var("CUT_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(40);
    let data = tempfile::tempdir().expect("a directory");
    let _processes: Vec<Process> = (0..NODES).map(|node| networks.start(node, &data)).collect();
    (0..NODES)
        .for_each(|node| wait_for("ready", || get(node, "/readyz?peers=4").is_some_and(|(status, _)| status == 200)));
    let over = AtomicBool::new(false);
    let acknowledged: BTreeSet<String> = thread::scope(|scope| {
        let writers: Vec<_> = (0..NODES)
            .map(|node| {
                scope.spawn({
                    let over = &over;
                    move || write(node, over)
                })
            })
            .collect();
        thread::sleep(Duration::from_secs(2));
        networks.set_cut(true);
        thread::sleep(Duration::from_secs(seconds));
        over.store(true, Ordering::Relaxed);
        writers.into_iter().flat_map(|writer| writer.join().expect("it writes")).collect()
    });
    networks.set_cut(false);
    let healed = Instant::now();
    let took: Vec<Duration> = thread::scope(|scope| {
        let prove = |node: usize| {
            move || {
                let (status, words) = get(node, "/synced?within=20").expect("it answers");
                assert_eq!(status, 200, "n{node}: {words}");
                healed.elapsed()
            }
        };
        let proofs: Vec<_> = (0..NODES).map(|node| scope.spawn(prove(node))).collect();
        proofs.into_iter().map(|proof| proof.join().expect("it is proven")).collect()
    });
    println!("{} writes, a cut of {seconds} s, 10 % loss: all proven after {took:?}", acknowledged.len());
    for node in 0..NODES {
        let (_, body) = get(node, "/v1/elements").expect("it answers");
        let held: Vec<String> = serde_json::from_str(&body).expect("texts");
        assert!(acknowledged.iter().eq(held.iter().collect::<BTreeSet<_>>()), "n{node} holds {} of them", held.len());
    }
    assert!(took.iter().all(|took| *took < Duration::from_secs(3)), "{took:?}");
}
