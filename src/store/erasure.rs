//! Requests for erasure: who asked for what to be erased, who agreed, what was done.
//!
//! ```text
//!  request --> waiting --approve (others)--> approved --carried out--> done, with a certificate
//!                 '----reject-----> rejected       '-- a legal hold: it waits until that is released
//! ```
//!
//! **Architecture invariants:** nobody agrees twice, and who asked does not agree to it as another; a request
//! holds no value that is to be erased, and a telephone number only as its keyed hash.
//!
//! The state machine is pure; [`Erasures`] keeps it in files. Does not carry anything out.

mod certificate;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::documents::{DocumentError, Documents, Id};
use super::index::NumberHash;
use super::vault::{Erased, Removed};
use crate::audio::{MediaTime, Span};
use crate::call::Leg;

pub use certificate::{Certificate, Contents};

/// A stretch of a call, in the times of its report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Whose audio; `None`: everybody's.
    pub leg: Option<Leg>,
    /// From, in microseconds from the start of the call.
    pub start_us: u64,
    /// To.
    pub end_us: u64,
}

impl Stretch {
    /// A stretch of the call.
    pub fn new(leg: Option<Leg>, span: Span) -> Self {
        Self {
            leg,
            start_us: span.start.micros(),
            end_us: span.end.micros(),
        }
    }

    /// Its beginning in seconds.
    pub fn start(self) -> f64 {
        MediaTime::from_micros(self.start_us).seconds()
    }

    /// Its end in seconds.
    pub fn end(self) -> f64 {
        MediaTime::from_micros(self.end_us).seconds()
    }
}

impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} to {:.3} s", self.start(), self.end())?;
        match self.leg {
            Some(leg) => write!(f, " of the {leg}"),
            None => Ok(()),
        }
    }
}

/// What is to be erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Target {
    /// A whole call.
    Call {
        /// Its name in the store.
        call: String,
    },
    /// All calls from or to a telephone number.
    Subject {
        /// Its keyed hash.
        number: NumberHash,
    },
    /// A stretch of a call: of its recording, transcript and report.
    Segment {
        /// The call's name in the store.
        call: String,
        /// Which stretch.
        stretch: Stretch,
    },
}

impl Target {
    /// The call it is about, if it is about one.
    pub fn call(&self) -> Option<&str> {
        match self {
            Self::Call { call } | Self::Segment { call, .. } => Some(call),
            Self::Subject { .. } => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call { call } => write!(f, "the call {call}"),
            Self::Subject { number } => {
                let short = number.0.get(..8).unwrap_or(&number.0);
                write!(f, "all calls of the number #{short}")
            }
            Self::Segment { call, stretch } => write!(f, "{stretch} of the call {call}"),
        }
    }
}

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Others have to agree.
    Waiting,
    /// It is carried out as soon as nothing is in its way.
    Approved,
    /// It was carried out.
    Done,
    /// Somebody did not agree.
    Rejected,
}

impl Progress {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Done => "done",
            Self::Rejected => "rejected",
        }
    }
}

/// Somebody's word on a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// Whose.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, where they said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What was done to one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// When; `None`: it was begun.
    pub at: Option<Timestamp>,
    /// What was removed, if the call was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Removed>,
    /// What was sealed anew, if a stretch was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<Erased>,
    /// The number of the audit log's entry that tells of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
}

impl Done {
    /// The call that it was done to.
    pub fn call(&self) -> &str {
        let removed = self.removed.as_ref().map(|removed| removed.call.as_str());
        let erased = self.erased.as_ref().map(|erased| erased.call.as_str());
        removed.or(erased).unwrap_or_default()
    }
}

/// A request for erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The version of this form: 1.
    pub schema: u32,
    /// Its name.
    pub id: Id,
    /// What is to be erased.
    pub target: Target,
    /// Who asked for it, when and why.
    pub asked: Word,
    /// Who agreed.
    pub approvals: Vec<Word>,
    /// Who did not agree.
    pub rejected: Option<Word>,
    /// How far it has come.
    pub progress: Progress,
    /// What was done.
    pub done: Vec<Done>,
    /// Calls that are left, and why.
    pub left: Vec<Left>,
}

/// A call that was not erased yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Which.
    pub call: String,
    /// Why.
    pub why: String,
}

/// Why somebody's word was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It was theirs.
    #[error("{by} asked for {id}; somebody else has to agree to it")]
    Own {
        /// Who.
        by: String,
        /// Which request.
        id: Id,
    },
    /// They did already.
    #[error("{by} agreed to {id} already; somebody else has to")]
    Again {
        /// Who.
        by: String,
        /// Which request.
        id: Id,
    },
    /// It is over, or was agreed to.
    #[error("{id} is {progress}; it is not waited for anybody", progress = progress.name())]
    NotWaiting {
        /// Which request.
        id: Id,
        /// How far it has come.
        progress: Progress,
    },
}

impl Request {
    /// A new one. `persons` have to want it, who asks among them: with 1 it is approved at once.
    pub fn new(id: Id, target: Target, asked: Word, persons: usize) -> Self {
        let mut request = Self {
            schema: 1,
            id,
            target,
            asked,
            approvals: Vec::new(),
            rejected: None,
            progress: Progress::Waiting,
            done: Vec::new(),
            left: Vec::new(),
        };
        request.count(persons);
        request
    }

    /// Somebody agrees.
    pub fn approve(&mut self, word: Word, persons: usize) -> Result<(), Refusal> {
        self.check_waiting()?;
        let (by, id) = (word.by.clone(), self.id.clone());
        if is_same(&by, &self.asked.by) {
            return Err(Refusal::Own { by, id });
        }
        if self.approvals.iter().any(|other| is_same(&other.by, &by)) {
            return Err(Refusal::Again { by, id });
        }
        self.approvals.push(word);
        self.count(persons);
        Ok(())
    }

    /// Somebody does not agree; who asked may think otherwise too.
    pub fn reject(&mut self, word: Word) -> Result<(), Refusal> {
        self.check_waiting()?;
        self.rejected = Some(word);
        self.progress = Progress::Rejected;
        Ok(())
    }

    fn check_waiting(&self) -> Result<(), Refusal> {
        match self.progress {
            Progress::Waiting => Ok(()),
            progress => Err(Refusal::NotWaiting {
                id: self.id.clone(),
                progress,
            }),
        }
    }

    fn count(&mut self, persons: usize) {
        if self.approvals.len() + 1 >= persons {
            self.progress = Progress::Approved;
        }
    }

    /// What was done to a call, as far as it was begun.
    pub fn done_to(&mut self, call: &str) -> Option<&mut Done> {
        self.done.iter_mut().find(|done| done.call() == call)
    }

    /// Everybody who wanted it.
    pub fn persons(&self) -> BTreeSet<&str> {
        let others = self.approvals.iter().map(|word| word.by.as_str());
        std::iter::once(self.asked.by.as_str())
            .chain(others)
            .collect()
    }
}

/// Names are of the same person however they are written.
fn is_same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// The requests for erasure of a store: `STORE/erasures/ID.json`.
#[derive(Debug, Clone)]
pub struct Erasures {
    requests: Documents,
    certificates: Documents,
}

impl Erasures {
    /// Those of the store in this folder.
    pub fn of(store: &Path) -> Self {
        Self {
            requests: Documents::new(store.join("erasures")),
            certificates: Documents::new(store.join("certificates")),
        }
    }

    /// All of them, the earliest first.
    pub fn all(&self) -> Result<Vec<Request>, DocumentError> {
        let mut requests: Vec<Request> = self.requests.all()?;
        requests.sort_by(|a, b| (a.asked.at, &a.id).cmp(&(b.asked.at, &b.id)));
        Ok(requests)
    }

    /// One of them.
    pub fn get(&self, id: &Id) -> Result<Request, DocumentError> {
        self.requests.get(id)
    }

    /// Puts one in, or in the place of what it was. When this returns it is on the disk.
    pub fn put(&self, request: &Request) -> Result<(), DocumentError> {
        self.requests.put(&request.id, request)
    }

    /// The certificate of a request that was carried out.
    pub fn certificate(&self, id: &Id) -> Result<Certificate, DocumentError> {
        self.certificates.get(id)
    }

    /// Keeps a certificate.
    pub fn put_certificate(&self, id: &Id, certificate: &Certificate) -> Result<(), DocumentError> {
        self.certificates.put(id, certificate)
    }
}

#[cfg(test)]
mod tests;
