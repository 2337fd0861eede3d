//! See `targets::wav`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::wav(bytes));
