//! Signed statements of how far a log goes, which can be checked with a public key alone.
//!
//! What is signed (Ed25519, RFC 8032) is a text that can be written down by hand:
//!
//! ```text
//! hushgate audit checkpoint 1
//! log 3e1f6d1c-...
//! sequence 1200
//! hash 9c56...
//! time 2026-11-22T19:08:10.123456Z
//! key 0123456789abcdef
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::chain::Head;
use super::digest::Sha256Digest;
use super::entry::{Action, Actor, Entry, LogId, Record, written_time};
use super::keys::{PublicKey, SigningKey};

/// The first line of what is signed.
const TITLE: &str = "hushgate audit checkpoint 1";

/// What is signed: at this time the log had so many entries, and the last had this hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Which log.
    pub log: LogId,
    /// The last entry's number.
    pub sequence: u64,
    /// Its hash.
    pub hash: Sha256Digest,
    /// When it was signed, in UTC.
    pub time: String,
    /// Which key signed: [`PublicKey::id`].
    pub key: String,
}

impl Statement {
    /// The text that is signed.
    pub fn text(&self) -> String {
        let Self {
            log,
            sequence,
            hash,
            time,
            key,
        } = self;
        format!("{TITLE}\nlog {log}\nsequence {sequence}\nhash {hash}\ntime {time}\nkey {key}\n")
    }
}

/// A statement with its signature: the form of `anchor.json` and of exported checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Which log.
    pub log: LogId,
    /// The last entry's number.
    pub sequence: u64,
    /// Its hash.
    pub hash: Sha256Digest,
    /// When it was signed, in UTC.
    pub time: String,
    /// Which key signed.
    pub key: String,
    /// Ed25519 over [`Statement::text`], in base 64.
    pub signature: String,
}

impl Checkpoint {
    /// Signs where a log stands.
    pub fn sign(head: &Head, time: Timestamp, key: &SigningKey) -> Self {
        let statement = Statement {
            log: head.log.clone(),
            sequence: head.sequence,
            hash: head.hash,
            time: written_time(time),
            key: key.public().id(),
        };
        let signature = STANDARD.encode(key.sign(statement.text().as_bytes()));
        let Statement {
            log,
            sequence,
            hash,
            time,
            key,
        } = statement;
        Self {
            log,
            sequence,
            hash,
            time,
            key,
            signature,
        }
    }

    /// What is signed.
    pub fn statement(&self) -> Statement {
        Statement {
            log: self.log.clone(),
            sequence: self.sequence,
            hash: self.hash,
            time: self.time.clone(),
            key: self.key.clone(),
        }
    }

    /// Whether one of the keys signed it; `Err` says what is wrong.
    pub fn check(&self, keys: &[PublicKey]) -> Result<(), String> {
        let key = keys
            .iter()
            .find(|key| key.id() == self.key)
            .ok_or_else(|| {
                format!(
                    "is signed with a key that was not given ({}); expected {}",
                    self.key,
                    keys.iter()
                        .map(PublicKey::id)
                        .collect::<Vec<_>>()
                        .join(" or ")
                )
            })?;
        let signature = STANDARD
            .decode(&self.signature)
            .map_err(|_| "has a signature that is not base 64".to_owned())?;
        if key.verifies(self.statement().text().as_bytes(), &signature) {
            Ok(())
        } else {
            Err("has a signature that is not of its text".into())
        }
    }

    /// The entry that keeps it in the log.
    pub(super) fn record(&self) -> Record {
        Record::new(Action::CheckpointMade)
            .by(Actor::system("audit"))
            .with("covers", self.sequence)
            .with_name("hash", self.hash)
            .with_name("signed", &self.time)
            .with_name("key", &self.key)
            .with_name("signature", &self.signature)
    }

    /// What [`Checkpoint::record`] made an entry of.
    pub(super) fn of_entry(entry: &Entry) -> Option<Self> {
        if entry.action != Action::CheckpointMade {
            return None;
        }
        Some(Self {
            log: entry.log.clone(),
            sequence: u64::try_from(entry.number("covers")?).ok()?,
            hash: Sha256Digest::parse(entry.text("hash")?)?,
            time: entry.text("signed")?.to_owned(),
            key: entry.text("key")?.to_owned(),
            signature: entry.text("signature")?.to_owned(),
        })
    }

    /// As files have it: indented JSON with a line end.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads what [`Checkpoint::to_json`] wrote.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text)
            .map_err(|error| format!("is not a checkpoint (line {})", error.line()))
    }
}
