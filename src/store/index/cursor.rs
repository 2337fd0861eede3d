//! The place between two calls in the order of time.

use std::fmt;
use std::str::FromStr;

use super::IndexedCall;
use crate::store::vault::RecordName;

/// A place after a call: what comes before or after it does not shift it, not even when the call is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Microseconds since 1970, UTC.
    began: i64,
    name: RecordName,
}

/// A text that is no [`Cursor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no place in a list; expected what the page before gave as `next`")]
pub struct InvalidCursor;

impl Cursor {
    /// After a call.
    pub fn at(call: &IndexedCall) -> Self {
        Self {
            began: call.began.as_microsecond(),
            name: call.name.clone(),
        }
    }

    pub(super) fn began(&self) -> i64 {
        self.began
    }

    pub(super) fn name(&self) -> &RecordName {
        &self.name
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{}", self.began, self.name)
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (began, name) = text.split_once('.').ok_or(InvalidCursor)?;
        Ok(Self {
            began: i64::from_str_radix(began, 16).map_err(|_| InvalidCursor)?,
            name: RecordName::new(name).map_err(|_| InvalidCursor)?,
        })
    }
}

impl serde::Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
