//! The kinds of sensitive data, one table row each: how they are asked for, and what an answer looks like.
//!
//! A row knows words and shapes. What is made of them is for `question`, `expectation` and `verdict`.

mod bank;
mod benign;
mod card;
mod identity;
mod national;
mod secret;

use std::sync::LazyLock;

use super::Kind;
use super::wording::Phrases;

pub(super) use benign::{BENIGN, Benign};

/// What an answer consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Digits.
    Digits,
    /// Digits with letters among them.
    Mixed,
    /// A month and a year, as digits or words.
    Date,
    /// Any words.
    Words,
}

/// One kind of sensitive data.
pub(super) struct Detector {
    /// Its kind.
    pub(super) kind: Kind,
    /// How reports call it.
    pub(super) spoken_as: &'static str,
    /// Phrases that name it, as regular expressions on normalised words.
    pub(super) wording: &'static [&'static str],
    /// Phrases that name it in languages that join particles to words.
    pub(super) joined_wording: &'static [&'static str],
    /// Fewest digits of a whole value.
    pub(super) shortest: usize,
    /// Most digits of a whole value.
    pub(super) longest: usize,
    /// What an answer consists of.
    pub(super) answer: Answer,
    /// The check that the digits satisfy, by name; raises confidence only.
    pub(super) check: fn(&[u8]) -> Option<&'static str>,
}

impl Detector {
    /// Whether an answer of this many digits needs no further digit.
    pub(super) fn fits(&self, digits: usize) -> bool {
        (self.shortest..=self.longest).contains(&digits)
    }
}

fn unchecked(_digits: &[u8]) -> Option<&'static str> {
    None
}

/// All known kinds; order decides between mentions of the same length.
pub(super) static DETECTORS: LazyLock<Vec<Detector>> = LazyLock::new(|| {
    [
        card::detectors(),
        national::detectors(),
        bank::detectors(),
        identity::detectors(),
        secret::detectors(),
    ]
    .into_iter()
    .flatten()
    .collect()
});

/// The row of a known kind.
pub(super) fn detector(kind: &Kind) -> Option<&'static Detector> {
    DETECTORS.iter().find(|detector| detector.kind == *kind)
}

/// The phrases of every row, compiled; as long as [`DETECTORS`].
pub(super) static PHRASES: LazyLock<Vec<Phrases>> = LazyLock::new(|| {
    DETECTORS
        .iter()
        .map(|detector| Phrases::with_joined(detector.wording, detector.joined_wording))
        .collect()
});

#[cfg(test)]
mod tests;
