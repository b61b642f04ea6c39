//! Three maps on a network that does what a script says.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gossip_core_fuzz::map::run(bytes));
