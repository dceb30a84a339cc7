//! See `ostrakon::fuzzing::hosts_plain`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ostrakon::fuzzing::hosts_plain(bytes));
