//! What the gateway keeps itself and answers for.
//!
//! An adapter: knows files and keys, and nothing of calls under way, sockets or commands.

pub mod audit;
