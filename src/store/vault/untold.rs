//! Calls whose end the audit log may not know yet.
//!
//! ```text
//! open/CALL --it is closed--> untold/CALL --the log has it--> no mark
//! ```
//!
//! A recording is complete before its entry is written, as the entry has its hash. Who dies between the two leaves the
//! mark, and the next start sees to the entry.
//!
//! Does not know what the log has: who writes it does.

use std::path::PathBuf;

use jiff::Timestamp;

use super::{RecordName, State, Vault, VaultError, files};
use crate::store::sealed::Content;

/// A closed call whose end the audit log may not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// The record's name.
    pub name: RecordName,
    /// The call's id as its platform gave it, which is what the log knows it by.
    pub call: String,
    /// When it began.
    pub began: Timestamp,
    /// Its sealed files' folder.
    pub place: PathBuf,
    /// Why it was closed early; `None`: it was recorded to its end.
    pub cut_off: Option<String>,
}

impl Vault {
    /// The same, keeping a mark on each call that is closed until [`Vault::told`]: for a store beside an audit log.
    #[must_use]
    pub fn telling_ends(mut self) -> Self {
        self.tells_ends = true;
        self
    }

    /// The closed calls that nobody has said to be in the log, by name. One that cannot be read is passed over and
    /// keeps its mark.
    pub fn untold(&self) -> Result<Vec<Untold>, VaultError> {
        let _changes = self.lock_changes()?;
        let mut found = Vec::new();
        for name in files::names(&self.path.join(UNTOLD))? {
            let Ok(name) = RecordName::new(&name) else {
                continue;
            };
            match self.untold_call(&name) {
                Ok(Some(call)) => found.push(call),
                Ok(None) => {}
                Err(error) => {
                    let (call, error) = (name.as_str(), error.to_string());
                    tracing::error!(
                        call,
                        error,
                        "whether the audit log knows of it is not known"
                    );
                }
            }
        }
        Ok(found)
    }

    /// `None`: there is nothing to tell of.
    fn untold_call(&self, name: &RecordName) -> Result<Option<Untold>, VaultError> {
        let mark = self.untold_mark(name);
        let call = std::fs::read_to_string(&mark).map_err(files::failed("read", &mark))?;
        let state = self.state(name);
        if state == State::Open {
            // It could not be closed, and waits for a start that can.
            return Ok(None);
        }
        let header = match self.open_header(name, Content::Audio) {
            Ok((_, header)) => header,
            // A copy of a store is put back without what was deleted since.
            Err(VaultError::Missing { .. } | VaultError::Unknown { .. }) => {
                files::remove(&mark)?;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        Ok(Some(Untold {
            call: if call.is_empty() {
                name.to_string()
            } else {
                call
            },
            began: header.label().sealed_at,
            place: self.folder(name),
            cut_off: (state == State::Incomplete).then(|| {
                let closing = self.closing(name);
                closing.map_or_else(|_| "it was cut off".to_owned(), |closing| closing.reason)
            }),
            name: name.clone(),
        }))
    }

    /// The log knows of a call's end.
    pub fn told(&self, name: &RecordName) -> Result<(), VaultError> {
        files::remove(&self.untold_mark(name))
    }

    /// A call is closed: takes its mark away, or makes it one of what is to be told.
    pub(super) fn mark_closed(&self, name: &RecordName) -> Result<(), VaultError> {
        if !self.tells_ends {
            return self.unmark(name);
        }
        let folder = self.path.join(UNTOLD);
        if !folder.is_dir() {
            files::make_folders(&folder)?;
            files::sync_folder(&self.path)?;
        }
        let mark = self.mark(name);
        std::fs::rename(&mark, self.untold_mark(name)).map_err(files::failed("move", &mark))?;
        files::sync_folder(&folder)?;
        files::sync_folder(&self.path.join("open"))?;
        self.tell_changed(name);
        Ok(())
    }

    /// Takes away the mark that a call is open.
    pub(super) fn unmark(&self, name: &RecordName) -> Result<(), VaultError> {
        files::remove(&self.mark(name))?;
        files::sync_folder(&self.path.join("open"))?;
        self.tell_changed(name);
        Ok(())
    }

    /// Says that the log may not know of a call's end; has the call's id.
    pub(super) fn untold_mark(&self, name: &RecordName) -> PathBuf {
        self.path.join(UNTOLD).join(name.as_str())
    }
}

const UNTOLD: &str = "untold";
