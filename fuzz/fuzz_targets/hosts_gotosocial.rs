//! See `ostrakon::fuzzing::hosts_gotosocial`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ostrakon::fuzzing::hosts_gotosocial(bytes));
