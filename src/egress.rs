//! Where clean audio goes: the two-channel WAV recorder and the report beside it.
//!
//! **Architecture invariant:** takes only [`crate::session::CleanAudio`] and [`crate::telemetry::Event`].
