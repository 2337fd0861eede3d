//! What to do about findings: which legs to hide, how wide, how, and what may be let through.
//!
//! Pure; a policy is data made by `config` from TOML.

use crate::audio::Span;
use crate::call::Leg;
use crate::detect::Kind;

/// A span to hide.
#[derive(Debug, Clone, PartialEq)]
pub struct Redaction {
    /// Whose audio.
    pub leg: Leg,
    /// What to hide, pads included.
    pub span: Span,
    /// What it is taken for.
    pub kind: Kind,
    /// The rule that found it.
    pub rule: &'static str,
    /// The evidence in plain words.
    pub reason: String,
    /// 0 to 1.
    pub confidence: f32,
    /// How it is hidden.
    pub mode: Mode,
    /// What replaces the samples in blank mode.
    pub fill: Fill,
}

/// How a span is hidden.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The timeline is kept; samples are replaced.
    #[default]
    Blank,
    /// The recorder is stopped: the samples are left out on every leg, and the gap is logged.
    Pause,
}

/// What replaces hidden samples.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// Digital silence.
    #[default]
    Silence,
    /// A quiet 440 Hz tone.
    Tone,
    /// Quiet noise, so that a listener knows that the line is open.
    ComfortNoise,
}

/// How eager the detector is to hide.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Hide on the slightest suspicion.
    Strict,
    /// Hide what may be sensitive, keep what is plainly not.
    #[default]
    Balanced,
    /// Hide what is likely sensitive.
    Lenient,
}

/// The checked policy of a call.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// How eager to be.
    pub profile: Profile,
}

impl Policy {
    /// The redactions for what was found, padded, on the legs each kind asks for, in order of start.
    pub fn plan(&self, _findings: &[crate::detect::Finding], _legs: &[Leg]) -> Vec<Redaction> {
        Vec::new()
    }

    /// What replaces samples that were not examined.
    pub fn default_fill(&self) -> Fill {
        Fill::Silence
    }

    /// The policy's version for reports: the first 12 hex digits of the SHA-256 of its canonical text.
    pub fn version(&self) -> &str {
        ""
    }
}
