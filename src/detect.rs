//! From words to findings: which stretches of a conversation are, or may be, sensitive.
//!
//! **Architecture invariants:** a pure function of the words heard so far, whatever order their
//! windows were transcribed in; no clock, no audio, and no value in any output.

pub mod numbers;
pub mod token;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::audio::{MediaTime, Span};
use crate::call::{Leg, Sensitive};

/// A word of the conversation, in media time.
#[derive(Debug, Clone)]
pub struct HeardWord {
    /// Who said it.
    pub leg: Leg,
    /// When.
    pub span: Span,
    /// As the recogniser wrote it, punctuation included.
    pub text: Sensitive<String>,
    /// The recogniser's confidence, 0 to 1.
    pub confidence: f32,
}

/// A kind of sensitive data.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(std::borrow::Cow<'static, str>);

impl Kind {
    /// Primary account number, 13 to 19 digits (ISO/IEC 7812).
    pub const PAN: Kind = Kind::known("pan");
    /// Card security code, 3 or 4 digits; never kept after authorisation (PCI DSS 3.3.1.2).
    pub const CVV: Kind = Kind::known("cvv");
    /// Card expiry date.
    pub const EXPIRY: Kind = Kind::known("expiry");
    /// Personal identification number of a card (PCI DSS 3.3.1.3).
    pub const PIN: Kind = Kind::known("pin");
    /// Full track data of a card (PCI DSS 3.3.1.1).
    pub const TRACK_DATA: Kind = Kind::known("track_data");
    /// United States social security number, 9 digits.
    pub const SSN: Kind = Kind::known("ssn");

    const fn known(name: &'static str) -> Self {
        Self(std::borrow::Cow::Borrowed(name))
    }

    /// A kind defined by a policy.
    pub fn named(name: impl Into<String>) -> Self {
        Self(std::borrow::Cow::Owned(name.into()))
    }

    /// Its name in snake case.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A stretch of one leg that is, or may be, sensitive.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Whose speech.
    pub leg: Leg,
    /// From the first sensitive word to the last, without pads. An answer still expected reaches to
    /// [`MediaTime::MAX`] or to its time-out.
    pub span: Span,
    /// What it is taken for.
    pub kind: Kind,
    /// The rule that found it, in snake case.
    pub rule: &'static str,
    /// The evidence in plain words, without a value: "16 digits after the card number was asked for, Luhn holds".
    pub reason: String,
    /// 0 to 1.
    pub confidence: f32,
}

/// Finds what is sensitive in the conversation so far.
///
/// `words` are in order of start time over all legs (the last few minutes of the call suffice);
/// `heard_until` is up to where each leg was transcribed. Findings are in order of start.
pub fn find(
    _words: &[HeardWord],
    _heard_until: MediaTime,
    _policy: &crate::policy::Policy,
) -> Vec<Finding> {
    Vec::new()
}
