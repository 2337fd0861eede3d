//! What was destroyed since a copy was made, so that it does not come back with it.
//!
//! The audit log has the SHA-256 of every sealed file that was deleted, erased or redacted again, and a backup lists that
//! of each file in it: so the two are compared, whatever the files are called now.

use std::collections::BTreeSet;
use std::path::Path;

use super::{BackupError, failed, not_whole};
use crate::store::audit::{Action, Entry, EntryFilter, Folder, Sha256Digest, entries_of};

/// Sealed files that are not to be readable any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destroyed(BTreeSet<String>);

impl Destroyed {
    /// Adds what a log tells of.
    pub fn read_log(&mut self, log: &Folder) -> Result<(), BackupError> {
        entries_of(log, &EntryFilter::default(), |line| {
            self.add_entry(&line.entry);
            true
        })?;
        Ok(())
    }

    fn add_entry(&mut self, entry: &Entry) {
        let ending = match entry.action {
            // What it was, before it went.
            Action::Deleted => "_sha256",
            // What it was, and what took its place.
            Action::SegmentErased | Action::RecordingRedactedAgain => "_sha256_before",
            _ => return,
        };
        let sums = entry
            .details
            .iter()
            .filter(|(name, _)| name.ends_with(ending));
        self.0
            .extend(sums.filter_map(|(_, sum)| sum.text().map(str::to_owned)));
    }

    /// Adds a list: a SHA-256 in hexadecimal on each line; `#` begins a remark.
    pub fn read_list(&mut self, file: &Path) -> Result<(), BackupError> {
        let text = std::fs::read_to_string(file).map_err(failed("read", file))?;
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let is_sum = line.len() == 64 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !is_sum {
                let problem = format!("line {}: expected a SHA-256 in hexadecimal", number + 1);
                return Err(not_whole(file, problem));
            }
            self.0.insert(line.to_ascii_lowercase());
        }
        Ok(())
    }

    /// Whether a file is among them.
    pub(super) fn has(&self, sum: Sha256Digest) -> bool {
        self.0.contains(&sum.to_string())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
