//! The program itself: processes that are fed, killed, cut off from each other and asked for what they hold.
#![allow(clippy::disallowed_methods, reason = "real processes take real time")]

#[cfg(target_os = "linux")]
mod burst;
mod chaos;
mod durability;
mod harness;
mod healing;
mod key_file;
mod observability;
mod process;
mod router;
mod simulate;

/// The options that the program itself reads.
#[path = "../../src/cli/choice.rs"]
mod choice;
#[path = "../../src/cli/trial_options.rs"]
mod trial_options;
