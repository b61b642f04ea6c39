//! The loop around a node: lines from a channel, lines to an output, a clock.

use std::io::{self, BufRead, BufWriter, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Instant;

use gossip_core::Time;

use crate::json::shortened;
use crate::lines::{Line, Lines};
use crate::node::{Node, Output};
use crate::settings::MaxLine;

/// What [`serve`] is fed.
#[derive(Debug)]
pub enum Input {
    /// A line, without its newline.
    Line(Vec<u8>),
    /// The input has ended: answer what came before, then end.
    End,
    /// The input has failed: the same, and say so.
    Failed(io::Error),
    /// End now.
    Stop,
}

/// How many lines are taken in before outputs are asked for and written.
const BATCH: usize = 64;

/// Feeds `inbox` with the lines of `input` until it ends or nobody takes them any more. Lines over the limit are logged
/// and skipped.
pub fn read_lines(input: impl BufRead, max_line: MaxLine, inbox: &SyncSender<Input>) {
    let mut lines = Lines::new(input, max_line.bytes());
    loop {
        let (input, last) = match lines.next_line() {
            Ok(Line::Whole(line)) => (Input::Line(line), false),
            Ok(Line::TooLong { len }) => {
                tracing::warn!(len, limit = max_line.bytes(), "skipped a line over the limit");
                continue;
            }
            Ok(Line::End) => (Input::End, true),
            Err(error) => (Input::Failed(error), true),
        };
        if inbox.send(input).is_err() || last {
            return;
        }
    }
}

/// Runs `node` until its input ends or it is told to stop, and writes what it gives to `output`, in batches.
///
/// # Errors
///
/// Those of the input, once all that came before is answered, and of `output`; that nobody reads it any more is none.
pub fn serve(mut node: Node, inbox: &Receiver<Input>, output: impl Write) -> io::Result<()> {
    match run(&mut node, inbox, output) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

fn run(node: &mut Node, inbox: &Receiver<Input>, output: impl Write) -> io::Result<()> {
    let clock = Clock::start();
    let mut output = BufWriter::new(output);
    loop {
        let until = write_outputs(node, &clock, &mut output)?;
        let mut next = clock.receive_until(inbox, until);
        let mut room = BATCH;
        while let Some(input) = next {
            match input {
                Input::Line(line) => take_in(node, &line),
                Input::End => return write_outputs(node, &clock, &mut output).map(drop),
                Input::Failed(error) => {
                    write_outputs(node, &clock, &mut output)?;
                    return Err(error);
                }
                Input::Stop => return Ok(()),
            }
            room -= 1;
            next = if room == 0 { None } else { inbox.try_recv().ok() };
        }
    }
}

fn take_in(node: &mut Node, line: &[u8]) {
    if let Err(reason) = node.receive_line(line) {
        let line = shortened(&String::from_utf8_lossy(line));
        tracing::warn!(%reason, %line, "skipped a line");
    }
}

fn write_outputs(node: &mut Node, clock: &Clock, output: &mut impl Write) -> io::Result<Option<Time>> {
    loop {
        match node.poll(clock.now()) {
            Output::Line(line) => writeln!(output, "{line}")?,
            Output::Wait(until) => return output.flush().map(|()| until),
        }
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
        let Some(until) = until else { return Some(inbox.recv().unwrap_or(Input::End)) };
        match inbox.recv_timeout(until.saturating_since(self.now())) {
            Ok(input) => Some(input),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Input::End),
        }
    }
}
