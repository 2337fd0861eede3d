//! Makes a store of a copy.
//!
//! Everything is checked while it is copied: what is not as it was backed up ends the restoring, and nothing is there
//! under the name that was asked for. Of what is in an object store there is what finds it there. Of what was destroyed since, neither the sealed file nor its wrapped key is
//! restored; the rest of the call is.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use super::make::{folders, sync_folder};
use super::manifest::{self, Checked, check};
use super::{AUDIT, BackupError, Destroyed, STORE, failed};
use crate::store::audit::PublicKey;
use crate::store::vault::digest_elsewhere;

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The copy.
    pub checked: Checked,
    /// Files that are there.
    pub files: u64,
    /// Sealed files that were left out, as they were destroyed since.
    pub left_out: Vec<String>,
    /// Calls of which nothing is left that way.
    pub gone: Vec<String>,
}

/// Restores a copy into a folder that must not exist: `store` and `audit` in it. `progress` is told how many files are
/// done, and of how many.
pub fn restore(
    from: &Path,
    to: &Path,
    key: Option<&PublicKey>,
    destroyed: &Destroyed,
    mut progress: impl FnMut(u64, u64),
) -> Result<Restored, BackupError> {
    if to.exists() {
        return Err(BackupError::Exists {
            path: to.to_owned(),
        });
    }
    let checked = manifest::read(from, key)?;
    let files = manifest::list(from, &checked.manifest)?;
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = to.with_file_name(name);
    if partial.exists() {
        return Err(BackupError::Exists { path: partial });
    }

    // The sealed file and its key, which opens nothing else.
    let mut without: BTreeSet<String> = BTreeSet::new();
    let mut left_out = Vec::new();
    for (path, listed) in &files {
        let is_destroyed = || {
            destroyed.has(listed.sha256)
                || digest_elsewhere(&from.join(path)).is_some_and(|(sum, _)| destroyed.has(sum))
        };
        if let Some((call, part)) = sealed_part(path).filter(|_| is_destroyed()) {
            without.insert(path.clone());
            without.insert(format!("{STORE}/keys/{call}/{part}.json"));
            without.insert(format!("{STORE}/calls/{call}/{part}.archived"));
            left_out.push(path.clone());
        }
    }
    let total = files.len() as u64;
    let mut kept: BTreeSet<&str> = BTreeSet::new();
    let mut restored = 0;
    let mut copy = |restored: &mut u64| {
        folders(&partial)?;
        for (done, (path, listed)) in files.iter().enumerate() {
            if let Some((call, "audio")) = sealed_part(path)
                && !without.contains(path)
            {
                kept.insert(call);
            }
            if !without.contains(path) {
                let target = partial.join(path);
                if let Some(folder) = target.parent() {
                    folders(folder)?;
                }
                let source = from.join(path);
                std::fs::copy(&source, &target).map_err(failed("copy", &source))?;
                // Of the copy: what was read is what is there.
                check(&target, listed)?;
                *restored += 1;
            }
            progress(done as u64 + 1, total);
        }
        for folder in ["calls", "keys", "open"] {
            folders(&partial.join(STORE).join(folder))?;
        }
        folders(&partial.join(AUDIT))?;
        let open = File::open(&partial).map_err(failed("read", &partial))?;
        nix::unistd::syncfs(&open).map_err(|error| failed("synchronise", &partial)(error.into()))
    };
    if let Err(error) = copy(&mut restored) {
        let _ = std::fs::remove_dir_all(&partial);
        return Err(error);
    }
    std::fs::rename(&partial, to).map_err(failed("write", to))?;
    let above = to.parent().filter(|above| !above.as_os_str().is_empty());
    sync_folder(above.unwrap_or(Path::new(".")))?;
    let touched: BTreeSet<&str> = left_out
        .iter()
        .filter_map(|path| sealed_part(path).map(|(call, _)| call))
        .collect();
    Ok(Restored {
        checked,
        files: restored,
        gone: touched
            .iter()
            .filter(|call| !kept.contains(*call))
            .map(|call| (*call).to_owned())
            .collect(),
        left_out,
    })
}

/// Whose sealed file a path is, and which part.
fn sealed_part(path: &str) -> Option<(&str, &str)> {
    let (call, file) = path.strip_prefix("store/calls/")?.split_once('/')?;
    // A revision that was not in its place yet has a key of the same name.
    Some((call, file.strip_suffix(".sealed")?))
}
