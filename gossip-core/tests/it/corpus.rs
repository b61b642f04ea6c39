//! Replays what fuzzing has found worth keeping, through the bodies of the fuzz targets.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "the fuzz targets reach it")]
mod bodies;

use bodies::{converge, decode, machine, map};

#[test]
fn every_input_of_converge_holds() {
    replay("converge", converge::run);
}

#[test]
fn every_input_of_decode_holds() {
    replay("decode", decode::run);
}

#[test]
fn every_input_of_machine_holds() {
    replay("machine", machine::run);
}

#[test]
fn every_input_of_map_holds() {
    replay("map", map::run);
}

/// The name of an input that fails is the last one printed.
fn replay(target: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = fs::read_dir(&corpus).expect("the corpus is part of the repository");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        println!("{}", path.display());
        run(&fs::read(&path).expect("a readable file"));
    }
}

/// What a fuzzer would begin with: scripts by chance.
#[test]
fn maps_hold_whatever_a_script_says() {
    let mut rng = gossip_core::sim::Rng::new(7);
    let scripts: u64 = std::env::var("CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(200);
    for _ in 0..scripts {
        let len = 20 + rng.below(400);
        let bytes: Vec<u8> = (0..len).map(|_| rng.below(256) as u8).collect();
        map::run(&bytes);
    }
}
