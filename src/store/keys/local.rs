//! Keys from a file of the owner's, or from the environment.
//!
//! The file is looked at again before each use, so that a rotation needs no restart; what cannot be read then
//! is told, and the last good keys serve on: a call is not lost to a slip of an editor.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::ring::KeyRing;
use super::{DataKey, KeyError, KeyId, KeyService, WrappedKey};

/// Keys in this machine's memory.
#[derive(Debug)]
pub struct LocalKeys {
    place: String,
    file: Option<PathBuf>,
    read: Mutex<(Stamp, Arc<KeyRing>)>,
}

/// Tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Stamp {
    inode: u64,
    size: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl LocalKeys {
    /// Keys of a file, which only its owner may be able to read.
    pub fn from_file(file: &Path) -> Result<Self, KeyError> {
        let read = read_file(file)?;
        Ok(Self {
            place: file.display().to_string(),
            file: Some(file.to_owned()),
            read: Mutex::new(read),
        })
    }

    /// Keys of an environment variable.
    pub fn from_environment(name: &str) -> Result<Self, KeyError> {
        let place = format!("the environment variable {name}");
        let text = std::env::var(name)
            .map(Zeroizing::new)
            .map_err(|_| KeyError::Form {
                place: place.clone(),
                problem: "is not set, or is no text",
            })?;
        Self::from_text(&text, &place)
    }

    /// Keys of a text, which came from `place`.
    pub fn from_text(text: &str, place: &str) -> Result<Self, KeyError> {
        let ring = KeyRing::parse(text, place)?;
        Ok(Self {
            place: place.to_owned(),
            file: None,
            read: Mutex::new((Stamp::default(), Arc::new(ring))),
        })
    }

    /// The newest keys that could be read.
    fn ring(&self) -> Arc<KeyRing> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &self.file
            && std::fs::metadata(file).map(|found| stamp(&found)).ok() != Some(read.0)
        {
            match read_file(file) {
                Ok(newer) => *read = newer,
                Err(error) => tracing::error!(
                    error = error.to_string(),
                    "the file of keys is not usable; the keys read before stay in use"
                ),
            }
        }
        Arc::clone(&read.1)
    }
}

impl KeyService for LocalKeys {
    fn keys(&self) -> Result<Vec<KeyId>, KeyError> {
        Ok(self.ring().ids().cloned().collect())
    }

    fn check(&self) -> Result<(), KeyError> {
        match &self.file {
            // What is in memory would do, but not after a restart.
            Some(file) => read_file(file).map(drop),
            None => Ok(()),
        }
    }

    fn wrap(&self, key: &DataKey, object: &[u8]) -> Result<WrappedKey, KeyError> {
        self.ring().wrap(key, object, &self.place)
    }

    fn unwrap(&self, wrapped: &WrappedKey, object: &[u8]) -> Result<DataKey, KeyError> {
        self.ring().unwrap(wrapped, object, &self.place)
    }

    fn rewrap(&self, wrapped: &WrappedKey, object: &[u8]) -> Result<Option<WrappedKey>, KeyError> {
        let ring = self.ring();
        if ring.is_current(&wrapped.key) {
            return Ok(None);
        }
        let key = ring.unwrap(wrapped, object, &self.place)?;
        ring.wrap(&key, object, &self.place).map(Some)
    }
}

fn stamp(found: &std::fs::Metadata) -> Stamp {
    Stamp {
        inode: found.ino(),
        size: found.size(),
        seconds: found.mtime(),
        nanoseconds: found.mtime_nsec(),
    }
}

fn failed(action: &'static str, file: &Path) -> impl FnOnce(std::io::Error) -> KeyError {
    let file = file.to_owned();
    move |cause| KeyError::File {
        action,
        file,
        cause,
    }
}

/// Reads a file that only its owner can read; looks at the file that is open, not at its name.
fn read_text(file: &Path) -> Result<(Stamp, Zeroizing<String>), KeyError> {
    let mut open = File::open(file).map_err(failed("cannot be read", file))?;
    let found = open.metadata().map_err(failed("cannot be read", file))?;
    let mode = found.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Open {
            file: file.to_owned(),
            mode,
        });
    }
    // With room for all, so that it never moves and leaves a copy behind.
    let mut text = Zeroizing::new(String::with_capacity(found.size() as usize + 1));
    open.read_to_string(&mut text)
        .map_err(failed("cannot be read", file))?;
    Ok((stamp(&found), text))
}

fn read_file(file: &Path) -> Result<(Stamp, Arc<KeyRing>), KeyError> {
    let (stamp, text) = read_text(file)?;
    let ring = KeyRing::parse(&text, &file.display().to_string())?;
    Ok((stamp, Arc::new(ring)))
}

/// Makes a new key and puts it first in a file, which is made if it does not exist. From then on it is current;
/// those that were there stay. The file is replaced whole or not at all.
pub fn add_key(file: &Path, id: &KeyId) -> Result<(), KeyError> {
    let place = file.display().to_string();
    let before = match read_text(file) {
        Ok((_, text)) => text,
        Err(KeyError::File { cause, .. }) if cause.kind() == std::io::ErrorKind::NotFound => {
            Zeroizing::default()
        }
        Err(error) => return Err(error),
    };
    if !before.trim().is_empty()
        && KeyRing::parse(&before, &place)?
            .ids()
            .any(|known| known == id)
    {
        return Err(KeyError::Taken {
            place,
            id: id.clone(),
        });
    }
    let key = DataKey::generate()?;
    let encoded = Zeroizing::new(STANDARD.encode(key.bytes()));
    let mut text = Zeroizing::new(String::with_capacity(before.len() + 300));
    if before.is_empty() {
        text.push_str("# Keys of hushgate's store, ID and key. The first is current.\n");
    }
    for part in [id.as_str(), " ", &encoded, "\n", &before] {
        text.push_str(part);
    }
    write_new(file, &text).map_err(failed("cannot be written", file))
}

/// Replaces a file by a rename, and waits until that is on the disk.
fn write_new(file: &Path, text: &str) -> std::io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = folder.join(name);
    let written = (|| {
        let mut open = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        open.write_all(text.as_bytes())?;
        open.sync_all()?;
        std::fs::rename(&new, file)?;
        File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        // It holds keys; that it could not be renamed is what is told.
        let _ = std::fs::remove_file(&new);
    }
    written
}
