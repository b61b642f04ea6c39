//! Where a record comes from: the machine, the compiler, and the versions of what was measured.

use core::fmt;
use std::fs;
use std::process::Command;
use std::thread;

/// The packages that are measured, with their versions, are found here.
const LOCK: &str = include_str!("../../Cargo.lock");

/// What rounds are measured of, and what peers are written with.
const ROUNDS: [&str; 7] =
    ["gossip-core", "bincode", "merkle-search-tree", "minisketch-rs", "negentropy", "rbsr", "rsos"];

/// Where a record comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    processor: String,
    cores: usize,
    compiler: String,
    packages: &'static [&'static str],
}

impl Origin {
    /// That of rounds: this machine and its compiler. What can't be told is "unknown".
    pub fn of_rounds() -> Self {
        Self::here(&ROUNDS)
    }

    /// That of clusters under load.
    pub fn of_clusters() -> Self {
        Self::here(&["gossip-core", "gossip-node"])
    }

    /// That of maps.
    pub fn of_maps() -> Self {
        Self::here(&["gossip-core", "bincode", "rbsr", "rsos"])
    }

    fn here(packages: &'static [&'static str]) -> Self {
        let unknown = || "unknown".to_string();
        let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = about.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let version =
            Command::new("rustc").arg("--version").output().ok().and_then(|o| String::from_utf8(o.stdout).ok());
        Self {
            processor: model.map_or_else(unknown, |(_, name)| name.trim().into()),
            cores: thread::available_parallelism().map_or(1, Into::into),
            compiler: version.map_or_else(unknown, |version| version.trim().into()),
            packages,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, compiler, packages } = self;
        writeln!(f, "machine: {processor}, {cores} cores, {} {}", std::env::consts::ARCH, std::env::consts::OS)?;
        writeln!(f, "compiler: {compiler}")?;
        packages.iter().try_for_each(|&package| match version(package) {
            Some(version) => writeln!(f, "{package}: {version}"),
            None => Ok(()),
        })
    }
}

/// The version of a package in the lock file.
fn version(package: &str) -> Option<&'static str> {
    let (_, entry) = LOCK.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    entry.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_lock_file() {
        assert_eq!(version("gossip-core"), Some(env!("CARGO_PKG_VERSION")));
        assert_eq!(version("gossip"), None);
        let text = Origin::of_clusters().to_string();
        assert!(text.starts_with("machine: ") && text.contains("\ncompiler: "), "{text}");
    }
}
