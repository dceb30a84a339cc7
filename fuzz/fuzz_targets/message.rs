//! See `kenoma::fuzzing::message`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kenoma::fuzzing::message(bytes));
