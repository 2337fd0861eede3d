//! See `targets::twilio`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::twilio(bytes));
