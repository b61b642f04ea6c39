//! The option `--chaos` of the subcommand `simulate`, as a process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gossip_node::lab::chaos::{Entry, Outcome, Schedule};

fn chaos(options: &str, record: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gossip-node"));
    command.args(["simulate", "--chaos", "--record"]).arg(record).args(options.split_whitespace()).output().unwrap()
}

/// A file that is not there yet.
fn file(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_file(&path);
    path
}

fn entries(record: &Path) -> Vec<Entry> {
    let text = fs::read_to_string(record).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_soak_that_was_stopped_goes_on_where_it_was() {
    let [whole, parts] = ["whole", "parts"].map(file);
    let output = chaos("--seed 1010 --runs 3", &whole);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(chaos("--seed 1010 --runs 1", &parts).status.code(), Some(0));
    // It was stopped as it wrote a line.
    fs::write(&parts, [&fs::read(&parts).unwrap()[..], b"{\"seed\":1011,"].concat()).unwrap();
    let total = entries(&whole)[2].total_ms;
    let hours = total.div_ceil(3_600_000);
    assert_eq!(chaos(&format!("--seed 7 --runs 2 --hours {hours}"), &parts).status.code(), Some(0));
    assert_eq!(fs::read_to_string(&parts).unwrap(), fs::read_to_string(&whole).unwrap());
    // So many hours are there already, or nearly.
    assert_eq!(chaos(&format!("--hours {}", hours - 1), &parts).status.code(), Some(0));
    assert_eq!(entries(&parts).len(), 3);
    let sum: u64 = entries(&parts).iter().map(|entry| entry.virtual_ms).sum();
    assert_eq!(sum, total);
}

#[test]
fn what_is_no_record_is_left_alone() {
    let path = file("no-record");
    fs::write(&path, "what is\nthis?").unwrap();
    let output = chaos("--runs 1", &path);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("no-record, line 1: not a run: "), "{told}");
    assert_eq!((output.status.code(), fs::read_to_string(&path).unwrap().as_str()), (Some(2), "what is\nthis?"));
}

#[test]
fn options_of_other_simulations_are_refused() {
    for options in ["--nodes 3", "--loss 5", "--overlay none", "--json"] {
        assert_eq!(chaos(options, &file("refused")).status.code(), Some(2), "{options}");
    }
}

/// What they are to bring about, all of it.
#[test]
fn in_a_few_runs_everything_happens() {
    let mut all = gossip_core::sim::Report::default();
    let mut hostile = 0;
    for seed in 132..137 {
        let schedule = Schedule::draw(seed);
        let outcome = Outcome::of(&schedule);
        assert_eq!(outcome.broken, None, "seed {seed}");
        all.add(&outcome.report);
        hostile += schedule.hostile().count();
    }
    let counts = [
        all.lost,
        all.duplicated,
        all.reordered,
        all.cut,
        all.missed,
        all.truncated,
        all.refused,
        all.partitions,
        all.pauses,
        all.crashes,
        all.amnesias,
        all.jumps,
        all.dawdled,
        all.rehearsals,
        all.early_polls,
        all.learned,
        all.messages("push"),
        all.messages("cells"),
        all.messages("page"),
        all.messages("hostile"),
    ];
    assert!(hostile > 0 && counts.iter().all(|&count| count > 0), "{all:#?}");
}
