//! The program `gossip-node`: options, a thread that reads lines, and the loop; or a simulation.

mod cli;

use std::io;
use std::process::ExitCode;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use clap::Parser;
use gossip_node::{Input, Log, Node, Persistence, ServeError, Settings, read_lines, serve};

use crate::cli::Options;

/// How many reads may wait for the loop before the next: a line each, or as many as 64 KiB hold.
const WAITING_READS: usize = 64;

/// How long a node that ends waits for somebody to read the rest of its log.
const LAST_WORDS: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    #[allow(unused_mut, reason = "without subcommands nothing is taken out of it")]
    let mut options = Options::parse();
    #[cfg(any(feature = "lab", all(feature = "http", feature = "store", unix)))]
    match options.command.take() {
        #[cfg(feature = "lab")]
        Some(cli::Command::Simulate(simulate)) => return simulate.run(),
        #[cfg(all(feature = "http", feature = "store", unix))]
        Some(cli::Command::Serve(serve)) => {
            let log = start_log(serve.log);
            let code = serve.run();
            log.finish(LAST_WORDS);
            return code;
        }
        None => {}
    }
    let log = start_log(options.log);
    let result = run(&options, &log).inspect_err(|error| tracing::error!(%error, "ended"));
    log.finish(LAST_WORDS);
    if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Has what is logged go to stderr.
fn start_log(level: tracing_subscriber::filter::LevelFilter) -> Log {
    // Stdout belongs to the protocol: a line of the log there would be a malformed message.
    let log = Log::new(io::stderr());
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_max_level(level)
        .with_ansi(false)
        // Where stderr is closed, to say so there panics.
        .log_internal_errors(false)
        .init();
    log
}

fn run(options: &Options, log: &Log) -> Result<(), ServeError> {
    let settings = options.settings();
    let max_line = settings.max_line;
    // Bounded, so that a flood waits in the pipe, and its sender with it, rather than in memory.
    let (sender, inbox) = sync_channel(WAITING_READS);
    stop_on_sigterm(sender.clone())?;
    show_ledger_on_sigusr1(sender.clone(), log.clone())?;
    if let Some(every) = options.stats_every {
        show_ledger_every(every, sender.clone(), log.clone());
    }
    // A thread of its own, since a read that blocks knows of no deadline.
    thread::spawn(move || read_lines(io::stdin(), max_line, &sender));
    let (node, store) = node(options, settings)?;
    serve(node, store, &inbox, io::stdout())
}

/// A new node, or the one that goes on with what its data directory holds.
fn node(options: &Options, settings: Settings) -> Result<(Node, Option<Box<dyn Persistence>>), ServeError> {
    #[cfg(feature = "store")]
    if let Some(directory) = &options.data_dir {
        let refused = |_: &_| tracing::error!(directory = %directory.display(), "cannot use this data directory");
        let (node, store) = gossip_node::Store::open(directory, settings).inspect_err(refused)?;
        return Ok((node, Some(Box::new(store))));
    }
    #[cfg(not(feature = "store"))]
    let _ = options;
    Ok((Node::new(settings), None))
}

/// Lets the loop end after the line it is at; where that takes longer than a second, as nobody reads stdout, ends
/// anyway.
#[cfg(unix)]
#[allow(clippy::disallowed_methods, reason = "a real second, for a real signal")]
fn stop_on_sigterm(inbox: SyncSender<Input>) -> io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM])?;
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            // The inbox may be full, and then the loop will not see this; the second below ends it all the same.
            let _ = inbox.try_send(Input::Stop);
            thread::sleep(Duration::from_secs(1));
            std::process::exit(0);
        }
    });
    Ok(())
}

#[cfg(unix)]
fn show_ledger_on_sigusr1(inbox: SyncSender<Input>, log: Log) -> io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGUSR1])?;
    thread::spawn(move || signals.forever().all(|_| inbox.send(Input::Ledger(log.clone())).is_ok()));
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "real time, for a reader in real time")]
fn show_ledger_every(interval: Duration, inbox: SyncSender<Input>, log: Log) {
    thread::spawn(move || {
        loop {
            thread::sleep(interval);
            if inbox.send(Input::Ledger(log.clone())).is_err() {
                return;
            }
        }
    });
}

#[cfg(not(unix))]
fn stop_on_sigterm(_: SyncSender<Input>) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn show_ledger_on_sigusr1(_: SyncSender<Input>, _: Log) -> io::Result<()> {
    Ok(())
}
