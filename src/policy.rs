//! What to do about findings: which legs to hide, how wide, how, and what may be let through.
//!
//! Pure; a policy is data made from TOML text by [`Policy::parse`].
//!
//! **Architecture invariant:** no policy leaves a card security code, a PIN or track data audible: those
//! must not be kept after authorisation (PCI DSS 3.3.1), so text that tries to is refused.

mod custom;
mod file;
mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::detect::{Finding, Kind};

pub use custom::{CustomKind, Symbol};
pub use file::PolicyError;

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

/// Which legs a finding is hidden on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Legs {
    /// The leg it was spoken on.
    Speaker,
    /// Every leg of the call, as the other party may repeat or echo it.
    Both,
    /// The leg it was spoken on, if it is one of these; what is spoken on other legs stays audible.
    /// A `mixed` leg counts as listed.
    Only(Vec<Leg>),
}

/// Whether the last four digits of an account number may be heard ("the card ending in ...").
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum LastFour {
    /// They stay audible, as PCI DSS 3.4.1 lets them be displayed. Those of a national id never do.
    #[default]
    Allow,
    /// They are hidden like the whole number.
    Hide,
}

/// What is done about one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Whether it is looked for at all.
    pub enabled: bool,
    /// How it is hidden.
    pub mode: Mode,
    /// What replaces it in blank mode.
    pub fill: Fill,
    /// Where it is hidden.
    pub legs: Legs,
    /// Hidden before the first sensitive word, at most 250 ms.
    pub pad_before: MediaTime,
    /// Hidden after the last sensitive word, at most 250 ms.
    pub pad_after: MediaTime,
    /// Whether the transcript shows how many keys were pressed; of `dtmf` only.
    pub count_keys: bool,
}

/// The checked policy of a call. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Policy {
    /// How eager to be.
    pub profile: Profile,
    /// Whether last four digits may be heard.
    pub last_four: LastFour,
    file: Arc<file::PolicyFile>,
    default_rule: Arc<Rule>,
    rules: Arc<BTreeMap<Kind, Rule>>,
    customs: Arc<[CustomKind]>,
    version: Arc<str>,
}

impl Policy {
    /// Reads and checks a policy; `source_name` is the file's name for errors.
    pub fn parse(text: &str, source_name: &str) -> Result<Self, PolicyError> {
        file::parse(text, source_name)
    }

    /// The same policy with another profile.
    #[must_use]
    pub fn with_profile(&self, profile: Profile) -> Self {
        file::rebuild(&self.file, profile)
    }

    /// The redactions for what was found, padded, on the legs each kind asks for, in order of start.
    ///
    /// Redactions of one kind that overlap on a leg are merged; the surer finding gives the reason.
    pub fn plan(&self, findings: &[Finding], legs: &[Leg]) -> Vec<Redaction> {
        plan::plan(self, findings, legs)
    }

    /// Whether findings of this kind are wanted.
    pub fn enabled(&self, kind: &Kind) -> bool {
        self.rule(kind).enabled
    }

    /// What is done about a kind.
    pub fn rule(&self, kind: &Kind) -> &Rule {
        self.rules.get(kind).unwrap_or(&self.default_rule)
    }

    /// Whether what is found on one leg is hidden on a leg, the same or another.
    pub fn hides(&self, kind: &Kind, found_on: Leg, leg: Leg) -> bool {
        plan::hides(self.rule(kind), found_on, leg)
    }

    /// The kinds that this policy defines itself.
    pub fn custom_kinds(&self) -> &[CustomKind] {
        &self.customs
    }

    /// What replaces samples that were not examined.
    pub fn default_fill(&self) -> Fill {
        Fill::Silence
    }

    /// The policy's version for reports: the first 12 hex digits of the SHA-256 of its canonical text.
    pub fn version(&self) -> &str {
        &self.version
    }
}

impl Default for Policy {
    /// Every kind in blank mode with silence, on the speaker's leg, `balanced`.
    fn default() -> Self {
        file::rebuild(&file::PolicyFile::default(), Profile::default())
    }
}

#[cfg(test)]
mod tests;
