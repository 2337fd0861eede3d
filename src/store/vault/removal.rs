//! Takes calls, or parts of them, out of the store for good.
//!
//! ```text
//! mark removing/CALL -> destroy its keys -> remove its files and folders -> remove the mark
//!                                       `-> mark leaving/CALL.ID.audio, for who deletes objects
//! ```
//!
//! With its keys destroyed nobody can read a call any more, nor any copy of it. A crash after the mark is gone on
//! with by the next start; before it nothing happened.

use std::fs::OpenOptions;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::revision::destroy_key;
use super::{RecordName, Vault, VaultError, files};
use crate::store::audit::Sha256Digest;
use crate::store::sealed::Content;

/// What was taken out of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Whose.
    pub call: String,
    /// What was there.
    pub parts: Vec<RemovedPart>,
}

/// A sealed file that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedPart {
    /// Which part of the call.
    pub content: Content,
    /// SHA-256 of the sealed file, which proves what it was and tells nothing of what was in it.
    pub sha256: Sha256Digest,
    /// Its length.
    pub bytes: u64,
}

impl Vault {
    /// What there is of these parts of a call, to prove later what was removed.
    pub fn survey(&self, name: &RecordName, contents: &[Content]) -> Result<Removed, VaultError> {
        self.check_format()?;
        let mut removed = Removed {
            call: name.to_string(),
            parts: Vec::new(),
        };
        for &content in contents {
            if self.is_readable(name, content) {
                let (sha256, bytes) = self.part_digest(name, content)?;
                removed.parts.push(RemovedPart {
                    content,
                    sha256,
                    bytes,
                });
            }
        }
        Ok(removed)
    }

    /// Removes a call: when this returns its keys are destroyed, and its files are gone. Done again it does
    /// nothing. A call that is under way is refused.
    pub fn remove(&self, name: &RecordName) -> Result<(), VaultError> {
        self.remove_all(std::slice::from_ref(name))
            .pop()
            .unwrap_or_else(|| Err(VaultError::Unknown { name: name.clone() }))
    }

    /// Removes calls as [`Vault::remove`] does; the disk is waited for less often than for each by itself. The
    /// answers are in the order of the names.
    pub fn remove_all(&self, names: &[RecordName]) -> Vec<Result<(), VaultError>> {
        let begun = || {
            self.check_format()?;
            let lock = self.lock_changes()?;
            files::make_folders(&self.path.join("removing"))?;
            Ok::<_, VaultError>(lock)
        };
        let _changes = match begun() {
            Ok(lock) => lock,
            Err(error) => return self.each_fails(names, error),
        };
        let mut outcomes: Vec<_> = names.iter().map(|name| self.mark_removed(name)).collect();
        if let Err(error) = self
            .step()
            .and_then(|()| files::sync_folder(&self.path.join("removing")))
        {
            return self.each_fails(names, error);
        }
        for (name, outcome) in names.iter().zip(&mut outcomes) {
            if outcome.is_ok()
                && let Err(error) = self.destroy(name)
            {
                *outcome = Err(error);
            }
        }
        let synced = self
            .step()
            .and_then(|()| files::sync_folder(&self.path.join("calls")))
            .and_then(|()| files::sync_folder(&self.path.join("keys")));
        if let Err(error) = synced {
            return self.each_fails(names, error);
        }
        for (name, outcome) in names.iter().zip(&mut outcomes) {
            if outcome.is_ok()
                && let Err(error) = self
                    .step()
                    .and_then(|()| files::remove(&self.removing(name)))
            {
                *outcome = Err(error);
            }
        }
        outcomes
    }

    /// The first has the reason; the others did not come to it.
    fn each_fails(&self, names: &[RecordName], error: VaultError) -> Vec<Result<(), VaultError>> {
        let mut first = Some(error);
        let told = |_: &RecordName| {
            Err(first.take().unwrap_or_else(|| {
                let cause = std::io::Error::other("another removal failed before");
                files::failed("remove calls of", &self.path)(cause)
            }))
        };
        names.iter().map(told).collect()
    }

    /// Says that a call is to go.
    fn mark_removed(&self, name: &RecordName) -> Result<(), VaultError> {
        match self.check_closed(name) {
            // A crash may have come after its files were gone.
            Err(VaultError::Unknown { .. }) => {}
            closed => closed?,
        }
        if !self.removing(name).exists() {
            self.step()?;
            // Its name is on the disk when its folder is.
            drop(files::create(&self.removing(name))?);
        }
        Ok(())
    }

    /// Destroys the keys, then removes every file. What is gone already is passed over.
    fn destroy(&self, name: &RecordName) -> Result<(), VaultError> {
        {
            let _keys = self.lock_keys()?;
            let folder = self.key_folder(name);
            for file in files::names(&folder)? {
                self.step()?;
                destroy_key(&folder.join(file))?;
            }
        }
        for content in Content::ALL {
            self.leave_part(name, content)?;
        }
        let folder = self.folder(name);
        for file in files::names(&folder)? {
            self.step()?;
            files::remove(&folder.join(file))?;
        }
        self.step()?;
        remove_folder(&folder)?;
        for mark in [
            self.begun(name),
            self.committed(name),
            self.quarantine_file(name),
            self.untold_mark(name),
        ] {
            files::remove(&mark)?;
        }
        self.step()?;
        // Last: as long as it is there nobody takes the name.
        remove_folder(&self.key_folder(name))
    }

    /// Goes on with a removal that a crash cut off. `false`: none was.
    pub(super) fn finish_removal(&self, name: &RecordName) -> Result<bool, VaultError> {
        if !self.removing(name).exists() {
            return Ok(false);
        }
        self.remove(name)?;
        Ok(true)
    }

    /// The calls whose removal a crash cut off.
    pub(super) fn unfinished_removals(&self) -> Result<Vec<RecordName>, VaultError> {
        let names = files::names(&self.path.join("removing"))?;
        let plain = |name: &String| RecordName::new(name).ok();
        Ok(names.iter().filter_map(plain).collect())
    }

    /// Says that a call is being removed.
    pub(super) fn removing(&self, name: &RecordName) -> std::path::PathBuf {
        self.path.join("removing").join(name.as_str())
    }

    /// Takes parts of a call out of the store and keeps the rest: their keys are destroyed, and of their files
    /// the headers stay, which say what there was. Done again it does nothing.
    pub fn discard(&self, name: &RecordName, contents: &[Content]) -> Result<(), VaultError> {
        self.check_format()?;
        let _changes = self.lock_changes()?;
        self.check_closed(name)?;
        self.finish_revision(name)?;
        for &content in contents {
            if !self.object_file(name, content).exists() {
                continue;
            }
            self.step()?;
            self.shred(name, content)?;
            self.leave_part(name, content)?;
            self.step()?;
            self.cut_to_header(name, content)?;
            files::remove(&self.archived_file(name, content))?;
        }
        Ok(())
    }

    fn cut_to_header(&self, name: &RecordName, content: Content) -> Result<(), VaultError> {
        let (_, header) = self.open_header(name, content)?;
        let file = self.object_file(name, content);
        OpenOptions::new()
            .write(true)
            .open(&file)
            .and_then(|open| {
                open.set_len(header.bytes().len() as u64)?;
                open.sync_all()
            })
            .map_err(files::failed("cut", &file))
    }
}

fn remove_folder(folder: &Path) -> Result<(), VaultError> {
    match std::fs::remove_dir(folder) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(files::failed("remove", folder)(cause))
        }
        _ => Ok(()),
    }
}
