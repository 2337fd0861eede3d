//! See `targets::vonage`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::vonage(bytes));
