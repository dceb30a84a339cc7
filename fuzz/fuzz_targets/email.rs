//! See `ostrakon::fuzzing::email`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ostrakon::fuzzing::email(bytes));
