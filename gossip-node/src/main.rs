//! The program `gossip-node`: options, a thread that reads lines, and the loop.

mod key_file;
mod options;

use std::io;
use std::process::ExitCode;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use clap::Parser;
use gossip_node::{Input, Node, ServeError, Store, read_lines, serve};

use crate::options::Options;

/// How many reads may wait for the loop before the next: a line each, or as many as 64 KiB hold.
const WAITING_READS: usize = 64;

fn main() -> ExitCode {
    let options = Options::parse();
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

fn run(options: &Options) -> Result<(), ServeError> {
    let settings = options.settings();
    let max_line = settings.max_line;
    let (sender, inbox) = sync_channel(WAITING_READS);
    stop_on_sigterm(sender.clone())?;
    thread::spawn(move || read_lines(io::stdin(), max_line, &sender));
    let (node, store) = match &options.data_dir {
        Some(directory) => Store::open(directory, settings).map(|(node, store)| (node, Some(store)))?,
        None => (Node::new(settings), None),
    };
    serve(node, store, &inbox, io::stdout())
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
