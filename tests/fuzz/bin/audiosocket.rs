//! See `targets::audiosocket`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::audiosocket(bytes));
