//! What is kept: recordings and reports, encrypted at rest, the keys that open them, and the log that shows what
//! was done.
//!
//! **Architecture invariant:** audio comes in as [`crate::session::CleanAudio`] alone, and every byte of a
//! call that reaches the disk is sealed first. Does not know who may read, nor what a report says.

pub mod audit;
pub mod database;
pub mod index;
pub mod keys;
pub mod sealed;
pub mod vault;
