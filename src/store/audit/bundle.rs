//! The evidence of one call in one file, which can be checked without the log: its entries, that they lie in the
//! signed chain, and what they come to.
//!
//! The file is signed as a whole: `signature` is Ed25519 over the text of `bundle` as JSON without spaces, in the
//! order of the fields. All numbers in it are integers, so that this text is the same everywhere.

mod summary;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::AuditError;
use super::digest::Sha256Digest;
use super::entry::{Action, Line, LogId, written_time};
use super::folder::Folder;
use super::keys::{AuditKeys, PublicKey};
use super::proof::{Run, Runs};
use super::reading::lines_of;
use super::verify::{Verification, Verifier};

pub use summary::{RecordedFile, SpanSummary, Summary};

/// The form that is written.
pub const FORMAT: &str = "hushgate evidence 1";
/// No bundle is longer.
pub const LONGEST: u64 = 256 * 1024 * 1024;

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// [`FORMAT`].
    pub format: String,
    /// The version of the program that made it.
    pub hushgate_version: String,
    /// When it was made, in UTC.
    pub made: String,
    /// The call.
    pub call: String,
    /// Which log.
    pub log: LogId,
    /// What the entries come to.
    pub summary: Summary,
    /// Every entry about the call, as the log has them.
    pub entries: Vec<Line>,
    /// That the entries lie in the signed chain.
    pub proof: Vec<Run>,
}

/// The evidence of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// What is signed.
    pub bundle: Contents,
    /// Which key signed.
    pub key: String,
    /// Ed25519 over the text of `bundle`, in base 64.
    pub signature: String,
}

impl Bundle {
    /// Collects what the log has about a call. The log is verified on the way; `progress` is told the bytes that
    /// were read of all.
    pub fn collect(
        folder: &Folder,
        call: &str,
        keys: &AuditKeys,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Self, AuditError> {
        let no_log = || AuditError::NoLog {
            folder: folder.path().to_owned(),
        };
        // What comes after is not signed yet.
        let anchor = folder.anchor()?.ok_or_else(no_log)?;
        let segments = folder.segments()?;
        let total = segments.iter().map(|segment| segment.bytes).sum();
        let mut verifier = Verifier::new(Verification {
            hmac: Some(keys.hmac.clone()),
            public: vec![keys.signing.public()],
            anchors: vec![anchor.clone()],
            is_live: true,
        });
        let mut entries = Vec::new();
        let mut runs = Runs::default();
        let mut read = 0;
        let mut at_end = anchor.sequence == 0;
        for segment in &segments {
            if at_end {
                break;
            }
            verifier.segment(&segment.name(), Some(segment.first));
            lines_of(segment, |number, text, is_complete| {
                read += text.len() as u64 + 1;
                if number % 256 == 0 {
                    progress(read, total);
                }
                if let Some(line) = verifier.line(text, is_complete) {
                    let is_wanted = line.entry.subject.as_deref() == Some(call);
                    runs.line(&line, is_wanted);
                    at_end = line.entry.sequence == anchor.sequence;
                    if is_wanted {
                        entries.push(line);
                    }
                }
                !at_end
            })?;
        }
        let verdict = verifier.finish();
        if let Some(bad) = verdict.bad {
            return Err(AuditError::Damaged {
                folder: folder.path().to_owned(),
                problem: bad.to_string(),
            });
        }
        if entries.is_empty() {
            return Err(AuditError::NotFound(format!(
                "{}: the audit log has no entry about the call {call}",
                folder.path().display()
            )));
        }
        let contents = Contents {
            format: FORMAT.into(),
            hushgate_version: env!("CARGO_PKG_VERSION").into(),
            made: written_time(Timestamp::now()),
            call: call.into(),
            log: anchor.log.clone(),
            summary: Summary::of(&entries),
            entries,
            proof: runs.finish(anchor),
        };
        let signature = STANDARD.encode(keys.signing.sign(&contents.text()));
        Ok(Self {
            bundle: contents,
            key: keys.signing.public().id(),
            signature,
        })
    }

    /// As files have it.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads what [`Bundle::to_json`] wrote.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| {
            format!(
                "is not an evidence bundle of this form (line {}, column {})",
                error.line(),
                error.column()
            )
        })
    }

    /// Whether all of it holds together and was signed with the key; `Err` says what does not.
    pub fn check(&self, key: &PublicKey) -> Result<Checked, String> {
        let contents = &self.bundle;
        if contents.format != FORMAT {
            return Err(format!("has another form; expected {FORMAT:?}"));
        }
        if self.key != key.id() {
            return Err(format!(
                "is signed with another key ({}); this one is {}",
                self.key,
                key.id()
            ));
        }
        let signature = STANDARD.decode(&self.signature);
        if !signature.is_ok_and(|signature| key.verifies(&contents.text(), &signature)) {
            return Err("was altered: its signature is not of its text".into());
        }
        for run in &contents.proof {
            let of =
                |problem: String| format!("has a proof from entry {} that {problem}", run.first);
            run.check().map_err(of)?;
            if run.checkpoint.log != contents.log {
                return Err(of("is of another log".into()));
            }
            run.checkpoint
                .check(std::slice::from_ref(key))
                .map_err(of)?;
        }
        let mut last = 0;
        for line in &contents.entries {
            let entry = &line.entry;
            let at = entry.sequence;
            if entry.subject.as_ref() != Some(&contents.call) || entry.log != contents.log {
                return Err(format!("has an entry ({at}) of another call or log"));
            }
            if at <= last {
                return Err(format!("has an entry ({at}) that is not in its order"));
            }
            last = at;
            if !contents.proof.iter().any(|run| run.holds(line)) {
                return Err(format!(
                    "has an entry ({at}) that is not in the signed chain"
                ));
            }
        }
        if Summary::of(&contents.entries) != contents.summary {
            return Err("has a summary that its entries do not come to".into());
        }
        Ok(Checked {
            entries: contents.entries.len(),
            is_complete: is_complete(&contents.entries),
        })
    }

    /// The files that were recorded, with their hashes.
    pub fn files(&self) -> impl Iterator<Item = &RecordedFile> {
        self.bundle.summary.files.iter()
    }

    /// Whether a file is one that was recorded, by its hash.
    pub fn recorded(&self, sha256: Sha256Digest) -> Option<&RecordedFile> {
        self.files().find(|file| file.sha256 == sha256.to_string())
    }
}

impl Contents {
    fn text(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Entries in the bundle.
    pub entries: usize,
    /// Whether every call of this id ended, and as many entries are here as its end says it had; `None` if one did
    /// not end.
    pub is_complete: Option<bool>,
}

/// A call's end says how many entries came before it, so that none can be left out. What the next start of a gateway
/// wrote came after.
fn is_complete(entries: &[Line]) -> Option<bool> {
    let count = |action| {
        entries
            .iter()
            .filter(|line| line.entry.action == action)
            .count()
    };
    let ends = count(Action::CallEnded);
    if ends == 0 || count(Action::CallBegan) != ends {
        return None;
    }
    let said: i64 = entries
        .iter()
        .filter(|line| line.entry.action == Action::CallEnded)
        .filter_map(|line| line.entry.number("entries_before"))
        .sum();
    let here = entries
        .iter()
        .filter(|line| line.entry.action.is_of_the_call_itself() && !line.entry.is_late())
        .count();
    Some(usize::try_from(said) == Ok(here))
}
