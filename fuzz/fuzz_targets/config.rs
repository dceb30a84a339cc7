//! See `kenoma::fuzzing::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kenoma::fuzzing::config(bytes));
