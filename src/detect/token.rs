//! What a speaker said, one number, letter or word at a time: the detectors' alphabet.
//!
//! Made by the spoken-number reader from the recogniser's words; keeps for each token which source
//! words it came from, so that their times are not lost. Digits are wiped when dropped.

use std::ops::Range;

use crate::call::Sensitive;

/// How a number was meant, as far as its wording tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sense {
    /// Digits as dictated; may belong to a card, a telephone number, anything.
    Plain,
    /// An amount of money: "$4.50", "twenty dollars".
    Money,
    /// A decimal number or version: "four point five".
    Decimal,
    /// A percentage.
    Percentage,
    /// "first", "21st".
    Ordinal,
    /// A calendar date or part of one with a month name, or written with slashes: "March 3rd", "06/29".
    Date,
    /// A time of day: "10:30", "half past five", "3 pm".
    TimeOfDay,
    /// A count of things or a measure: "two cards", "five minutes", "30 days".
    Quantity,
}

/// What one token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Digits in dictated order, each 0 to 9: "forty-five" is 4 5, "double four" 4 4, "4,539" 4 5 3 9,
    /// "one hundred and twenty" 1 2 0. Never empty.
    Number {
        /// The digits, values 0 to 9.
        digits: Sensitive<Vec<u8>>,
        /// For each digit the index of the source word it was read from: as long as `digits`, never
        /// decreasing, within the token's `words`. Carries no value, only positions.
        sources: Vec<usize>,
        /// How they were meant.
        sense: Sense,
    },
    /// A single letter, spelled ("B", "bravo"); upper case.
    Letter(char),
    /// Number-like debris of a misheard digit: "R31", "E32".
    Debris,
    /// A sound or word between digits that carries nothing: "uh", "and", "that's", "comma", "dash".
    Filler,
    /// The listener's encouragement: "okay", "mm-hm", "got it", "go ahead", "thank you", "yes".
    Acknowledgement,
    /// The speaker takes back what was said: "sorry", "no wait", "scratch that", "I mean".
    Correction,
    /// Anything else.
    Word,
}

/// One token and the words it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Indices of the source words, never empty; tokens are in order and cover every word once.
    pub words: Range<usize>,
    /// What it is.
    pub form: Form,
}
