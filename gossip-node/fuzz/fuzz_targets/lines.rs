//! Arbitrary bytes as lines for a node.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gossip_node_fuzz::lines::run(bytes));
