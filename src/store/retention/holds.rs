//! Legal holds: what must not be deleted or erased, whatever policies and requests say.
//!
//! ```text
//! STORE/holds/ID.json            a hold, which stays as a record after it was released
//! ```
//!
//! A hold upon a call holds that call; one upon a query holds every call that the query asks for, also those that
//! are recorded later. In files and not in the index, as the index can be made anew and these cannot.
//!
//! **Architecture invariant:** a hold that cannot be read holds everything: whoever asks for the holds fails.

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::documents::{DocumentError, Documents, Id};
use crate::store::index::{IndexedCall, NumberHash};

/// What is held: calls for which all that is given is so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The call of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// Calls of this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Calls of this queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Calls from or to this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<NumberHash>,
    /// Calls that began at or after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Calls that began before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}

impl Scope {
    /// Whether nothing is given, so that it would be every call.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a call is one of those.
    pub fn covers(&self, call: &IndexedCall) -> bool {
        let is = |wanted: &Option<String>, known: Option<&str>| {
            wanted
                .as_ref()
                .is_none_or(|wanted| known == Some(wanted.as_str()))
        };
        is(&self.call, Some(call.name.as_str()))
            && is(&self.agent, call.agent.as_ref().map(|agent| agent.as_str()))
            && is(&self.queue, call.queue.as_ref().map(|queue| queue.as_str()))
            && self.number.as_ref().is_none_or(|number| {
                call.caller.as_ref() == Some(number) || call.called.as_ref() == Some(number)
            })
            && self.from.is_none_or(|from| call.began >= from)
            && self.to.is_none_or(|to| call.began < to)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let mut tell = |what: &str, value: Option<String>| {
            parts.extend(value.map(|value| format!("{what} {value}")));
        };
        tell("call", self.call.clone());
        tell("agent", self.agent.clone());
        tell("queue", self.queue.clone());
        tell(
            "number",
            self.number
                .as_ref()
                .map(|hash| format!("#{}", hash.0.get(..8).unwrap_or(&hash.0))),
        );
        tell("from", self.from.map(|from| from.to_string()));
        tell("to", self.to.map(|to| to.to_string()));
        f.write_str(&parts.join(", "))
    }
}

/// A legal hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// The version of this form: 1.
    pub schema: u32,
    /// Its name.
    pub id: Id,
    /// What it holds.
    pub scope: Scope,
    /// Why.
    pub reason: String,
    /// Who placed it.
    pub placed_by: String,
    /// When.
    pub placed_at: Timestamp,
    /// Who released it, when and why; `None`: it holds.
    pub released: Option<Release>,
}

/// The end of a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

impl Hold {
    /// Whether it holds.
    pub fn is_in_force(&self) -> bool {
        self.released.is_none()
    }
}

/// The holds in force upon a call.
pub fn upon(holds: &[Hold], call: &IndexedCall) -> Vec<String> {
    holds
        .iter()
        .filter(|hold| hold.is_in_force() && hold.scope.covers(call))
        .map(|hold| hold.id.to_string())
        .collect()
}

/// The holds of a store.
#[derive(Debug, Clone)]
pub struct Holds(Documents);

impl Holds {
    /// Those of the store in this folder.
    pub fn of(store: &std::path::Path) -> Self {
        Self(Documents::new(store.join("holds")))
    }

    /// Their folder.
    pub fn folder(&self) -> PathBuf {
        self.0.folder().to_owned()
    }

    /// All of them, released ones too, by name. Fails if one cannot be read.
    pub fn all(&self) -> Result<Vec<Hold>, DocumentError> {
        self.0.all()
    }

    /// Those in force.
    pub fn in_force(&self) -> Result<Vec<Hold>, DocumentError> {
        let mut holds = self.all()?;
        holds.retain(Hold::is_in_force);
        Ok(holds)
    }

    /// Places one. When this returns it is on the disk.
    pub fn place(
        &self,
        scope: Scope,
        reason: &str,
        by: &str,
        at: Timestamp,
    ) -> Result<Hold, DocumentError> {
        let hold = Hold {
            schema: 1,
            id: Id::random("hold")?,
            scope,
            reason: reason.to_owned(),
            placed_by: by.to_owned(),
            placed_at: at,
            released: None,
        };
        self.0.put(&hold.id, &hold)?;
        Ok(hold)
    }

    /// Releases one. One that is released already stays as it is.
    pub fn release(
        &self,
        id: &Id,
        reason: &str,
        by: &str,
        at: Timestamp,
    ) -> Result<Hold, DocumentError> {
        let mut hold: Hold = self.0.get(id)?;
        if hold.is_in_force() {
            hold.released = Some(Release {
                by: by.to_owned(),
                at,
                reason: reason.to_owned(),
            });
            self.0.put(id, &hold)?;
        }
        Ok(hold)
    }
}
