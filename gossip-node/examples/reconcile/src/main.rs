//! Two replicas of a map over loopback, by `gossip-node` and by the crate [reconcile](https://docs.rs/reconcile), doing the same
//! in one run: what crosses the wire, how long it takes, and what memory it takes. `cargo run --release`; as root, on Linux, with
//! `ip` and `nft`. It takes four minutes, and ends after ten.
//!
//! Each replica is a process, and both run as their crates have it by default. Neither has keys or certificates, or keeps
//! anything on disk.

#![allow(clippy::disallowed_methods, reason = "real processes take real time")]

mod network;
mod replica;

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use replica::Failure;

const KEYS: u32 = 100_000;

/// How long a cut lasts: longer than either takes to give its peer up for now.
const CUT: Duration = Duration::from_secs(10);

/// How often each cut is tried: when after the heal an interval ends is chance.
const CUTS: usize = 5;

const IDLE: Duration = Duration::from_secs(10);

/// How many keys are put at once, while both are there.
const BURST: u32 = 20_000;

/// A replica as a process.
struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(system: &str, number: u8) -> Result<Self, Failure> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["replica", system, &number.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (input, output) = (child.stdin.take().ok_or("no stdin")?, child.stdout.take().ok_or("no stdout")?);
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    /// Asks it to do something, and waits until it is done.
    fn ask(&mut self, line: &str) -> Result<String, Failure> {
        writeln!(self.input, "{line}")?;
        let mut answer = String::new();
        match self.output.read_line(&mut answer)? {
            0 => Err(format!("{line}: it has ended").into()),
            _ => Ok(answer),
        }
    }

    /// What it has of memory, in MB.
    fn memory(&self) -> Result<f64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("it has no memory")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1.024e-3)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What something took.
#[derive(Clone, Copy)]
struct Cost {
    seconds: f64,
    bytes: u64,
}

/// Two replicas.
struct Pair([Process; 2]);

impl Pair {
    /// Waits until the second holds what the first put, and says what that took since.
    fn cost(&mut self, since: (Instant, u64), keys: u32, word: &str) -> Result<Cost, Failure> {
        self.0[1].ask(&format!("await 0 {keys} {word}"))?;
        let cost = Cost { seconds: since.0.elapsed().as_secs_f64(), bytes: network::bytes()? - since.1 };
        while self.0[0].ask("digest")? != self.0[1].ask("digest")? {
            sleep(Duration::from_millis(10));
        }
        Ok(cost)
    }

    /// The median of some cuts, in each of which so many keys are put at the first.
    fn cuts(&mut self, keys: u32) -> Result<Cost, Failure> {
        let mut costs = Vec::new();
        for cut in 0..CUTS {
            let word = format!("cut-{keys}-{cut}");
            network::set_cut(true)?;
            self.0[0].ask(&format!("put 0 {keys} {word}"))?;
            sleep(CUT);
            let since = now()?;
            network::set_cut(false)?;
            costs.push(self.cost(since, keys, &word)?);
        }
        costs.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
        let seconds = costs[CUTS / 2].seconds;
        costs.sort_by_key(|cost| cost.bytes);
        Ok(Cost { seconds, bytes: costs[CUTS / 2].bytes })
    }
}

fn now() -> Result<(Instant, u64), Failure> {
    Ok((Instant::now(), network::bytes()?))
}

/// Does all of it by one of the crates.
fn trial(system: &str) -> Result<(), Failure> {
    let tell =
        |what: &str, cost: Cost| println!("{system:>9}  {what:<44} {:>8.3} s {:>10} B", cost.seconds, cost.bytes);
    let mut first = Process::start(system, 1)?;
    first.ask(&format!("fill 0 {KEYS} first"))?;
    let since = now()?;
    let mut pair = Pair([first, Process::start(system, 2)?]);
    tell("an empty replica gets 100 000 keys", pair.cost(since, KEYS, "first")?);
    let memory = [pair.0[0].memory()?, pair.0[1].memory()?];
    println!("{system:>9}  {:<44} {:>8.1} MB {:>7.1} MB", "memory of either then", memory[0], memory[1]);
    let since = network::bytes()?;
    sleep(IDLE);
    tell("both are idle", Cost { seconds: IDLE.as_secs_f64(), bytes: network::bytes()? - since });
    for (keys, what) in [(10, "10 keys are put"), (BURST, "20 000 keys are put")] {
        let (word, since) = (format!("put-{keys}"), now()?);
        pair.0[0].ask(&format!("put 0 {keys} {word}"))?;
        tell(what, pair.cost(since, keys, &word)?);
    }
    for (keys, what) in [(10, "10 keys were put in a cut, since the heal"), (1_000, "1 000 keys, the same")] {
        tell(what, pair.cuts(keys)?);
    }
    Ok(())
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["replica", system, number] => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(replica::run(system, number.parse()?))
        }
        ["alone"] => {
            network::start()?;
            ["gossip", "reconcile"].into_iter().try_for_each(trial)
        }
        // In a network of its own, where nobody else is counted or cut off, and which ends with all that runs there.
        [] => {
            let mut command = Command::new("timeout");
            command.args(["600", "unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]);
            let status = command.arg(env::current_exe()?).arg("alone").status()?;
            status.success().then_some(()).ok_or_else(|| "it was not measured".into())
        }
        _ => Err("it takes no arguments".into()),
    }
}
