//! Two replicas on a bad network that heals.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gossip_core_fuzz::converge::run(bytes));
