//! The program itself: what it reads and writes, and how it ends.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{INIT, spawn};

const INIT_OK: &str = r#"{"src": "n1", "dest": "c0", "body": {"type": "init_ok", "in_reply_to": 1, "msg_id": 0}}"#;
const READ: &str = r#"{"src":"c1","dest":"n1","body":{"type":"read","msg_id":2}}"#;

fn read_ok(msg_id: u64) -> String {
    format!(
        r#"{{"src": "n1", "dest": "c1", "body": {{"type": "read_ok", "in_reply_to": 2, "messages": [], "msg_id": {msg_id}}}}}"#
    )
}

/// A running node.
struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
}

impl Process {
    fn start(options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gossip-node"))
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map(BufReader::new);
        Self { child, stdin, stdout }
    }

    fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        stdin.write_all(bytes.as_ref()).and_then(|()| stdin.flush()).unwrap();
    }

    fn read_line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.as_mut().expect("stdout is open").read_line(&mut line).unwrap();
        line.trim_end_matches('\n').into()
    }

    /// How it ended, within ten seconds.
    fn end(mut self) -> ExitStatus {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.child.kill().unwrap();
        panic!("it runs on");
    }
}

/// Runs a whole session from a file, so that neither side waits for the other.
fn session(options: &[&str], input: &[u8]) -> Output {
    let mut child = spawn(options);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join();
    output
}

fn lines(bytes: &[u8]) -> Vec<&str> {
    std::str::from_utf8(bytes).unwrap().lines().collect()
}

#[test]
fn the_smallest_sessions_give_these_bytes() {
    let digest = r#"{"src":"c1","dest":"n1","body":{"type":"digest","msg_id":2}}"#;
    let output = session(&[], format!("{INIT}\n{digest}\n").as_bytes());
    let found = lines(&output.stdout);
    assert_eq!((found.len(), found[0], output.status.code()), (2, INIT_OK, Some(0)));
    assert!(found[1].contains(r#""type": "digest_ok", "in_reply_to": 2, "digest": "0"#), "{}", found[1]);

    let broadcast = r#"{"src":"c1","dest":"n1","body":{"type":"broadcast","msg_id":2,"message":42}}"#;
    let digest = digest.replace("2}", "3}");
    let output = session(&[], format!("{INIT}\n{broadcast}\n{digest}\n").as_bytes());
    let found = lines(&output.stdout);
    let broadcast_ok =
        r#"{"src": "n1", "dest": "c1", "body": {"type": "broadcast_ok", "in_reply_to": 2, "msg_id": 1}}"#;
    assert_eq!((found.len(), found[0], found[1], output.status.code()), (3, INIT_OK, broadcast_ok, Some(0)));
    assert!(found[2].contains(r#""type": "digest_ok", "in_reply_to": 3, "digest": "0"#), "{}", found[2]);
}

#[test]
fn the_sample_session_is_answered_line_by_line() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/sample-session.jsonl");
    let input = fs::read_to_string(path).unwrap();
    let output = session(&[], input.as_bytes());
    let replies = lines(&output.stdout);
    assert_eq!(replies.len(), input.lines().count());
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(replies.iter().all(|reply| !reply.contains(r#""error""#)));
    assert_eq!(
        replies.iter().filter(|reply| reply.contains(r#""match": true"#)).count(),
        1,
        "its digest is up to date"
    );
}

#[test]
fn an_end_of_input_ends_it_once_all_is_answered() {
    let output = session(&[], b"");
    assert_eq!((output.stdout.len(), output.status.code()), (0, Some(0)));
    let output = session(&[], format!("{INIT}\n{READ}").as_bytes());
    assert_eq!(lines(&output.stdout), [INIT_OK, &read_ok(1)], "the last line needs no newline");
    assert_eq!(output.status.code(), Some(0));
    let output = session(&[], format!("{INIT}\n{}", "x".repeat(10_000_000)).as_bytes());
    assert_eq!(lines(&output.stdout), [INIT_OK], "nor does one that is too long");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_closed_stdout_ends_it() {
    let mut process = Process::start(&[]);
    process.write(format!("{INIT}\n"));
    assert_eq!(process.read_line(), INIT_OK);
    process.stdout = None;
    process.write(format!("{READ}\n"));
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn a_closed_stdout_ends_it_though_nobody_asks_anything() {
    let mut process = Process::start(&["--overlay", "none", "--round-every", "100ms"]);
    process.write(INIT.replace(r#"["n1"]"#, r#"["n1","n2"]"#) + "\n");
    assert_eq!(process.read_line(), INIT_OK);
    process.stdout = None;
    assert_eq!(process.end().code(), Some(0), "gossip meets the closed pipe");
}

#[test]
fn replies_come_while_the_input_stays_open() {
    let mut process = Process::start(&["--workload", "g-set", "--log", "off", "--seed", "7", "--round-every", "100ms"]);
    for (request, reply) in [
        (INIT, INIT_OK),
        (
            r#"{"src":"c1","dest":"n1","body":{"type":"add","msg_id":2,"element":0}}"#,
            r#"{"src": "n1", "dest": "c1", "body": {"type": "add_ok", "in_reply_to": 2, "msg_id": 1}}"#,
        ),
        (
            READ,
            r#"{"src": "n1", "dest": "c1", "body": {"type": "read_ok", "in_reply_to": 2, "value": [0], "msg_id": 2}}"#,
        ),
    ] {
        process.write(format!("{request}\n"));
        assert_eq!(process.read_line(), reply);
    }
    process.stdin = None;
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn what_is_not_a_request_is_skipped() {
    let long = "x".repeat(10_000_000);
    let unknown = r#"{"src":"c1","dest":"n1","body":{"type":"nonsense","msg_id":2}}"#;
    let input = [
        READ.as_bytes(),
        b"not JSON",
        b"\xff\xfe\x00\x01binary\x80",
        b"{\"src\":\"c1\",\"dest\":\"n1\",\"body\":{\"type\":\"read\",\"msg_id\":9,\"x\":\"\xff\"}}",
        b"",
        INIT.as_bytes(),
        long.as_bytes(),
        unknown.as_bytes(),
        READ.as_bytes(),
        b"{\"src\":\"c1\"",
    ]
    .join(&b'\n');
    let output = session(&[], &input);
    let found = lines(&output.stdout);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found[0].contains(r#""type": "error", "in_reply_to": 2, "code": 11"#));
    assert_eq!(found[1], INIT_OK.replace(r#""msg_id": 0"#, r#""msg_id": 1"#));
    assert!(found[2].contains(r#""type": "error", "in_reply_to": 2, "code": 10"#));
    assert_eq!(found[3], read_ok(3));
    assert_eq!(output.status.code(), Some(0));
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(log.lines().count(), 6, "{log}");
    assert!(log.lines().all(|line| line.len() < 500), "{log}");
}

#[test]
fn the_longest_line_is_read_and_a_longer_one_is_not() {
    let echo = |len: usize| {
        let frame = r#"{"src":"c1","dest":"n1","body":{"type":"echo","msg_id":2,"echo":""}}"#.len();
        format!(
            r#"{{"src":"c1","dest":"n1","body":{{"type":"echo","msg_id":2,"echo":"{}"}}}}"#,
            "e".repeat(len - frame)
        )
    };
    let input = format!("{INIT}\n{}\n{}\n{READ}\n", echo(4_096), echo(4_097));
    let output = session(&["--max-line", "4096"], input.as_bytes());
    let found = lines(&output.stdout);
    assert_eq!((found.len(), found[1].contains("echo_ok"), found[2]), (3, true, &*read_ok(2)));
}

#[cfg(target_os = "linux")]
#[test]
fn an_overlong_line_takes_constant_memory() {
    let mut process = Process::start(&[]);
    let chunk = vec![b'['; 1 << 20];
    for _ in 0..200 {
        process.write(&chunk);
    }
    process.write(format!("\n{INIT}\n"));
    assert_eq!(process.read_line(), INIT_OK);
    let status = fs::read_to_string(format!("/proc/{}/status", process.child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kilobytes < 20_000, "{kilobytes} kB");
    process.stdin = None;
    assert_eq!(process.end().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn sigterm_ends_it_even_if_nobody_reads() {
    let terminate = |process: &Process| {
        let id = process.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    };

    let mut process = Process::start(&[]);
    process.write(format!("{INIT}\n"));
    assert_eq!(process.read_line(), INIT_OK);
    terminate(&process);
    assert_eq!(process.end().code(), Some(0));

    let mut process = Process::start(&[]);
    process.write(format!("{INIT}\n"));
    assert_eq!(process.read_line(), INIT_OK);
    let mut stdin = process.stdin.take().unwrap();
    let flood = thread::spawn(move || while stdin.write_all(format!("{READ}\n").as_bytes()).is_ok() {});
    thread::sleep(Duration::from_millis(300));
    terminate(&process);
    let stdout = process.stdout.take();
    assert_eq!(process.end().code(), Some(0));
    drop(stdout);
    flood.join().unwrap();
}

#[test]
fn an_unreadable_input_is_a_failure() {
    let folder = fs::File::open(env!("CARGO_MANIFEST_DIR")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gossip-node")).stdin(folder).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ERROR"));
}

#[test]
fn a_bad_option_says_what_is_wrong_and_what_is_allowed() {
    for (options, wrong, allowed) in [
        (&["--workload", "lists"][..], "'lists' for '--workload", "broadcast, g-set"),
        (&["--round-every", "1h"], "'1h' for '--round-every", "from 1ms to 60m"),
        (&["--round-every", "-1"], "'-1' for '--round-every", "from 1ms to 60m"),
        (&["--seed", "-1"], "'-1' for '--seed", "from 0 to 18446744073709551615"),
        (&["--max-line", "100"], "'100' for '--max-line", "from 4096 to 16777216"),
        (&["--log", "loud"], "'loud' for '--log", "off, error, warn, info, debug, trace"),
        (&["--nonsense"], "'--nonsense'", "--help"),
        (&["nonsense"], "'nonsense'", "--help"),
        (&["--seed"], "'--seed", "--help"),
    ] {
        let output = session(options, b"");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{options:?}");
        assert!(said.contains(wrong) && said.contains(allowed), "{said}");
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    for (option, expected) in [
        ("--help", "--workload <NAME>"),
        ("-h", "--max-line <BYTES>"),
        ("--version", concat!("gossip-node ", env!("CARGO_PKG_VERSION"))),
    ] {
        let output = session(&[option], b"");
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains(expected));
    }
}

#[test]
fn a_burst_is_answered_one_by_one() {
    let mut input = format!("{INIT}\n");
    for i in 0..20_000 {
        input += &format!(r#"{{"src":"c1","dest":"n1","body":{{"type":"broadcast","msg_id":{i},"message":{i}}}}}"#);
        input.push('\n');
    }
    let output = session(&[], input.as_bytes());
    let found = lines(&output.stdout);
    assert_eq!(found.len(), 20_001);
    for (i, reply) in found[1..].iter().enumerate() {
        let body = format!(r#"{{"type": "broadcast_ok", "in_reply_to": {i}, "msg_id": {}}}"#, i + 1);
        assert_eq!(*reply, format!(r#"{{"src": "n1", "dest": "c1", "body": {body}}}"#));
    }
}

#[test]
fn a_log_that_nobody_reads_holds_up_no_reply_and_counts_what_it_drops() {
    const LINES: usize = 30_000;
    for options in [&[][..], &["--stats-every", "1ms"]] {
        let mut child = spawn(options);
        let mut stdin = child.stdin.take().unwrap();
        let bad = "not JSON, and more of it than a pipe holds\n";
        let input = format!("{INIT}\n{}", format!("{bad}{READ}\n").repeat(LINES));
        let writer = thread::spawn(move || stdin.write_all(input.as_bytes()).map(|()| stdin));
        let replies = BufReader::new(child.stdout.take().unwrap()).lines().take(1 + LINES);
        assert_eq!(replies.last().unwrap().unwrap(), read_ok(LINES as u64));
        // Only now is the log read.
        let stdin = writer.join().unwrap().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let log = thread::spawn(move || {
            let mut log = String::new();
            stderr.read_to_string(&mut log).map(|_| log)
        });
        drop(stdin);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let log = log.join().unwrap().unwrap();
        let skipped = log.lines().filter(|line| line.contains(" WARN ") && line.contains("skipped a line")).count();
        let dropped = log.lines().filter_map(|line| line.strip_prefix("WARN gossip_node::log: dropped "));
        let dropped: usize = dropped.map(|rest| rest.split(' ').next().unwrap().parse::<usize>().unwrap()).sum();
        let all = skipped + dropped;
        assert!(dropped > 0 && (LINES..LINES + 100_000).contains(&all), "{skipped} written, {dropped} dropped");
        assert!(all == LINES || !options.is_empty(), "{skipped} written, {dropped} dropped");
    }
}

#[test]
fn a_reader_that_comes_late_gets_everything() {
    let mut process = Process::start(&[]);
    let mut stdin = process.stdin.take().unwrap();
    let writer = thread::spawn(move || {
        stdin.write_all(format!("{INIT}\n{}", format!("{READ}\n").repeat(5_000)).as_bytes()).unwrap();
    });
    thread::sleep(Duration::from_millis(200));
    let mut output = String::new();
    process.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    writer.join().unwrap();
    assert_eq!(output.lines().count(), 5_001);
    assert_eq!(process.end().code(), Some(0));
}
