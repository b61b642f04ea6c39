//! A running node, and the threads that write to and read from it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How to start nodes.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) program: PathBuf,
    pub(crate) workload: String,
    /// Further options, for all nodes.
    pub(crate) options: Vec<String>,
    /// Where each node has a directory of its name for its data.
    pub(crate) data_dir: Option<PathBuf>,
    /// Whether they log what they learn.
    pub(crate) tells_learned: bool,
}

#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    stdin: Sender<Written>,
}

#[derive(Debug)]
struct Written {
    line: String,
    /// When it should be written, if that is of interest.
    due: Option<Instant>,
}

/// What a process let hear of itself.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) from: usize,
    /// Which of the processes of this node, from 0.
    pub(crate) life: u64,
    pub(crate) at: Instant,
    pub(crate) said: Said,
}

#[derive(Debug)]
pub(crate) enum Said {
    Line(String),
    /// An element came from another node.
    Learned(String),
    /// A warning: it skipped a line, and nobody sent it a bad one.
    Warning(String),
    Ended,
}

/// By how much lines came late to their nodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lateness(Arc<Mutex<Vec<Duration>>>);

impl Lateness {
    fn count(&self, late: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(late);
    }

    /// All of it so far, the least first.
    pub(crate) fn sorted(&self) -> Vec<Duration> {
        let mut late = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        late.sort_unstable();
        late
    }
}

impl Process {
    pub(crate) fn start(
        setup: &Setup,
        (node, life): (usize, u64),
        inbox: &Sender<Heard>,
        lateness: &Lateness,
    ) -> io::Result<Self> {
        let mut command = Command::new(&setup.program);
        let level = if setup.tells_learned { "trace" } else { "warn" };
        command.args(["--workload", &setup.workload, "--log", level]).args(&setup.options);
        if let Some(data_dir) = &setup.data_dir {
            command.arg("--data-dir").arg(data_dir.join(format!("n{node}")));
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        listen(child.stdout.take(), (node, life), inbox.clone(), |line| Some(Said::Line(line)));
        listen(child.stderr.take(), (node, life), inbox.clone(), log);
        let (stdin, lines) = channel::<Written>();
        let (mut pipe, lateness) = (child.stdin.take(), lateness.clone());
        thread::spawn(move || {
            for Written { line, due } in lines {
                let written = pipe.as_mut().map(|pipe| pipe.write_all(line.as_bytes()));
                if written.is_none_or(|written| written.is_err()) {
                    return;
                }
                if let Some(due) = due {
                    lateness.count(due.elapsed());
                }
            }
        });
        Ok(Self { child, stdin })
    }

    /// Never waits, even for a node that does not read. One that has ended is heard of otherwise.
    pub(crate) fn write(&self, line: &str, due: Option<Instant>) {
        let _ = self.stdin.send(Written { line: format!("{line}\n"), due });
    }
}

/// As SIGKILL does it: a node has no time to say anything.
impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(
    pipe: Option<impl Read + Send + 'static>,
    (from, life): (usize, u64),
    inbox: Sender<Heard>,
    said: fn(String) -> Option<Said>,
) {
    let Some(pipe) = pipe else { return };
    thread::spawn(move || {
        let lines = BufReader::new(pipe).split(b'\n').map_while(Result::ok);
        let lines = lines.filter_map(|line| said(String::from_utf8_lossy(&line).into_owned()));
        for said in lines.chain([Said::Ended]) {
            if inbox.send(Heard { from, life, at: Instant::now(), said }).is_err() {
                return;
            }
        }
    });
}

/// What a line of the log says: the time, the level, where, and what.
fn log(line: String) -> Option<Said> {
    let level = line.split_whitespace().nth(1).unwrap_or_default();
    if !["INFO", "DEBUG", "TRACE"].contains(&level) {
        return Some(Said::Warning(line));
    }
    let (_, learned) = line.split_once(": learned element=")?;
    learned.rsplit_once(" from=").map(|(element, _)| Said::Learned(element.into()))
}
