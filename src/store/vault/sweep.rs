//! Closes what a crash left open. Looks at the marks of open calls alone, however many calls there are.

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
}

impl Recording {
    /// Closes every call that is open; before the first is begun. What cannot be closed, such as without its key,
    /// stays as it is and is told.
    pub fn sweep(&self) -> Result<Vec<SweptCall>, VaultError> {
        let vault = &self.vault;
        let names = files::names(&vault.path.join("open"))?;
        let swept = names.iter().filter_map(|name| RecordName::new(name).ok());
        Ok(swept
            .map(|name| SweptCall {
                outcome: vault.sweep(&name),
                name,
            })
            .collect())
    }
}

impl Vault {
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
            self.unmark(name)?;
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
            let mut audio = self.open(name, Content::Audio)?;
            let found = audio
                .examine(|_| {})
                .map_err(super::objects::sealed(file))?;
            if found == Standing::Whole {
                self.unmark(name)?;
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
