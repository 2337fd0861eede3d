//! What makes entries a chain: each line's HMAC and hash, from the line before.
//!
//! ```text
//! hmac    = HMAC-SHA-256(audit key, text of the entry)
//! content = SHA-256(0x00 | text of the entry | hmac)
//! hash    = SHA-256(0x01 | previous hash | content)
//! ```
//!
//! The hash has the content's hash in it and not the content, so that an entry can be shown to lie in the chain
//! without showing those around it. The leading bytes keep the two apart, as in RFC 9162, 2.1.1.

use jiff::Timestamp;

use super::digest::Sha256Digest;
use super::entry::{Entry, Line, LogId, Record, written_time};
use super::keys::HmacKey;

/// Where a log stands: what the next entry follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Which log.
    pub log: LogId,
    /// The last entry's number; 0 before the first.
    pub sequence: u64,
    /// The last entry's hash; zeros before the first.
    pub hash: Sha256Digest,
}

impl Head {
    /// Of a log without entries.
    pub fn of_new(log: LogId) -> Self {
        Self {
            log,
            sequence: 0,
            hash: Sha256Digest::ZERO,
        }
    }

    /// Makes the next line, and stands behind it.
    pub fn append(&mut self, record: Record, time: Timestamp, key: &HmacKey) -> Line {
        let entry = Entry {
            log: self.log.clone(),
            sequence: self.sequence + 1,
            time: written_time(time),
            actor: record.actor,
            action: record.action,
            subject: record.subject,
            details: record.details,
            previous: self.hash,
        };
        let text = entry.canonical();
        let hmac = key.authenticate(&text);
        let hash = chained(self.hash, content(&text, hmac));
        self.sequence = entry.sequence;
        self.hash = hash;
        Line { entry, hmac, hash }
    }
}

/// The hash of what an entry says.
pub(super) fn content(entry_text: &[u8], hmac: Sha256Digest) -> Sha256Digest {
    Sha256Digest::of(&[&[0], entry_text, &hmac.0])
}

/// The hash of an entry in its place.
pub(super) fn chained(previous: Sha256Digest, content: Sha256Digest) -> Sha256Digest {
    Sha256Digest::of(&[&[1], &previous.0, &content.0])
}

/// The hash of what a line says.
pub(super) fn content_of(line: &Line) -> Sha256Digest {
    content(&line.entry.canonical(), line.hmac)
}
