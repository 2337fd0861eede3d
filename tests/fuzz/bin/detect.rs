//! See `targets::detect`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::detect(bytes));
