//! See `targets::audio_fork`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::audio_fork(bytes));
