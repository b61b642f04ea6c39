//! The loop around a node: lines from a channel, lines to an output, a clock.

mod lines;
mod log;

use std::io::{self, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Instant;

use gossip_core::{Place, Time};

use crate::json::{Json, shortened};
use crate::node::{Node, Output};
use crate::settings::MaxLine;
use crate::store::{Persistence, StoreError};

pub use lines::{Line, Lines};
pub use log::Log;

/// An input of [`serve`].
///
/// ```
/// use std::sync::mpsc::sync_channel;
/// use gossip_node::{Input, Node, Persistence, Settings, serve};
///
/// let init = br#"{"src": "c0", "dest": "n1", "body": {"type": "init", "msg_id": 1, "node_id": "n1", "node_ids": ["n1"]}}"#;
/// let (inbox, inputs) = sync_channel(2);
/// inbox.send(Input::Lines(vec![init.to_vec()]))?;
/// inbox.send(Input::End)?;
/// let mut output = Vec::new();
/// serve(Node::new(Settings::default()), None::<Box<dyn Persistence>>, &inputs, &mut output)?;
/// assert!(String::from_utf8(output)?.contains("init_ok"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub enum Input {
    /// Lines, without their newlines.
    Lines(Vec<Vec<u8>>),
    /// Write the [ledger](Node::ledger) to this log, as one line.
    Ledger(Log),
    /// The input has ended: answer what came before, then end.
    End,
    /// The input has failed: the same, and say so.
    Failed(io::Error),
    /// End now.
    Stop,
}

/// Why a node ended before its input did.
///
/// ```
/// use std::io;
/// use std::sync::mpsc::sync_channel;
/// use gossip_node::{Input, Node, Persistence, ServeError, Settings, serve};
///
/// let (inbox, inputs) = sync_channel(1);
/// inbox.send(Input::Failed(io::Error::other("the terminal is gone")))?;
/// let node = Node::new(Settings::default());
/// let error = serve(node, None::<Box<dyn Persistence>>, &inputs, io::sink()).unwrap_err();
/// assert!(matches!(error, ServeError::Io(_)));
/// assert_eq!(error.to_string(), "the terminal is gone");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The input or the output failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The bytes after which held lines are written, and replies are polled within a batch.
const HELD_BYTES: usize = 1 << 16;

/// The most lines that a node receives between two polls, and so about the number of lines that share a sync. A node
/// receives so many in 2 ms.
const BATCH: usize = 1_024;

/// The buffer of the reader.
const READ_BYTES: usize = 1 << 16;

/// Feeds `inbox` with the lines of `input`, as many at a time as were read at once, until it ends or nobody takes them any
/// more. Lines over the limit are logged and skipped.
pub fn read_lines(input: impl Read, max_line: MaxLine, inbox: &SyncSender<Input>) {
    let mut lines = Lines::new(BufReader::with_capacity(READ_BYTES, input), max_line.bytes());
    let mut waiting = Vec::new();
    loop {
        let last = match lines.next_line() {
            Ok(Line::Whole(line)) => {
                waiting.push(line);
                None
            }
            Ok(Line::TooLong { len }) => {
                tracing::warn!(len, limit = max_line.bytes(), "skipped a line over the limit");
                None
            }
            Ok(Line::End) => Some(Input::End),
            Err(error) => Some(Input::Failed(error)),
        };
        // What was read at once is handed over at once: the loop wakes once for up to 64 KiB of lines, and not for
        // each.
        if last.is_none() && lines.is_next_read() {
            continue;
        }
        let lines = (!waiting.is_empty()).then(|| Input::Lines(std::mem::take(&mut waiting)));
        // Where nobody takes lines any more, there is nobody to read for.
        let ends = last.is_some();
        if !lines.into_iter().chain(last).all(|input| inbox.send(input).is_ok()) || ends {
            return;
        }
    }
}

/// Runs `node` until its input ends or it is told to stop, and writes what it gives to `output`, in batches. With the
/// `store` it was opened with, what came in with a batch is stored and synced before anything that rests on it is
/// written: replies of any kind, and messages to other nodes. So whatever the node has told anybody that it holds, it
/// holds after a crash, and a batch takes one sync.
///
/// # Errors
///
/// The input failed: all lines before that are answered. The store failed: nothing is written that rests on what it did not
/// keep. The output failed; a closed pipe is no error.
pub fn serve(
    mut node: Node,
    store: Option<impl Persistence>,
    inbox: &Receiver<Input>,
    output: impl Write,
) -> Result<(), ServeError> {
    let output = Outputs { store, saved: Place::START, held: Vec::new(), output };
    match run(&mut node, inbox, output) {
        // Whoever closes stdout has seen enough; for a program in a pipe that is a normal end.
        Err(ServeError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

fn run(
    node: &mut Node,
    inbox: &Receiver<Input>,
    mut outputs: Outputs<impl Persistence, impl Write>,
) -> Result<(), ServeError> {
    let clock = Clock::start();
    loop {
        // All there is to say is stored and written before it waits: nobody waits for a reply that lies here.
        let until = outputs.write(node, &clock)?;
        let mut next = clock.receive_until(inbox, until);
        // Without a bound, a flood of lines would starve the replies to them, and the messages that are due.
        let mut room = BATCH;
        while let Some(input) = next {
            match input {
                Input::Lines(lines) => {
                    room = room.saturating_sub(lines.len());
                    for line in lines {
                        receive(node, &line);
                        // Each answer to a read is as long as the whole set. 1 024 of them at once would take its size
                        // a thousand times.
                        if node.waiting_bytes() >= HELD_BYTES {
                            outputs.write(node, &clock)?;
                        }
                    }
                }
                Input::Ledger(log) => write_ledger(node, log),
                Input::End => return outputs.write(node, &clock).map(drop),
                Input::Failed(error) => {
                    outputs.write(node, &clock)?;
                    return Err(error.into());
                }
                // At once: of what is held back nobody was told, so nobody counts on it.
                Input::Stop => return Ok(()),
            }
            // What waits already is taken in without asking for outputs: the more share a sync, the fewer there are.
            next = if room == 0 { None } else { inbox.try_recv().ok() };
        }
    }
}

fn receive(node: &mut Node, line: &[u8]) {
    if let Err(reason) = node.receive_line(line) {
        // Quoted and cut: a line is a stranger's, and may have 16 MiB.
        let line = shortened(&String::from_utf8_lossy(line));
        tracing::warn!(%reason, %line, "skipped a line");
    }
}

/// Writes the ledger past the log: whoever asks for it gets it at any level, as JSON and nothing else.
fn write_ledger(node: &Node, mut log: Log) {
    match node.ledger() {
        Some(line) => drop(writeln!(log, "{line}")),
        None => tracing::info!("no ledger before `init`"),
    }
}

/// The way of lines to the output, through the store.
struct Outputs<P, W> {
    store: Option<P>,
    /// How much of the node's log the store has.
    saved: Place,
    /// Lines that wait for the store.
    held: Vec<u8>,
    output: W,
}

impl<P: Persistence, W: Write> Outputs<P, W> {
    /// Polls `node` until it waits, and writes every line. Returns the deadline of the wait.
    fn write(&mut self, node: &mut Node, clock: &Clock) -> Result<Option<Time>, ServeError> {
        loop {
            match node.poll(clock.now()) {
                Output::Line(line) => {
                    self.held.extend_from_slice(line.as_bytes());
                    self.held.push(b'\n');
                    // So memory is bounded, whatever a node has to say: a set of any size is sent in pieces of 64 KiB.
                    if self.held.len() >= HELD_BYTES {
                        self.release(node)?;
                    }
                }
                Output::Wait(until) => {
                    self.release(node)?;
                    self.output.flush()?;
                    return Ok(until);
                }
            }
        }
    }

    /// Stores what the held lines rest on, then writes them.
    fn release(&mut self, node: &Node) -> Result<(), ServeError> {
        // In this order, which is the whole of the promise: what is held back rests on the log as it is by now, and is let
        // out once that is kept.
        if let Some(store) = &mut self.store {
            let unsaved: Vec<Json> = node.since(self.saved).cloned().collect();
            if !unsaved.is_empty() {
                store.append(&unsaved)?;
                tracing::debug!(elements = unsaved.len(), "stored");
            }
            self.saved = node.end();
        }
        self.output.write_all(&self.held)?;
        self.held.clear();
        Ok(())
    }
}

/// The time since the start.
struct Clock(Instant);

impl Clock {
    #[allow(clippy::disallowed_methods, reason = "the one place where time comes in")]
    fn start() -> Self {
        Self(Instant::now())
    }

    fn now(&self) -> Time {
        Time::ZERO + self.0.elapsed()
    }

    /// The next input; `None` if there is none by `until`. A channel that nobody feeds any more is an input's end.
    fn receive_until(&self, inbox: &Receiver<Input>, until: Option<Time>) -> Option<Input> {
        // No deadline: a node alone has nothing to do until somebody says something.
        let Some(until) = until else { return Some(inbox.recv().unwrap_or(Input::End)) };
        match inbox.recv_timeout(until.saturating_since(self.now())) {
            Ok(input) => Some(input),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Input::End),
        }
    }
}
