//! A file format for records at rest: encrypted, authenticated, written as a stream, read at any place.
//!
//! AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated-Encryption
//! and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015): chunks of a fixed size, whose nonces hold their number
//! and whether they are the last one.
//!
//! ```text
//! 0        8 9 10 11 12         28         32       39 40          48      48+n
//! +--------+-+--+-+-+------------+----------+--------+-+-----------+-------+
//! |HUSHSEAL|v|co|c|n| object id  | revision | prefix |0| sealed at | name  |   header: associated data of each chunk
//! +--------+-+--+-+-+------------+----------+--------+-+-----------+-------+
//! | chunk 0: 2^c bytes encrypted | tag (16) | chunk 1 ... | last chunk: fewer than 2^c | tag | HUSHDONE |
//! +------------------------------+----------+-------------+----------------------------+-----+----------+
//!
//! nonce of chunk i:  prefix (7) | i, big-endian (4) | 1 for the last chunk, else 0 (1)
//! ```
//!
//! **Architecture invariants:** a chunk is given out after its tag held, or not at all. Any change to a file, a
//! chunk from another place, object or revision included, is told as [`Standing::Altered`]; a file that ends
//! early, wherever it was cut, as [`Standing::CutOff`], never as whole. The mark at the end tells a torn write
//! from an altered last chunk: a crash does not leave it.
//!
//! The key that wraps the data key is not in the file, so that rotation never touches it (see
//! [`crate::store::keys`]). Does not know what it seals.

mod chunk;
mod header;
mod reader;
mod writer;

use std::io;

pub use header::{Content, Header, Label};
pub use reader::{SealedReader, Standing};
pub use writer::SealedWriter;

/// Bytes of a chunk before encryption: half a second of one channel at 8 kHz, so that a crash costs less than a
/// second.
pub const CHUNK: usize = 1 << CHUNK_POWER;
const CHUNK_POWER: u8 = 13;
/// Bytes of an authentication tag (NIST SP 800-38D).
const TAG: usize = 16;
/// Ends a file that was finished.
const END: &[u8; 8] = b"HUSHDONE";

/// Why a sealed file cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Not a file of this format.
    #[error("is not a sealed record: {0}")]
    NotSealed(&'static str),
    /// Ends within its header: it was cut off before anything was sealed.
    #[error("ends before its first chunk")]
    Empty,
    /// From a newer program.
    #[error("has version {0} of the format; this program reads version 1")]
    Version(u8),
    /// A chunk is not what was sealed in its place.
    #[error("was altered at chunk {chunk}")]
    Altered {
        /// Which, from 0.
        chunk: u32,
    },
    /// The file is cut off, where a whole one is needed.
    #[error("is cut off after chunk {chunks}")]
    CutOff {
        /// How many are whole.
        chunks: u32,
    },
    /// More than the counter of chunks can tell apart.
    #[error("is full: a sealed record holds at most {} chunks", u32::MAX)]
    Full,
    /// The cipher refused, which it does for impossible lengths alone.
    #[error("cannot be encrypted")]
    Cipher,
    /// An earlier write failed; what follows would be unreadable.
    #[error("an earlier write failed")]
    Broken,
}

#[cfg(test)]
mod tests;
