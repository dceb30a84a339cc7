//! See `kenoma::fuzzing::host`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kenoma::fuzzing::host(bytes));
