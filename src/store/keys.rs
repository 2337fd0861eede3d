//! The keys of records at rest: one for each object, wrapped by one of a few that lie elsewhere.
//!
//! ```text
//! key-encrypting key (a file, the environment, a key service)
//!        | wraps
//!        v
//! data key of one object, random, 256 bits     kept wrapped in a small file of its own
//!        | encrypts
//!        v
//! the object
//! ```
//!
//! Rotation wraps data keys anew and never touches an object. Destroying a wrapped data key makes its object
//! unreadable for ever, wherever copies of it lie (crypto-shredding).
//!
//! The wrapped key is kept beside the objects and not in a slot of their header: a small file is replaced
//! whole by a rename, which a crash leaves done or not done, while a slot that is written over can be torn and
//! then opens nothing. Besides, copies of the objects can be kept for longer than copies of the keys.
//!
//! **Architecture invariants:** keys are wiped when dropped and are in no log, error or Debug output. A wrapped
//! key is bound to one object: under another's it does not open.

mod local;
mod ring;
mod transit;

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::call::Sensitive;

pub use local::{LocalKeys, add_key};
pub use transit::{Token, Transit, TransitSettings};

/// A key of 256 bits.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey(Sensitive<[u8; 32]>);

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey([redacted])")
    }
}

impl DataKey {
    /// A random one, from the system.
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = zeroize::Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes)
            .map_err(|error| KeyError::Random(std::io::Error::other(error)))?;
        Ok(Self::from_bytes(*bytes))
    }

    /// The key of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Sensitive::new(bytes))
    }

    /// The key itself; the caller answers for where it goes.
    pub(super) fn bytes(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

/// The name of a key-encrypting key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct KeyId(String);

impl KeyId {
    /// Longest accepted id in bytes.
    pub const LONGEST: usize = 160;

    /// Checks a name: letters, digits, `-`, `_`, `.`, and `/` and `:` for those of key services.
    pub fn new(text: &str) -> Result<Self, InvalidKeyId> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
        if text.is_empty() || text.len() > Self::LONGEST || !text.chars().all(plain) {
            return Err(InvalidKeyId);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for KeyId {
    type Error = InvalidKeyId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

/// A key's name that is not accepted. Does not repeat it: it may be the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key's id has 1 to {} letters, digits or -_./:", KeyId::LONGEST)]
pub struct InvalidKeyId;

/// A data key that only who has the key-encrypting key can use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedKey {
    /// Under which key.
    pub key: KeyId,
    /// The wrapped key as text, of a form that the service alone knows.
    pub wrapped: String,
}

/// Wraps data keys. Methods may block for some seconds.
pub trait KeyService: Send + Sync + fmt::Debug {
    /// The keys it has, the current first; empty if it does not tell.
    fn keys(&self) -> Result<Vec<KeyId>, KeyError>;
    /// Whether keys can be wrapped, or why not.
    fn check(&self) -> Result<(), KeyError>;
    /// Wraps under the current key, bound to `object`.
    fn wrap(&self, key: &DataKey, object: &[u8]) -> Result<WrappedKey, KeyError>;
    /// What was wrapped for `object`.
    fn unwrap(&self, wrapped: &WrappedKey, object: &[u8]) -> Result<DataKey, KeyError>;
    /// The same data key under the current key; `None` if it is already.
    fn rewrap(&self, wrapped: &WrappedKey, object: &[u8]) -> Result<Option<WrappedKey>, KeyError>;
}

/// Where keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file of the owner's only.
    File(PathBuf),
    /// An environment variable that holds what such a file would.
    Environment(String),
    /// A key service over HTTP.
    Transit(TransitSettings),
}

/// Why a key is not to be had. Never holds one.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system has no random numbers.
    #[error("no random numbers for a key: {0}")]
    Random(std::io::Error),
    /// The file of keys cannot be read or written.
    #[error("{}: {action}: {cause}{}", file.display(), if cause.kind() == std::io::ErrorKind::NotFound {
        "; make one with `hushgate keys generate`" } else { "" })]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        file: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Others can read the file of keys.
    #[error("{}: has mode {mode:04o}, so that others can read the keys; run `chmod 600` on it", file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// What should hold keys does not.
    #[error("{place}: {problem}")]
    Form {
        /// The file and line, or the variable.
        place: String,
        /// What is wrong and what was expected.
        problem: &'static str,
    },
    /// There is a key of this name already.
    #[error("{place}: has a key {id} already; choose another --id")]
    Taken {
        /// The file.
        place: String,
        /// The name.
        id: KeyId,
    },
    /// The key that wrapped it is not here.
    #[error("{place}: has no key {id}, which this was sealed under; put it back")]
    Unknown {
        /// Where it was looked for.
        place: String,
        /// The key.
        id: KeyId,
    },
    /// The key does not open it.
    #[error(
        "key {id} of {place} does not open this: it is another key of that name, or the record or its wrapped \
         key was altered"
    )]
    Refused {
        /// Where the key is from.
        place: String,
        /// The key.
        id: KeyId,
    },
    /// The key service did not do it.
    #[error("the key service at {place}: {problem}")]
    Service {
        /// Its address without what may be a secret.
        place: String,
        /// What happened and what to do.
        problem: String,
    },
}

#[cfg(test)]
mod tests;
