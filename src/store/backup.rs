//! Copies of a store: made while the gateway records, checked without any key, restored without what was destroyed since.
//!
//! ```text
//! OUT/store/...        sealed files, wrapped keys, marks, documents; the database as SQLite copies it itself
//! OUT/audit/...        the audit log and its public key
//! OUT/files.list       SHA-256, length and path of each, in order of path
//! OUT/manifest.json    what this is, SHA-256 of files.list, signed with the audit log's key
//! ```
//!
//! The keys that wrap data keys are not in it, nor are the audit log's: who has the copy alone reads nothing.
//!
//! **Architecture invariants:** of a call that is closed, sealed files and wrapped keys are of one moment; of one that is
//! under way a prefix that the next start closes. A copy is there whole, with its manifest, or not at all. What is
//! restored is what was copied, byte for byte, and no object that was destroyed since can be read in it.

mod destroyed;
mod make;
mod manifest;
mod restore;

use std::io;
use std::path::{Path, PathBuf};

pub use destroyed::Destroyed;
pub use make::{Source, make};
pub use manifest::{Checked, Manifest, verify};
pub use restore::{Restored, restore};

use super::audit::AuditError;
use super::database::DatabaseError;
use super::vault::VaultError;

/// The folders of a copy.
const STORE: &str = "store";
const AUDIT: &str = "audit";
/// The database's file in a store.
const DATABASE: &str = "index.sqlite";

/// Why a copy was not made, is not whole or was not restored. Names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
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
    /// Something is there already.
    #[error("{}: is there already; nothing is overwritten, choose another name", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// No copy, or not what was copied.
    #[error("{}: {problem}", path.display())]
    NotWhole {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The store could not be read.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The audit log could not be read.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The database could not be copied.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

fn failed(action: &'static str, file: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let file = file.to_owned();
    move |cause| BackupError::File {
        action,
        file,
        cause,
    }
}

fn not_whole(path: &Path, problem: impl Into<String>) -> BackupError {
    BackupError::NotWhole {
        path: path.to_owned(),
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests;
