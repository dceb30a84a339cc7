//! See `ostrakon::fuzzing::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ostrakon::fuzzing::config(bytes));
