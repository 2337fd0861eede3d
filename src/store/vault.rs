//! The store on disk: calls, sealed, and their keys, wrapped, in two trees of a folder.
//!
//! ```text
//! STORE/format                    which form this is
//! STORE/calls/CALL/audio.sealed   grows while the call runs
//! STORE/calls/CALL/transcript.sealed, report.sealed    come last, in this order
//! STORE/calls/CALL/closing.sealed in place of them, where a crash cut the call off
//! STORE/keys/CALL/audio.json ...  the wrapped key of each
//! STORE/open/CALL                 a mark: this call is not closed yet
//! STORE/untold/CALL               a mark: it is closed, which the audit log may not know
//! STORE/revising/CALL, removing/CALL    marks: stretches of it are being erased; it is being removed
//! STORE/quarantine/CALL.json      a mark: it is locked away
//! STORE/number-key.json           the wrapped key that telephone numbers are hashed under
//! STORE/calls/CALL/audio.archived    a mark: its bytes are in the object store, if there is one; so are transcripts
//! STORE/fetched/, changed/, leaving/ what came back from there to be read; calls to be put there; objects to be deleted
//! STORE/writer.lock, keys.lock, changes.lock    who records; who changes wrapped keys; who changes calls
//! ```
//!
//! **Architecture invariants:** a wrapped key is on the disk before the first byte that it seals, and a call is
//! done only when its files, and the folders that name them, are on the disk. A crash at any moment leaves what
//! was sealed until then readable, and a mark by which the next start finds it. One process records at a time.
//!
//! Does not know what a report says, and asks nobody's permission: who opens it does.

mod archived;
mod archiving;
mod audio;
mod call;
mod files;
mod hearing;
mod number_key;
mod objects;
mod quarantine;
mod record;
mod removal;
mod revision;
mod rotation;
mod sweep;
mod untold;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive::ArchiveError;
use super::keys::{KeyError, KeyService};
use super::sealed::{Content, SealError};

pub use archived::digest_elsewhere;
pub use archiving::{Archival, Local};
pub use audio::{Dimensions, StoredAudio};
pub use call::CallWriter;
pub use quarantine::Quarantine;
pub use record::{Closing, InvalidName, Record, RecordName, State, sealed_file_name};
pub use removal::{Removed, RemovedPart};
pub use revision::{Blank, Erased, Permit, Resealed, Rewrite};
pub use rotation::{Rotation, Usage};
pub use sweep::{Swept, SweptCall};
pub use untold::Untold;

/// What the file `format` says.
const FORMAT: &str = "hushgate store 1\n";

/// A store, to be read from. [`Vault::begin_recording`] makes it one to record into.
#[derive(Debug, Clone)]
pub struct Vault {
    path: PathBuf,
    keys: Arc<dyn KeyService>,
    opens_quarantined: bool,
    /// Whether closed calls are marked until the audit log knows of them.
    tells_ends: bool,
    /// Where bytes of closed calls are besides the disk, if anywhere.
    archiving: Option<Arc<archived::Archiving>>,
    /// How many steps it takes before it dies.
    #[cfg(test)]
    steps: Option<Arc<std::sync::atomic::AtomicUsize>>,
}

/// The right to record into a store, which one process has at a time.
#[derive(Debug)]
pub struct Recording {
    vault: Vault,
    /// Locked as long as it is open.
    _lock: File,
}

/// Why the store did not do it. Names the file, what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The system refused.
    #[error("cannot {action} {}: {cause}{}", file.display(), advice(cause))]
    File {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        file: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// There is no store.
    #[error("{}: is no store of hushgate; `hushgate serve` makes one where [store] path says", path.display())]
    NoStore {
        /// The folder.
        path: PathBuf,
    },
    /// A store of another form.
    #[error("{}: is a store of a form that this program does not know; it was written by a newer one", path.display())]
    Format {
        /// The folder.
        path: PathBuf,
    },
    /// Another process records.
    #[error("{}: another gateway records into this store; give each its own", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// No such call.
    #[error(
        "there is no call {name} in the store; `hushgate recordings list` shows which there are"
    )]
    Unknown {
        /// What was asked for.
        name: RecordName,
    },
    /// The call has no such part.
    #[error("the call {name} has no {}: {}", content.name(), match content {
        Content::Audio => "nothing was recorded",
        _ => "it is under way, or was cut off",
    })]
    Missing {
        /// The call.
        name: RecordName,
        /// What was asked for.
        content: Content,
    },
    /// It is still being recorded.
    #[error("the call {name} is under way; it can be changed and removed once it is over")]
    UnderWay {
        /// The call.
        name: RecordName,
    },
    /// Somebody has it kept as it is.
    #[error("the call {name} stays as it is: {reason}")]
    NotPermitted {
        /// The call.
        name: RecordName,
        /// Why.
        reason: String,
    },
    /// It was locked away.
    #[error(
        "the call {name} is in quarantine: {reason}; give --quarantined to open it all the same"
    )]
    Quarantined {
        /// The call.
        name: RecordName,
        /// Why.
        reason: String,
    },
    /// The wrapped key is gone, and so is what it opened.
    #[error("the {} of the call {name} cannot be read any more: its key was destroyed", content.name())]
    Shredded {
        /// The call.
        name: RecordName,
        /// Which part.
        content: Content,
    },
    /// The data key could not be wrapped or unwrapped.
    #[error("{}: {cause}", file.display())]
    Key {
        /// The wrapped key's file.
        file: PathBuf,
        /// Why.
        cause: KeyError,
    },
    /// A wrapped key's file is not what one is.
    #[error("{}: is no wrapped key: it was altered", file.display())]
    KeyFile {
        /// The file.
        file: PathBuf,
    },
    /// A sealed file is not what it should be.
    #[error("{}: {cause}", file.display())]
    Sealed {
        /// The file.
        file: PathBuf,
        /// Why.
        cause: SealError,
    },
    /// A sealed file lies where another belongs.
    #[error("{}: is the {} of the call {found}: it was moved here", file.display(), content.name())]
    Misplaced {
        /// The file.
        file: PathBuf,
        /// Whose it is.
        found: String,
        /// What it is.
        content: Content,
    },
    /// Less is there than there was.
    #[error("{}: is cut off after chunk {found}, and was not when the call was closed: it was altered", file.display())]
    Shortened {
        /// The file.
        file: PathBuf,
        /// How many chunks there are.
        found: u32,
    },
    /// A document is not of the form it was written in.
    #[error("{}: is not readable: {problem}", file.display())]
    Document {
        /// The file.
        file: PathBuf,
        /// Why.
        problem: String,
    },
    /// The object store that has the bytes does not give them, or does not take them.
    #[error("the {} of the call {name}: {cause}", content.name())]
    Archive {
        /// The call.
        name: RecordName,
        /// Which part.
        content: Content,
        /// Why.
        cause: ArchiveError,
    },
    /// The bytes are in an object store, and none is known.
    #[error(
        "the {} of the call {name} is in an object store, and the configuration names none; put [store.archive] back",
        content.name()
    )]
    NoArchive {
        /// The call.
        name: RecordName,
        /// Which part.
        content: Content,
    },
    /// The object store gave something else than what was put there.
    #[error("{object} in the object store: is not what was put there: it was altered")]
    Replaced {
        /// The object's name.
        object: String,
    },
    /// The audio does not fit the recording that was begun.
    #[error("{name}: audio with {found}, the recording has {expected}")]
    Mismatch {
        /// The call.
        name: RecordName,
        /// What the audio has.
        found: String,
        /// What the recording has.
        expected: String,
    },
    /// A WAV file holds at most 4 GiB.
    #[error(
        "{name}: a recording holds at most {limit} bytes of audio; the rest of the call is not recorded"
    )]
    TooLong {
        /// The call.
        name: RecordName,
        /// How much fits.
        limit: u64,
    },
}

fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space or put the store elsewhere"
        }
        io::ErrorKind::PermissionDenied => "; check who owns the store",
        io::ErrorKind::ReadOnlyFilesystem => "; put the store elsewhere",
        _ => "",
    }
}

impl Vault {
    /// The store in a folder, which need not exist yet.
    pub fn new(path: PathBuf, keys: Arc<dyn KeyService>) -> Self {
        Self {
            path,
            keys,
            opens_quarantined: false,
            tells_ends: false,
            archiving: None,
            #[cfg(test)]
            steps: None,
        }
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its keys.
    pub fn keys(&self) -> &dyn KeyService {
        &*self.keys
    }

    /// Fails where there is no store, or none that this program can read.
    pub fn check_format(&self) -> Result<(), VaultError> {
        let file = self.path.join("format");
        match std::fs::read_to_string(&file) {
            Ok(text) if text == FORMAT => Ok(()),
            Ok(_) => Err(VaultError::Format {
                path: self.path.clone(),
            }),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Err(VaultError::NoStore {
                path: self.path.clone(),
            }),
            Err(cause) => Err(files::failed("read", &file)(cause)),
        }
    }

    /// Whether calls can be recorded into it, or why not. Makes the store if there is none.
    pub fn check(&self) -> Result<(), VaultError> {
        self.prepare()?;
        let probe = self.path.join(format!(".probe-{}", std::process::id()));
        std::fs::write(&probe, b"hushgate")
            .and_then(|()| std::fs::remove_file(&probe))
            .map_err(files::failed("write into", &self.path))?;
        self.keys.check().map_err(|cause| VaultError::Key {
            file: self.path.join("keys"),
            cause,
        })
    }

    /// Takes the right to record, which ends when the answer is dropped or the process is.
    pub fn begin_recording(&self) -> Result<Recording, VaultError> {
        self.check()?;
        let file = self.path.join("writer.lock");
        let lock = files::lock_file(&file)?;
        match lock.try_lock() {
            Ok(()) => Ok(Recording {
                vault: self.clone(),
                _lock: lock,
            }),
            Err(std::fs::TryLockError::WouldBlock) => Err(VaultError::InUse {
                path: self.path.clone(),
            }),
            Err(std::fs::TryLockError::Error(cause)) => Err(files::failed("lock", &file)(cause)),
        }
    }

    /// Comes before whatever must be able to come to nothing at any moment; tests let it die there.
    #[cfg(not(test))]
    fn step(&self) -> Result<(), VaultError> {
        Ok(())
    }

    #[cfg(test)]
    fn step(&self) -> Result<(), VaultError> {
        use std::sync::atomic::Ordering;
        let Some(steps) = &self.steps else {
            return Ok(());
        };
        let left = steps.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        });
        match left {
            Ok(_) => Ok(()),
            Err(_) => Err(files::failed("live on in", &self.path)(io::Error::other(
                "killed",
            ))),
        }
    }

    fn prepare(&self) -> Result<(), VaultError> {
        let format = self.path.join("format");
        if format.exists() {
            return self.check_format();
        }
        for folder in ["calls", "keys", "open"] {
            files::make_folders(&self.path.join(folder))?;
        }
        files::replace(&format, FORMAT.as_bytes())
    }
}

impl Recording {
    /// The store.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }
}

#[cfg(test)]
mod tests;
