//! A call in the store: its name, its state, what there is of it.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Vault, VaultError, files};
use crate::call::CallId;
use crate::store::keys::KeyId;
use crate::store::sealed::{Content, Header, Standing};

/// The name of a call in the store: its id, with a number where that was taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RecordName(String);

/// A name that no call in a store has. Does not repeat it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a call in the store has a name of 1 to {} letters, digits, '_' or '-'",
    RecordName::LONGEST
)]
pub struct InvalidName;

impl RecordName {
    /// Longest accepted name in bytes: an id and a number.
    pub const LONGEST: usize = CallId::LONGEST + 21;

    /// Checks a name that came from outside.
    pub fn new(text: &str) -> Result<Self, InvalidName> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if text.is_empty() || text.len() > Self::LONGEST || !text.chars().all(plain) {
            return Err(InvalidName);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name of the call that is the `number`th of its id, from 1.
    pub(super) fn of_call(call: &CallId, number: u64) -> Self {
        Self(match number {
            1 => call.to_string(),
            _ => format!("{call}-{number}"),
        })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a call's record has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The call is under way, or the gateway died and was not started since.
    Open,
    /// It was recorded to its end.
    Complete,
    /// It was cut off; what there is, is readable.
    Incomplete,
}

impl State {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
        }
    }
}

/// What can be told of a call without opening anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Its name.
    pub name: RecordName,
    /// When its recording began, as its header says.
    pub begun: Option<Timestamp>,
    /// How far it has come.
    pub state: State,
    /// Bytes of its sealed files, wherever they are.
    pub bytes: u64,
    /// What there is of it.
    pub parts: Vec<Part>,
}

/// A sealed file of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What it is.
    pub content: Content,
    /// The key that its own is wrapped under; `None`: its own was destroyed.
    pub key: Option<KeyId>,
}

/// Says in the store why a recording ends early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// The version of this form: 1.
    pub schema: u32,
    /// The record's name.
    pub call: String,
    /// Why it was closed.
    pub reason: String,
    /// When.
    pub closed_at: Timestamp,
    /// Chunks of its audio that were whole then.
    pub chunks: u32,
    /// The chunk that was not what was sealed there, if one was found.
    pub altered_chunk: Option<u32>,
}

impl Closing {
    /// For a record whose audio was found so.
    pub(super) fn new(name: &RecordName, reason: &str, found: Standing, chunks: u32) -> Self {
        Self {
            schema: 1,
            call: name.to_string(),
            reason: reason.to_owned(),
            closed_at: Timestamp::now(),
            chunks,
            altered_chunk: match found {
                Standing::Altered { chunk } => Some(chunk),
                Standing::Whole | Standing::CutOff { .. } => None,
            },
        }
    }
}

/// What a sealed file is called in its call's folder.
pub fn sealed_file_name(content: Content) -> String {
    format!("{}.sealed", content.name())
}

impl Vault {
    /// The calls in the store by the time of their beginning. `progress` is told how many were looked at, and of
    /// how many.
    pub fn records(&self, mut progress: impl FnMut(u64, u64)) -> Result<Vec<Record>, VaultError> {
        self.check_format()?;
        let names = files::names(&self.path.join("calls"))?;
        let total = names.len() as u64;
        let mut records = Vec::with_capacity(names.len());
        for (done, name) in names.iter().enumerate() {
            if let Ok(name) = RecordName::new(name) {
                match self.record(&name) {
                    // Removed meanwhile.
                    Err(VaultError::Unknown { .. }) => {}
                    record => records.push(record?),
                }
            }
            progress(done as u64 + 1, total);
        }
        records.sort_by(|a, b| (a.begun, &a.name).cmp(&(b.begun, &b.name)));
        Ok(records)
    }

    /// The names of all calls in the store, in their order. Looks at nothing else.
    pub fn names(&self) -> Result<Vec<RecordName>, VaultError> {
        self.check_format()?;
        let names = files::names(&self.path.join("calls"))?;
        Ok(names
            .iter()
            .filter_map(|name| RecordName::new(name).ok())
            .collect())
    }

    /// One call.
    pub fn record(&self, name: &RecordName) -> Result<Record, VaultError> {
        self.check_format()?;
        if !self.folder(name).is_dir() {
            return Err(VaultError::Unknown { name: name.clone() });
        }
        let mut bytes = 0;
        let mut parts = Vec::new();
        for content in Content::ALL {
            if let Ok(found) = std::fs::metadata(self.object_file(name, content)) {
                bytes += self.sealed_bytes(name, content, found.len());
                let key = match self.wrapped_key(name, content) {
                    Ok((_, wrapped)) => Some(wrapped.key),
                    Err(VaultError::Shredded { .. }) => None,
                    Err(error) => return Err(error),
                };
                parts.push(Part { content, key });
            }
        }
        let begun = File::open(self.object_file(name, Content::Audio))
            .ok()
            .and_then(|mut file| Header::read(&mut file).ok())
            .map(|header| header.label().sealed_at);
        Ok(Record {
            name: name.clone(),
            begun,
            state: self.state(name),
            bytes,
            parts,
        })
    }

    pub(super) fn state(&self, name: &RecordName) -> State {
        if self.object_file(name, Content::Closing).exists() {
            State::Incomplete
        } else if self.mark(name).exists() {
            State::Open
        } else if self.object_file(name, Content::Report).exists() {
            State::Complete
        } else {
            State::Incomplete
        }
    }

    /// The folder of a call's sealed files.
    pub(super) fn folder(&self, name: &RecordName) -> PathBuf {
        self.path.join("calls").join(name.as_str())
    }

    /// The sealed file of a part: the next revision's, where that takes effect and did not take its place yet.
    pub(super) fn object_file(&self, name: &RecordName, content: Content) -> PathBuf {
        if self.committed(name).exists() {
            let (next, _) = self.next(name, content);
            if next.exists() {
                return next;
            }
        }
        self.present(name, content).0
    }

    /// The sealed file and the wrapped key of a part, in the places where they stay.
    pub(super) fn present(&self, name: &RecordName, content: Content) -> (PathBuf, PathBuf) {
        let key = format!("{}.json", content.name());
        (
            self.folder(name).join(sealed_file_name(content)),
            self.key_folder(name).join(key),
        )
    }

    pub(super) fn key_folder(&self, name: &RecordName) -> PathBuf {
        self.path.join("keys").join(name.as_str())
    }

    /// The wrapped key of a part; see [`Vault::object_file`].
    pub(super) fn key_file(&self, name: &RecordName, content: Content) -> PathBuf {
        if self.committed(name).exists() {
            let (_, next) = self.next(name, content);
            if next.exists() {
                return next;
            }
        }
        self.present(name, content).1
    }

    /// Says that a call is not closed yet.
    pub(super) fn mark(&self, name: &RecordName) -> PathBuf {
        self.path.join("open").join(name.as_str())
    }
}
