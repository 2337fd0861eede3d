//! The report beside a recording, version 1: what was hidden, where and why, and what was said
//! otherwise. `docs/report.md` describes every field.
//!
//! **Architecture invariant:** holds no value that was hidden: it is made of events, which have none.

mod builder;
mod said;
mod slack;

use serde::{Deserialize, Serialize};

use crate::audio::{MediaTime, SampleRate};
use crate::call::note::Note;
use crate::call::particulars::{Label, Particulars};
use crate::call::{CallId, Leg};
use crate::telemetry::alerts::{AlertKind, Severity};
use crate::telemetry::{Deed, FailureCause, Person};

pub use builder::ReportBuilder;
pub use slack::Slack;

/// The version of the report's form that is written.
pub const SCHEMA: u32 = 1;

/// What is known of a call when it begins.
#[derive(Debug, Clone)]
pub struct CallFacts {
    /// The platform's id of the call.
    pub call: CallId,
    /// The channels in order.
    pub legs: &'static [Leg],
    /// Samples per second of each.
    pub rate: SampleRate,
    /// Delay between hearing and releasing.
    pub hold: MediaTime,
    /// Which policy decides.
    pub policy_version: String,
    /// SHA-256 of the model's file.
    pub model_sha256: String,
    /// Who takes part, and where.
    pub particulars: Particulars,
}

/// All about one recording. Times are seconds from the start of the call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The version of the program that wrote it.
    pub hushgate_version: String,
    /// The platform's id of the call.
    pub call: String,
    /// Who took part, and where, as far as it was told.
    #[serde(default, skip_serializing_if = "Parties::is_empty")]
    pub parties: Parties,
    /// Samples per second of each channel.
    pub sample_rate: u32,
    /// Length of the call; of the recording too, unless there are gaps.
    pub duration_s: f64,
    /// The delay between hearing and releasing.
    pub hold_s: f64,
    /// Which policy decided.
    pub policy_version: String,
    /// Which model listened: SHA-256 of its file.
    pub model_sha256: String,
    /// The recording's channels in order.
    pub legs: Vec<Leg>,
    /// What was hidden because it was, or may have been, sensitive.
    pub spans: Vec<HiddenSpan>,
    /// What was filled because its examination was not done in time.
    pub late: Vec<LateSpan>,
    /// What was filled because it could not be examined.
    pub failed: Vec<FailedSpan>,
    /// Where the recorder was stopped (`pause`).
    pub gaps: Vec<Gap>,
    /// What did not reach the recorder that the call was forwarded to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_forwarded: Vec<Stretch>,
    /// What became of pausing a recorder elsewhere, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recorder_control: Vec<RecorderStep>,
    /// What people did while the call ran, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_hand: Vec<ByHand>,
    /// What rules raised, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<RaisedAlert>,
    /// What was said, masked.
    pub transcript: Vec<Utterance>,
    /// Sums over the above.
    pub totals: Totals,
    /// The work of speech recognition.
    pub engine: EngineWork,
    /// Why the call ended, when it did not end by itself.
    pub abnormal_end: Option<String>,
}

/// Who took part in a call, and where: names, and no number in clear.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Parties {
    /// The agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Label>,
    /// The queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Label>,
    /// The site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Label>,
    /// The vendor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<Label>,
    /// The jurisdiction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<Label>,
    /// The outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Label>,
    /// The caller's number as the store's keyed hash; in the store alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_hash: Option<String>,
    /// The called number as the store's keyed hash; in the store alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called_hash: Option<String>,
}

impl Parties {
    /// From a call's particulars, without numbers.
    pub fn of(particulars: &Particulars) -> Self {
        Self {
            agent: particulars.agent.clone(),
            queue: particulars.queue.clone(),
            site: particulars.site.clone(),
            vendor: particulars.vendor.clone(),
            jurisdiction: particulars.jurisdiction.clone(),
            outcome: particulars.outcome.clone(),
            caller_hash: None,
            called_hash: None,
        }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A stretch that was hidden.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HiddenSpan {
    /// Whose audio.
    pub leg: Leg,
    /// From.
    pub start: f64,
    /// To.
    pub end: f64,
    /// The kind of data.
    pub kind: String,
    /// The evidence, in words.
    pub reason: String,
    /// The rule that asked for it.
    pub rule: String,
    /// 0 to 1.
    pub confidence: f64,
    /// Whether it was left out of the recording rather than filled.
    pub paused: bool,
}

/// A stretch that was not examined in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LateSpan {
    /// Whose audio.
    pub leg: Leg,
    /// From.
    pub start: f64,
    /// To.
    pub end: f64,
}

/// A stretch that could not be examined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailedSpan {
    /// Whose audio.
    pub leg: Leg,
    /// From.
    pub start: f64,
    /// To.
    pub end: f64,
    /// Why.
    pub cause: FailureCause,
}

/// A stretch of the call that is not in the recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// From.
    pub start: f64,
    /// To.
    pub end: f64,
    /// Where in the recording it is left out.
    pub recorded_at: f64,
}

/// A stretch of the call, of all legs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stretch {
    /// From.
    pub start: f64,
    /// To.
    pub end: f64,
}

/// One step of pausing a recorder elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecorderStep {
    /// What happened.
    pub step: RecorderOutcome,
    /// When.
    pub at: f64,
    /// Where what was to be kept out begins; for pauses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<f64>,
    /// Who says it; for pauses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leg: Option<Leg>,
    /// The kind of data; for pauses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Whether the platform said so when asked; for what was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// Why it was not done; for what was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a rule raised: never what was spoken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RaisedAlert {
    /// Of no other alert.
    pub id: String,
    /// The rule's name.
    pub rule: String,
    /// What it is about.
    pub kind: AlertKind,
    /// How urgent it is.
    pub severity: Severity,
    /// Whose speech, where it is one party's.
    pub leg: Option<Leg>,
    /// From.
    pub start: f64,
    /// To.
    pub end: f64,
    /// The rule's own words.
    pub message: String,
}

/// What became of one step of pausing a recorder elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecorderOutcome {
    /// It was paused.
    Paused,
    /// It was not confirmed to be paused in time.
    NotPaused,
    /// It goes on.
    Resumed,
    /// It was not confirmed to go on in time.
    NotResumed,
}

/// One thing that somebody did while the call ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ByHand {
    /// What.
    pub step: HandStep,
    /// Where the call's audio had arrived.
    pub at: f64,
    /// The name of who did it.
    pub by: String,
    /// Whether that is a program.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub program: bool,
    /// From where on every leg is hidden; for pauses and blanking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<f64>,
    /// Seconds that were to be blanked and had left already; for blanking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub too_late_s: Option<f64>,
    /// What tells a mark from others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl ByHand {
    /// From an event's parts.
    pub fn of(by: &Person, at: MediaTime, deed: &Deed) -> Self {
        let step = |step| Self {
            step,
            at: at.seconds(),
            by: by.name.clone(),
            program: by.is_program,
            from: None,
            too_late_s: None,
            id: None,
            note: None,
        };
        let words = |note: &Note| Some(note.as_str().to_owned());
        match deed {
            Deed::Paused { from, reason } => Self {
                from: Some(from.seconds()),
                note: reason.as_ref().and_then(words),
                ..step(HandStep::Paused)
            },
            Deed::Resumed => step(HandStep::Resumed),
            Deed::Blanked { from, too_late } => Self {
                from: Some(from.seconds()),
                too_late_s: Some(too_late.seconds()).filter(|seconds| *seconds > 0.0),
                ..step(HandStep::Blanked)
            },
            Deed::Marked { id, note } => Self {
                id: Some(id.clone()),
                note: words(note),
                ..step(HandStep::Marked)
            },
        }
    }
}

/// What somebody did by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandStep {
    /// Paused the recording.
    Paused,
    /// Resumed it.
    Resumed,
    /// Blanked what was said last.
    Blanked,
    /// Marked a place.
    Marked,
}

/// Words of one speaker in a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Utterance {
    /// Who.
    pub leg: Leg,
    /// From.
    pub start: f64,
    /// To.
    pub end: f64,
    /// The words; what was hidden reads `[pan]`, `[cvv]` and so on.
    pub text: String,
    /// The words one by one.
    pub words: Vec<SpokenWord>,
}

/// One word, or the mask of what was hidden.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpokenWord {
    /// From.
    pub start: f64,
    /// To.
    pub end: f64,
    /// The word or mask.
    pub text: String,
}

/// Sums, in seconds of one leg's audio.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Hidden as sensitive.
    pub hidden_s: f64,
    /// Filled as late.
    pub late_s: f64,
    /// Filled as failed.
    pub failed_s: f64,
    /// Left out of the recording.
    pub gap_s: f64,
    /// Samples that came too late for their place and were dropped.
    pub dropped_samples: u64,
}

/// The work of speech recognition for one call.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EngineWork {
    /// Windows handed to recognition.
    pub windows: u64,
    /// Windows whose answer came after it was needed.
    pub late_answers: u64,
    /// Windows without a transcript.
    pub failures: u64,
    /// Processor time of the recogniser in seconds.
    pub cpu_s: f64,
    /// How long before it was needed each answer came.
    #[serde(default)]
    pub slack: Slack,
}

#[cfg(test)]
mod tests;
