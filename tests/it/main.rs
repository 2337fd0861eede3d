//! The gateway with real sockets, files and processes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests; clippy knows only functions marked so"
)]

mod access;
mod alerts;
mod audit;
mod authority;
mod bench;
mod browser;
mod calls;
mod commands;
mod control;
mod doors;
mod engine_failures;
mod fairness;
mod faults;
mod flood;
mod forwarding;
mod fuzzed;
mod guarded;
mod health;
mod hostile;
mod index;
mod interop;
mod isolation;
#[path = "../acceptance/labels.rs"]
mod labels;
mod lifecycle;
mod live;
mod overload;
mod pairs;
mod plain_rtp;
mod platforms;
mod postgres;
mod program;
mod retention;
mod session_client;
mod session_recorder;
mod sipp;
mod siprec;
mod siprec_forward;
mod store;
mod support;
