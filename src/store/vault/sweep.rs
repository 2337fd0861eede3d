//! Closes what a crash left open, and ends what it cut off. Looks at marks alone, however many calls there are.

use std::fs;

use super::{Closing, RecordName, Recording, Vault, VaultError, files};
use crate::store::sealed::{Content, SealError, Standing};

/// A call that was found open.
#[derive(Debug)]
pub struct SweptCall {
    /// Its name.
    pub name: RecordName,
    /// What was done.
    pub outcome: Result<Swept, VaultError>,
}

/// What was done with a call that was found open.
#[derive(Debug)]
pub enum Swept {
    /// It was complete but for its mark.
    Complete,
    /// It was marked as incomplete.
    Incomplete(Closing),
    /// Nothing of it had been recorded: it was removed.
    Removed,
    /// Stretches of it were being erased, and now are.
    Erased,
    /// Stretches of it were about to be erased; nothing was changed, and it has to be asked for again.
    NotErased,
    /// It was being removed, and now is.
    Destroyed,
}

impl Recording {
    /// Closes every call that is open; before the first is begun. What cannot be closed, such as without its key,
    /// stays as it is and is told.
    pub fn sweep(&self) -> Result<Vec<SweptCall>, VaultError> {
        let vault = &self.vault;
        let mut swept = vault.finish_changes()?;
        let names = files::names(&vault.path.join("open"))?;
        let open = names.iter().filter_map(|name| RecordName::new(name).ok());
        swept.extend(open.map(|name| SweptCall {
            outcome: vault.sweep(&name),
            name,
        }));
        Ok(swept)
    }
}

impl Vault {
    /// Ends the removals and revisions that a crash cut off.
    fn finish_changes(&self) -> Result<Vec<SweptCall>, VaultError> {
        let mut swept = Vec::new();
        for name in self.unfinished_removals()? {
            let outcome = self.finish_removal(&name).map(|_| Swept::Destroyed);
            swept.push(SweptCall { name, outcome });
        }
        let _changes = self.lock_changes()?;
        for name in self.unfinished_revisions()? {
            let outcome = match self.finish_revision(&name) {
                Ok(Some(true)) => Ok(Swept::Erased),
                Ok(_) => Ok(Swept::NotErased),
                Err(error) => Err(error),
            };
            swept.push(SweptCall { name, outcome });
        }
        Ok(swept)
    }

    fn sweep(&self, name: &RecordName) -> Result<Swept, VaultError> {
        for content in Content::ALL {
            let file = self.object_file(name, content);
            files::remove(&file.with_extension("new"))?;
            if !file.exists() {
                // It opens nothing.
                files::remove(&self.key_file(name, content))?;
            }
        }
        if self.object_file(name, Content::Closing).exists() {
            let closing = self.closing(name)?;
            self.mark_closed(name)?;
            return Ok(Swept::Incomplete(closing));
        }
        let nothing = match self.open_header(name, Content::Audio) {
            Err(VaultError::Missing { .. } | VaultError::Unknown { .. }) => true,
            Err(VaultError::Sealed {
                cause: SealError::Empty,
                ..
            }) => true,
            Err(error) => return Err(error),
            Ok(_) => false,
        };
        if nothing {
            self.remove_empty(name)?;
            return Ok(Swept::Removed);
        }
        if self.object_file(name, Content::Report).exists() {
            let file = self.object_file(name, Content::Audio);
            let mut audio = self.open_sealed(name, Content::Audio)?;
            let found = audio
                .examine(|_| {})
                .map_err(super::objects::sealed(file))?;
            if found == Standing::Whole {
                self.mark_closed(name)?;
                return Ok(Swept::Complete);
            }
        }
        self.close_early(name, "the gateway ended before the call did")
            .map(Swept::Incomplete)
    }

    /// Removes a call of which nothing was recorded. Whatever else lies in its folders keeps them.
    fn remove_empty(&self, name: &RecordName) -> Result<(), VaultError> {
        files::remove(&self.object_file(name, Content::Audio))?;
        for content in Content::ALL {
            let key = self.key_file(name, content);
            files::remove(&key)?;
            files::remove(&key.with_extension("new"))?;
        }
        for folder in [self.folder(name), self.key_folder(name)] {
            match fs::remove_dir(&folder) {
                Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                    return Err(files::failed("remove", &folder)(cause));
                }
                _ => {}
            }
        }
        self.unmark(name)
    }
}
