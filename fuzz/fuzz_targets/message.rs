//! See `ostrakon::fuzzing::message`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ostrakon::fuzzing::message(bytes));
