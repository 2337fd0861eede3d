//! See `targets::chan_websocket`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::chan_websocket(bytes));
