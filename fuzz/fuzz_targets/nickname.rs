//! See `kenoma::fuzzing::nickname`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kenoma::fuzzing::nickname(bytes));
