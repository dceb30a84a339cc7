//! See `ostrakon::fuzzing::host`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ostrakon::fuzzing::host(bytes));
