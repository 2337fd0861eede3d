//! What is kept: recordings and reports, encrypted at rest, on the disk and in an object store, the keys that open
//! them, and the log that shows what was done.
//!
//! **Architecture invariant:** audio comes in as [`crate::session::CleanAudio`] alone, and every byte of a
//! call that reaches the disk is sealed first. Does not know who may read, nor what a report says.

pub mod accounts;
pub mod alerts;
pub mod archive;
pub mod audit;
pub mod backup;
pub mod database;
pub mod deliveries;
pub mod documents;
pub mod erasure;
pub mod index;
pub mod keys;
pub mod requests;
pub mod retention;
pub mod sealed;
pub mod summary;
pub mod vault;
