//! A gateway that keeps spoken secrets out of call recordings.
//!
//! ```text
//! telephony -> ingress -> session -> egress  (recording, report)
//!                         |  ^
//!              Transcribe v  | transcript or failure
//!                         engine (recogniser workers)
//! ```
//!
//! Audio flows one way. [`session`] is the pure centre: it holds the audio of one call, cuts it into
//! windows for recognition, asks [`detect`] and [`policy`] what must not be heard, and alone decides
//! what leaves. Everything that touches a socket, a clock, a thread or a file is outside of it.
//!
//! **Architecture invariant:** audio leaves the process only as [`session::CleanAudio`], which only
//! `session`'s redactor can make.
//!
//! Reading order: [`call`], [`audio`], [`detect`], [`session`], [`gateway`], [`cli`].

pub mod access;
pub mod alert;
pub mod api;
pub mod audio;
pub mod call;
pub mod cli;
pub mod config;
pub mod detect;
pub mod egress;
pub mod engine;
pub mod gateway;
pub mod ingress;
pub mod model;
pub mod policy;
pub mod rtp;
pub mod session;
pub mod sip;
pub mod speech;
pub mod store;
pub mod telemetry;
