//! From words to findings: which stretches of a conversation are, or may be, sensitive.
//!
//! **Architecture invariants:** a pure function of the words heard so far, whatever order their
//! windows were transcribed in; no clock, no audio, and no value in any output.
//!
//! ```text
//! words -> numbers -> conversation -> question -> expectation -> findings
//!                                  \-> run ------> verdict ----/
//! ```
//!
//! `question` finds what was asked, announced or named; `expectation` hides the answers to questions,
//! digits or not; `run` joins digits, and `verdict` judges them by context, shape, checks and age. A
//! suspicion is lifted by a later call that returns it no longer.

mod checks;
mod conversation;
mod evidence;
mod expectation;
mod hearing;
mod kinds;
pub mod numbers;
mod question;
mod run;
mod talk;
pub mod text;
pub mod token;
mod verdict;
mod wording;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::audio::{MediaTime, Span};
use crate::call::{Leg, Sensitive};
use crate::policy::Policy;

pub use checks::Checksum;
pub use hearing::{HeardUntil, Hearing};
pub(crate) use wording::normalise_phrase;

use conversation::{Conversation, Heard};

/// How the reason begins of what is hidden only because it was asked for or announced: nothing of it was heard yet.
pub(crate) const EXPECTED_ANSWER: &str = "an answer is expected";

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

impl HeardWord {
    /// Half-way between its start and its end.
    pub fn middle(&self) -> MediaTime {
        self.span.start + MediaTime::from_micros(self.span.length().micros() / 2)
    }
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

    /// Korean resident registration number, 13 digits.
    pub const RRN: Kind = Kind::known("rrn");
    /// British national insurance number, two letters, six digits and a letter.
    pub const NINO: Kind = Kind::known("nino");
    /// Canadian social insurance number, 9 digits.
    pub const SIN: Kind = Kind::known("sin");
    /// Australian tax file number, 8 or 9 digits.
    pub const TFN: Kind = Kind::known("tfn");
    /// Indian Aadhaar number, 12 digits.
    pub const AADHAAR: Kind = Kind::known("aadhaar");
    /// Bank account number.
    pub const BANK_ACCOUNT: Kind = Kind::known("bank_account");
    /// United States bank routing number, 9 digits.
    pub const ROUTING: Kind = Kind::known("routing");
    /// British bank sort code, 6 digits.
    pub const SORT_CODE: Kind = Kind::known("sort_code");
    /// International bank account number (ISO 13616).
    pub const IBAN: Kind = Kind::known("iban");
    /// Passport number.
    pub const PASSPORT: Kind = Kind::known("passport");
    /// Driving licence number.
    pub const DRIVER_LICENCE: Kind = Kind::known("driver_licence");
    /// Date of birth.
    pub const DOB: Kind = Kind::known("dob");
    /// Password, spelled or said.
    pub const PASSWORD: Kind = Kind::known("password");
    /// One-time code sent to the caller.
    pub const OTP: Kind = Kind::known("otp");
    /// Number of a health insurance, patient or medical record.
    pub const HEALTH_ID: Kind = Kind::known("health_id");

    /// A pressed key, by its tone or by a message; which key is not known.
    pub const DTMF: Kind = Kind::known("dtmf");

    /// What people hid by hand, whatever it was. Nothing finds it, and no policy has a rule for it.
    pub const MANUAL: Kind = Kind::known("manual");

    /// Every known kind that is looked for.
    pub const ALL: [Kind; 22] = [
        Kind::PAN,
        Kind::CVV,
        Kind::EXPIRY,
        Kind::PIN,
        Kind::TRACK_DATA,
        Kind::SSN,
        Kind::RRN,
        Kind::NINO,
        Kind::SIN,
        Kind::TFN,
        Kind::AADHAAR,
        Kind::BANK_ACCOUNT,
        Kind::ROUTING,
        Kind::SORT_CODE,
        Kind::IBAN,
        Kind::PASSPORT,
        Kind::DRIVER_LICENCE,
        Kind::DOB,
        Kind::PASSWORD,
        Kind::OTP,
        Kind::HEALTH_ID,
        Kind::DTMF,
    ];

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
/// `hearing` is up to where each leg was transcribed, and what of it nobody could. Findings are in order
/// of start.
pub fn find(words: &[HeardWord], hearing: impl Into<Hearing>, policy: &Policy) -> Vec<Finding> {
    let mut heard: Vec<Heard<'_>> = words.iter().map(Heard::from).collect();
    heard.sort_by_key(|word| (word.span.start, word.leg, word.span.end));
    examine(&heard, &hearing.into(), policy)
}

/// [`find`] on borrowed words in order of start.
fn examine(words: &[Heard<'_>], hearing: &Hearing, policy: &Policy) -> Vec<Finding> {
    let mut conversation = Conversation::new(words);
    let mentions = question::mentions(&conversation, policy);
    question::mark_wordy_numbers(&mut conversation, &mentions);
    let everywhere = hearing.until.everywhere();
    let windows = expectation::windows(&conversation, &mentions, everywhere, policy);
    let runs = run::runs(&conversation, &mentions);
    let mut findings = expectation::findings(&windows);
    findings.extend(verdict::findings(
        &conversation,
        &mentions,
        &windows,
        &runs,
        hearing,
        policy,
    ));
    findings.retain(|finding| policy.enabled(&finding.kind));
    findings.sort_by(|a, b| {
        (a.span.start, a.leg, a.span.end, &a.kind).cmp(&(b.span.start, b.leg, b.span.end, &b.kind))
    });
    findings
}

/// Whether a written word has a digit or is a number word, so that it may carry part of a value.
pub fn may_be_number(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
        || numbers::read([text]).iter().any(|token| {
            matches!(
                token.form,
                token::Form::Number { .. } | token::Form::Debris | token::Form::Letter(_)
            )
        })
}

#[cfg(test)]
mod tests;
