//! Replays what fuzzing has found worth keeping, through the body of the fuzz target.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "the fuzz target reaches it")]
mod bodies;

/// The name of an input that fails is the last one printed.
#[test]
fn every_input_of_lines_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/lines");
    let entries = fs::read_dir(&corpus).expect("the corpus is part of the repository");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        println!("{}", path.display());
        bodies::lines::run(&fs::read(&path).expect("a readable file"));
    }
}
