//! Five processes in five network namespaces: loss, and a cut while both sides put and delete.
//!
//! It takes root, `ip` and `nft`, and says so where it is skipped. Two bridges in a namespace of their own have a link between
//! them, which is cut; each process has an interface at one of them, and another one by which the test reaches its HTTP.
//!
//! What must be held in the end follows from what was acknowledged:
//! - A key that is put once, and never again, is held by all if no delete of it was acknowledged, and by none if one was: by
//!   its writer, or by another that had seen it. Once it is gone at a process it does not come back there.
//! - A key that one writer alone puts again and again has the value that it put last.
//! - A key that both sides put and delete has what each side did last, when all on that side had seen what was done there: the
//!   values that were put, since a delete on the other side removes only what was seen there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
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
            "--name n{node} --listen 10.77.0.{}:7400 --peers {} --insecure --http 10.78.{node}.2:9400 --data-dir {}",
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

fn keys(node: usize) -> BTreeMap<String, Value> {
    let (_, body) = get(node, "/v1/keys").expect("it answers");
    serde_json::from_str(&body).expect("an object")
}

/// Puts or deletes, which a process has to take whether it is cut off or not. Returns the status.
fn change(connection: &mut Client, method: &str, key: &str, value: &str) -> u16 {
    let (status, words) = connection.request(method, &format!("/v1/keys/{key}"), value).expect("it answers");
    assert!(
        matches!((method, status), ("PUT", 200 | 201) | ("DELETE", 200 | 404)),
        "{method} {key}: {status}, {words}"
    );
    status
}

/// Keys that all put and delete, and whether each side puts them last, or deletes them.
const SHARED: [(&str, [bool; 2]); 4] =
    [("both", [true, true]), ("one", [true, false]), ("two", [false, true]), ("none", [false, false])];

/// Of each side the process that does so, and how many others are there.
const LAST: [(usize, usize); 2] = [(0, SIDE - 1), (SIDE, NODES - SIDE - 1)];

/// A client that writes at one process, and what it knows.
struct Writer {
    node: usize,
    connection: Client,
    /// How many writes were acknowledged.
    writes: usize,
    /// Keys that were put once, are not deleted, and are for nobody else to delete.
    kept: BTreeSet<String>,
    /// Keys that were put once, and that others may delete.
    open: BTreeSet<String>,
    /// Keys of which it deleted what it had seen.
    deleted: BTreeSet<String>,
    /// What `last-<node>` was put with last.
    last: u64,
    /// Of the keys that are put once: those that the process held at the last look, and those that were gone at some look.
    held: BTreeSet<String>,
    gone: BTreeSet<String>,
}

impl Writer {
    fn new(node: usize) -> Self {
        let (kept, open, deleted, held, gone) = Default::default();
        Self { node, connection: client(node).expect("it serves"), writes: 0, kept, open, deleted, last: 0, held, gone }
    }

    fn change(&mut self, method: &str, key: &str, value: &str) -> u16 {
        self.writes += 1;
        change(&mut self.connection, method, key, value)
    }

    /// Puts a key that nobody puts again.
    fn put_once(&mut self, kind: &str, number: u64) -> String {
        let key = format!("{kind}-{}-{number}", self.node);
        assert_eq!(self.change("PUT", &key, &format!("\"{key}\"")), 201, "{key} is put once");
        key
    }

    fn write(&mut self, number: u64) {
        match number % 6 {
            0 | 1 => {
                let key = self.put_once("kept", number);
                self.kept.insert(key);
            }
            2 => {
                let key = self.put_once("open", number);
                self.open.insert(key);
            }
            3 => {
                let key = format!("kept-{}-{}", self.node, number - 2);
                assert_eq!(self.change("DELETE", &key, ""), 200, "{key} was there");
                self.kept.remove(&key);
                self.deleted.insert(key);
            }
            4 => {
                self.change("PUT", &format!("last-{}", self.node), &number.to_string());
                self.last = number;
            }
            _ => {
                // Each of the four is put, and in the next turn deleted.
                let ((key, _), puts) = (SHARED[(number / 6 % 4) as usize], number % 48 < 24);
                self.change(if puts { "PUT" } else { "DELETE" }, key, &format!("\"{} {number}\"", self.node));
            }
        }
    }

    /// Looks at all that the process holds: nothing is lost, nothing has come back.
    fn look(&mut self) {
        let is_put_once = |key: &String| key.starts_with("kept-") || key.starts_with("open-");
        let held: BTreeSet<String> = keys(self.node).into_keys().filter(is_put_once).collect();
        let lost: Vec<_> = self.kept.difference(&held).collect();
        assert!(lost.is_empty(), "n{} has lost {lost:?}", self.node);
        self.gone.extend(self.held.difference(&held).cloned());
        self.gone.extend(self.deleted.iter().cloned());
        let back: Vec<_> = held.intersection(&self.gone).collect();
        assert!(back.is_empty(), "at n{} came back {back:?}", self.node);
        self.held = held;
    }

    /// Deletes a key of each other writer, of those that it saw. Those from beyond a cut were put before it.
    fn delete_of_others(&mut self) {
        let node = self.node;
        for other in (0..NODES).filter(|other| *other != node) {
            let prefix = format!("open-{other}-");
            let Some(key) = self.held.iter().find(|key| key.starts_with(&prefix)).cloned() else { continue };
            // 404 if another has deleted it since, which then knows.
            if self.change("DELETE", &key, "") == 200 {
                self.deleted.insert(key);
            }
        }
    }

    /// Writes about a hundred times a second, and looks about twice, until it is over.
    fn write_until(mut self, over: &AtomicBool) -> Self {
        for number in (0..).take_while(|_| !over.load(Ordering::Relaxed)) {
            self.write(number);
            if number % 50 == 49 {
                self.look();
                self.delete_of_others();
            }
            thread::sleep(Duration::from_millis(10));
        }
        self
    }

    /// Looks about ten times a second, until it is over, and once more.
    fn look_until(mut self, over: &AtomicBool) -> Self {
        while !over.load(Ordering::Relaxed) {
            self.look();
            thread::sleep(Duration::from_millis(100));
        }
        self.look();
        self
    }
}

/// Has one process of each side put or delete all shared keys, once it has seen all that was done on its side.
fn settle() {
    for (side, (node, others)) in LAST.into_iter().enumerate() {
        let (status, words) = get(node, &format!("/synced?peers={others}")).expect("it answers");
        assert_eq!(status, 200, "n{node}: {words}");
        let mut connection = client(node).expect("it serves");
        for (key, puts) in SHARED {
            change(&mut connection, if puts[side] { "PUT" } else { "DELETE" }, key, &format!("\"{key} {side}\""));
        }
    }
}

/// Waits until each process has proofs with all others. Returns how long each took.
fn prove_all() -> Vec<Duration> {
    let began = Instant::now();
    thread::scope(|scope| {
        let prove = |node: usize| {
            move || {
                let (status, words) = get(node, "/synced?within=20").expect("it answers");
                assert_eq!(status, 200, "n{node}: {words}");
                began.elapsed()
            }
        };
        let proofs: Vec<_> = (0..NODES).map(|node| scope.spawn(prove(node))).collect();
        proofs.into_iter().map(|proof| proof.join().expect("it is proven")).collect()
    })
}

/// Compares what all hold with what was acknowledged.
fn check(writers: &[Writer]) {
    let deleted: BTreeSet<&String> = writers.iter().flat_map(|writer| &writer.deleted).collect();
    let put = writers.iter().flat_map(|writer| writer.kept.iter().chain(&writer.open));
    let mut expected: BTreeMap<String, Value> =
        put.filter(|key| !deleted.contains(key)).map(|key| (key.clone(), key.clone().into())).collect();
    expected.extend(writers.iter().map(|writer| (format!("last-{}", writer.node), writer.last.into())));
    for node in 0..NODES {
        let (mut held, first) = (keys(node), keys(0));
        assert!(held == first, "n{node} holds other values than n0");
        held.retain(|key, _| SHARED.iter().all(|(shared, _)| key != shared));
        let differ: Vec<_> =
            expected.keys().chain(held.keys()).filter(|key| held.get(*key) != expected.get(*key)).collect();
        assert!(differ.is_empty(), "n{node} differs in {differ:?}");
        for (key, puts) in SHARED {
            let values: Vec<String> =
                (0..2).filter(|side| puts[*side]).map(|side| format!("\"{key} {side}\"")).collect();
            let (status, body) = get(node, &format!("/v1/keys/{key}?all")).expect("it answers");
            let wanted = format!("[{}]\n", values.join(",\n"));
            assert!(if values.is_empty() { status == 404 } else { body == wanted }, "n{node}, {key}: {status}, {body}");
        }
    }
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
    (0..NODES).for_each(|node| wait_for("up", || get(node, "/healthz").is_some()));
    prove_all();
    let over = AtomicBool::new(false);
    let writers: Vec<Writer> = thread::scope(|scope| {
        let start = |node| {
            scope.spawn({
                let over = &over;
                move || Writer::new(node).write_until(over)
            })
        };
        let threads: Vec<_> = (0..NODES).map(start).collect();
        thread::sleep(Duration::from_secs(2));
        networks.set_cut(true);
        thread::sleep(Duration::from_secs(seconds));
        over.store(true, Ordering::Relaxed);
        threads.into_iter().map(|writer| writer.join().expect("it writes")).collect()
    });
    settle();
    let proven = AtomicBool::new(false);
    let (took, writers) = thread::scope(|scope| {
        let look = |writer: Writer| scope.spawn(|| writer.look_until(&proven));
        let threads: Vec<_> = writers.into_iter().map(look).collect();
        networks.set_cut(false);
        let took = prove_all();
        proven.store(true, Ordering::Relaxed);
        (took, threads.into_iter().map(|writer| writer.join().expect("it looks")).collect::<Vec<_>>())
    });
    check(&writers);
    let count = |of: fn(&Writer) -> usize| writers.iter().map(of).sum::<usize>();
    let (writes, deletes) = (count(|writer| writer.writes), count(|writer| writer.deleted.len()));
    println!("{writes} writes, {deletes} keys deleted, a cut of {seconds} s, 10 % loss: all proven after {took:?}");
    // 0.4 to 2.4 s, and 3.8 once while 18 other processes wanted the two cores: other tests run beside this one.
    assert!(took.iter().all(|took| *took < Duration::from_secs(5)), "{took:?}");
}
