//! Arbitrary bytes as messages of several element types. What it checks is in `src/decode.rs`, which a stable test runs
//! too.
#![no_main]

#[path = "../src/decode.rs"]
mod decode;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| decode::run(bytes));
