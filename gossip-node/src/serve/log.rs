//! Lines for an output that perhaps nobody reads.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The bytes of the lines that may wait to be written: some 8 000 lines of the log.
const WAITING_BYTES: usize = 1 << 20;

/// A log whose lines a thread of its own writes, so that whoever logs never waits for whoever reads. While 1 MiB of lines
/// waits, further ones are dropped, and how many they were is the next line. A clone is the same log.
///
/// ```
/// use std::io::Write;
/// use std::time::Duration;
/// use gossip_node::Log;
///
/// let mut log = Log::new(std::io::stderr());
/// writeln!(log, "a line")?;
/// log.finish(Duration::from_secs(1));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Log(Arc<Writers>);

/// All clones of a log, the last of which ends its thread.
struct Writers(Arc<Shared>);

#[derive(Default)]
struct Shared {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Default)]
struct Lines {
    waiting: Vec<u8>,
    /// How many there was no room for since the thread last took some.
    dropped: u64,
    /// Whether the thread holds some that are not written yet.
    are_written: bool,
    ended: bool,
}

impl Log {
    /// A log that is written to `output`. What cannot be written is lost.
    pub fn new(output: impl Write + Send + 'static) -> Self {
        let shared = Arc::new(Shared::default());
        let log = Self(Arc::new(Writers(shared.clone())));
        thread::spawn(move || shared.write_to(output));
        log
    }

    /// Waits until all is written, or so long.
    pub fn finish(&self, patience: Duration) {
        let Shared { changed, .. } = &*self.0.0;
        let unwritten = |lines: &mut Lines| lines.are_written || lines.has_some();
        drop(changed.wait_timeout_while(self.0.0.lines(), patience, unwritten));
    }

    fn push(&self, line: &[u8]) {
        let mut lines = self.0.0.lines();
        // One that is longer than all that may wait is taken if it is the only one: the ledger of 1 000 peers is.
        if lines.waiting.is_empty() || lines.waiting.len() + line.len() <= WAITING_BYTES {
            lines.waiting.extend_from_slice(line);
        } else {
            lines.dropped += 1;
        }
        drop(lines);
        self.0.0.changed.notify_all();
    }
}

/// Each `write` is one whole line, or several; none of it waits.
impl Write for Log {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.push(lines);
        Ok(lines.len())
    }

    fn write_fmt(&mut self, line: fmt::Arguments<'_>) -> io::Result<()> {
        // In one piece: by itself, a part of a line could be dropped and the others not.
        self.push(line.to_string().as_bytes());
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes lines as they come, as long as there is anybody who may log one.
    fn write_to(&self, mut output: impl Write) {
        loop {
            let nothing = |lines: &mut Lines| !lines.has_some() && !lines.ended;
            let mut lines = self.changed.wait_while(self.lines(), nothing).unwrap_or_else(PoisonError::into_inner);
            if !lines.has_some() {
                return;
            }
            let (mut text, dropped) = (std::mem::take(&mut lines.waiting), std::mem::take(&mut lines.dropped));
            lines.are_written = true;
            drop(lines);
            if dropped > 0 {
                let said = writeln!(text, "WARN gossip_node::log: dropped {dropped} lines that nobody read in time");
                said.expect("memory takes any bytes");
            }
            // There is no other place to say that it failed.
            let _ = output.write_all(&text).and_then(|()| output.flush());
            self.lines().are_written = false;
            self.changed.notify_all();
        }
    }
}

impl Lines {
    const fn has_some(&self) -> bool {
        !self.waiting.is_empty() || self.dropped > 0
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.0.lines().ended = true;
        self.0.changed.notify_all();
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;

    /// An output that takes what it is given when somebody reads, and not before.
    struct Pipe(SyncSender<Vec<u8>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.into()).map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn log() -> (Log, Receiver<Vec<u8>>) {
        let (sender, reader) = sync_channel(0);
        (Log::new(Pipe(sender)), reader)
    }

    /// All that comes until the log ends.
    fn read(reader: &Receiver<Vec<u8>>) -> String {
        String::from_utf8(reader.iter().flatten().collect()).unwrap()
    }

    #[test]
    fn whoever_logs_waits_for_no_reader_and_what_is_dropped_is_counted() {
        let (mut log, reader) = log();
        let count = 200_000;
        (0..count).for_each(|number| writeln!(log, "line {number} of many").unwrap());
        log.finish(Duration::from_millis(1));
        drop(log);
        let (mut written, mut dropped) = (0, 0);
        for line in read(&reader).lines() {
            match line.split_once(": dropped ") {
                None => written += usize::from(line.starts_with("line ") && line.ends_with(" of many")),
                Some((_, rest)) => dropped += rest.split(' ').next().unwrap().parse::<usize>().unwrap(),
            }
        }
        assert_eq!(written + dropped, count, "{written} written, {dropped} dropped");
        assert!(dropped > 0 && written * 18 < 3 * WAITING_BYTES, "{written} written, {dropped} dropped");
    }

    #[test]
    fn all_is_written_to_who_reads_and_to_nobody_else_it_is_lost() {
        let (mut log, reader) = log();
        let text = thread::spawn(move || read(&reader));
        let long = "x".repeat(2 * WAITING_BYTES);
        for line in ["one", &long, "three"] {
            writeln!(log, "{line}").unwrap();
            log.finish(Duration::from_secs(60));
        }
        drop(log);
        assert_eq!(text.join().unwrap(), format!("one\n{long}\nthree\n"));
        let (mut log, _) = self::log();
        (0..3).for_each(|_| {
            writeln!(log, "nobody is there").unwrap();
            log.finish(Duration::from_secs(60));
        });
    }
}
