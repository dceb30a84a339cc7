//! See `ostrakon::fuzzing::nickname`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ostrakon::fuzzing::nickname(bytes));
