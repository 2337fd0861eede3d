//! Locks a recording away: what may hold what it should not is given out only to who asks for that.
//!
//! The mark is a file, `quarantine/CALL.json`, so that it outlives the index and whoever placed it.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{RecordName, Vault, VaultError, files};

/// Why and since when a recording is locked away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// The version of this form: 1.
    pub schema: u32,
    /// When it was locked away.
    pub since: Timestamp,
    /// Why, without a value that was heard.
    pub reason: String,
}

impl Vault {
    /// The same store, giving out what is locked away too.
    #[must_use]
    pub fn opening_quarantined(&self) -> Self {
        Self {
            opens_quarantined: true,
            ..self.clone()
        }
    }

    /// Locks a recording and its transcript away. One that is already, stays as it is.
    pub fn quarantine(&self, name: &RecordName, reason: &str) -> Result<(), VaultError> {
        self.check_format()?;
        let _changes = self.lock_changes()?;
        if !self.folder(name).is_dir() {
            return Err(VaultError::Unknown { name: name.clone() });
        }
        if self.quarantined(name)?.is_some() {
            return Ok(());
        }
        files::make_folders(&self.path.join("quarantine"))?;
        let mark = Quarantine {
            schema: 1,
            since: Timestamp::now(),
            reason: reason.to_owned(),
        };
        let file = self.quarantine_file(name);
        let text = serde_json::to_vec_pretty(&mark)
            .map_err(|error| files::failed("write", &file)(error.into()))?;
        files::replace(&file, &text)
    }

    /// Gives a recording free again. Done again it does nothing.
    pub fn end_quarantine(&self, name: &RecordName) -> Result<(), VaultError> {
        self.check_format()?;
        let _changes = self.lock_changes()?;
        files::remove(&self.quarantine_file(name))?;
        match self.path.join("quarantine") {
            folder if folder.is_dir() => files::sync_folder(&folder),
            _ => Ok(()),
        }
    }

    /// Why a recording is locked away; `None`: it is not. A mark that cannot be read locks as well.
    pub fn quarantined(&self, name: &RecordName) -> Result<Option<Quarantine>, VaultError> {
        let file = self.quarantine_file(name);
        let text = match std::fs::read(&file) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(files::failed("read", &file))?,
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| VaultError::Document {
                file,
                problem: error.to_string(),
            })
    }

    /// Fails for what is locked away, unless that was asked for.
    pub(super) fn check_free(&self, name: &RecordName) -> Result<(), VaultError> {
        if self.opens_quarantined {
            return Ok(());
        }
        match self.quarantined(name)? {
            None => Ok(()),
            Some(mark) => Err(VaultError::Quarantined {
                name: name.clone(),
                reason: mark.reason,
            }),
        }
    }

    pub(super) fn quarantine_file(&self, name: &RecordName) -> PathBuf {
        self.path.join("quarantine").join(format!("{name}.json"))
    }
}
