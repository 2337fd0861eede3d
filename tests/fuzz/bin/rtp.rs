//! See `targets::rtp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::rtp(bytes));
