//! The loopback of a network namespace in which nobody else is: what crosses it, and a cut of it.

use std::process::Command;

use crate::replica::Failure;

/// Runs a command that has to succeed.
fn run(command: &str) -> Result<(), Failure> {
    let mut words = command.split(' ');
    let status = Command::new(words.next().unwrap_or_default()).args(words).status()?;
    if status.success() { Ok(()) } else { Err(format!("{command}: {status}").into()) }
}

/// Starts the loopback, and makes what a cut takes.
pub fn start() -> Result<(), Failure> {
    run("ip link set lo up")?;
    run("nft add table inet cut")?;
    run("nft add chain inet cut in { type filter hook input priority 0 ; }")
}

/// Drops whatever comes, without a word, or no longer.
pub fn set_cut(is_cut: bool) -> Result<(), Failure> {
    run(if is_cut { "nft add rule inet cut in drop" } else { "nft flush chain inet cut in" })
}

/// The bytes that crossed the loopback, with the headers of Ethernet, IP, and TCP or UDP.
pub fn bytes() -> Result<u64, Failure> {
    let table = std::fs::read_to_string("/proc/net/dev")?;
    let line = table.lines().find_map(|line| line.trim().strip_prefix("lo:")).ok_or("there is no lo")?;
    Ok(line.split_whitespace().next().ok_or("lo has no counters")?.parse()?)
}
