//! Who takes part in a call, and where: what platforms tell of it, and searches ask for.
//!
//! **Architecture invariant:** a telephone number is never printed, and leaves only as a keyed hash or sealed.

mod told;

pub use told::telephone_number;

use super::Sensitive;

/// Who takes part in a call, and where, as far as it was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Particulars {
    /// The agent's name or number in the contact centre.
    pub agent: Option<Label>,
    /// The queue or skill through which the call came.
    pub queue: Option<Label>,
    /// The place where the agent works.
    pub site: Option<Label>,
    /// The company that the agent works for, where that is another.
    pub vendor: Option<Label>,
    /// The law that applies, as the operator names it: `EU`, `KR`, `US-CA`.
    pub jurisdiction: Option<Label>,
    /// What the platform says came of the call.
    pub outcome: Option<Label>,
    /// The customer's telephone number.
    pub caller: Option<Sensitive<String>>,
    /// The number that was called.
    pub called: Option<Sensitive<String>>,
}

/// A name that may be stored and shown: 1 to 100 printable characters, without a digit run that could be a number.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String")]
pub struct Label(String);

/// A text that is no [`Label`]. Does not repeat it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected 1 to {} printable characters with at most {} digits in a row",
    Label::LONGEST,
    Label::MOST_DIGITS
)]
pub struct InvalidLabel;

impl Label {
    /// Longest accepted text in characters.
    pub const LONGEST: usize = 100;
    /// More digits than these in a row, separators not counted, may be a number that nobody meant to store.
    pub const MOST_DIGITS: usize = 6;

    /// Checks a text that came from outside; spaces around it are taken off.
    pub fn new(text: &str) -> Result<Self, InvalidLabel> {
        let text = text.trim();
        let length = text.chars().count();
        if length == 0
            || length > Self::LONGEST
            || longest_number(text) > Self::MOST_DIGITS
            || text.chars().any(char::is_control)
        {
            return Err(InvalidLabel);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The most digits in a row, separators between them not counted.
pub(super) fn longest_number(text: &str) -> usize {
    let mut run = 0;
    let mut longest = 0;
    for c in text.chars() {
        if c.is_numeric() {
            run += 1;
            longest = longest.max(run);
        } else if !matches!(c, ' ' | '-' | '.' | '/' | '(' | ')' | '+') {
            run = 0;
        }
    }
    longest
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Label {
    type Error = InvalidLabel;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

#[cfg(test)]
mod tests;
