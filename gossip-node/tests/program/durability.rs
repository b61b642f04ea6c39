//! A node with a directory for its data: what it acknowledged outlives it, and what is not its store is left alone.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output as Ended, Stdio};
use std::sync::mpsc::{SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use gossip_core::{Key, Time};
use gossip_node::{Input, MaxLine, Node, Output, Settings, Shape, Store, StoreError, Workload, serve};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

fn line(dest: &str, body: &Value) -> String {
    json!({"src": "c1", "dest": dest, "body": body}).to_string() + "\n"
}

fn init(id: &str, ids: &[&str]) -> String {
    line(id, &json!({"type": "init", "msg_id": 1, "node_id": id, "node_ids": ids}))
}

fn broadcast(value: u64) -> String {
    line("n1", &json!({"type": "broadcast", "msg_id": value, "message": value}))
}

fn read(id: &str) -> String {
    line(id, &json!({"type": "read", "msg_id": 2}))
}

fn numbers(reply: &str) -> BTreeSet<u64> {
    let reply: Value = serde_json::from_str(reply).unwrap_or_else(|error| panic!("{error}: {reply}"));
    serde_json::from_value(reply["body"]["messages"].clone()).unwrap_or_else(|error| panic!("{error}: {reply}"))
}

/// A running node `n1` with its data in a directory.
struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    /// What it holds comes with it.
    fn start(directory: &Path) -> (Self, BTreeSet<u64>) {
        let mut child = command(directory).stderr(Stdio::inherit()).spawn().unwrap();
        let stdin = child.stdin.take().expect("it is piped");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut process = Self { child, stdin, stdout };
        process.stdin.write_all((init("n1", &["n1"]) + &read("n1")).as_bytes()).unwrap();
        let [_, reply] = [process.next_line(), process.next_line()];
        (process, numbers(&reply))
    }

    fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    /// Broadcasts numbers from `first` on, as fast as they are taken in, and kills it in the midst of it, a while after so
    /// many acknowledgements: how many were sent, and which were acknowledged.
    fn kill_under_load(self, first: u64, acknowledgements: usize, after: Duration) -> (u64, BTreeSet<u64>) {
        let Self { mut child, mut stdin, stdout } = self;
        let writer = thread::spawn(move || {
            let mut numbers = (first..).step_by(10);
            let burst = |first: u64| (first..first + 10).map(broadcast).collect::<String>();
            numbers.find(|&first| stdin.write_all(burst(first).as_bytes()).is_err()).expect("it ends")
        });
        let (sender, replies) = channel();
        let reader = thread::spawn(move || {
            let whole = |line: String| serde_json::from_str::<Value>(&line).ok();
            let replies = stdout.lines().map_while(Result::ok).map_while(whole);
            replies.for_each(|reply| sender.send(reply["body"]["in_reply_to"].as_u64().unwrap()).unwrap());
        });
        let mut acknowledged: BTreeSet<u64> = replies.iter().take(acknowledgements).collect();
        thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(replies);
        reader.join().unwrap();
        (writer.join().unwrap() + 10 - first, acknowledged)
    }
}

fn command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gossip-node"));
    command.arg("--data-dir").arg(directory).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a node that is given no input.
fn run(directory: &Path, options: &[&str]) -> Ended {
    command(directory).args(options).stdin(Stdio::null()).output().unwrap()
}

/// `KILLS` sets how often.
#[test]
fn a_node_killed_at_any_moment_holds_what_it_acknowledged() {
    let kills: u64 = std::env::var("KILLS").map_or(20, |kills| kills.parse().unwrap());
    let mut random = 1_u64;
    let (mut sent_in_all, mut acknowledged_in_all, mut held_in_all) = (0, 0, 0);
    for first in (0..kills).step_by(20) {
        let directory = tempdir().unwrap();
        let (mut sent, mut acknowledged) = (0, BTreeSet::new());
        for _ in first..kills.min(first + 20) {
            let (process, held) = Process::start(directory.path());
            assert!(held.is_superset(&acknowledged), "{:?}", acknowledged.difference(&held));
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (acknowledgements, after) = (random >> 32 & 1_023, Duration::from_micros(random >> 42 & 8_191));
            let (more, answered) = process.kill_under_load(sent, acknowledgements as usize, after);
            sent += more;
            acknowledged.extend(answered);
        }
        let (mut process, held) = Process::start(directory.path());
        process.child.kill().unwrap();
        process.child.wait().unwrap();
        assert!(held.is_superset(&acknowledged), "{:?}", acknowledged.difference(&held));
        assert!(held.last() < Some(&sent));
        sent_in_all += sent;
        acknowledged_in_all += acknowledged.len() as u64;
        held_in_all += held.len() as u64;
    }
    println!("{kills} kills: {sent_in_all} sent, {acknowledged_in_all} acknowledged, {held_in_all} held");
    assert!(acknowledged_in_all > 0 && held_in_all < sent_in_all, "it was killed under load");
}

/// A store in a directory, and a way to see that nobody wrote to it.
struct Case {
    directory: TempDir,
    file: Vec<u8>,
}

impl Case {
    /// A store of 0..`count`, closed.
    fn new(settings: &Settings, count: u64) -> Self {
        let directory = tempdir().unwrap();
        let input = (0..count).map(broadcast).fold(init("n1", &["n1"]), |lines, line| lines + &line);
        let (node, store) = Store::open(directory.path(), settings.clone()).unwrap();
        feed(node, store, &input);
        let file = fs::read(directory.path().join("elements.redb")).unwrap();
        Self { directory, file }
    }

    fn set(&self, file: &[u8]) {
        fs::write(self.directory.path().join("elements.redb"), file).unwrap();
    }

    fn open(&self, settings: Settings) -> Result<(Node, Store), StoreError> {
        Store::open(self.directory.path(), settings)
    }

    fn is(&self, file: &[u8]) -> bool {
        fs::read(self.directory.path().join("elements.redb")).unwrap() == file
    }
}

/// What the node answers to `input`, until it ends.
fn feed(node: Node, store: Store, input: &str) -> String {
    let (sender, inbox) = sync_channel(1);
    sender.send(Input::Lines(input.lines().map(Into::into).collect())).unwrap();
    drop(sender);
    let mut output = Vec::new();
    serve(node, Some(store), &inbox, &mut output).unwrap();
    String::from_utf8(output).unwrap()
}

fn held(node: Node, store: Store) -> BTreeSet<u64> {
    let output = feed(node, store, &(init("n1", &["n1"]) + &read("n1")));
    numbers(output.lines().last().unwrap())
}

#[test]
fn a_restarted_node_holds_everything_and_rejoins() {
    let case = Case::new(&Settings::default(), 1_000);
    let (node, _store) = case.open(Settings::default()).unwrap();
    let mut nodes = [node, Node::new(Settings::default())];
    let mut replies = Vec::new();
    let mut deliver = |nodes: &mut [Node; 2], line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        match line["dest"].as_str() {
            Some("n1") => nodes[0].receive_line(line.to_string().as_bytes()).unwrap(),
            Some("n2") => nodes[1].receive_line(line.to_string().as_bytes()).unwrap(),
            _ => replies.push(line.to_string()),
        }
    };
    let mut poll = |nodes: &mut [Node; 2], second: u64| {
        for node in 0..2 {
            while let Output::Line(line) = nodes[node].poll(Time::from_micros(second * 1_000_000)) {
                deliver(nodes, &line);
            }
        }
    };
    for (node, id) in ["n1", "n2"].into_iter().enumerate() {
        nodes[node].receive_line(init(id, &["n1", "n2"]).as_bytes()).unwrap();
    }
    nodes[1].receive_line(broadcast(5_000).replace("n1", "n2").as_bytes()).unwrap();
    (0..20).for_each(|second| poll(&mut nodes, second));
    for (node, id) in ["n1", "n2"].into_iter().enumerate() {
        nodes[node].receive_line(read(id).as_bytes()).unwrap();
    }
    poll(&mut nodes, 20);
    let expected: BTreeSet<u64> = (0..1_000).chain([5_000]).collect();
    assert_eq!(
        replies.iter().rev().take(2).map(|reply| numbers(reply)).collect::<Vec<_>>(),
        [expected.clone(), expected]
    );
}

/// The other end of a node's output: a peer that answers, until it has been sent a number of lines.
struct Peer {
    node: Node,
    inbox: SyncSender<Input>,
    left: u32,
}

impl Write for Peer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| line.starts_with(br#"{"src": "n1", "dest": "n2""#))
        {
            self.node.receive_line(line).unwrap();
            while let Output::Line(line) = self.node.poll(Time::ZERO) {
                self.inbox.send(Input::Lines(vec![line.into()])).unwrap();
            }
            self.left = self.left.saturating_sub(1);
            if self.left == 0 {
                self.inbox.send(Input::End).unwrap();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_was_learned_is_stored_as_well() {
    let mut settings = Settings::default();
    (settings.overlay, settings.round_every) = (Shape::None, Duration::from_millis(1));
    let directory = tempdir().unwrap();
    let mut peer = Node::new(settings.clone());
    peer.receive_line(init("n2", &["n1", "n2"]).as_bytes()).unwrap();
    for value in 0..100 {
        peer.receive_line(broadcast(value).replace("n1", "n2").as_bytes()).unwrap();
    }
    let (sender, inbox) = sync_channel(1_000);
    sender.send(Input::Lines(vec![init("n1", &["n1", "n2"]).into()])).unwrap();
    let (node, store) = Store::open(directory.path(), settings.clone()).unwrap();
    serve(node, Some(store), &inbox, Peer { node: peer, inbox: sender, left: 20 }).unwrap();
    let (node, store) = Store::open(directory.path(), settings).unwrap();
    assert_eq!(held(node, store), (0..100).collect());
}

#[test]
fn a_store_in_use_is_refused_and_left_as_it_was() {
    let case = Case::new(&Settings::default(), 100);
    let (process, _) = Process::start(case.directory.path());
    let file = fs::read(case.directory.path().join("elements.redb")).unwrap();
    assert!(matches!(case.open(Settings::default()), Err(StoreError::InUse)));
    let ended = run(case.directory.path(), &[]);
    assert_eq!((ended.status.code(), ended.stdout.len()), (Some(1), 0));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("the store is in use"), "{said}");
    assert!(case.is(&file));
    drop(process.stdin);
    let mut rest = Vec::new();
    process.stdout.into_inner().read_to_end(&mut rest).unwrap();
}

#[test]
fn a_store_of_another_key_is_refused_and_left_as_it_was() {
    let mut secret = Settings::default();
    secret.key = Key::secret([7; 16]);
    let mut other = Settings::default();
    other.key = Key::secret([8; 16]);
    for (written, opened) in [(&secret, &other), (&secret, &Settings::default()), (&Settings::default(), &secret)] {
        let case = Case::new(written, 100);
        assert!(matches!(case.open(opened.clone()), Err(StoreError::OtherKey)));
        assert!(case.is(&case.file));
        let (node, store) = case.open(written.clone()).unwrap();
        assert_eq!(held(node, store), (0..100).collect());
    }
}

#[test]
fn a_store_of_another_kind_of_values_is_refused_and_left_as_it_was() {
    let with = |workload| {
        let mut settings = Settings::default();
        settings.workload = workload;
        settings
    };
    let all = [Workload::Broadcast, Workload::GSet, Workload::GCounter, Workload::PnCounter];
    for (written, opened) in all.into_iter().flat_map(|written| all.map(|opened| (written, opened))) {
        let case = Case::new(&with(written), 0);
        match case.open(with(opened)) {
            Ok(_) => assert!(written == opened || [written, opened].iter().all(|workload| all[..2].contains(workload))),
            Err(StoreError::OtherWorkload(workload)) => {
                assert!(workload == opened && written != opened && case.is(&case.file));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_restarted_counter_has_its_sum_and_knows_the_requests_it_counted() {
    let directory = tempdir().unwrap();
    let mut settings = Settings::default();
    settings.workload = Workload::PnCounter;
    let add = |msg_id, delta| line("n1", &json!({"type": "add", "msg_id": msg_id, "delta": delta}));
    for (requests, sum) in [([add(10, 7), add(11, -30)], -23), ([add(11, -30), add(12, 5)], -18)] {
        let (node, store) = Store::open(directory.path(), settings.clone()).unwrap();
        let output = feed(node, store, &(init("n1", &["n1"]) + &requests.concat() + &read("n1")));
        let reply: Value = serde_json::from_str(output.lines().last().unwrap()).unwrap();
        assert_eq!(reply["body"]["value"], sum);
    }
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_as_it_was() {
    let case = Case::new(&Settings::default(), 100);
    let database = redb::Database::open(case.directory.path().join("elements.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    let tag = redb::TableDefinition::<&str, &str>::new("tag");
    transaction.open_table(tag).unwrap().insert("format", "2").unwrap();
    transaction.commit().unwrap();
    drop(database);
    let file = fs::read(case.directory.path().join("elements.redb")).unwrap();
    assert!(matches!(case.open(Settings::default()), Err(StoreError::Newer { found: 2 })));
    let ended = run(case.directory.path(), &[]);
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("has the format 2, of a newer version; this one knows 1"), "{said}");
    assert!(case.is(&file));
}

#[test]
fn a_store_of_elements_that_are_too_long_is_refused_and_left_as_it_was() {
    let mut settings = Settings::default();
    let directory = tempdir().unwrap();
    let (node, store) = Store::open(directory.path(), settings.clone()).unwrap();
    let long = line("n1", &json!({"type": "broadcast", "msg_id": 2, "message": "x".repeat(5_000)}));
    feed(node, store, &(init("n1", &["n1"]) + &long));
    let file = fs::read(directory.path().join("elements.redb")).unwrap();
    settings.max_line = MaxLine::MIN;
    let error = Store::open(directory.path(), settings).unwrap_err();
    assert!(error.to_string().contains("an element that is longer than 2"), "{error}");
    assert_eq!(fs::read(directory.path().join("elements.redb")).unwrap(), file);
}

#[test]
fn a_damaged_store_is_refused_and_left_as_it_was() {
    let case = Case::new(&Settings::default(), 2_000);
    let len = case.file.len();
    let mut damaged: Vec<Vec<u8>> = vec![vec![], b"nonsense".into(), vec![0; 100_000], case.file[..len / 2].into()];
    let mut random = 7_u64;
    for _ in 0..100 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut file = case.file.clone();
        file[(random >> 16) as usize % len] ^= 1 << (random >> 13 & 7);
        damaged.push(file);
    }
    let mut refused = 0;
    for file in damaged {
        case.set(&file);
        match case.open(Settings::default()) {
            Err(StoreError::Damaged(_)) => {
                refused += 1;
                assert!(case.is(&file));
            }
            Err(error) => panic!("{error}"),
            Ok((node, store)) => assert_eq!(held(node, store), (0..2_000).collect(), "unused bytes"),
        }
    }
    println!("{refused} refused");
    assert!(refused >= 4);
}

#[test]
fn nothing_is_written_without_a_directory_for_it() {
    let directory = tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_gossip-node"))
        .current_dir(directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all((init("n1", &["n1"]) + &broadcast(1)).as_bytes()).unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout.split(|byte| *byte == b'\n').count(), 3);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}
