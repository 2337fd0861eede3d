//! Files and folders for their owner only, written so that a crash leaves them whole or not there.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::VaultError;

pub(super) fn failed(action: &'static str, file: &Path) -> impl FnOnce(io::Error) -> VaultError {
    let file = file.to_owned();
    move |cause| VaultError::File {
        action,
        file,
        cause,
    }
}

/// Makes a folder and those above it.
pub(super) fn make_folders(folder: &Path) -> Result<(), VaultError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed("create the folder", folder))
}

/// Makes one folder; it must not be there.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(folder)
}

/// A new file; it must not be there.
pub(super) fn create(file: &Path) -> Result<File, VaultError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map_err(failed("create", file))
}

/// A file to be locked, made if it is not there.
pub(super) fn lock_file(file: &Path) -> Result<File, VaultError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(file)
        .map_err(failed("open", file))
}

/// Writes a new file and waits until its content is on the disk; its name is once the folder is.
pub(super) fn write_new(file: &Path, bytes: &[u8]) -> Result<(), VaultError> {
    let mut open = create(file)?;
    open.write_all(bytes)
        .and_then(|()| open.sync_all())
        .map_err(failed("write", file))
}

/// Replaces a file whole: before the rename the old one is there, after it the new one.
pub(super) fn replace(file: &Path, bytes: &[u8]) -> Result<(), VaultError> {
    let new = file.with_extension("new");
    // One that a crash left.
    remove(&new)?;
    write_new(&new, bytes)?;
    std::fs::rename(&new, file).map_err(failed("write", file))?;
    file.parent().map_or(Ok(()), sync_folder)
}

/// Waits until the names in a folder are on the disk.
pub(super) fn sync_folder(folder: &Path) -> Result<(), VaultError> {
    File::open(folder)
        .and_then(|open| open.sync_all())
        .map_err(failed("synchronise", folder))
}

/// Removes a file, if it is there.
pub(super) fn remove(file: &Path) -> Result<(), VaultError> {
    match std::fs::remove_file(file) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(failed("remove", file)(cause)),
        _ => Ok(()),
    }
}

/// The names in a folder, in order; none if it is not there.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, VaultError> {
    let entries = match std::fs::read_dir(folder) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed("read the folder", folder))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry
            .map_err(failed("read the folder", folder))?
            .file_name();
        names.extend(name.into_string());
    }
    names.sort_unstable();
    Ok(names)
}
