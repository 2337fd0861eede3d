//! Who asks: a role, limited to places, and by a token perhaps to a few permissions.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Permission, Role};
use crate::call::particulars::Label;

/// Who somebody is, as far as they have proved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user's or the token's name, for the audit log.
    pub name: String,
    /// What they are.
    pub kind: Kind,
    /// Their role.
    pub role: Role,
    /// Where they may.
    pub scope: Scope,
    /// All that a token may, within its role; `None`: everything the role may.
    pub only: Option<BTreeSet<Permission>>,
}

/// What somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A person who signed in.
    User,
    /// A program with a token.
    Token,
}

/// Where somebody may: `None` is everywhere, an empty set nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    /// Calls of these sites.
    pub sites: Option<BTreeSet<String>>,
    /// Calls of these queues.
    pub queues: Option<BTreeSet<String>>,
    /// How platforms name this person as the agent of a call.
    pub agent: Option<String>,
}

impl Scope {
    /// Whether there are places where they may not.
    pub fn is_limited(&self) -> bool {
        self.sites.is_some() || self.queues.is_some()
    }

    /// Whether every place of this is one of the other.
    pub fn lies_in(&self, other: &Scope) -> bool {
        let lies_in = |inner: &Option<BTreeSet<String>>, outer: &Option<BTreeSet<String>>| match (
            inner, outer,
        ) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(inner), Some(outer)) => inner.is_subset(outer),
        };
        lies_in(&self.sites, &other.sites) && lies_in(&self.queues, &other.queues)
    }
}

/// The name that a user signs in with: 1 to 64 letters, digits and `._@-`; kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct UserName(String);

/// A text that is no user's name. Does not repeat it: it may be a password in the wrong field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a user's name has 1 to {} letters, digits and ._@-, begins with a letter or digit, and has at most {} digits in \
     a row",
    UserName::LONGEST,
    Label::MOST_DIGITS
)]
pub struct InvalidUserName;

impl UserName {
    /// Longest accepted name in bytes.
    pub const LONGEST: usize = 64;

    /// Checks a name that came from outside.
    pub fn new(text: &str) -> Result<Self, InvalidUserName> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._@-".contains(c);
        let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if text.len() > Self::LONGEST
            || !begins_well
            || !text.chars().all(plain)
            || Label::new(text).is_err()
        {
            return Err(InvalidUserName);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for UserName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for UserName {
    type Err = InvalidUserName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}
