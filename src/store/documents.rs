//! Small documents of the store, each a JSON file of its own: legal holds, requests for erasure, requests of
//! commands. Replaced whole, on the disk when that returns, for their owner only.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The name of a document: lower-case letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(String);

/// A text that no document is named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a name such as hold-k3f9q2xw: letters, digits and hyphens")]
pub struct InvalidId;

impl Id {
    /// Checks a name that came from outside.
    pub fn new(text: &str) -> Result<Self, InvalidId> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > 60 || !text.chars().all(plain) {
            return Err(InvalidId);
        }
        Ok(Self(text.to_owned()))
    }

    /// One that nobody has: `PREFIX-` and ten random letters. Without digits, as a log may not have long numbers.
    pub fn random(prefix: &str) -> Result<Self, DocumentError> {
        let mut random = [0; 10];
        getrandom::fill(&mut random).map_err(|error| DocumentError::File {
            action: "get random numbers for",
            file: prefix.into(),
            cause: std::io::Error::other(error),
        })?;
        let letters = random.iter().map(|byte| char::from(b'a' + byte % 26));
        Ok(Self(format!("{prefix}-{}", letters.collect::<String>())))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Id {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0
    }
}

/// Why a document cannot be read or written. Names the file.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The system refused.
    #[error("cannot {action} {}: {cause}", file.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        file: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// It is not of the form it was written in.
    #[error("{}: is not readable: {problem}; put it back from a copy, or move it away knowing what it said", file.display())]
    Form {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// There is none of that name.
    #[error("there is no {id}; the commands that list them show which there are")]
    Unknown {
        /// What was asked for.
        id: Id,
    },
}

fn failed(action: &'static str, file: &Path) -> impl FnOnce(std::io::Error) -> DocumentError {
    let file = file.to_owned();
    move |cause| DocumentError::File {
        action,
        file,
        cause,
    }
}

/// A folder of documents of one kind.
#[derive(Debug, Clone)]
pub(super) struct Documents {
    folder: PathBuf,
}

impl Documents {
    /// In this folder, which need not exist.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn file(&self, id: &Id) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    /// All of them by name.
    pub(super) fn all<T: DeserializeOwned>(&self) -> Result<Vec<T>, DocumentError> {
        self.ids()?.iter().map(|id| self.get(id)).collect()
    }

    /// Their names, in order.
    pub(super) fn ids(&self) -> Result<Vec<Id>, DocumentError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed("read", &self.folder))?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed("read", &self.folder))?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".json"));
            ids.extend(id.and_then(|id| Id::new(id).ok()));
        }
        ids.sort();
        Ok(ids)
    }

    pub(super) fn get<T: DeserializeOwned>(&self, id: &Id) -> Result<T, DocumentError> {
        let file = self.file(id);
        let text = match std::fs::read(&file) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                return Err(DocumentError::Unknown { id: id.clone() });
            }
            text => text.map_err(failed("read", &file))?,
        };
        serde_json::from_slice(&text).map_err(|error| DocumentError::Form {
            file,
            problem: error.to_string(),
        })
    }

    /// Puts one in, or in the place of the one before.
    pub(super) fn put(&self, id: &Id, document: &impl Serialize) -> Result<(), DocumentError> {
        let file = self.file(id);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(failed("create", &self.folder))?;
        let new = file.with_extension("new");
        let write = || {
            let mut text = serde_json::to_vec_pretty(document)?;
            text.push(b'\n');
            let mut open = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)?;
            open.write_all(&text)?;
            open.sync_all()?;
            std::fs::rename(&new, &file)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(failed("write", &file))
    }

    /// Takes one out; `false`: it was gone already.
    pub(super) fn remove(&self, id: &Id) -> Result<bool, DocumentError> {
        let file = self.file(id);
        is_done(std::fs::remove_file(&file)).map_err(failed("remove", &file))
    }

    /// Puts one into another folder; `false`: it was gone already.
    pub(super) fn hand_over(&self, id: &Id, other: &Self) -> Result<bool, DocumentError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&other.folder)
            .map_err(failed("create", &other.folder))?;
        let file = self.file(id);
        is_done(std::fs::rename(&file, other.file(id))).map_err(failed("move", &file))
    }
}

/// What was not there is not done.
fn is_done(outcome: std::io::Result<()>) -> std::io::Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(cause),
    }
}
