//! See `targets::event_socket`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::event_socket(bytes));
