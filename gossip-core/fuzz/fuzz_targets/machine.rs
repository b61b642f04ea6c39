//! Two machines driven by a script of bytes. What it checks is in `src/machine.rs`, which a stable test runs too.
#![no_main]

#[path = "../src/machine.rs"]
mod machine;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| machine::run(bytes));
