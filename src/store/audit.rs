//! The audit log: what was done, by whom and when, so that nobody can change it unseen.
//!
//! ```text
//! gateway --Record--> [queue] --> [writer thread: chain] --> audit-000000000001.jsonl, ...
//!                                                       '--> anchor.json (how far the log goes, signed)
//! files --> verify --> verdict: whole, or the first entry that is not
//!       '-> bundle --> what concerns one call, signed, checkable without the log
//! ```
//!
//! Every entry has the hash of the one before it (a chain: what is changed, left out or put in shows), an HMAC
//! under a key that is not in the files (who has the files alone cannot make the chain anew), and every so often
//! there is a checkpoint that is signed (who has the public key alone can check). `docs/audit.md` is the
//! specification.
//!
//! **Architecture invariants:** an entry holds no spoken value; an entry that was acknowledged is on the disk;
//! one process writes a log; whoever records never waits for the disk unless it asks to.
//!
//! Does not know what a call or a session is; it is told.

pub mod bundle;
mod chain;
mod checkpoint;
mod digest;
mod entry;
mod folder;
mod keys;
mod opening;
mod proof;
mod reading;
mod verify;
mod writer;

use std::io;
use std::path::{Path, PathBuf};

pub use chain::Head;
pub use checkpoint::{Checkpoint, Statement};
pub use digest::Sha256Digest;
pub use entry::{Action, Actor, ActorKind, Detail, Entry, Line, LogId, Record};
pub use folder::{ANCHOR_FILE, Folder, Segment};
pub use keys::{AuditKeys, HmacKey, KeyFiles, PublicKey, SigningKey};
pub use proof::Run;
pub use reading::{EntryFilter, entries_from, entries_of};
pub use verify::{BadEntry, Fault, Verdict, Verification, Verifier, verify_folder};
pub use writer::{AuditLog, LogSettings, Opened, Receipt};

/// Why the log cannot be written or read. Names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The system refused.
    #[error("cannot {action} {}: {cause}", file.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        file: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Another process writes this log.
    #[error(
        "{}: another process writes this audit log; stop it, or configure another audit.folder", folder.display()
    )]
    Locked {
        /// The log's folder.
        folder: PathBuf,
    },
    /// The log is not what was written; nothing is added to it.
    #[error(
        "{}: {problem}; nothing is added to a damaged audit log: see `hushgate audit verify`, keep the folder as \
         evidence, and configure another audit.folder to go on", folder.display()
    )]
    Damaged {
        /// The log's folder.
        folder: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// A key file is not usable.
    #[error("{}: {problem}", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// There is no log.
    #[error("{}: holds no audit log; expected files named audit-NUMBER.jsonl", folder.display())]
    NoLog {
        /// The folder.
        folder: PathBuf,
    },
    /// What was asked for is not in the log.
    #[error("{0}")]
    NotFound(String),
    /// The log's writer has ended.
    #[error("the audit log is closed: {0}")]
    Closed(String),
}

impl AuditError {
    fn file(action: &'static str, file: &Path) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |cause| Self::File {
            action,
            file,
            cause,
        }
    }
}

#[cfg(test)]
mod tests;
