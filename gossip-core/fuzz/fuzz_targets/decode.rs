//! Arbitrary bytes as messages of several element types.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gossip_core_fuzz::decode::run(bytes));
