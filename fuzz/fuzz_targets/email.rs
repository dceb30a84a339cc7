//! See `kenoma::fuzzing::email`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kenoma::fuzzing::email(bytes));
