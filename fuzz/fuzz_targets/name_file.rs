//! See `ostrakon::fuzzing::name_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ostrakon::fuzzing::name_file(bytes));
