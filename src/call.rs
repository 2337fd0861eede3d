//! The words every module uses for a call: its identity, its legs, and values that must never be printed.
//!
//! Imports nothing of the crate and does not know how calls arrive or what is recorded of them.

pub mod note;
pub mod particulars;

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// The identity of one call, safe to use as a file name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct CallId(String);

/// A call identity outside `[A-Za-z0-9_-]{1,64}`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a call id has 1 to 64 letters, digits, '_' or '-'; this one has {length} characters{}", bad_character(*.position))]
pub struct InvalidCallId {
    /// Length of the refused id in characters.
    pub length: usize,
    /// Position of the first character that is not allowed, if there is one.
    pub position: Option<usize>,
}

fn bad_character(position: Option<usize>) -> String {
    position.map_or_else(String::new, |at| {
        format!(", and character {} is not allowed", at + 1)
    })
}

impl CallId {
    /// Longest accepted id in bytes.
    pub const LONGEST: usize = 64;

    /// Checks an id that came from outside.
    pub fn new(text: &str) -> Result<Self, InvalidCallId> {
        let position = text
            .chars()
            .position(|c| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
        if text.is_empty() || text.len() > Self::LONGEST || position.is_some() {
            return Err(InvalidCallId {
                length: text.chars().count(),
                position,
            });
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// For a call that nobody has named.
impl From<uuid::Uuid> for CallId {
    fn from(id: uuid::Uuid) -> Self {
        // Hexadecimal digits and hyphens.
        Self(id.to_string())
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallId({})", self.0)
    }
}

/// One party's audio in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// The contact centre's side; channel 0 of a recording.
    Agent,
    /// The caller's side; channel 1 of a recording.
    Customer,
    /// Both parties in one channel.
    Mixed,
}

impl Leg {
    /// The legs of a recording with this many channels, in channel order; `None` if neither 1 nor 2.
    pub fn of_channels(channels: usize) -> Option<&'static [Leg]> {
        match channels {
            1 => Some(&[Leg::Mixed]),
            2 => Some(&[Leg::Agent, Leg::Customer]),
            _ => None,
        }
    }

    /// The name used in reports, labels and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Leg::Agent => "agent",
            Leg::Customer => "customer",
            Leg::Mixed => "mixed",
        }
    }
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A value that must not reach a log, an error or a panic message: it prints as `[redacted]` and is
/// wiped when dropped.
///
/// There is no `Serialize`: a sensitive value is exposed only by calling [`Sensitive::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Sensitive<T: Zeroize>(T);

impl<T: Zeroize> Sensitive<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself; the caller answers for where it goes.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Sensitive<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T: Zeroize> fmt::Display for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T: Zeroize> From<T> for Sensitive<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

#[cfg(test)]
mod tests;
