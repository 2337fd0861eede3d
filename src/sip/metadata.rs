//! Recording metadata (RFC 7865): who speaks on which stream.
//!
//! Read by local names, so that namespaces, prefixes and unknown elements do not matter; both spellings of ids
//! are taken (`participant_id`, and Oracle's `id`), as are associations in an element of their own, inside the
//! participant, or left out. A broken document is an error here and no reason to refuse a call: its streams are
//! recorded by their labels.
//!
//! **Architecture invariants:** at most [`LONGEST`] bytes, [`DEEPEST`] levels and [`MOST`] things of a kind, merged
//! ones included; no document type, so no entities of its own; names and addresses of record are [`Sensitive`].

mod read;
mod write;

use crate::call::Sensitive;

pub use write::unique_id;

/// Longest document in bytes.
pub const LONGEST: usize = 256 * 1024;
/// Most levels of elements.
pub const DEEPEST: usize = 32;
/// Most sessions, participants, streams and annotations that are kept, of each.
pub const MOST: usize = 64;

/// Labels by which vendors name the caller's stream.
const CALLER_LABELS: &[&str] = &["1", "a_leg", "inbound", "10"];

/// Why metadata cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// More than [`LONGEST`].
    #[error("the recording metadata is longer than {LONGEST} bytes")]
    TooLong,
    /// More than [`DEEPEST`].
    #[error(
        "the recording metadata is nested deeper than {DEEPEST} levels, or has too many elements"
    )]
    TooDeep,
    /// A document type, which could define entities.
    #[error("the recording metadata has a document type, which is not taken")]
    DocumentType,
    /// No well-formed XML.
    #[error("the recording metadata is not well-formed XML, line {0}")]
    Malformed(u32),
}

/// A call that is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedSession {
    /// Its id in the metadata.
    pub id: String,
    /// The id of the call where it is made (RFC 7989), or what the vendor puts there.
    pub sip_session_id: Option<Sensitive<String>>,
    /// Whether it is over.
    pub ended: bool,
}

/// Who takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Its id in the metadata.
    pub id: String,
    /// Address of record: a URI, or what the vendor has for one.
    pub address: Sensitive<String>,
    /// The name to show.
    pub name: Option<Sensitive<String>>,
    /// What the vendor says of whether this is who called.
    pub calling: Option<bool>,
    /// Streams that this one speaks on.
    pub sends: Vec<String>,
    /// Streams that this one hears.
    pub receives: Vec<String>,
    /// Whether it has left.
    pub left: bool,
}

/// What a stream is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedStream {
    /// Its id in the metadata.
    pub id: String,
    /// The session that it belongs to.
    pub session: Option<String>,
    /// `a=label` of its line in the session description.
    pub label: Option<String>,
}

/// Something else that is said of the call: where from, to whom, its id elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// The element or header.
    pub name: String,
    /// What it says.
    pub value: Sensitive<String>,
}

/// What is known of a recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordingMetadata {
    /// Whether this is all, or only what has changed.
    pub partial: bool,
    /// Groups of sessions that belong together.
    pub groups: Vec<String>,
    /// Calls that are recorded.
    pub sessions: Vec<RecordedSession>,
    /// In the order of the document.
    pub participants: Vec<Participant>,
    /// In the order of the document.
    pub streams: Vec<RecordedStream>,
    /// `extensiondata`, `callData` and the like.
    pub annotations: Vec<Annotation>,
}

impl RecordingMetadata {
    /// Reads a document.
    pub fn read(bytes: &[u8]) -> Result<Self, MetadataError> {
        read::document(bytes)
    }

    /// Takes in what came later: all of it if it is complete, else what it has, by ids.
    pub fn merge(&mut self, later: RecordingMetadata) {
        if !later.partial {
            *self = later;
            return;
        }
        for group in later.groups {
            if !self.groups.contains(&group) && self.groups.len() < MOST {
                self.groups.push(group);
            }
        }
        put(&mut self.sessions, later.sessions, |new, known| {
            if new.id != known.id {
                return false;
            }
            new.sip_session_id = new.sip_session_id.take().or(known.sip_session_id.take());
            true
        });
        put(&mut self.streams, later.streams, |new, known| {
            if new.id != known.id {
                return false;
            }
            new.label = new.label.take().or(known.label.take());
            new.session = new.session.take().or(known.session.take());
            true
        });
        put(&mut self.participants, later.participants, |new, known| {
            if new.id != known.id {
                return false;
            }
            if new.address.expose().is_empty() {
                new.address = known.address.clone();
            }
            new.name = new.name.take().or(known.name.take());
            new.calling = new.calling.or(known.calling);
            if new.sends.is_empty() && new.receives.is_empty() && !new.left {
                new.sends = std::mem::take(&mut known.sends);
                new.receives = std::mem::take(&mut known.receives);
            }
            true
        });
        put(&mut self.annotations, later.annotations, |new, known| {
            new.name == known.name
        });
    }

    /// Who speaks on the stream with this label.
    ///
    /// By the associations; where the sender makes none, the n-th participant speaks on the n-th stream.
    pub fn speaker(&self, label: &str) -> Option<&Participant> {
        let at = self
            .streams
            .iter()
            .position(|stream| stream.label.as_deref() == Some(label))?;
        let stream = &self.streams[at];
        let associated = |participant: &&Participant| participant.sends.contains(&stream.id);
        let mut speakers = self.participants.iter().filter(associated);
        let first = speakers.next();
        let present = first
            .filter(|p| !p.left)
            .or_else(|| speakers.find(|p| !p.left));
        let none = self.participants.iter().all(|p| p.sends.is_empty());
        present
            .or(first)
            .or_else(|| self.participants.get(at).filter(|_| none))
    }

    /// Who called: whom the vendor marks, whose address the original call came from, who speaks on a stream with a
    /// caller's label, or the first.
    pub fn caller(&self) -> Option<&Participant> {
        let marked = self.participants.iter().find(|p| p.calling == Some(true));
        marked
            .or_else(|| self.named_by("fromhdr"))
            .or_else(|| CALLER_LABELS.iter().find_map(|label| self.speaker(label)))
            .or(self.participants.first())
    }

    /// Whether the stream with this label is the caller's; `None` if that is not known.
    pub fn is_callers(&self, label: &str) -> Option<bool> {
        match (self.speaker(label), self.caller()) {
            (Some(speaker), Some(caller)) => Some(speaker.id == caller.id),
            _ => None,
        }
    }

    /// The participant whose user part is in the annotation of this name.
    fn named_by(&self, name: &str) -> Option<&Participant> {
        let annotation = self
            .annotations
            .iter()
            .find(|annotation| annotation.name.eq_ignore_ascii_case(name))?;
        self.participants.iter().find(|participant| {
            let address = participant.address.expose();
            let bare = address.split_once(':').map_or(&**address, |(_, rest)| rest);
            let user = bare.split(['@', ';']).next().unwrap_or_default();
            !user.is_empty() && annotation.value.expose().contains(user)
        })
    }

    /// Remembers something said elsewhere: a header of the request.
    pub fn annotate(&mut self, name: &str, value: &str) {
        if self.annotations.len() < MOST {
            self.annotations.push(Annotation {
                name: name.to_owned(),
                value: Sensitive::new(value.to_owned()),
            });
        }
    }
}

/// Replaces what is the same thing, appends what is not. `same` compares, and fills in what is not repeated.
fn put<Thing>(
    known: &mut Vec<Thing>,
    later: Vec<Thing>,
    same: impl Fn(&mut Thing, &mut Thing) -> bool,
) {
    for mut new in later {
        match known.iter_mut().position(|old| same(&mut new, old)) {
            Some(at) => known[at] = new,
            None if known.len() < MOST => known.push(new),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
