//! What the second listener made of a recording, as it is kept with the call.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::judgement::StillHeard;
use crate::store::audit::{Action, Actor, Record};

/// The version of this form.
const SCHEMA: u32 = 1;

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing sensitive is heard.
    Clean,
    /// Something was, and was erased; nothing is heard any more.
    RedactedAgain,
    /// Something is still heard: the recording is locked away until somebody decides.
    Quarantined,
}

impl Verdict {
    /// Its name in output and the audit log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::RedactedAgain => "redacted_again",
            Self::Quarantined => "quarantined",
        }
    }
}

/// What came of listening to a recording again: JSON, sealed beside the report. Holds no word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecondHearing {
    /// The version of this form: 1.
    pub schema: u32,
    /// When it was done.
    pub listened_at: Timestamp,
    /// The version of the program.
    pub hushgate_version: String,
    /// Which policy judged.
    pub policy_version: String,
    /// Which model listened: SHA-256 of its file.
    pub model_sha256: String,
    /// How it went.
    pub verdict: Verdict,
    /// How often it was listened to: once, and once more after each erasure.
    pub rounds: u32,
    /// What was heard, of all rounds, in order of start.
    pub still_heard: Vec<StillHeard>,
    /// Seconds of speech that were examined in the first round.
    pub speech_s: f64,
    /// Seconds of it that could not be understood: nothing is known of them.
    pub unintelligible_s: f64,
    /// Processor seconds of all rounds.
    pub cpu_s: f64,
}

impl SecondHearing {
    /// At its beginning.
    pub(super) fn new(policy_version: &str, model_sha256: &str) -> Self {
        Self {
            schema: SCHEMA,
            listened_at: Timestamp::now(),
            hushgate_version: env!("CARGO_PKG_VERSION").to_owned(),
            policy_version: policy_version.to_owned(),
            model_sha256: model_sha256.to_owned(),
            verdict: Verdict::Clean,
            rounds: 0,
            still_heard: Vec::new(),
            speech_s: 0.0,
            unintelligible_s: 0.0,
            cpu_s: 0.0,
        }
    }

    /// The kinds that were heard, each once.
    pub fn kinds(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> = self.still_heard.iter().map(|heard| &*heard.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// The entry of the audit log that tells of it, so that it is part of the call's evidence.
    pub(super) fn record(&self, call: &str) -> Record {
        entry(Action::RecordingListenedAgain, call)
            .with_name("outcome", self.verdict.name())
            .with("rounds", u64::from(self.rounds))
            .with("still_heard", self.still_heard.len())
            .with_name("kinds", self.kinds().join(","))
            .with("speech_us", micros(self.speech_s))
            .with("unintelligible_us", micros(self.unintelligible_s))
            .with_name("policy_version", &self.policy_version)
            .with_name("model_sha256", &self.model_sha256)
    }
}

/// An entry of the second listener's about a call.
pub(super) fn entry(action: Action, call: &str) -> Record {
    Record::new(action)
        .by(Actor::system("second listener"))
        .about(call)
}

/// Of a stretch, for entries, which have no fractions.
pub(super) fn micros(seconds: f64) -> u64 {
    crate::audio::MediaTime::from_seconds(seconds).micros()
}
