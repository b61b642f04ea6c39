//! Networks and faults for random fleets.

use core::time::Duration;

use gossip_core::sim::{Chance, Faults, Latency, Network};
use proptest::prelude::*;

/// So many cases, or as many as the variable `CASES` says.
pub(crate) fn cases(default: u32) -> ProptestConfig {
    let cases = std::env::var("CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(default);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn latencies() -> impl Strategy<Value = Latency> {
    let millis = Duration::from_millis;
    prop_oneof![
        (0..200_u64).prop_map(move |ms| Latency::Constant(millis(ms))),
        (0..50_u64, 0..500_u64).prop_map(move |(low, span)| Latency::Uniform(millis(low), millis(low + span))),
        (1..200_u64).prop_map(move |ms| Latency::Exponential(millis(ms))),
    ]
}

/// Below `percent`, messages get lost, come twice and come late; below `short` percent, without their end.
pub(crate) fn networks(percent: u32, short: u32) -> impl Strategy<Value = Network> {
    (latencies(), 0..percent, 0..percent, 0..percent, 0..short).prop_map(|(latency, loss, twice, late, short)| {
        Network {
            latency,
            loss: Chance::percent(loss),
            duplication: Chance::percent(twice),
            reordering: Chance::percent(late),
            truncation: Chance::percent(short),
        }
    })
}

pub(crate) fn faults() -> impl Strategy<Value = Faults> {
    (0..3_u32, 0..3_u32, 0..3_u32, 0..2_u32, 0..3_u32, 0..4_u32, 0..30_u32).prop_map(
        |(cuts, pauses, crashes, amnesias, jumps, stalls, dawdling)| Faults {
            cuts,
            pauses,
            crashes,
            amnesias,
            jumps,
            stalls,
            dawdling: Chance::percent(dawdling),
            ..Faults::default()
        },
    )
}

/// Each of these counts of a report is of something that happened.
macro_rules! happened {
    ($report:ident: $($field:ident)*) => {$(
        assert!($report.$field > 0, "never {}: {:#?}", stringify!($field), $report);
    )*};
}
pub(crate) use happened;
