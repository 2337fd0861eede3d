//! One entry of the log, and the only way in which it is written.
//!
//! ```text
//! {"entry":{"log":..,"sequence":..,"time":..,"actor":{..},"action":..,"subject":..,"details":{..},"previous":..},
//!  "hmac":..,"hash":..}
//! ```
//!
//! on one line, without spaces, in this order. A line that is not written so is not an entry, whatever it means:
//! there is one text for one fact, and its hash is the hash of that text.
//!
//! **Architecture invariant:** free words lose their digits when they are seven or more in a row, so that not even
//! a mistake elsewhere writes a number here.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::digest::Sha256Digest;

/// Free words are cut to this many characters.
const LONGEST_WORDS: usize = 400;
/// Digits in a row, separators between them not counted, that free words may have.
const MOST_DIGITS: usize = 6;

/// What was done. Past tense: it has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A writer began to write to this log.
    LogOpened,
    /// An entry that was cut off by the writer's death was moved aside.
    TailRepaired,
    /// Entries came faster than the disk took them; this many are missing.
    EntriesLost,
    /// All before it was signed.
    CheckpointMade,
    /// The gateway began to serve.
    GatewayStarted,
    /// The gateway ended as it was told to.
    GatewayStopped,
    /// Speech recognition was put to use.
    ModelLoaded,
    /// The configuration is another than at the last start.
    ConfigurationChanged,
    /// The policy is another than at the last start.
    PolicyChanged,
    /// A call began.
    CallBegan,
    /// Calls were not taken.
    CallsRefused,
    /// Audio was hidden because it was, or may have been, sensitive.
    SpanHidden,
    /// Audio was filled because it was not examined in time.
    AudioLate,
    /// Audio was filled because it could not be examined.
    AudioFailed,
    /// Audio did not reach the recorder behind.
    AudioNotForwarded,
    /// A recorder elsewhere was paused.
    RecordingPaused,
    /// A recorder elsewhere was not confirmed to be paused.
    RecordingPauseFailed,
    /// A recorder elsewhere goes on.
    RecordingResumed,
    /// A recorder elsewhere was not confirmed to go on.
    RecordingResumeFailed,
    /// Somebody paused a call's recording by hand.
    PausedByHand,
    /// Somebody resumed a call's recording by hand.
    ResumedByHand,
    /// Somebody hid what was said last.
    BlankedByHand,
    /// Somebody marked a place in a call.
    CallMarked,
    /// Somebody wrote to the agent of a call.
    AgentMessaged,
    /// Somebody saw calls that were under way.
    LiveCallsSeen,
    /// Somebody began to listen to a call that was under way.
    LiveListeningBegan,
    /// They listen no longer.
    LiveListeningEnded,
    /// A recording and its report were completed.
    CallRecorded,
    /// A recording could not be begun or completed.
    RecordingFailed,
    /// A call ended.
    CallEnded,
    /// A recording was listened to.
    RecordingPlayed,
    /// A recording was handed out.
    RecordingExported,
    /// A transcript was read.
    TranscriptRead,
    /// Evidence of a call was handed out.
    EvidenceExported,
    /// A recording was found to hold what it should not, and locked away.
    RecordingQuarantined,
    /// A recording was listened to once more after the call, to find out whether something is still heard.
    RecordingListenedAgain,
    /// A recording was hidden in once more.
    RecordingRedactedAgain,
    /// Somebody signed in.
    SignedIn,
    /// Somebody signed out.
    SignedOut,
    /// Somebody or something did not prove who it is.
    SignInRefused,
    /// Somebody may not do what was asked for.
    AccessDenied,
    /// A user, role or token was made or changed.
    AccessChanged,
    /// A stored thing was deleted.
    Deleted,
    /// A part of a recording and its transcript was blanked for good.
    SegmentErased,
    /// Erasure was asked for.
    ErasureRequested,
    /// Erasure was agreed to.
    ErasureApproved,
    /// Somebody did not agree to an erasure; it is not carried out.
    ErasureRejected,
    /// A legal hold was placed.
    HoldPlaced,
    /// A legal hold was lifted.
    HoldLifted,
    /// Stored data keys were wrapped by another key.
    KeysRotated,
    /// A copy of the store was made.
    BackupMade,
    /// The store was made of a copy.
    BackupRestored,
    /// An alarm was raised.
    AlertRaised,
    /// An alarm was answered.
    AlertAnswered,
    /// A webhook is to be told again what it was not.
    WebhookRetried,
}

impl Action {
    /// As the log writes it.
    pub fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => format!("{self:?}"),
        }
    }

    /// Whether a call's own course makes it, between its beginning and its end, so that the end can say how many
    /// there were; not what is done with the recording later.
    pub fn is_of_the_call_itself(self) -> bool {
        matches!(
            self,
            Action::CallBegan
                | Action::SpanHidden
                | Action::AudioLate
                | Action::AudioFailed
                | Action::AudioNotForwarded
                | Action::RecordingPaused
                | Action::RecordingPauseFailed
                | Action::RecordingResumed
                | Action::RecordingResumeFailed
                | Action::PausedByHand
                | Action::ResumedByHand
                | Action::BlankedByHand
                | Action::CallMarked
                | Action::CallRecorded
                | Action::RecordingFailed
        )
    }
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// What they are.
    pub kind: ActorKind,
    /// Their name.
    pub name: String,
}

/// What somebody who does something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A person.
    User,
    /// A program elsewhere that has an account.
    Service,
    /// This program.
    System,
}

impl Actor {
    /// A person, by the name they signed in with.
    pub fn user(name: &str) -> Self {
        Self::new(ActorKind::User, name)
    }

    /// A program elsewhere.
    pub fn service(name: &str) -> Self {
        Self::new(ActorKind::Service, name)
    }

    /// A part of this program.
    pub fn system(name: &str) -> Self {
        Self::new(ActorKind::System, name)
    }

    fn new(kind: ActorKind, name: &str) -> Self {
        let name = name.chars().take(LONGEST_WORDS).collect();
        Self { kind, name }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ActorKind::User => "user",
            ActorKind::Service => "service",
            ActorKind::System => "system",
        };
        write!(f, "{kind} {}", self.name)
    }
}

/// The detail of what is [`Record::written_late`].
const LATE: &str = "late";

/// A detail of an entry: never a spoken value, never a fraction (whose text is not one).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Detail {
    /// Yes or no.
    Flag(bool),
    /// A count, or microseconds.
    Number(i64),
    /// Words, names, hashes.
    Text(String),
}

impl Detail {
    /// A name, hash, version or other identity, as it is.
    pub fn name(text: impl fmt::Display) -> Self {
        Self::Text(text.to_string().chars().take(LONGEST_WORDS).collect())
    }

    /// Free words: digits are masked where there are many in a row.
    pub fn words(text: &str) -> Self {
        Self::Text(without_numbers(text))
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Detail::Text(text) => Some(text),
            Detail::Flag(_) | Detail::Number(_) => None,
        }
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<i64> {
        match self {
            Detail::Number(number) => Some(*number),
            Detail::Flag(_) | Detail::Text(_) => None,
        }
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Detail::Flag(flag) => write!(f, "{flag}"),
            Detail::Number(number) => write!(f, "{number}"),
            Detail::Text(text) => f.write_str(text),
        }
    }
}

impl From<bool> for Detail {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u64> for Detail {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<usize> for Detail {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// Masks the digits of every run of more than [`MOST_DIGITS`], and cuts to [`LONGEST_WORDS`].
fn without_numbers(text: &str) -> String {
    let mut characters: Vec<char> = text.chars().take(LONGEST_WORDS).collect();
    let is_between = |c: char| matches!(c, ' ' | '.' | ',' | '-' | '/' | '_');
    let mut run: Vec<usize> = Vec::new();
    for at in 0..=characters.len() {
        match characters.get(at) {
            Some(c) if c.is_numeric() => run.push(at),
            Some(c) if is_between(*c) => {}
            _ => {
                if run.len() > MOST_DIGITS {
                    for &digit in &run {
                        characters[digit] = '#';
                    }
                }
                run.clear();
            }
        }
    }
    characters.into_iter().collect()
}

/// Something to be written: an entry without its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// The call it concerns.
    pub subject: Option<String>,
    /// More about it.
    pub details: BTreeMap<String, Detail>,
}

impl Record {
    /// Something that this program did.
    pub fn new(action: Action) -> Self {
        Self {
            actor: Actor::system("gateway"),
            action,
            subject: None,
            details: BTreeMap::new(),
        }
    }

    /// The same, done by somebody else.
    #[must_use]
    pub fn by(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }

    /// The same, about a call.
    #[must_use]
    pub fn about(mut self, call: &str) -> Self {
        self.subject = Some(call.chars().take(LONGEST_WORDS).collect());
        self
    }

    /// The same with one more detail.
    #[must_use]
    pub fn with(mut self, name: &'static str, detail: impl Into<Detail>) -> Self {
        self.details.insert(name.to_owned(), detail.into());
        self
    }

    /// The same, written by the next start of a gateway that died before it could.
    #[must_use]
    pub fn written_late(self) -> Self {
        self.with(LATE, true)
    }

    /// Whether it is so.
    pub fn is_late(&self) -> bool {
        self.details.get(LATE) == Some(&Detail::Flag(true))
    }

    /// The same with a name, hash or version.
    #[must_use]
    pub fn with_name(self, name: &'static str, text: impl fmt::Display) -> Self {
        self.with(name, Detail::name(text))
    }

    /// The same with free words, whose long numbers are masked.
    #[must_use]
    pub fn with_words(self, name: &'static str, words: &str) -> Self {
        self.with(name, Detail::words(words))
    }
}

/// Which log an entry belongs to: a random UUID that was drawn when the log was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogId(String);

impl LogId {
    /// For a log that begins.
    pub fn random() -> Self {
        Self(Uuid::new_v4().to_string())
    }
}

impl TryFrom<String> for LogId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match Uuid::parse_str(&text) {
            Ok(id) if id.to_string() == text => Ok(Self(text)),
            _ => Err("the log's id is not a UUID in lower case".into()),
        }
    }
}

impl From<LogId> for String {
    fn from(id: LogId) -> Self {
        id.0
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is hashed and authenticated. The order of the fields is the order on the line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Which log.
    pub log: LogId,
    /// From 1, without gaps.
    pub sequence: u64,
    /// When, in UTC with microseconds.
    pub time: String,
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// The call it concerns.
    pub subject: Option<String>,
    /// More about it, by name.
    pub details: BTreeMap<String, Detail>,
    /// The hash of the entry before; zeros for the first.
    pub previous: Sha256Digest,
}

impl Entry {
    /// The text that is hashed and authenticated.
    pub fn canonical(&self) -> Vec<u8> {
        // Strings, integers and flags: there is nothing that cannot be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// A detail that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.details.get(name)?.text()
    }

    /// A detail that is a number.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.details.get(name)?.number()
    }

    /// Whether the next start of a gateway wrote it, see [`Record::written_late`].
    pub fn is_late(&self) -> bool {
        self.details.get(LATE) == Some(&Detail::Flag(true))
    }

    /// When, if it is a time.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.time.parse().ok()
    }
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What is said.
    pub entry: Entry,
    /// HMAC-SHA-256 of the entry's text under the audit key.
    pub hmac: Sha256Digest,
    /// What the next entry follows: see `chain`.
    pub hash: Sha256Digest,
}

impl Line {
    /// The line's text without the line end.
    pub fn canonical(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a line; `Err` says what is not as it is written.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let line: Self = serde_json::from_slice(text).map_err(|error| {
            // The library's message may quote the text; its place is enough.
            format!("is not an entry (column {})", error.column())
        })?;
        if line.canonical() != text {
            return Err("is not written as entries are written".into());
        }
        if line.entry.timestamp().map(written_time).as_deref() != Some(&line.entry.time) {
            return Err("has a time that is not written as times are".into());
        }
        Ok(line)
    }
}

/// A time as the log writes it: UTC with microseconds.
pub(super) fn written_time(time: Timestamp) -> String {
    format!("{time:.6}")
}
