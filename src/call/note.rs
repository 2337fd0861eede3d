//! What people write about a call: a line of text that may be stored and shown.
//!
//! **Architecture invariant:** holds no run of digits that could be a number somebody meant to keep out.

use super::particulars::Label;

/// A line of text: 1 to 200 printable characters, without a digit run that could be a number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Note(String);

/// A text that is no [`Note`]. Does not repeat it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected 1 to {} printable characters with at most {} digits in a row",
    Note::LONGEST,
    Label::MOST_DIGITS
)]
pub struct InvalidNote;

impl Note {
    /// Longest accepted text in characters.
    pub const LONGEST: usize = 200;

    /// Checks a text that came from outside; spaces around it are taken off.
    pub fn new(text: &str) -> Result<Self, InvalidNote> {
        let text = text.trim();
        let length = text.chars().count();
        let is_plain = (1..=Self::LONGEST).contains(&length)
            && !text.chars().any(char::is_control)
            && is_free_of_numbers(text);
        is_plain.then(|| Self(text.to_owned())).ok_or(InvalidNote)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Words that give no reason that may be kept. Does not repeat them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReason {
    /// Empty, too long, or not on one line.
    #[error("expected 1 to {LONGEST_REASON} characters on one line")]
    Form,
    /// There may be a number in it that nobody meant to keep.
    #[error(
        "expected words without long numbers ({} digits in a row at most): it is kept in clear",
        Label::MOST_DIGITS
    )]
    Number,
}

/// Longest reason in characters.
pub const LONGEST_REASON: usize = 300;

/// Checks words that say why something is done, which are kept in clear; spaces around them are taken off.
pub fn reason(text: &str) -> Result<String, InvalidReason> {
    let text = text.trim();
    let is_line =
        (1..=LONGEST_REASON).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if !is_line {
        return Err(InvalidReason::Form);
    }
    if !is_free_of_numbers(text) {
        return Err(InvalidReason::Number);
    }
    Ok(text.to_owned())
}

/// Whether a text has no run of digits that could be a number somebody meant to keep out.
pub fn is_free_of_numbers(text: &str) -> bool {
    super::particulars::longest_number(text) <= Label::MOST_DIGITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_lines_without_numbers() {
        assert_eq!(
            reason(" letter of 2026-11, case 12/3 ").unwrap(),
            "letter of 2026-11, case 12/3"
        );
        for wrong in ["", "two\nlines", &"x".repeat(301)] {
            assert_eq!(reason(wrong), Err(InvalidReason::Form), "{wrong}");
        }
        for wrong in ["caller +1 555 0100", "card 4111 1111 1111 1111", "1234567"] {
            assert_eq!(reason(wrong), Err(InvalidReason::Number), "{wrong}");
        }
    }

    #[test]
    fn notes_are_lines_without_numbers() {
        assert_eq!(
            Note::new(" asked twice, 3 of 10 ").unwrap().as_str(),
            "asked twice, 3 of 10"
        );
        let long = "é".repeat(200);
        assert_eq!(Note::new(&long).unwrap().as_str(), long);
        for wrong in [
            "",
            "  ",
            "two\nlines",
            "call 4111 1111 1111 1111",
            "12-34-56-7",
            "１２３４５６７",
            &"x".repeat(201),
        ] {
            assert!(Note::new(wrong).is_err(), "{wrong}");
        }
    }
}
