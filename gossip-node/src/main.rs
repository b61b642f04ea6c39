//! The program `gossip-node`: options, a thread that reads lines, and the loop; or a simulation.

mod key_file;
mod options;
mod simulate;
mod soak;

use std::io::{self, BufReader};
use std::process::ExitCode;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use clap::Parser;
use gossip_node::{Input, Node, read_lines, serve};

use crate::options::{Command, Options};

/// How many lines may wait for the loop before reading pauses.
const WAITING_LINES: usize = 64;

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(Command::Simulate(simulate)) = &options.command {
        return simulate.run();
    }
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_max_level(options.log)
        .with_ansi(false)
        .log_internal_errors(false)
        .init();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "ended");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    let settings = options.settings();
    let max_line = settings.max_line;
    let (sender, inbox) = sync_channel(WAITING_LINES);
    stop_on_sigterm(sender.clone())?;
    thread::spawn(move || read_lines(BufReader::with_capacity(1 << 16, io::stdin()), max_line, &sender));
    serve(Node::new(settings), &inbox, io::stdout())
}

/// Lets the loop end after the line it is at; where that takes longer than a second, as nobody reads stdout, ends
/// anyway.
#[cfg(unix)]
#[allow(clippy::disallowed_methods, reason = "a real second, for a real signal")]
fn stop_on_sigterm(inbox: SyncSender<Input>) -> io::Result<()> {
    use std::time::Duration;

    let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM])?;
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            let _ = inbox.try_send(Input::Stop);
            thread::sleep(Duration::from_secs(1));
            std::process::exit(0);
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn stop_on_sigterm(_: SyncSender<Input>) -> io::Result<()> {
    Ok(())
}
