//! What was made of a recording when it was listened to again: sealed beside it after the call is closed.

use std::fs::File;

use super::{RecordName, Vault, VaultError, files};
use crate::store::sealed::Content;

impl Vault {
    /// Seals what came of listening to a call again, in place of what was known before. Cut off by a crash, nothing
    /// is known, and it is listened to once more.
    pub fn save_hearing(&self, name: &RecordName, bytes: &[u8]) -> Result<(), VaultError> {
        self.check_format()?;
        let _changes = self.lock_changes()?;
        self.check_closed(name)?;
        // Its key opens nothing any more.
        files::remove(&self.object_file(name, Content::Hearing))?;
        let (object, key) = self.new_object(name, Content::Hearing)?;
        {
            let _keys = self.lock_keys()?;
            files::replace(&self.key_file(name, Content::Hearing), &key)?;
        }
        self.seal_document(name, object, bytes)
    }

    /// As long as the answer lives, nobody changes or removes a call that is closed.
    pub fn keep_calls_unchanged(&self) -> Result<File, VaultError> {
        self.lock_changes()
    }

    /// The same, nor any wrapped key.
    pub(in crate::store) fn keep_unchanged(&self) -> Result<(File, File), VaultError> {
        // In the order in which those who change calls take them.
        let changes = self.lock_changes()?;
        Ok((changes, self.lock_keys()?))
    }

    /// Calls that are closed, have a recording and were not listened to again, at most so many, the last ones in the
    /// order of their names first. Opens nothing.
    pub fn not_heard_again(&self, most: usize) -> Result<Vec<RecordName>, VaultError> {
        self.check_format()?;
        let names = files::names(&self.path().join("calls"))?;
        let mut found = Vec::new();
        for name in names.iter().rev() {
            if found.len() >= most {
                break;
            }
            let Ok(name) = RecordName::new(name) else {
                continue;
            };
            let was_heard = self.is_readable(&name, Content::Hearing);
            // What the audit log does not know yet is not changed: it has the hash of what was recorded.
            let is_untold = self.tells_ends && self.untold_mark(&name).exists();
            let is_over = !self.mark(&name).exists() && !is_untold;
            if !was_heard && is_over && self.is_readable(&name, Content::Audio) {
                found.push(name);
            }
        }
        Ok(found)
    }
}
