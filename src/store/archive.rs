//! Where sealed files are kept besides the store's own disk: as objects under names, in a bucket.
//!
//! ```text
//! calls/CALL/OBJECT/audio.sealed     OBJECT is the id in the sealed file's header
//! ```
//!
//! Every sealing has an id of its own: a name means one sequence of bytes for ever, an upload that is made again
//! writes what was there, and no name has to be remembered before an upload is begun.
//!
//! **Architecture invariants:** only sealed files come here, and no key, wrapped or not. What comes back is not
//! believed: who asks compares it with what was put there. Errors have neither keys nor a server's answer.
//!
//! Does not know when what is kept here; [`crate::store::vault`] does.

mod s3;

use std::fmt;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

pub use s3::{S3, S3Settings};

use super::sealed::{Content, Header};
use super::vault::RecordName;

/// An object's name within the archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectName(String);

impl ObjectName {
    /// Of a part of a call, sealed under this id.
    pub fn new(call: &RecordName, object: &ObjectId, content: Content) -> Self {
        Self(format!("calls/{call}/{object}/{}.sealed", content.name()))
    }

    /// Of something that is there for a moment.
    fn of_probe() -> Self {
        Self(format!("probes/{}", uuid::Uuid::new_v4().simple()))
    }

    /// As text, with `/` between its parts.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of one sealing, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct ObjectId(String);

impl ObjectId {
    /// Of what is sealed under this header.
    pub fn of(header: &Header) -> Self {
        Self(header.object())
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        (text.len() == 32 && text.chars().all(is_hexadecimal)).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for ObjectId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("expected 32 lower-case hexadecimal digits"))
    }
}

/// Why an archive did not do it. Names the archive, what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Nothing has this name.
    #[error("{place} has no {object}")]
    Missing {
        /// Which archive.
        place: String,
        /// The name.
        object: String,
    },
    /// It answers, and does not do it.
    #[error("{place} {problem}")]
    Refused {
        /// Which archive.
        place: String,
        /// What it answered and what to do.
        problem: String,
    },
    /// It does not answer, or not as it should; another time it may.
    #[error("{place} {problem}")]
    Away {
        /// Which archive.
        place: String,
        /// What happened.
        problem: String,
    },
    /// There is more of an object than was asked for.
    #[error("{place} gave more of {object} than was put there")]
    TooLong {
        /// Which archive.
        place: String,
        /// The name.
        object: String,
    },
    /// What is to be sent cannot be read, or what came cannot be written.
    #[error("{0}")]
    Local(io::Error),
}

/// Keeps objects. Callers block.
pub trait Archive: fmt::Debug + Send + Sync {
    /// Where it is, for people.
    fn place(&self) -> &str;

    /// Puts so many bytes of a file under a name, from where the file stands; what was there is replaced. When this
    /// returns, all of it is there under its name; before, nothing is.
    fn put(&self, name: &ObjectName, from: &mut File, bytes: u64) -> Result<(), ArchiveError>;

    /// Writes an object out. Fails rather than to write more than so many bytes.
    fn get(&self, name: &ObjectName, into: &mut dyn Write, most: u64) -> Result<(), ArchiveError>;

    /// Removes an object; one that is not there is removed.
    fn delete(&self, name: &ObjectName) -> Result<(), ArchiveError>;
}

/// Puts something there, reads it back and deletes it.
pub fn check(archive: &dyn Archive) -> Result<(), ArchiveError> {
    const PROBE: &[u8] = b"hushgate\n";
    let name = ObjectName::of_probe();
    let mut file = tempfile::tempfile().map_err(ArchiveError::Local)?;
    file.write_all(PROBE)
        .and_then(|()| file.seek(SeekFrom::Start(0)))
        .map_err(ArchiveError::Local)?;
    archive.put(&name, &mut file, PROBE.len() as u64)?;
    let mut found = Vec::new();
    let got = archive.get(&name, &mut found, PROBE.len() as u64);
    archive.delete(&name)?;
    got?;
    if found != PROBE {
        return Err(ArchiveError::Refused {
            place: archive.place().to_owned(),
            problem: "gave something else than what was put there".into(),
        });
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod shelf;
#[cfg(test)]
pub(crate) mod tests;
