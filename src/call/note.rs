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
            && super::particulars::longest_number(text) <= Label::MOST_DIGITS;
        is_plain.then(|| Self(text.to_owned())).ok_or(InvalidNote)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
