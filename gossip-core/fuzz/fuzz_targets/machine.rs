//! Two machines driven by a script of bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gossip_core_fuzz::machine::run(bytes));
